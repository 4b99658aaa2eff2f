/** Who is to answer. It is there when there is a choice. */
export class Picker {
  #select;
  #own = null;
  #listening = null;

  constructor(select) {
    this.#select = select;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#select.addEventListener("change", () => (this.#own = this.#select.value), { signal });
  }

  stop() {
    this.#listening?.abort();
  }

  /** The slug to ask for; null where everybody gets the same. */
  get chosen() {
    return this.#select.hidden ? null : this.#select.value;
  }

  /** What was chosen on this page counts for as long as it is offered; then what was chosen `before`. */
  offer(assistants, before) {
    const slugs = assistants.map(({ slug }) => slug);
    const usual = assistants.find((assistant) => assistant.default)?.slug;
    this.#select.replaceChildren(...assistants.map(({ slug, name }) => new Option(name, slug)));
    this.#select.value = [this.#own, before, usual, slugs[0]].find((slug) => slugs.includes(slug)) ?? "";
    this.#select.hidden = assistants.length < 2;
  }
}
