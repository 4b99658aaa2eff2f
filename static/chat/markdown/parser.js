import MarkdownIt from "../../vendor/markdown-it/markdown-it.esm.min.mjs";
import { guessBlocks, guessInline, lastLine } from "./guess.js";

export const DEFINITION = "reference_definition";

const CELL = new Set(["td_open", "th_open"]);

const parsers = new Map();

/** CommonMark, and with `gfm` GitHub's tables, strikethrough, task lists and autolinks. Raw HTML is text. */
export function parserFor(gfm) {
  if (!parsers.has(gfm)) parsers.set(gfm, gfm ? github() : parser("commonmark", { html: false }));
  return parsers.get(gfm);
}

/**
 * Returns the blocks of `text`, [{line, type, tokens}], with the line each begins in. `references` (what is
 * known, by label) takes up what `text` defines. With `open` what is half written is shown as what it may
 * become; `isGuess` marks a block that is not there yet, and `end` is the token of the words in which `text`
 * ends, if it does so in their last line.
 */
export function parse(parser, text, { references, open }) {
  const env = { references, open, outline: [], unclosed: "", source: text, end: null };
  const shown = open ? guessBlocks(text) : text;
  const tokens = parser.parse(shown, env);
  const blocks = env.outline.map((block) => ({ ...block, tokens: [] }));
  if (!text.startsWith(shown)) blocks.at(-1).isGuess = true;
  let last = -1;
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0) last = next(blocks, last);
    blocks[last].tokens.push(token);
  }
  if (env.end) blocks.at(-1).end = env.end;
  return blocks;
}

function next(blocks, last) {
  do last++;
  while (blocks[last].type === DEFINITION);
  return last;
}

/** What a text says that has escapes in it. */
export function unescape(text) {
  return parserFor(true).utils.unescapeAll(text);
}

function parser(...options) {
  const it = new MarkdownIt(...options);
  it.core.ruler.before("strip_references", "outline", outline);
  it.core.ruler.at("inline", inline);
  it.inline.ruler2.after("balance_pairs", "unclosed", unclosed);
  return it;
}

function github() {
  const it = parser({ linkify: true });
  it.core.ruler.after("inline", "tasks", tasks);
  it.linkify.add("ftp:", null).add("//", null).add("www.", { validate: www, normalize: toHttp });
  return it;
}

/** What begins where, definitions included. */
function outline({ tokens, env }) {
  const blocks = tokens.filter(({ level, nesting }) => level === 0 && nesting >= 0);
  env.outline = blocks.map(({ map, type }) => ({ line: map[0], type }));
}

function inline({ tokens, md, env, Token }) {
  const i = env.outline.at(-1)?.type === DEFINITION ? -1 : lastInline(tokens, env.source);
  const last = tokens[i];
  for (const token of tokens) {
    if (token.type !== "inline") continue;
    if (token === last && env.open) token.children = guess(token.content, md, env);
    else md.inline.parse(token.content, md, env, token.children);
  }
  if (last) keepSpaces(last, env.source, Token);
  if (last && isAtEnd(tokens, i, env.source)) env.end = last;
}

/** Where the words are in which `text` ends and goes on, or -1. */
function lastInline(tokens, text) {
  const line = lastLine(text);
  const isNew = line.trim() === "";
  for (let i = tokens.length - 1; i >= 0; i--) {
    const { type, nesting, content } = tokens[i];
    if (nesting < 0 || (type === "inline" && !content) || CELL.has(type)) continue;
    if (type !== "inline" || (CELL.has(tokens[i - 1].type) && /\|\s*$/.test(line))) return -1;
    // Only a paragraph goes on in the next line.
    return !isNew || (tokens[i - 1].type === "paragraph_open" && !/\n[ \t>]*\n[ \t>]*$/.test(text)) ? i : -1;
  }
  return -1;
}

/** Whether the words are in the last line; and in a table, whether there are no more cells in it, as some are not shown. */
function isAtEnd(tokens, i, text) {
  if (tokens[i].map) return tokens[i].map[1] === text.split("\n").length;
  const row = tokens.findLastIndex(({ type }, at) => at < i && type === "tr_open");
  const cells = lastLine(text).split("|");
  return cells[0] === "" && cells.length - 1 === (i - row + 1) / 3;
}

/** What the text of a paragraph or a cell may become. Most is what it is, and not parsed a second time. */
function guess(text, md, env) {
  let seen, children;
  const parse = (words) => {
    env.unclosed = "";
    seen = words;
    children = [];
    md.inline.parse(words, md, env, children);
    return env.unclosed;
  };
  const words = guessInline(text, parse);
  if (words !== seen) parse(words);
  return children;
}

/** Spaces at the very end stay, as they were typed: more may come, and nothing that was said is lost. */
function keepSpaces({ children }, text, Token) {
  const spaces = text.slice(text.trimEnd().length);
  if (/^ +$/.test(spaces)) children.push(Object.assign(new Token("text", "", 0), { content: spaces }));
}

/** Notes what opens and does not close; an asterisk within a word is more likely to be one. */
function unclosed({ delimiters, tokens, env }) {
  if (!env.open) return;
  const open = delimiters.filter(({ open, end }) => open && end < 0);
  const likely = open.filter(({ marker, length, token }) => {
    return marker !== 42 || length > 1 || !/[\p{L}\p{N}]$/u.test(tokens[token - 1]?.content ?? "");
  });
  env.unclosed = likely.reverse().map(({ marker }) => (marker === 126 ? "~~" : String.fromCharCode(marker))).join("");
}

/** A list item that begins with a box has one. */
function tasks({ tokens, Token }) {
  for (let i = 2; i < tokens.length; i++) {
    if (tokens[i].type !== "inline" || tokens[i - 1].type !== "paragraph_open" || tokens[i - 2].type !== "list_item_open") continue;
    const [first] = tokens[i].children;
    const box = first?.type === "text" && /^\[([ xX])\][ \u00a0]/.exec(first.content);
    if (!box) continue;
    first.content = first.content.slice(box[0].length - 1);
    const token = new Token("checkbox", "input", 0);
    token.meta = { checked: box[1] !== " " };
    tokens[i].children.unshift(token);
    tokens[i - 2].attrJoin("class", "task");
  }
}

function www(text, pos, it) {
  const length = it.testSchemaAt(`//www.${text.slice(pos)}`, "http:", 0) - "//www.".length;
  return Math.max(0, length);
}

function toHttp(match) {
  match.url = `http://${match.url}`;
}
