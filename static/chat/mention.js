import { hueOf } from "./directory.js";

/** What stands before the cursor, from an @ on that begins a word: a name may have spaces in it. */
const CALL = /(?:^|[^\p{L}\p{N}_@])@([^\n@]{0,80})$/u;
const MOST = 20;
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/** Offers the names of those who can be called, while one types an @ and how they begin. */
export class Mention {
  #form;
  #input;
  #list;
  #whom;
  #offered = [];
  #chosen = 0;
  #start = 0;
  #listening = null;

  /** `whom()` returns whom one may call: [{id, name, isHere, isAssistant}], the likeliest first. */
  constructor(form, input, template, { whom }) {
    this.#form = form;
    this.#input = input;
    this.#list = template.content.firstElementChild.cloneNode(true);
    this.#list.hidden = true;
    this.#whom = whom;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#form.append(this.#list);
    this.#input.addEventListener("input", (event) => event.isComposing || this.#look(), options);
    this.#input.addEventListener("compositionend", () => this.#look(), options);
    this.#input.addEventListener("blur", () => this.#close(), options);
    document.addEventListener("selectionchange", () => this.#isOpen && this.#look(), options);
    // Before the composer, to which Enter means to send, and Escape to stop.
    this.#form.addEventListener("keydown", (event) => this.#pressed(event), { ...options, capture: true });
    // The field keeps the focus, and a phone its keyboard.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault(), options);
    this.#list.addEventListener("click", ({ target }) => this.#clicked(target.closest("[role=option]")), options);
    this.#look();
  }

  stop() {
    this.#listening?.abort();
    this.#close();
    this.#list.remove();
  }

  get #isOpen() {
    return !this.#list.hidden;
  }

  #look() {
    const { value, selectionStart, selectionEnd } = this.#input;
    const typed = selectionStart === selectionEnd && document.activeElement === this.#input
      ? value.slice(0, selectionStart).match(CALL)?.[1] : undefined;
    const fitting = typed === undefined ? [] : this.#fitting(typed);
    // Who has typed all of the only name there is, needs no help.
    if (fitting.length === 0 || (fitting.length === 1 && plain(fitting[0].name) === plain(typed))) return this.#close();
    this.#start = selectionStart - typed.length;
    this.#offer(fitting);
  }

  /** Those whose name begins so; then those of whose names another word does. */
  #fitting(typed) {
    const start = plain(typed);
    const all = this.#whom().map((one) => ({ ...one, plain: plain(one.name) }));
    const first = all.filter((one) => one.plain.startsWith(start));
    const second = all.filter((one) => !first.includes(one) && one.plain.includes(` ${start}`));
    return [...first, ...second].slice(0, MOST);
  }

  #offer(fitting) {
    const before = this.#isOpen ? this.#offered[this.#chosen]?.id : null;
    const isSame = fitting.length === this.#offered.length && fitting.every(({ id }, at) => id === this.#offered[at].id);
    if (this.#isOpen && isSame) return;
    this.#offered = fitting;
    this.#list.replaceChildren(...fitting.map((one, at) => this.#option(one, at)));
    this.#list.hidden = false;
    this.#input.setAttribute("aria-autocomplete", "list");
    this.#input.setAttribute("aria-controls", this.#list.id);
    this.#choose(Math.max(0, fitting.findIndex(({ id }) => id === before)));
  }

  #option({ id, name, isHere, isAssistant }, at) {
    const { assistant, here } = this.#list.dataset;
    const option = Object.assign(document.createElement("li"), { id: `callable-${at}`, role: "option" });
    const words = Object.assign(document.createElement("span"), { textContent: name, dir: "auto" });
    option.dataset.initial = Array.from(name)[0] ?? "";
    option.dataset.at = at;
    option.style.setProperty("--hue", hueOf(id));
    option.append(words);
    const more = isAssistant ? assistant : isHere ? here : "";
    if (more) option.append(Object.assign(document.createElement("small"), { textContent: more }));
    return option;
  }

  #choose(at) {
    this.#chosen = at;
    [...this.#list.children].forEach((option, index) => option.setAttribute("aria-selected", index === at));
    this.#input.setAttribute("aria-activedescendant", `callable-${at}`);
    this.#list.children[at].scrollIntoView({ block: "nearest" });
  }

  #close() {
    if (!this.#isOpen) return;
    this.#list.hidden = true;
    for (const name of ["aria-autocomplete", "aria-controls", "aria-activedescendant"]) this.#input.removeAttribute(name);
  }

  #pressed(event) {
    if (!this.#isOpen || event.isComposing || event.keyCode === 229 || event.target !== this.#input) return;
    const { key, shiftKey, altKey, ctrlKey, metaKey } = event;
    if (altKey || ctrlKey || metaKey) return;
    const step = STEPS[key];
    const { length } = this.#offered;
    if (step) this.#choose((this.#chosen + step + length) % length);
    else if ((key === "Enter" || key === "Tab") && !shiftKey) this.#insert(this.#offered[this.#chosen]);
    else if (key === "Escape") this.#close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #clicked(option) {
    if (option) this.#insert(this.#offered[option.dataset.at]);
  }

  /** As if it was typed: whoever listens hears of it, and the browser can undo it. */
  #insert({ name }) {
    const { selectionEnd, value } = this.#input;
    const after = value[selectionEnd] === " " ? "" : " ";
    this.#close();
    this.#input.setRangeText(name + after, this.#start, selectionEnd, "end");
    if (!after) this.#input.selectionStart = this.#input.selectionEnd += 1;
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
    this.#close();
  }
}

/** As one searches: neither case nor accents matter. */
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
