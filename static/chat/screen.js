/** Keeps the page within what is seen of it: some browsers lay the keyboard over it, and tell only this way. */
export class Screen {
  #root;
  #listening = null;

  constructor(root) {
    this.#root = root;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    globalThis.visualViewport?.addEventListener("resize", () => this.#fit(), { signal });
  }

  stop() {
    this.#listening?.abort();
  }

  /** Who has only zoomed in with two fingers sees less for another reason. */
  #fit() {
    const { height, scale } = visualViewport;
    const seen = Math.round(height * scale);
    const isCovered = seen < this.#root.clientHeight - 1;
    if (isCovered) this.#root.style.setProperty("--seen", `${seen}px`);
    else this.#root.style.removeProperty("--seen");
    if (isCovered && scale === 1) scrollTo(0, 0); // where the browser has pushed the page up instead
  }
}
