import { Foot } from "./foot.js";
import { Sheet } from "./markdown/sheet.js";
import { Typewriter } from "./typewriter.js";

/** One message on the page. Its status is what the reader sees: complete when all of it is drawn. */
export class Bubble {
  #typewriter;
  /** How the text is set; what it needs to know of the message is there before the text. */
  #style = {};
  #sheet;
  #foot;
  #part;
  #message = null;
  #version = null;
  #waits = false;
  #what = null;
  #stoppable = false;
  #editor = null;
  #onShown;
  #onFinished;

  constructor(template, { onShown = () => {}, onFinished = () => {} } = {}) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.#part = (role) => this.element.querySelector(`[data-role=${role}]`);
    this.#foot = new Foot(this.element);
    this.#onShown = onShown;
    this.#onFinished = onFinished;
    this.#sheet = new Sheet(this.#part("text"), this.#style);
    this.#typewriter = new Typewriter(this.#sheet, { onShown: (at) => this.#show(at), onRest: () => this.#rest() });
  }

  get editor() {
    return this.#editor;
  }

  /** What is said, without its marks. */
  get words() {
    return this.#part("text").textContent.trim();
  }

  /** What stands below it: why it is as it is. */
  get note() {
    return this.#part("note").textContent;
  }

  /** Takes over who and when, and the text if it is to stand there at once. */
  present(message, name) {
    this.#describe(message, name);
    this.#typewriter.place(message.text);
    if (!message.live) this.#sheet.end();
    this.#mark(message.status);
  }

  grow(text, whole) {
    if (whole) this.#typewriter.feedCharacter(text);
    else this.#typewriter.feed(text);
  }

  change(message, name, soft) {
    const wasLive = isLive(this.element.dataset.status);
    this.#describe(message, name);
    this.#typewriter.rewrite(message.text, { soft });
    if (message.live) this.#markLive();
    else if (wasLive) this.#typewriter.end();
    else this.#settle();
  }

  /** Shows a status that no message has: that of one's own while it is on its way. */
  mark(status, note) {
    this.#mark(status, note);
  }

  /** Says how it stands with a reply that is on its way; `what` names the words and what stands in them. */
  tell(what) {
    if (!isLive(this.element.dataset.status)) return;
    const words = what ? fill(this.#part("state").dataset[what.code], what) : "";
    const hasText = this.#typewriter.shown > 0;
    this.#what = what;
    write(this.#part("state"), hasText ? "" : words);
    write(this.#part("note"), hasText ? words : "");
    this.element.toggleAttribute("data-queued", what?.code === "queued");
    this.#offerStop();
  }

  /** Whether it is a message that is not being answered yet, and can be taken back. */
  set waits(waits) {
    this.#waits = waits;
    this.element.toggleAttribute("data-queued", waits);
    this.#refit();
  }

  /** Whether it can be stopped here while it is being written, and not only if nothing comes. */
  set stoppable(stoppable) {
    this.#stoppable = stoppable;
    this.#offerStop();
  }

  /** Something was asked for, and the answer is on its way. */
  set held(held) {
    this.element.toggleAttribute("data-held", held);
  }

  confirmCopy() {
    return this.#foot.confirmCopy();
  }

  /** Lets `editor` take the place of the text. */
  edit(editor, text) {
    this.#editor = editor;
    this.element.toggleAttribute("data-editing", true);
    this.#part("bubble").append(editor.element);
    editor.start(text);
  }

  endEdit() {
    const hadFocus = this.#editor?.element.contains(document.activeElement);
    this.#editor?.stop();
    this.#editor = null;
    this.element.toggleAttribute("data-editing", false);
    if (hadFocus) this.#part("edit").focus({ preventScroll: true });
  }

  get wantsThoughts() {
    return this.#part("thoughts-text").textContent === "";
  }

  showThoughts(text) {
    this.#part("thoughts-text").textContent = text;
    this.#part("thoughts").hidden = text === "";
  }

  foldThoughts() {
    this.#part("thoughts").open = false;
  }

  /** Draws nothing more; returns the code points that are on the page. */
  freeze() {
    return this.#typewriter.freeze();
  }

  flush() {
    this.#typewriter.flush();
  }

  remove() {
    this.#typewriter.stop();
    this.#sheet.stop();
    this.#foot.stop();
    this.#editor?.stop();
    this.element.remove();
  }

  #describe(message, name) {
    if (message.live || this.#version !== message.version) this.#forgetThoughts();
    this.#message = message;
    this.#version = message.version;
    const { dataset } = this.element;
    Object.assign(this.#style, { breaks: message.author.kind === "person", images: message.author.images });
    if (message.id) dataset.message = message.id;
    dataset.author = message.author.kind;
    dataset.mine = message.mine;
    dataset.by = message.author.id;
    dataset.initial = Array.from(name)[0] ?? "";
    write(this.#part("author"), name);
    this.#date(new Date(message.created));
    if (dataset.status) this.#refit();
  }

  #show(at) {
    if (this.#message.live || isLive(this.element.dataset.status)) this.#markLive();
    this.#onShown(this.#message, at);
  }

  /** All of it is typed; it is complete when it is set too. */
  #rest() {
    const message = this.#message;
    this.#sheet.end().then(() => message === this.#message && !message.live && this.#finish());
  }

  #finish() {
    const wasLive = isLive(this.element.dataset.status);
    this.#mark(this.#message.status);
    if (wasLive) this.#onFinished(this.#message);
  }

  #settle() {
    this.#typewriter.flush();
    this.#sheet.end();
    this.#mark(this.#message.status);
  }

  #markLive() {
    if (this.#what) this.tell(null);
    this.#mark(this.#typewriter.shown > 0 ? "streaming" : "waiting");
  }

  #mark(status, note = this.#message.error?.detail) {
    const { dataset } = this.element;
    write(this.#part("note"), note || this.#part("note").dataset[status] || "");
    if (dataset.status === status) return;
    dataset.status = status;
    const live = isLive(status);
    if (!live && this.#what) this.#untell();
    // Nobody wants to hear single characters; the finished reply is announced once, elsewhere.
    this.#attribute("aria-live", live && "off");
    this.#attribute("aria-busy", live && "true");
    this.#refit();
  }

  #offerStop() {
    const live = isLive(this.element.dataset.status);
    this.#part("halt").hidden = !live || !(this.#stoppable || this.#what?.code === "stalled");
  }

  #untell() {
    this.#what = null;
    write(this.#part("state"), "");
    this.element.removeAttribute("data-queued");
  }

  #refit() {
    const { status } = this.element.dataset;
    this.#foot.show(this.#message, status, this.#waits);
    this.#offerStop();
    this.#part("thoughts").hidden = isLive(status) || !(this.#message.thought > 0);
  }

  #forgetThoughts() {
    this.foldThoughts();
    this.#part("thoughts-text").textContent = "";
  }

  #attribute(name, value) {
    if (value) this.element.setAttribute(name, value);
    else this.element.removeAttribute(name);
  }

  #date(created) {
    const time = this.#part("time");
    const lang = document.documentElement.lang || undefined;
    time.dateTime = created.toISOString();
    time.textContent = created.toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" });
    time.title = created.toLocaleString(lang, { dateStyle: "full", timeStyle: "short" });
  }
}

function isLive(status) {
  return status === "waiting" || status === "streaming";
}

/** The same words again would be read out again. */
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function fill(words, values) {
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
