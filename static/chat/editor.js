import { Field, isEnter } from "./field.js";

/** Changes a message in its place. What was typed stays there until it is saved or given up. */
export class Editor {
  #input;
  #field;
  #save;
  #onSave;
  #onCancel;
  #onChange;
  #draft;
  #before;
  #listening = null;
  #submitted = null;

  /** `draft` is what was typed on the last visit, if anything; `onChange(text)` gets it meanwhile. */
  constructor(template, { onSave, onCancel, onChange = () => {}, draft = null }) {
    this.element = template.content.firstElementChild.cloneNode(true);
    const [input, hint, button] = ["edit-input", "edit-hint", "save"].map((role) => this.#part(role));
    this.#input = input;
    this.#save = button;
    this.#field = new Field({ input, hint, button });
    this.#onSave = onSave;
    this.#onCancel = onCancel;
    this.#onChange = onChange;
    this.#draft = draft;
  }

  /** Once it is on the page. */
  start(text) {
    this.#before = text;
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.element.addEventListener("submit", (event) => this.#submit(event), options);
    this.#part("cancel").addEventListener("click", () => this.#onCancel(), options);
    this.#input.addEventListener("input", () => this.#changed(), options);
    this.#input.addEventListener("keydown", (event) => this.#pressed(event), options);
    // Before anybody else on the page who listens for Escape.
    document.addEventListener("keydown", (event) => this.#escaped(event), { ...options, capture: true });
    addEventListener("resize", () => this.#field.grow(), options);
    this.#field.write(this.#draft ?? text);
    if (this.#draft === null) this.focus();
  }

  focus() {
    const { length } = this.#input.value;
    this.#input.focus({ preventScroll: true });
    this.#input.setSelectionRange(length, length);
    this.element.scrollIntoView({ block: "nearest" });
  }

  stop() {
    this.#listening?.abort();
    this.element.remove();
  }

  get text() {
    return this.#field.text;
  }

  get isChanged() {
    return this.text !== this.#before;
  }

  /** What was to be saved, whether or not that was answered. */
  get submitted() {
    return this.#submitted;
  }

  set saving(saving) {
    this.#input.readOnly = saving;
    this.element.setAttribute("aria-busy", saving);
    this.#save.disabled = saving || !this.#field.isReady;
  }

  #changed() {
    this.#field.look();
    this.#onChange(this.#input.value);
  }

  #pressed(event) {
    if (!isEnter(event)) return;
    event.preventDefault();
    this.element.requestSubmit();
  }

  /** Whoever is busy in another form means that one. */
  #escaped(event) {
    if (event.key !== "Escape" || event.isComposing) return;
    const form = event.target.closest?.("form");
    if (form && form !== this.element) return;
    event.preventDefault();
    event.stopPropagation();
    this.#onCancel();
  }

  #submit(event) {
    event.preventDefault();
    if (!this.#field.isReady || this.#input.readOnly) return;
    this.#submitted = this.text;
    this.#onSave(this.text);
  }

  #part(role) {
    return this.element.querySelector(`[data-role=${role}]`);
  }
}
