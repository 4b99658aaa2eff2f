import { Dialog } from "./dialog.js";

/** Where the reader chooses how the page is for them. What they choose holds at once. */
export class Settings {
  #elements;
  #reader;
  #dialog;
  #onNotify;
  #listening = null;

  /**
   * elements: {dialog, form, opener, notify, refused}: each control of the form is named by what it chooses.
   * `onNotify()` resolves to whether this browser lets the page notify.
   */
  constructor(elements, reader, { onNotify }) {
    this.#elements = elements;
    this.#reader = reader;
    this.#onNotify = onNotify;
    this.#dialog = new Dialog(elements.dialog);
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    const { form, opener } = this.#elements;
    this.#dialog.start();
    opener.addEventListener("click", () => this.#dialog.open(), options);
    form.addEventListener("change", ({ target }) => this.#changed(target), options);
    addEventListener("reader", () => this.#fill(), options);
    this.#fill();
  }

  stop() {
    this.#listening?.abort();
    this.#dialog.stop();
  }

  close() {
    this.#dialog.close();
  }

  #fill() {
    for (const control of this.#elements.form.elements) {
      if (control.name) control.checked = control.value === this.#reader.get(control.name);
    }
  }

  #changed(control) {
    if (control === this.#elements.notify && control.checked) return this.#ask(control);
    const isOff = control.type === "checkbox" && !control.checked;
    this.#reader.set(control.name, isOff ? "" : control.value);
  }

  /** Only who has just asked for it is asked whether they mean it. */
  async #ask(control) {
    const isAllowed = await this.#onNotify();
    this.#elements.refused.hidden = isAllowed;
    this.#reader.set(control.name, isAllowed ? control.value : "");
  }
}
