import { mayNotify } from "./notification.js";

/** Where the reader chooses how the page is for them. What they choose holds at once. */
export class Settings {
  #form;
  #refused;
  #reader;
  #listening = null;

  /** Each control in `element` is named by what it chooses; dataset.style is what it wears. */
  constructor(element, reader) {
    this.style = element.dataset.style;
    this.#form = element.querySelector("[data-role=preferences-form]");
    this.#refused = element.querySelector("[data-role=notify-refused]");
    this.#reader = reader;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#form.addEventListener("change", ({ target }) => this.#changed(target), options);
    addEventListener("reader", () => this.#fill(), options);
    this.#fill();
  }

  stop() {
    this.#listening?.abort();
  }

  #fill() {
    for (const control of this.#form.elements) {
      if (control.name) control.checked = control.value === this.#reader.get(control.name);
    }
  }

  #changed({ name, type, checked, value }) {
    const isOff = type === "checkbox" && !checked;
    if (name === "notify" && checked) this.#ask(value);
    else this.#reader.set(name, isOff ? "" : value);
  }

  /** Only who has just asked for it is asked whether they mean it. */
  async #ask(value) {
    const isAllowed = await mayNotify();
    this.#refused.hidden = isAllowed;
    this.#reader.set("notify", isAllowed ? value : "");
  }
}
