import { Bubble } from "./bubble.js";

/** Who writes again within this time is not introduced again. */
const TOGETHER = 5 * 60 * 1000;
const TYPING_FOR = 4000;

/** The log on the page: bubbles in their order, one's own unsent ones last. */
export class View {
  #elements;
  #onShown;
  #bubbles = new Map();
  #pending = new Map();
  #typing = null;

  /** elements: {thread, empty, typist, status, template}; template.dataset.you is how one calls oneself. */
  constructor(elements, { onShown }) {
    this.#elements = elements;
    this.#onShown = onShown;
  }

  start() {
    document.addEventListener("visibilitychange", this.#hide);
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#hide);
    clearTimeout(this.#typing);
    for (const bubble of [...this.#bubbles.values(), ...this.#pending.values()]) bubble.remove();
    this.#bubbles.clear();
    this.#pending.clear();
  }

  get first() {
    return this.#elements.thread.firstElementChild;
  }

  play(effect) {
    switch (effect.kind) {
      case "grow": return this.#bubbles.get(effect.message.id)?.grow(effect.text, effect.whole);
      case "change": return this.#bubbles.get(effect.message.id)?.change(effect.message, effect.soft);
      case "place": return this.#place(effect.message, effect.before);
      case "remove": return this.#remove(effect.id);
    }
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
    this.#elements.empty.hidden = this.first !== null;
  }

  /** Stops drawing a reply where it is; returns the code points that are shown. */
  freeze(id) {
    return this.#bubbles.get(id)?.freeze() ?? 0;
  }

  showTyping(name) {
    const { typist } = this.#elements;
    clearTimeout(this.#typing);
    typist.textContent = typist.dataset.text.replace("{name}", () => name);
    typist.hidden = false;
    this.#typing = setTimeout(() => (typist.hidden = true), TYPING_FOR);
  }

  /** A hidden page gets no frames to draw in, so what has arrived is shown at once. */
  #hide = () => {
    if (document.hidden) for (const bubble of this.#bubbles.values()) bubble.flush();
  };

  #place(message, before) {
    const known = this.#bubbles.get(message.id);
    const bubble = known ?? this.#adopt(message.key) ?? this.#newBubble();
    this.#bubbles.set(message.id, bubble);
    if (!known) bubble.present(message, this.#nameOf(message));
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
    this.#takeOut(bubble);
  }

  #newBubble() {
    return new Bubble(this.#elements.template, {
      onShown: this.#onShown,
      onFinished: (message) => this.#announce(message),
    });
  }

  get #firstPending() {
    return this.#pending.values().next().value?.element ?? null;
  }

  #nameOf({ mine, author }) {
    return mine ? this.#elements.template.dataset.you : author.name;
  }

  #put(element, before) {
    if (element.parentNode && element.nextElementSibling === before) return this.#group(element);
    const follower = element.nextElementSibling;
    this.#elements.thread.insertBefore(element, before);
    this.refresh();
    for (const moved of [element, before, follower]) this.#group(moved);
  }

  #takeOut(bubble) {
    const follower = bubble.element.nextElementSibling;
    bubble.remove();
    this.#group(follower);
    this.refresh();
  }

  #group(element) {
    const previous = element?.previousElementSibling;
    element?.toggleAttribute("data-follows", Boolean(previous) && belong(previous, element));
  }

  #announce(message) {
    this.#elements.status.textContent = `${this.#nameOf(message)}: ${message.text}`;
  }
}

function belong(one, other) {
  const apart = timeOf(other) - timeOf(one);
  return nameOf(one) === nameOf(other) && one.dataset.mine === other.dataset.mine && apart < TOGETHER;
}

function timeOf(element) {
  return Date.parse(element.querySelector("time").dateTime);
}

function nameOf(element) {
  return element.querySelector("[data-role=author]").textContent;
}
