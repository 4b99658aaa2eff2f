const STAYS = 10_000;
const LEFT = "chat:left";

/** What was deleted can be brought back for a moment: also on the next page, where its own had to be left. */
export class Undo {
  #notices;
  #store;
  #words;
  #onUndo;

  /** `words` has `deleted` and `undo`; `onUndo(id, left)` brings it back. `store` ends with the tab. */
  constructor(notices, store, words, { onUndo }) {
    this.#notices = notices;
    this.#store = store;
    this.#words = words;
    this.#onUndo = onUndo;
  }

  offer({ id, title }, left = false) {
    const label = this.#words.undo;
    const act = () => this.#onUndo(id, left);
    this.#notices.show(this.#words.deleted.replace("{title}", () => title), { label, act, stays: STAYS });
  }

  /** Offers it on the page that is gone to. */
  leave({ id, title }) {
    this.#store.write(LEFT, { id, title, at: Date.now() });
  }

  arrive() {
    const left = this.#store.read(LEFT);
    this.#store.remove(LEFT);
    if (left && Date.now() - left.at < STAYS) this.offer(left, true);
  }
}
