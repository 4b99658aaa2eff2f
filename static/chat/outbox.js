/** Nobody answered: send it again. The key makes that harmless. */
const PATIENCE = 15_000;

/**
 * What was written and is not confirmed yet. It outlives the page, and is sent one by one, so that it
 * arrives in the order in which it was written. Each letter: {key, text, created, problem, assistant}.
 */
export class Outbox {
  #store;
  #place;
  #letters;

  /** `place` names the conversation. */
  constructor(store, place) {
    this.#store = store;
    this.#place = place;
    this.#letters = this.#kept().sort((a, b) => a.created.localeCompare(b.created));
  }

  get letters() {
    return this.#letters;
  }

  has(key) {
    return this.#find(key) !== null;
  }

  moveTo(place) {
    for (const { key } of this.#letters) this.#store.remove(this.#nameOf(key));
    this.#place = place;
    for (const letter of this.#letters) this.#keep(letter);
  }

  /** `assistant` is who shall answer it, if there was a choice. */
  add(text, assistant) {
    const created = new Date().toISOString();
    const letter = { key: newKey(), text, created, problem: null, assistant: assistant ?? undefined };
    this.#letters.push(letter);
    this.#keep(letter);
    return letter;
  }

  /** Hands out the letter to send now; null while one is on its way or none is there. */
  next(now) {
    const letter = this.#letters.find(({ problem }) => !problem);
    return letter && (letter.notBefore ?? 0) <= now ? letter : null;
  }

  sent(key, now) {
    this.postpone(key, now + PATIENCE);
  }

  postpone(key, notBefore) {
    const letter = this.#find(key);
    if (letter) letter.notBefore = notBefore;
  }

  /** The connection was lost, and every answer with it. */
  rewind() {
    for (const letter of this.#letters) letter.notBefore = 0;
  }

  /** Who was to answer it may not be there any more. */
  readdress(key, assistant) {
    const letter = this.#find(key);
    if (letter) letter.assistant = assistant ?? undefined;
  }

  refuse(key, problem) {
    const letter = this.#find(key);
    if (letter) this.#keep(Object.assign(letter, { problem, notBefore: 0 }));
    return letter;
  }

  /** Takes a letter out: it has arrived, or was given up. */
  remove(key) {
    const letter = this.#find(key);
    if (!letter) return null;
    this.#letters = this.#letters.filter((other) => other !== letter);
    this.#store.remove(this.#nameOf(key));
    return letter;
  }

  #find(key) {
    return this.#letters.find((letter) => letter.key === key) ?? null;
  }

  #keep(letter) {
    this.#store.write(this.#nameOf(letter.key), { ...letter, notBefore: undefined });
  }

  #kept() {
    return this.#store.names(this.#nameOf("")).map((name) => this.#store.read(name)).filter(Boolean);
  }

  #nameOf(key) {
    return `chat:outbox:${this.#place}:${key}`;
  }
}

/** Not `crypto.randomUUID`, which does not exist on a page served over plain http. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
