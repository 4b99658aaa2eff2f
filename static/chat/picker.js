/** Who is to answer. It is there when there is a choice; what was chosen is kept until somebody was asked. */
export class Picker {
  #select;
  #store;
  #place;
  #own;
  #listening = null;

  constructor(select, store, place) {
    this.#select = select;
    this.#store = store;
    this.#place = place;
    this.#own = store.read(this.#name);
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#select.addEventListener("change", () => this.#choose(), { signal });
  }

  stop() {
    this.#listening?.abort();
  }

  /** The slug to ask for; null where everybody gets the same. */
  get chosen() {
    return this.#select.hidden ? null : this.#select.value;
  }

  /** The conversation got its own place; what was chosen for it moves there. */
  moveTo(place) {
    const kept = this.#store.read(this.#name);
    this.sent();
    this.#place = place;
    if (kept !== null) this.#store.write(this.#name, kept);
  }

  /** Now the server knows, too. */
  sent() {
    this.#store.remove(this.#name);
  }

  /** What was chosen on this page counts for as long as it is offered; then what was chosen `before`. */
  offer(assistants, before) {
    const slugs = assistants.map(({ slug }) => slug);
    const usual = assistants.find((assistant) => assistant.default)?.slug;
    this.#select.replaceChildren(...assistants.map(({ slug, name }) => new Option(name, slug)));
    this.#select.value = [this.#own, before, usual, slugs[0]].find((slug) => slugs.includes(slug)) ?? "";
    this.#select.hidden = assistants.length < 2;
  }

  #choose() {
    this.#own = this.#select.value;
    this.#store.write(this.#name, this.#own);
  }

  get #name() {
    return `chat:assistant:${this.#place}`;
  }
}
