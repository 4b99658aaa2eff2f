import { codePoints, isBlank } from "./text.js";

const LONGEST = 32_000;
/** What one frame may hold, less what stands around the text in it. */
const LARGEST = 64 * 1024 - 512;

/** Where one writes. Nothing that was typed is lost: the draft is kept for the next visit. */
export class Composer {
  #elements;
  #store;
  #place;
  #onSend;
  #onStop;
  #listening = null;

  /** elements: {form, input, send, stop, hint}; hint.dataset has `long` and `large` for what is too much. */
  constructor(elements, store, place, { onSend, onStop }) {
    this.#elements = elements;
    this.#store = store;
    this.#place = place;
    this.#onSend = onSend;
    this.#onStop = onStop;
  }

  start() {
    this.#listening = new AbortController();
    const { form, input, stop } = this.#elements;
    const options = { signal: this.#listening.signal };
    form.addEventListener("submit", (event) => this.#submit(event), options);
    input.addEventListener("input", () => this.#changed(), options);
    input.addEventListener("keydown", (event) => this.#pressed(event), options);
    stop.addEventListener("click", () => this.#stopReply(), options);
    document.addEventListener("keydown", (event) => this.#escaped(event), options);
    addEventListener("resize", () => this.#grow(), options);
    this.#write(this.#store.read(this.#name) ?? "");
  }

  stop() {
    this.#listening?.abort();
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
    this.#write(isBlank(input.value) ? text : `${input.value.trimEnd()}\n\n${text}`);
    input.focus();
  }

  set stoppable(stoppable) {
    const { stop, input } = this.#elements;
    if (stop.hidden === !stoppable) return;
    if (!stoppable && document.activeElement === stop) input.focus();
    stop.hidden = !stoppable;
  }

  #pressed(event) {
    // Enter that ends the composition of a character belongs to the input method.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    this.#elements.form.requestSubmit();
  }

  #escaped(event) {
    if (event.key === "Escape" && !event.isComposing && !this.#elements.stop.hidden) this.#stopReply();
  }

  #stopReply() {
    this.#onStop();
  }

  #submit(event) {
    event.preventDefault();
    const text = clean(this.#elements.input.value);
    if (isBlank(text) || this.#tooMuch(text)) return;
    this.#write("");
    this.#onSend(text);
  }

  #write(text) {
    this.#elements.input.value = text;
    this.#changed();
  }

  #changed() {
    this.#grow();
    this.#check();
    this.#keep();
  }

  #grow() {
    const { input } = this.#elements;
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight}px`;
  }

  #check() {
    const { input, send, hint } = this.#elements;
    const text = clean(input.value);
    const problem = this.#tooMuch(text);
    hint.textContent = problem;
    input.toggleAttribute("aria-invalid", Boolean(problem));
    send.disabled = Boolean(problem) || isBlank(text);
  }

  #tooMuch(text) {
    const { dataset } = this.#elements.hint;
    if (text.length * 6 < LARGEST) return "";
    const count = codePoints(text);
    if (count > LONGEST) return dataset.long.replace("{count}", local(count)).replace("{longest}", local(LONGEST));
    return new TextEncoder().encode(JSON.stringify(text)).length > LARGEST ? dataset.large : "";
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

function local(number) {
  return number.toLocaleString(document.documentElement.lang || undefined);
}

/** Without empty lines around it, and without what no text should contain and the server refuses. */
function clean(text) {
  const whole = text.toWellFormed?.() ?? text;
  return whole.replace(/[\0-\x08\v\f\x0e-\x1f\x7f-\x9f]/g, "").replace(/^\s*\n/, "").trimEnd();
}
