import { codePoints, isBlank } from "./text.js";

const LONGEST = 32_000;
/** What one frame may hold, less what stands around the text in it. */
const LARGEST = 64 * 1024 - 512;

/** A text field that grows with what is written in it, and says when that is too much. */
export class Field {
  #elements;

  /** elements: {input, hint, button}; hint.dataset has `long` and `large` for what is too much. */
  constructor(elements) {
    this.#elements = elements;
  }

  /** What would be sent. */
  get text() {
    return clean(this.#elements.input.value);
  }

  get isReady() {
    return !isBlank(this.text) && !this.#tooMuch(this.text);
  }

  get isEmpty() {
    return isBlank(this.#elements.input.value);
  }

  write(text) {
    this.#elements.input.value = text;
    this.look();
  }

  /** What is in it, or the room for it, has changed. */
  look() {
    this.grow();
    this.#check();
  }

  grow() {
    const { input } = this.#elements;
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight}px`;
  }

  #check() {
    const { input, button, hint } = this.#elements;
    const problem = this.#tooMuch(this.text);
    hint.textContent = problem;
    input.toggleAttribute("aria-invalid", Boolean(problem));
    button.disabled = !this.isReady;
  }

  #tooMuch(text) {
    const { dataset } = this.#elements.hint;
    if (text.length * 6 < LARGEST) return "";
    const count = codePoints(text);
    if (count > LONGEST) return dataset.long.replace("{count}", local(count)).replace("{longest}", local(LONGEST));
    return new TextEncoder().encode(JSON.stringify(text)).length > LARGEST ? dataset.large : "";
  }
}

/** Enter alone; but what ends the composition of a character belongs to the input method. */
export function isEnter(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

function local(number) {
  return number.toLocaleString(document.documentElement.lang || undefined);
}

/** Without empty lines around it, and without what no text should contain and the server refuses. */
function clean(text) {
  const whole = text.toWellFormed?.() ?? text;
  return whole.replace(/[\0-\x08\v\f\x0e-\x1f\x7f-\x9f]/g, "").replace(/^\s*\n/, "").trimEnd();
}
