/** The stops that were asked for and are not answered yet: of which replies, and where each is to end. */
export class Stops {
  #stops = new Map();

  has(id) {
    return this.#stops.has(id);
  }

  add(id, at) {
    this.#stops.set(id, { id, at, notBefore: 0 });
  }

  /** Those to ask for now: [{id, at}]. */
  due(now) {
    return [...this.#stops.values()].filter(({ notBefore }) => notBefore <= now);
  }

  sent(id) {
    this.postpone(id, Infinity);
  }

  postpone(id, notBefore) {
    const stop = this.#stops.get(id);
    if (stop) stop.notBefore = notBefore;
  }

  /** The connection was lost, and every answer with it. */
  rewind() {
    for (const stop of this.#stops.values()) stop.notBefore = 0;
  }

  /** True if it was there. */
  remove(id) {
    return this.#stops.delete(id);
  }
}
