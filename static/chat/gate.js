/** They may not read it any more, or it is gone. */
const GONE = [4403, 4404];

/** Whether one can write here, or read; and what stands there where one cannot. */
export class Gate {
  #root;
  #isWatching;

  constructor(root) {
    this.#root = root;
    this.#isWatching = "watching" in root.dataset;
  }

  /** The draft stays in the field meanwhile. */
  close(closed) {
    this.#root.toggleAttribute("data-closed", closed);
    this.#part("[data-role=composer]").hidden = closed || this.#isWatching;
    this.#part("[data-why=closed]").hidden = !closed || this.#isWatching;
  }

  showState(code) {
    if (!GONE.includes(code)) return;
    const gone = this.#part("[data-role=gone]");
    const { activeElement } = document;
    this.#root.dataset.gone = "";
    gone.hidden = false;
    if (activeElement === document.body || this.#root.contains(activeElement)) gone.focus();
  }

  #part(selector) {
    return this.#root.querySelector(selector);
  }
}
