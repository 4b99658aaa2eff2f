/** So many angles of the circle of colours are told apart. */
const HUES = 24;

/** Who is known here by name: who is here now, who has written, and who can be asked. */
export class Directory {
  #present = [];
  #count = 0;
  #authors = new Map();
  #assistants = [];
  #you = null;

  receive(frame) {
    switch (frame.type) {
      case "ready": return this.#meet(frame);
      case "people": return this.#see(frame);
      case "you": return Object.assign(this.#you, frame.you);
      case "message": return this.#learn(frame.message);
      case "earlier": return [...frame.messages].reverse().forEach((message) => this.#learnOfOld(message));
    }
  }

  get present() {
    return this.#present;
  }

  get count() {
    return this.#count;
  }

  /** Whom one may call, oneself left out; each once: who wrote last, who else is here, and who answers. */
  get others() {
    const here = new Set(this.#present.map(({ id }) => id));
    const people = new Map([...this.#authors].reverse());
    for (const { id, name } of this.#present) people.set(id, name);
    people.delete(this.#you?.id);
    const found = [...people].map(([id, name]) => ({ id, name, isHere: here.has(id) }));
    return [...found, ...this.#assistants.map(({ slug, name }) => ({ id: slug, name, isAssistant: true }))];
  }

  /** The longest name that `text` goes on with from `at`, as whole words; null if there is none. */
  calledAt(text, at) {
    const rest = fold(text.slice(at));
    const fitting = this.#names.filter(({ folded }) => rest.startsWith(folded) && !/^[\p{L}\p{N}_]/u.test(rest.slice(folded.length)));
    return fitting.reduce((best, one) => (one.name.length > (best?.name.length ?? 0) ? one : best), null);
  }

  get #names() {
    const { id, name } = this.#you ?? {};
    const slugs = this.#assistants.map(({ slug }) => ({ id: slug, name: slug }));
    const all = [...this.others, ...slugs, ...(name ? [{ id, name, isYou: true }] : [])];
    return all.map((one) => ({ ...one, folded: fold(one.name) }));
  }

  /** Returns whether somebody who has written is called otherwise now. */
  #see({ present, count }) {
    this.#present = present;
    this.#count = count;
    const renamed = present.filter(({ id, name }) => (this.#authors.get(id) ?? name) !== name);
    for (const { id, name } of renamed) this.#authors.set(id, name);
    return renamed.length > 0;
  }

  #meet({ you, messages, assistants = [], conversation }) {
    this.#you = you;
    const answers = conversation.kind === "room" && conversation.answers !== "never";
    this.#assistants = answers ? assistants : [];
    for (const message of messages) this.#learn(message);
  }

  /** Who wrote last stands last. */
  #learn({ author }) {
    if (author.kind !== "person") return;
    this.#authors.delete(author.id);
    this.#authors.set(author.id, author.name);
  }

  #learnOfOld({ author }) {
    if (author.kind !== "person" || this.#authors.has(author.id)) return;
    this.#authors = new Map([[author.id, author.name], ...this.#authors]);
  }
}

/** A colour for somebody that is the same everywhere and always: an angle, for `--hue`. */
export function hueOf(id) {
  const sum = Array.from(id, (character) => character.charCodeAt(0)).reduce((sum, code) => (sum * 31 + code) >>> 0, 7);
  return ((sum >>> 4) % HUES) * (360 / HUES);
}

/** Of the same length, so that what is found here is found there. */
function fold(text) {
  const folded = text.toLowerCase();
  return folded.length === text.length ? folded : text;
}
