/** What happens while nobody looks at the page is counted, and told to who wants to be told. */
export class Away {
  #find;
  #wants;
  #onCount;
  #live = new Set();
  #count = 0;
  #listening = null;

  /** `find(id)` finds a message, `wants(message)` says whether to tell of it, `onCount(count)` gets how much is unread. */
  constructor({ find, wants, onCount }) {
    this.#find = find;
    this.#wants = wants;
    this.#onCount = onCount;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    document.addEventListener("visibilitychange", () => document.hidden || this.#recount(0), { signal });
  }

  stop() {
    this.#listening?.abort();
  }

  /** Once the transcript has taken it in: whatever it was, a reply may have ended with it. */
  receive({ type, message, messages }) {
    for (const id of this.#live) this.#look(id);
    if (type === "ready") for (const { id } of messages) this.#look(id);
    if (type === "message.changed") this.#look(message.id);
    if (type === "message") this.#posted(message.id);
  }

  #posted(id) {
    const message = this.#find(id);
    if (message?.author.kind === "person" && !message.mine) this.#note(message);
    else this.#look(id);
  }

  #look(id) {
    const message = this.#find(id);
    if (message?.live) return this.#live.add(message.id);
    const hasEnded = this.#live.delete(String(id)) && message;
    if (hasEnded && message.status !== "stopped") this.#note(message);
  }

  #note(message) {
    if (!document.hidden) return;
    this.#recount(this.#count + 1);
    // Few visits want it.
    if (this.#wants(message)) import("./notification.js").then(({ notify }) => notify(message), () => {});
  }

  #recount(count) {
    if (count === this.#count) return;
    this.#count = count;
    this.#onCount(count);
  }
}
