import { PENDING } from "./guess.js";
import { unescape } from "./parser.js";
import { NONE } from "./patch.js";

// From markdown-it's tokens to a tree of what stands on the page: {text} or {tag, attrs, kids}. The line
// breaks between the elements are those of its own HTML, so that text that is copied has them.

/** Returns the nodes of one block. Options: `breaks`, `images`, `allows(address)`, `words`. */
export function treeOf(tokens, options) {
  const root = [];
  const stack = [root];
  for (let i = 0; i < tokens.length; i++) draw(tokens[i], i, tokens, stack, options);
  if (root.at(-1)?.text === "\n") root.pop();
  return root;
}

function draw(token, i, tokens, stack, options) {
  const top = stack.at(-1);
  if (token.type === "inline") return (token.meta = drawInline(token.children, stack, options));
  if (token.hidden) return;
  if (isAfterHidden(tokens, i) && token.nesting !== -1) write(top, "\n");
  if (token.nesting === 1) stack.push(open(top, token, tokens[i + 1]));
  else if (token.nesting === -1) stack.pop();
  else top.push(LEAVES[token.type](token, options));
  if (endsLine(token, tokens[i + 1])) write(stack.at(-1), "\n");
}

/** The rules of markdown-it's renderer, `renderToken`. */
function isAfterHidden(tokens, i) {
  const before = tokens[i - 1];
  return Boolean(before?.hidden && before.nesting === -1);
}

function endsLine(token, next) {
  if (token.nesting !== 1 || !next) return true;
  return !(next.type === "inline" || next.hidden || (next.nesting === -1 && next.tag === token.tag));
}

/** Returns what comes last. */
function drawInline(tokens, stack, options) {
  let links = 0;
  for (const token of tokens) {
    const top = stack.at(-1);
    if (token.tag === "a") links += token.nesting;
    if (token.type === "text") write(top, token.content);
    else if (token.type === "image" && links > 0 && !options.images) write(top, imageText(token));
    else if (token.type.endsWith("break")) drawBreak(top, token, options);
    else if (token.type === "link_open") stack.push(link(top, token, options));
    else if (token.nesting === 1) stack.push(open(top, token));
    else if (token.nesting === -1) stack.pop();
    else top.push(LEAVES[token.type](token, options));
  }
  return stack.at(-1).at(-1);
}

function write(top, text) {
  const last = top.at(-1);
  if (last?.text !== undefined) last.text += text;
  else if (text) top.push({ text });
}

function drawBreak(top, { type }, { breaks }) {
  if (type === "hardbreak" || breaks) top.push(element("br"));
  write(top, "\n");
}

function open(top, token, next) {
  const node = element(token.tag, CELLS.has(token.tag) ? attributesOfCell(token, next.content) : attributes(token));
  top.push(token.tag === "table" ? element("div", { class: "table", tabindex: "0" }, [node]) : node);
  return node.kids;
}

/** What has something at its side: the left or the right one, as its text is. Of other text the style decides. */
const SIDED = new Set(["blockquote", "ol", "table", "ul"]);
const ITS_OWN_WAY = Object.freeze({ dir: "auto" });

/** The page allows no style within the text. */
function attributes({ attrs, level, tag }) {
  const hasSide = level === 0 && SIDED.has(tag);
  if (!attrs) return hasSide ? ITS_OWN_WAY : NONE;
  const own = Object.fromEntries(attrs);
  if (own.style) [own["data-align"], own.style] = [own.style.replace("text-align:", ""), undefined];
  if (hasSide) own.dir = "auto";
  return own;
}

const CELLS = new Set(["td", "th"]);
/** Characters from which on a cell wants some room, and much. */
const SOME = 9;
const MUCH = 40;
const ROOMS = { some: Object.freeze({ "data-room": "some" }), much: Object.freeze({ "data-room": "much" }) };

function attributesOfCell(token, { length }) {
  const own = attributes(token);
  if (length < SOME) return own;
  const room = ROOMS[length < MUCH ? "some" : "much"];
  return own === NONE ? room : { ...own, ...room };
}

function link(top, token, { allows }) {
  const address = token.attrGet("href");
  const node = element("a", leadingTo(address, token.attrGet("title")));
  if (address === PENDING) node.attrs = { class: "pending" };
  else if (!allows(address)) Object.assign(node, { tag: "span", attrs: { title: address } });
  top.push(node);
  return node.kids;
}

function leadingTo(href, title) {
  return { href, title: title ?? undefined, target: "_blank", rel: "noopener noreferrer nofollow" };
}

function image(token, { images, allows }) {
  const src = token.attrGet("src");
  const title = token.attrGet("title");
  const alt = plainText(token.children);
  if (!allows(src)) return element("span", { title: src }, alt ? [{ text: alt }] : []);
  if (images) return element("img", { src, alt, title: title ?? undefined, loading: "lazy", referrerpolicy: "no-referrer" });
  return element("a", { class: "image", ...leadingTo(src, title) }, [{ text: imageText(token) }]);
}

/** A link within a link there cannot be. */
function imageText(token) {
  return plainText(token.children) || token.attrGet("src");
}

function plainText(tokens) {
  return tokens.map(({ type, content, children }) => (type.endsWith("break") ? "\n" : type === "image" ? plainText(children) : content)).join("");
}

function fence({ info, content, type }, { words }) {
  const [language = ""] = type === "fence" ? unescape(info).trim().split(/\s+/) : [];
  const code = element("code", { class: language ? `language-${language}` : undefined }, content ? [{ text: content }] : []);
  const button = element("button", { type: "button", class: "copy-code", "aria-label": words.copy, title: words.copy });
  const pre = element("pre", { tabindex: "0" }, [code]);
  return element("div", { class: "code", "data-language": language || undefined, dir: "ltr" }, [button, pre]);
}

const LEAVES = {
  fence,
  code_block: fence,
  image,
  hr: () => element("hr"),
  code_inline: ({ content }) => element("code", NONE, [{ text: content }]),
  checkbox: ({ meta }, { words }) => element("input", {
    type: "checkbox", disabled: "", checked: meta.checked ? "" : undefined, "aria-label": meta.checked ? words.done : words.open,
  }),
};

function element(tag, attrs = NONE, kids = []) {
  return { tag, attrs, kids };
}
