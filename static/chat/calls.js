const ALL = { childList: true, characterData: true, subtree: true };
/** Before it nothing may stand that makes it an address, or a word. */
const CALL = /(?<![\p{L}\p{N}_@])@/gu;

/**
 * Lets the names that people are called by stand out in what is said. Nothing is changed in the texts
 * for that, which others set: what is called is only painted, where the browser can do that.
 */
export class Calls {
  #directory;
  #paint = globalThis.Highlight && { call: new Highlight(), "call-you": new Highlight() };
  #texts = new Map();
  #observer = new MutationObserver((records) => this.#changed(records));

  constructor(directory) {
    this.#directory = directory;
  }

  start() {
    for (const [name, paint] of Object.entries(this.#paint ?? {})) CSS.highlights.set(name, paint);
  }

  stop() {
    this.#observer.disconnect();
    for (const text of [...this.#texts.keys()]) this.#forget(text);
    for (const name of Object.keys(this.#paint ?? {})) CSS.highlights.delete(name);
  }

  look(element, { author, text: said }) {
    const text = element.querySelector("[data-role=text]");
    if (!this.#paint || author.kind !== "person" || !(said.includes("@") || this.#texts.has(text))) return;
    if (!this.#texts.has(text)) this.#observer.observe(text, ALL);
    this.#mark(text);
  }

  /** Others are known by now. */
  lookAgain() {
    for (const text of [...this.#texts.keys()]) this.#mark(text);
  }

  #changed(records) {
    const texts = records.map(({ target }) => (target.closest ? target : target.parentElement)?.closest("[data-role=text]"));
    for (const text of new Set(texts)) if (this.#texts.has(text)) this.#mark(text);
  }

  #mark(text) {
    this.#forget(text);
    if (!text.isConnected) return;
    const found = [...wordsOf(text)].flatMap((node) => this.#callsIn(node));
    for (const { range, paint } of found) this.#paint[paint].add(range);
    this.#texts.set(text, found);
  }

  #forget(text) {
    for (const { range, paint } of this.#texts.get(text) ?? []) this.#paint[paint].delete(range);
    this.#texts.delete(text);
  }

  #callsIn(node) {
    return [...node.data.matchAll(CALL)].flatMap(({ index }) => {
      const called = this.#directory.calledAt(node.data, index + 1);
      return called ? [{ range: rangeOf(node, index, index + 1 + called.name.length), paint: called.isYou ? "call-you" : "call" }] : [];
    });
  }
}

/** The text nodes, without those of code. */
function* wordsOf(text) {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("code")) yield walker.currentNode;
}

function rangeOf(node, from, to) {
  return new StaticRange({ startContainer: node, startOffset: from, endContainer: node, endOffset: to });
}
