import { Entry } from "./entry.js";
import { Shelf } from "./shelf.js";

/** The list of conversations on the page, which is kept up to date by what the server tells. */
export class Conversations {
  #elements;
  #send;
  #shelf;
  #entries = new Map();
  #current;
  #isGone = false;
  #isOwn = true;
  #listening = null;

  /**
   * elements: {list, listMore, none, archived, archivedMore, archivedPart, template, words};
   * `send(frame)` asks the server; `current` is the conversation that the page shows, if it is known.
   */
  constructor(elements, current, { send }) {
    this.#elements = elements;
    this.#current = current;
    this.#send = send;
    this.#shelf = new Shelf(this.#adopt(elements.list), !elements.listMore.hidden);
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#elements.listMore.addEventListener("click", () => this.#askForMore(false), options);
    this.#elements.archivedMore.addEventListener("click", () => this.#askForMore(true), options);
  }

  stop() {
    this.#listening?.abort();
  }

  get current() {
    return this.#current;
  }

  /** Whether it was deleted. */
  get isGone() {
    return this.#isGone;
  }

  find(id) {
    return this.#shelf.find(id);
  }

  element(id) {
    return this.#entries.get(id)?.element;
  }

  receive(frame) {
    switch (frame.type) {
      case "ready": return this.#ready(frame);
      case "conversations": return this.#change(() => this.#shelf.page(frame));
      case "conversation": return this.take(frame);
      case "title": return this.take({ id: this.#current, title: frame.title });
      case "message": return this.#said(frame.message);
    }
  }

  /** Something about one of them is new. */
  take(news) {
    if (news.deleted && news.id === this.#current) this.#isGone = true;
    this.#change(() => this.#shelf.take(news));
  }

  /** Whether a reply is being written in the conversation that the page shows. */
  set typing(typing) {
    const own = this.find(this.#current);
    if (own && own.typing !== typing) this.take({ id: this.#current, typing });
  }

  /** What happened while nobody listened, is in the lists. */
  #ready({ conversation, you }) {
    this.#current = conversation.id;
    this.#isOwn = conversation.kind !== "room" && (you.role ?? "owner") === "owner";
    this.#isGone = false;
    this.#shelf.begin();
    this.#ask();
    this.take({ id: this.#current, unread: false });
  }

  #ask() {
    this.#shelf.expect(2);
    for (const archived of [false, true]) this.#send({ type: "conversations", archived });
  }

  #askForMore(archived) {
    this.#shelf.expect(1);
    this.#send({ type: "conversations", archived, after: this.#shelf.lastOf(archived) });
  }

  #said({ author, created }) {
    if (author.kind !== "person" || !this.#isOwn) return;
    if (!this.#shelf.has(this.#current)) return this.#ask();
    this.take({ id: this.#current, written: created, archived: false });
  }

  #change(change) {
    change();
    this.#forget();
    const { list, listMore, none, archived, archivedMore, archivedPart } = this.#elements;
    this.#arrange(list, this.#shelf.list(false));
    this.#arrange(archived, this.#shelf.list(true));
    listMore.hidden = !this.#shelf.hasMore(false);
    archivedMore.hidden = !this.#shelf.hasMore(true);
    none.hidden = list.childElementCount > 0;
    archivedPart.hidden = archived.childElementCount === 0;
  }

  #arrange(list, entries) {
    const focused = document.activeElement;
    entries.forEach((data, index) => {
      const { element } = this.#show(data);
      if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
    });
    // Who is at one of them by keyboard stays there, wherever it moves.
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  #show(data) {
    const entry = this.#entries.get(data.id) ?? Entry.make(this.#elements.template, data, addressOf(data.id));
    this.#entries.set(data.id, entry);
    const { untitled } = this.#elements.words.dataset;
    entry.show(data, { isCurrent: data.id === this.#current, untitled });
    return entry;
  }

  #forget() {
    for (const [id, { element }] of this.#entries) {
      if (this.#shelf.has(id)) continue;
      element.remove();
      this.#entries.delete(id);
    }
  }

  /** What the server has written into the page. */
  #adopt(list) {
    return [...list.children].map((element) => {
      const entry = new Entry(element);
      this.#entries.set(entry.data.id, entry);
      return { ...entry.data, archived: false };
    });
  }
}

export function addressOf(id) {
  return `/c/${id}/`;
}
