/** Nobody answered: then it may be asked for again. */
const PATIENCE = 10_000;

/** What was asked about messages and is not answered yet; one thing of each at a time. */
export class Acts {
  #acts = new Map();

  has(id) {
    return this.#acts.has(id);
  }

  find(id) {
    return this.#acts.get(id) ?? null;
  }

  /** `text` is what the message said when `frame` was sent. */
  add(id, frame, text, now) {
    this.#acts.set(id, { id, frame, text, askedAt: now });
  }

  /** Takes one out: it was answered. Null if it was not there. */
  remove(id) {
    const act = this.find(id);
    this.#acts.delete(id);
    return act;
  }

  /** Takes out all, or those that have waited for too long at this time. */
  giveUp(now = Infinity) {
    const gone = [...this.#acts.values()].filter(({ askedAt }) => now - askedAt > PATIENCE);
    for (const { id } of gone) this.#acts.delete(id);
    return gone;
  }
}
