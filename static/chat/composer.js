import { Field, isEnter } from "./field.js";

/** Where one writes. Nothing that was typed is lost: the draft is kept for the next visit. */
export class Composer {
  #elements;
  #field;
  #store;
  #place;
  #onSend;
  #onStop;
  #onUp;
  #listening = null;

  /** elements: {form, input, send, stop, hint}; hint.dataset has `long` and `large` for what is too much. */
  constructor(elements, store, place, { onSend, onStop, onUp }) {
    this.#elements = elements;
    this.#field = new Field({ input: elements.input, hint: elements.hint, button: elements.send });
    this.#store = store;
    this.#place = place;
    this.#onSend = onSend;
    this.#onStop = onStop;
    this.#onUp = onUp;
  }

  start() {
    this.#listening = new AbortController();
    const { form, input, stop } = this.#elements;
    const options = { signal: this.#listening.signal };
    form.addEventListener("submit", (event) => this.#submit(event), options);
    input.addEventListener("input", () => this.#changed(), options);
    input.addEventListener("keydown", (event) => this.#pressed(event), options);
    stop.addEventListener("click", () => this.#onStop(), options);
    document.addEventListener("keydown", (event) => this.#escaped(event), options);
    for (const name of ["resize", "reader"]) addEventListener(name, () => this.#field.grow(), options);
    const { value } = input; // of who was quicker than this script
    this.#write(this.#store.read(this.#name) ?? "");
    if (value) this.offer(value);
  }

  stop() {
    this.#listening?.abort();
  }

  focus() {
    this.#elements.input.focus();
  }

  get isEmpty() {
    return this.#field.isEmpty;
  }

  /** The conversation got its own place; the draft moves there. */
  moveTo(place) {
    this.#store.remove(this.#name);
    this.#place = place;
    this.#keep();
  }

  /** Gives back a text to work on, beside what is being written. */
  offer(text) {
    const { input } = this.#elements;
    this.#write(this.isEmpty ? text : `${input.value.trimEnd()}\n\n${text}`);
    input.focus();
  }

  set stoppable(stoppable) {
    const { stop, input } = this.#elements;
    if (stop.hidden === !stoppable) return;
    if (!stoppable && document.activeElement === stop) input.focus();
    stop.hidden = !stoppable;
  }

  #pressed(event) {
    if (isUp(event) && this.#elements.input.value === "" && this.#onUp()) return event.preventDefault();
    if (!isEnter(event)) return;
    event.preventDefault();
    this.#elements.form.requestSubmit();
  }

  #escaped(event) {
    if (event.key === "Escape" && !event.isComposing && !this.#elements.stop.hidden) this.#onStop();
  }

  #submit(event) {
    event.preventDefault();
    if (!this.#field.isReady) return;
    const { text } = this.#field;
    this.#write("");
    this.#onSend(text);
  }

  #write(text) {
    this.#field.write(text);
    this.#keep();
  }

  #changed() {
    this.#field.look();
    this.#keep();
  }

  #keep() {
    const { value } = this.#elements.input;
    if (value) this.#store.write(this.#name, value);
    else this.#store.remove(this.#name);
  }

  get #name() {
    return `chat:draft:${this.#place}`;
  }
}

function isUp({ key, shiftKey, altKey, ctrlKey, metaKey, isComposing }) {
  return key === "ArrowUp" && !(shiftKey || altKey || ctrlKey || metaKey || isComposing);
}
