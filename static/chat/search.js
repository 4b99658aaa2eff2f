import { addressOf } from "./conversations.js";

const PAUSE = 250;
const SHORTEST = 2;
const MOST = 50;

/** Looks through everything that was said, while one types what to look for. */
export class Search {
  #elements;
  #ask;
  #asked = 0;
  #timer = null;
  #listening = null;

  /**
   * elements: {input, found, all, count, template}: `found` takes the place of `all` while there is
   * something to look for, and `count` says how much was found. `ask(words)` resolves to the results,
   * or to null where there is no answer.
   */
  constructor(elements, { ask }) {
    this.#elements = elements;
    this.#ask = ask;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    const { input, found } = this.#elements;
    input.addEventListener("input", () => this.#changed(), options);
    for (const place of [input, found]) place.addEventListener("keydown", (event) => this.#pressed(event), options);
    if (input.value) this.#changed(); // what the browser kept of the last visit
  }

  stop() {
    clearTimeout(this.#timer);
    this.#listening?.abort();
  }

  #pressed(event) {
    const { input } = this.#elements;
    if (event.key !== "Escape" || event.isComposing || !input.value) return;
    event.stopPropagation(); // it means the search only
    event.preventDefault();
    input.value = "";
    input.focus(); // what was found goes, and with it the place of the keyboard
    this.#changed();
  }

  #changed() {
    clearTimeout(this.#timer);
    this.#asked++;
    const words = this.#words;
    if ([...words].length < SHORTEST) return this.#close();
    this.#timer = setTimeout(() => this.#look(words), PAUSE);
  }

  async #look(words) {
    const asked = this.#asked;
    const results = await this.#ask(words);
    if (asked !== this.#asked) return; // somebody typed on
    this.#show(results ?? []);
    this.#say(results);
  }

  #show(results) {
    const { found, all } = this.#elements;
    found.replaceChildren(...results.map((result) => this.#entry(result)));
    found.hidden = false;
    all.hidden = true;
  }

  #close() {
    const { found, all, count } = this.#elements;
    found.replaceChildren();
    found.hidden = true;
    all.hidden = false;
    count.textContent = "";
  }

  #say(results) {
    const { count } = this.#elements;
    const { none, one, some, most, failed } = count.dataset;
    const words = results === null ? failed : [none, one][results.length] ?? (results.length < MOST ? some : most);
    count.textContent = words.replace("{count}", results?.length);
  }

  #entry({ id, title, text }) {
    const entry = this.#elements.template.content.firstElementChild.cloneNode(true);
    entry.querySelector("[data-role=found-link]").href = addressOf(id);
    entry.querySelector("[data-role=found-title]").append(...marked(title));
    entry.querySelector("[data-role=found-text]").append(...(text ? marked(text) : []));
    return entry;
  }

  get #words() {
    return this.#elements.input.value.trim();
  }
}

function marked({ before, match, after }) {
  const mark = document.createElement("mark");
  mark.textContent = match;
  return match ? [before, mark, after] : [before, after];
}
