import { copyCode, highlight } from "./code.js";
import { guessBlocks, isInert, isSettled, lastLine, lastWord } from "./guess.js";
import { DEFINITION, parse, parserFor } from "./parser.js";
import { patch } from "./patch.js";
import { treeOf } from "./tree.js";

/** A large open block is parsed anew only so often that this share of the time is left for the rest. */
const REST = 6;
const BRIEF = 4; // milliseconds that need no rest
const ALLOWED = /^(?:https?:\/\/[^/]|mailto:.)/i;

/**
 * Sets Markdown in an element, while it grows. A block that another one follows is complete: it is set once
 * and not touched again. Only what is open is parsed anew. What only the whole can tell (where a link
 * leads that is defined further down) is settled when the text is complete.
 */
export class Setter {
  #parent;
  #parser;
  #options;
  #source = "";
  /** Complete blocks, where they are in the source, and what of them is on the page: {start, end, tree}. */
  #blocks = [];
  /** Where in the source the open blocks begin, and what of them is on the page. */
  #start = 0;
  #tail = [];
  /** What the complete blocks define, and the open ones too. */
  #known = {};
  #references = this.#known;
  /** What the source ends in, if not all that is added to it need be parsed. */
  #open = null;
  #tip = null;
  #next = 0;
  #isClosed = false;

  constructor(parent, { gfm = true, breaks = false, images = false, allows = isAllowed, words = parent.dataset } = {}) {
    this.#parent = parent;
    this.#parser = parserFor(gfm);
    this.#options = { breaks, images, allows, words };
    parent.replaceChildren();
    parent.addEventListener("click", this.#clicked);
  }

  stop() {
    this.#parent.removeEventListener("click", this.#clicked);
  }

  /** Sets `source`, which begins as the one before did. Returns false when it is put off for a while. */
  set(source, { open = true, rush = false } = {}) {
    const added = source.slice(this.#source.length);
    if (open && this.#open?.lengthen(added)) return (this.#source = source), true;
    const began = performance.now();
    if (open && !rush && began < this.#next) return false;
    if (this.#isClosed && added) this.#clearTail();
    this.#source = source;
    this.#isClosed = !open;
    this.#setTail(source.slice(this.#start), open);
    if (!open) this.#settle();
    this.#point(open);
    const took = performance.now() - began;
    this.#next = took > BRIEF ? began + took * REST : 0;
    return true;
  }

  /** The source is this one now. Returns up to where it still stands. */
  cut(source) {
    const same = commonLength(source, this.#source);
    const defines = Object.keys(this.#known).length > 0;
    const wrong = this.#blocks.findIndex(({ end }) => end > same);
    if (wrong >= 0 || (defines && this.#start > same)) this.#drop(defines ? 0 : wrong);
    if (this.#isClosed) this.#clearTail();
    this.#source = source.slice(0, this.#start);
    this.#open = null;
    return this.#start;
  }

  #drop(index) {
    const dropped = this.#blocks.splice(index);
    for (const { dom } of dropped.flatMap(({ tree }) => tree)) dom.remove();
    this.#clearTail();
    this.#start = index > 0 ? dropped[0].start : 0;
    if (index === 0) this.#known = this.#references = {};
  }

  /** What was complete has got its colours, and is not what its tree says any more. */
  #clearTail() {
    for (const { dom } of this.#tail) dom.remove();
    this.#tail = [];
  }

  #setTail(text, open) {
    this.#references = Object.create(this.#known);
    const blocks = parse(this.#parser, text, { references: this.#references, open });
    const trees = this.#treesOf(blocks);
    patch(this.#parent, this.#tail, trees.flat());
    const count = open ? completeBlocks(text, blocks) : 0;
    this.#tail = trees.slice(count).flat();
    if (count > 0) this.#complete(text, blocks, trees.slice(0, count));
    this.#open = open ? (Fence.of(text, blocks.at(-1), this.#tail.at(-1)) ?? Words.of(text, blocks.at(-1))) : null;
    if (!open) highlightAll(this.#tail);
  }

  /** A line break stands between two blocks, as in markdown-it's own HTML. */
  #treesOf(blocks) {
    let isFirst = this.#blocks.length === 0;
    return blocks.map(({ tokens }) => {
      const tree = treeOf(tokens, this.#options);
      if (tree.length === 0) return tree;
      if (!isFirst) tree.unshift({ text: "\n" });
      isFirst = false;
      return tree;
    });
  }

  #complete(text, blocks, trees) {
    const starts = lineStarts(text);
    const offset = (i) => this.#start + starts[blocks[i].line];
    const complete = trees.map((tree, i) => ({ start: offset(i), end: offset(i + 1), tree }));
    const end = complete.at(-1).end;
    if (Object.keys(this.#references).length > 0) this.#learn(text.slice(0, end - this.#start));
    this.#blocks.push(...complete.filter(({ tree }) => tree.length > 0));
    this.#start = end;
    for (const { tree } of complete) highlightAll(tree);
  }

  #learn(text) {
    parse(this.#parser, text, { references: this.#known });
  }

  /** Now that all definitions are known, what refers to them is set again, where it is different. */
  #settle() {
    const isAny = Object.keys(this.#known).length > 0 || Object.keys(this.#references).length > 0;
    for (const block of isAny ? this.#blocks : []) {
      const text = this.#source.slice(block.start, block.end);
      if (text.includes("[")) this.#resettle(block, text);
    }
  }

  #resettle(block, text) {
    const [{ tokens }] = parse(this.#parser, text, { references: Object.create(this.#references) });
    const tree = treeOf(tokens, this.#options);
    if (block.tree[0].text === "\n") tree.unshift({ text: "\n" });
    patch(this.#parent, block.tree, tree);
    block.tree = tree;
  }

  /** Marks where the text ends, deep in lists and tables, for the cursor. */
  #point(open) {
    const tip = open ? tipOf(this.#tail.at(-1)?.dom) : null;
    if (tip === this.#tip) return;
    this.#tip?.removeAttribute("data-tip");
    tip?.setAttribute("data-tip", "");
    this.#tip = tip;
  }

  #clicked = ({ target }) => {
    const button = target.closest(".copy-code");
    if (button) copyCode(button, this.#options.words);
  };
}

/** An open block of code, to which lines are added as they come: nothing in them means anything. */
class Fence {
  #code;
  #line;

  /** The fence that `text` ends in, or null. */
  static of(text, block, node) {
    if (block?.type !== "fence" || guessBlocks(text) !== text) return null;
    const source = text.slice(lineStarts(text)[block.line]);
    const marks = /^(`{3,}|~{3,})/.exec(source)?.[1];
    const code = node.kids[1].kids[0].kids[0];
    const isClosed = marks && new RegExp(`\n {0,3}${marks}${marks[0]}*[ \t]*(?:\n|$)`).test(source);
    return marks && code && !isClosed ? new Fence(code, source) : null;
  }

  constructor(code, source) {
    this.#code = code;
    this.#line = lastLine(source);
  }

  /** Returns false if this may end it. */
  lengthen(added) {
    const lines = this.#line + added;
    if (/(?:^|\n)\s*[`~]|\0/.test(lines)) return false;
    lengthen(this.#code, added);
    this.#line = lastLine(lines);
    return true;
  }
}

/** Words that a text ends in, to which more are added as they come: most mean nothing but themselves. */
class Words {
  #node;
  /** Between marks, the second of which is a guess. */
  #isWithin;
  /** What the next character decides about. */
  #last;

  /** Those that `text` ends in, or null. */
  static of(text, block) {
    const line = lastLine(text);
    const drawn = block?.end?.meta;
    if (!drawn || !isSettled(block.end.content, line)) return null;
    let node = drawn;
    while (node?.tag) node = node.kids.at(-1);
    return node?.text.endsWith(lastWord(line)) ? new Words(node, node !== drawn) : null;
  }

  constructor(node, isWithin) {
    this.#node = node;
    this.#isWithin = isWithin;
    this.#last = node.text.slice(-1);
  }

  /** Returns false if they may mean more. What closes a mark, the character before it has a say in; no space can. */
  lengthen(added) {
    const words = this.#last === "." || this.#last === ":" ? this.#last + added : added;
    if (!isInert(words) || (this.#isWithin && !/\p{L}$/u.test(words))) return false;
    lengthen(this.#node, added);
    this.#last = words.slice(-1);
    return true;
  }
}

function lengthen(node, added) {
  node.text += added;
  node.dom.appendData(added);
}

/**
 * How many of the first blocks cannot change any more: those before the last one whose beginning is
 * complete. The line that is being written may still turn out to belong to the block above it; a table
 * needs two lines to be one; and the title of a definition may go on in the next line.
 */
function completeBlocks(text, blocks) {
  if (blocks.length < 2) return 0;
  const lines = text.split("\n");
  for (let i = blocks.length - 1; i > 0; i--) {
    const { line, type, isGuess } = blocks[i];
    if (isGuess) continue;
    const needed = type === "table_open" ? 2 : 1;
    const mayBeTitle = blocks[i - 1].type === DEFINITION && lines[line - 1].trim() !== "";
    if (line + needed < lines.length && !mayBeTitle) return i;
  }
  return 0;
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function commonLength(one, other) {
  let length = 0;
  while (length < one.length && length < other.length && one[length] === other[length]) length++;
  return length;
}

function highlightAll(tree) {
  for (const { dom, tag } of tree) if (tag) highlight(dom);
}

const BLOCKS = new Set(["BLOCKQUOTE", "DIV", "LI", "OL", "PRE", "TABLE", "TBODY", "TD", "TH", "THEAD", "TR", "UL"]);

function tipOf(dom) {
  if (dom?.nodeType !== Node.ELEMENT_NODE) return null;
  const last = dom.nodeName === "TR" ? lastCell(dom) : BLOCKS.has(dom.nodeName) ? dom.lastElementChild : null;
  return last && (BLOCKS.has(last.nodeName) || /^(?:P|H[1-6]|CODE)$/.test(last.nodeName)) ? tipOf(last) : dom;
}

function isAllowed(address) {
  return ALLOWED.test(address);
}

/** The cells behind it are not written yet. */
function lastCell(row) {
  return [...row.cells].findLast((cell) => cell.hasChildNodes()) ?? row.cells[0];
}
