import { Bubble } from "./bubble.js";
import { Days } from "./days.js";

/** Who writes again within this time is not introduced again. */
const TOGETHER = 5 * 60 * 1000;
const SET_AFTER = 2000;
/** So many colours are there for those who write. */
const COLOURS = 6;

/** The log on the page: bubbles in their order, one's own unsent ones last. */
export class View {
  #elements;
  #onShown;
  #onLost;
  #bubbles = new Map();
  #pending = new Map();
  #days = new Days();
  #others = new Set();
  #queue = [];

  /**
   * elements: {thread, empty, loading, status, template, editorTemplate}; template.dataset.you is how one
   * calls oneself. `onLost` gets what somebody was typing in a message that is not shown any more.
   */
  constructor(elements, { onShown, onLost }) {
    this.#elements = elements;
    this.#onShown = onShown;
    this.#onLost = onLost;
  }

  start() {
    document.addEventListener("visibilitychange", this.#hide);
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#hide);
    for (const bubble of [...this.#bubbles.values(), ...this.#pending.values()]) this.#clear(bubble);
    this.#bubbles.clear();
    this.#pending.clear();
  }

  get first() {
    return this.#elements.thread.querySelector("[data-role=message]");
  }

  element(id) {
    return this.#bubbles.get(id)?.element ?? null;
  }

  /** Moves the keyboard to the message before or after the one where it is, or else to the newest. */
  step(by) {
    const all = [...this.#elements.thread.querySelectorAll("[data-role=message]")];
    const at = all.indexOf(document.activeElement.closest("[data-role=message]"));
    const next = at < 0 ? all.at(-1) : all[at + by];
    if (!next) return;
    focusOn(next);
    next.scrollIntoView({ block: "nearest" });
  }

  /** Now and then: today does not stay today. */
  tick() {
    if (this.#days.tick()) this.#group(this.first);
  }

  play(effect) {
    switch (effect.kind) {
      case "grow": return this.#bubbles.get(effect.message.id)?.grow(effect.text, effect.whole);
      case "change": return this.#change(effect.message, effect.soft);
      case "place": return this.#place(effect.message, effect.before);
      case "thoughts": return this.#bubbles.get(effect.message.id)?.showThoughts(effect.text);
      case "remove": return this.#remove(effect.id);
    }
  }

  /** While a reply is being written, nothing else can be. */
  set busy(busy) {
    this.#elements.thread.toggleAttribute("data-busy", busy);
  }

  /** The messages that are not being answered yet. */
  set queue(ids) {
    for (const id of this.#queue) if (!ids.includes(id)) this.#set(id, "waits", false);
    for (const id of ids) this.#set(id, "waits", true);
    this.#queue = ids;
  }

  /** Says how it stands with a reply that is on its way. */
  tell(id, what) {
    this.#bubbles.get(id)?.tell(what);
  }

  /** Whether an answer is awaited to what was asked about a message. */
  hold(id, held) {
    this.#set(id, "held", held);
  }

  /** Whether a reply that is being written can be stopped where it stands. */
  letStop(id, may) {
    this.#set(id, "stoppable", may);
  }

  confirmCopy(id) {
    const words = this.#bubbles.get(id)?.confirmCopy();
    if (words) this.#elements.status.textContent = words;
  }

  get editors() {
    return [...this.#bubbles].filter(([, { editor }]) => editor).map(([id, { editor }]) => ({ id, editor }));
  }

  editor(id) {
    return this.#bubbles.get(id)?.editor ?? null;
  }

  edit(id, text, Editor, callbacks) {
    const bubble = this.#bubbles.get(id);
    if (bubble && !bubble.editor) bubble.edit(new Editor(this.#elements.editorTemplate, callbacks), text);
  }

  endEdit(id) {
    this.#bubbles.get(id)?.endEdit();
  }

  wantsThoughts(id) {
    return this.#bubbles.get(id)?.wantsThoughts ?? false;
  }

  foldThoughts(id) {
    this.#bubbles.get(id)?.foldThoughts();
  }

  /** What has the focus may go with a change; then its message gets it, so that the keyboard keeps its place. */
  keepFocus(change) {
    const focused = document.activeElement;
    const message = focused?.closest("[data-role=message]");
    change();
    if (message?.isConnected && isGone(focused)) focusOn(message);
  }

  /** Shows what was just written, or waits in the outbox since the last visit. */
  pend({ key, text, created }) {
    const bubble = this.#pending.get(key) ?? this.#newBubble();
    this.#pending.set(key, bubble);
    const message = { id: null, author: { kind: "person" }, mine: true, live: false, text, created, status: "sending" };
    bubble.element.dataset.key = key;
    bubble.present(message, this.#elements.template.dataset.you);
    this.#put(bubble.element, null);
  }

  /** Says how it stands with an unsent message. */
  mark(key, status, note) {
    this.#pending.get(key)?.mark(status, note);
  }

  /** It has arrived, or was given up. */
  unpend(key) {
    const bubble = this.#pending.get(key);
    if (!this.#pending.delete(key)) return;
    this.#takeOut(bubble);
  }

  /** Whether there is anything to see. */
  refresh() {
    this.#elements.loading.hidden = true;
    this.#elements.empty.hidden = this.first !== null;
  }

  /** Stops drawing a reply where it is; returns the code points that are shown. */
  freeze(id) {
    return this.#bubbles.get(id)?.freeze() ?? 0;
  }

  /** A hidden page gets no frames to draw in, so what has arrived is shown at once. */
  #hide = () => {
    if (document.hidden) for (const bubble of this.#bubbles.values()) bubble.flush();
  };

  #set(id, name, value) {
    const bubble = this.#bubbles.get(id);
    if (bubble) bubble[name] = value;
  }

  /** Somebody else may answer now than was to. */
  #change(message, soft) {
    const bubble = this.#bubbles.get(message.id);
    if (!bubble) return;
    bubble.change(message, this.#nameOf(message), soft);
    this.#colour(bubble.element, message);
    this.#group(bubble.element);
    this.#group(nextTo(bubble.element));
  }

  #place(message, before) {
    const known = this.#bubbles.get(message.id);
    const bubble = known ?? this.#adopt(message.key) ?? this.#newBubble();
    this.#bubbles.set(message.id, bubble);
    if (!known) bubble.present(message, this.#nameOf(message));
    this.#colour(bubble.element, message);
    this.#put(bubble.element, this.#bubbles.get(before)?.element ?? this.#firstPending);
  }

  /** The server's message takes over the bubble that has stood for it since it was written. */
  #adopt(key) {
    const bubble = this.#pending.get(key);
    if (this.#pending.delete(key)) delete bubble.element.dataset.key;
    return bubble;
  }

  #remove(id) {
    const bubble = this.#bubbles.get(id);
    if (!this.#bubbles.delete(id)) return;
    if (bubble.editor?.isChanged) this.#onLost(bubble.editor.text);
    this.#takeOut(bubble);
  }

  #newBubble() {
    const bubble = new Bubble(this.#elements.template, {
      onShown: this.#onShown,
      onFinished: (message) => this.#announce(message, bubble),
    });
    afterwards(() => bubble.element.toggleAttribute("data-sized", true));
    return bubble;
  }

  get #firstPending() {
    return this.#pending.values().next().value?.element ?? null;
  }

  #nameOf({ mine, author }) {
    return mine ? this.#elements.template.dataset.you : author.name;
  }

  /** Who else writes here keeps one colour, which is seen where there are several of them. */
  #colour(element, { mine, author: { kind, id } }) {
    if (mine) return;
    const who = `${kind} ${id}`;
    element.dataset.colour = Array.from(who, (character) => character.charCodeAt(0)).reduce(mix, 0) % COLOURS;
    this.#others.add(who);
    this.#elements.thread.toggleAttribute("data-several", this.#others.size > 1);
  }

  #put(element, before) {
    const follower = nextTo(element);
    if (element.parentNode && follower === before) return this.#group(element);
    this.#days.forget(element);
    this.#elements.thread.insertBefore(element, before && this.#days.top(before));
    this.refresh();
    for (const moved of [element, before, follower]) this.#group(moved);
  }

  #takeOut(bubble) {
    const follower = nextTo(bubble.element);
    const hadFocus = bubble.element.contains(document.activeElement);
    const beside = follower ?? nextTo(bubble.element, "previousElementSibling");
    this.#clear(bubble);
    if (hadFocus && beside) focusOn(beside);
    this.#group(follower);
    this.refresh();
  }

  #clear(bubble) {
    this.#days.forget(bubble.element);
    bubble.remove();
  }

  #group(element) {
    if (!element) return;
    const previous = nextTo(element, "previousElementSibling");
    const isNewDay = this.#days.look(element, previous);
    element.toggleAttribute("data-follows", Boolean(previous) && !isNewDay && belong(previous, element));
  }

  #announce(message, { words, note }) {
    this.#elements.status.textContent = `${this.#nameOf(message)}: ${[words, note].filter(Boolean).join(" ")}`;
  }
}

/** The message beside one, whatever else stands between them. */
function nextTo(element, direction = "nextElementSibling") {
  let beside = element[direction];
  while (beside && beside.dataset.role !== "message") beside = beside[direction];
  return beside;
}

/** All of it is set by then, and the browser has drawn it once, and so knows its size. */
function afterwards(act) {
  setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(act)), SET_AFTER);
}

function mix(sum, code) {
  return (sum * 31 + code) >>> 0;
}

function belong(one, other) {
  const apart = timeOf(other) - timeOf(one);
  return isBySame(one.dataset, other.dataset) && nameOf(one) === nameOf(other) && apart < TOGETHER;
}

/** What is not sent yet is by nobody in particular, but one's own. */
function isBySame(one, other) {
  return one.mine === other.mine && (one.mine === "true" || one.by === other.by);
}

function timeOf(element) {
  return Date.parse(element.querySelector("time").dateTime);
}

function nameOf(element) {
  return element.querySelector("[data-role=author]").textContent;
}

/** The browser lets go of it only later. */
function isGone(element) {
  return element.getClientRects().length === 0 || getComputedStyle(element).visibility === "hidden";
}

/** Only for now: nobody should have to pass it on their way. */
export function focusOn(element) {
  element.tabIndex = -1;
  element.addEventListener("blur", () => element.removeAttribute("tabindex"), { once: true });
  element.focus({ preventScroll: true });
}
