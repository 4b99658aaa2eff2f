const NAME = "chat:reader";

/** What the reader has chosen in this browser. theme.js dresses the page in it, here and before it is drawn. */
export class Reader {
  #store;
  #wishes;
  #listening = null;

  constructor(store) {
    this.#store = store;
    this.#wishes = store.read(NAME) ?? {};
  }

  /** Who chooses in another tab means this one, too. */
  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    addEventListener("storage", ({ key }) => key === NAME && this.#take(this.#store.read(NAME) ?? {}), { signal });
  }

  stop() {
    this.#listening?.abort();
  }

  /** "" is the usual. */
  get(name) {
    return this.#wishes[name] ?? "";
  }

  set(name, value) {
    this.#take({ ...this.#wishes, [name]: value });
    this.#store.write(NAME, this.#wishes);
  }

  #take(wishes) {
    this.#wishes = wishes;
    dispatchEvent(new CustomEvent("reader", { detail: wishes }));
  }
}
