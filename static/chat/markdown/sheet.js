import { dress } from "../dress.js";
import { inNextFrame, notInFrame } from "../frames.js";

/** So much of a long text is set in one go; the rest in the next frames, so that the page never stalls. */
const SLICE = 6000;
/** What all sheets of a page may take of one frame, in milliseconds. */
const BUDGET = 12;
const LONG = 1000;
const PLAIN = /^(?![ #>+=|-]|\d+[.)])(?:(?!www\.|mailto:|:\/\/)[^\n\r\t\0\\`*_[\]<&~@])*$/i;

let typesetting = null;
let Setter = null;
const frame = { at: null, spent: 0 };

/**
 * What a message's text stands on: paper for a Typewriter, set as Markdown while it is being written.
 *
 *   const sheet = new Sheet(element, { breaks: true });
 *   sheet.appendData("Some *te");    // drawn at once, and again at most once per frame
 *   sheet.data = "Some *text*";      // it reads so now; what is still right stays as it is
 *   await sheet.end();               // nothing more comes: all of it is set
 *
 * Options: `gfm` (GitHub's extensions, on), `breaks` (each line break is one), `images` (they are shown, else
 * they are links), `allows` (which addresses may be linked to). Plain words need no parser; it is loaded
 * with the first text that may be more, which stands as it came until then.
 */
export class Sheet {
  #element;
  #options;
  #source = "";
  #held = "";
  #setter = null;
  #set = 0;
  #ended = false;
  /** Whether all that came is on the page as it is to be. */
  #isSet = true;
  #drawnIn = null;
  #loading = null;
  #rests = [];

  /** Resolves when the parser is there, and what it sets has its `style`. */
  static load(style) {
    typesetting ??= Promise.all([import("./setter.js"), style && dress(style)]).then(([module]) => (Setter = module.Setter));
    return typesetting;
  }

  constructor(element, options = {}) {
    this.#element = element;
    this.#options = options;
  }

  get data() {
    return this.#source + this.#held;
  }

  set data(text) {
    const before = this.#source;
    this.#source = this.#held = "";
    this.#take(text);
    if (!this.#source.startsWith(before.slice(0, this.#set))) this.#set = this.#setter?.cut(this.#source) ?? 0;
    this.#draw();
  }

  appendData(text) {
    this.#take(text);
    this.#draw();
  }

  /** Nothing more comes, for now. Resolves when all of it is set. */
  end() {
    this.#source += this.#held;
    this.#held = "";
    this.#ended = true;
    this.#render();
    if (this.#isSet) return Promise.resolve();
    return new Promise((resolve) => this.#rests.push(resolve));
  }

  /** Sets all of it now. */
  flush() {
    if (!this.#isSet) this.#render(Infinity);
  }

  stop() {
    notInFrame(this.#next);
    this.#setter?.stop();
  }

  /** Line ends are one character; the second half of one may be still to come. */
  #take(text) {
    const all = this.#held + text;
    const isHalf = all.endsWith("\r");
    this.#held = isHalf ? "\r" : "";
    const whole = isHalf ? all.slice(0, -1) : all;
    this.#source += whole.includes("\r") ? whole.replace(/\r\n?/g, "\n") : whole;
  }

  /** Who is called in each frame draws in it; who is called more often waits for the next. */
  #draw() {
    this.#ended = this.#isSet = false;
    if (this.#drawnIn === null || this.#drawnIn !== document.timeline.currentTime) this.#render();
    else inNextFrame(this.#next);
  }

  #render(limit = SLICE) {
    notInFrame(this.#next);
    this.#drawnIn = document.timeline.currentTime;
    if (!this.#setter && isPlain(this.#source)) this.#isSet = this.#write();
    else this.#isSet = Setter ? this.#typeset(limit) : this.#load();
    if (this.#isSet && this.#ended) this.#rest();
  }

  /** Words as they are. */
  #write() {
    const paragraph = this.#element.firstChild ?? document.createElement("p");
    if (!this.#source) return this.#element.replaceChildren(), true;
    if (!paragraph.parentNode) this.#element.append(paragraph);
    paragraph.textContent = this.#source;
    paragraph.toggleAttribute("data-tip", !this.#ended);
    return true;
  }

  #load() {
    this.#write();
    this.#element.firstChild.className = "raw"; // its line breaks are seen
    this.#loading ??= Sheet.load(this.#element.dataset.style).then(() => this.#render(), () => this.#failed());
    return false;
  }

  /** Without the parser the text can be read all the same; with the next one it is tried again. */
  #failed() {
    typesetting = this.#loading = null;
    this.#rest();
  }

  #typeset(limit) {
    const budget = takeBudget();
    if (budget <= 0 && limit !== Infinity) return inNextFrame(this.#next), false;
    const began = performance.now();
    this.#setter ??= new Setter(this.#element, this.#options);
    this.#set = Math.min(this.#source.length, this.#set + limit);
    const isAll = this.#set === this.#source.length;
    const isSet = this.#setter.set(this.#source.slice(0, this.#set), { open: !(isAll && this.#ended), rush: limit === Infinity });
    frame.spent += performance.now() - began;
    if (!isAll || !isSet) inNextFrame(this.#next);
    return isAll && isSet;
  }

  #rest() {
    for (const resolve of this.#rests.splice(0)) resolve();
  }

  #next = () => this.#render();
}

function takeBudget() {
  const { currentTime } = document.timeline;
  if (frame.at !== currentTime || document.hidden) Object.assign(frame, { at: currentTime, spent: 0 });
  return BUDGET - frame.spent;
}

/** Whether it reads the same as Markdown: short, no marks, no lines, nothing that may be an address. */
function isPlain(text) {
  return text.length < LONG && PLAIN.test(text);
}
