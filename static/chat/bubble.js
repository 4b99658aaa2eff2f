import { Typewriter } from "./typewriter.js";

/** One message on the page. Its status is what the reader sees: complete when all of it is drawn. */
export class Bubble {
  #typewriter;
  #part;
  #message = null;
  #onShown;
  #onFinished;

  constructor(template, { onShown = () => {}, onFinished = () => {} } = {}) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.#part = (role) => this.element.querySelector(`[data-role=${role}]`);
    this.#onShown = onShown;
    this.#onFinished = onFinished;
    const text = this.#part("text").appendChild(document.createTextNode(""));
    this.#typewriter = new Typewriter(text, { onShown: (at) => this.#show(at), onRest: () => this.#rest() });
  }

  /** Takes over who and when, and the text if it is to stand there at once. */
  present(message, name) {
    this.#message = message;
    const { dataset } = this.element;
    if (message.id) dataset.message = message.id;
    dataset.author = message.author.kind;
    dataset.mine = message.mine;
    this.#part("author").textContent = name;
    this.element.dataset.initial = Array.from(name)[0] ?? "";
    this.#date(new Date(message.created));
    this.#typewriter.rewrite(message.text);
    this.#typewriter.flush();
    this.#mark(message.status);
  }

  grow(text, whole) {
    if (whole) this.#typewriter.feedCharacter(text);
    else this.#typewriter.feed(text);
  }

  change(message, soft) {
    const wasLive = isLive(this.element.dataset.status);
    this.#message = message;
    this.#typewriter.rewrite(message.text, { soft });
    if (message.live) this.#markLive();
    else if (wasLive) this.#typewriter.end();
    else this.#settle();
  }

  /** Shows a status that no message has: that of one's own while it is on its way. */
  mark(status, note) {
    this.#mark(status, note);
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
    this.element.remove();
  }

  #show(at) {
    if (this.#message.live || isLive(this.element.dataset.status)) this.#markLive();
    this.#onShown(this.#message, at);
  }

  #rest() {
    if (isLive(this.element.dataset.status)) this.#onFinished(this.#message);
    this.#mark(this.#message.status);
  }

  #settle() {
    this.#typewriter.flush();
    this.#mark(this.#message.status);
  }

  #markLive() {
    this.#mark(this.#typewriter.shown > 0 ? "streaming" : "waiting");
  }

  #mark(status, note = this.#message.error?.detail) {
    const { dataset } = this.element;
    const noteElement = this.#part("note");
    const words = note || noteElement.dataset[status] || "";
    if (noteElement.textContent !== words) noteElement.textContent = words;
    if (dataset.status === status) return;
    dataset.status = status;
    const live = isLive(status);
    // Nobody wants to hear single characters; the finished reply is announced once, elsewhere.
    this.#attribute("aria-live", live && "off");
    this.#attribute("aria-busy", live && "true");
  }

  #attribute(name, value) {
    if (value) this.element.setAttribute(name, value);
    else this.element.removeAttribute(name);
  }

  #date(created) {
    const time = this.#part("time");
    const lang = document.documentElement.lang || undefined;
    const today = created.toDateString() === new Date().toDateString();
    const day = today ? {} : { day: "numeric", month: "short" };
    time.dateTime = created.toISOString();
    time.textContent = created.toLocaleString(lang, { ...day, hour: "2-digit", minute: "2-digit" });
    time.title = created.toLocaleString(lang, { dateStyle: "full", timeStyle: "short" });
  }
}

function isLive(status) {
  return status === "waiting" || status === "streaming";
}
