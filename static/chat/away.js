const LONGEST = 160;

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

  /** Whether the browser lets the page tell; only its user can say, so it is asked when they want it. */
  static async ask() {
    return "Notification" in window && (await Notification.requestPermission()) === "granted";
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
    if (this.#wants(message)) this.#tell(message);
  }

  #recount(count) {
    if (count === this.#count) return;
    this.#count = count;
    this.#onCount(count);
  }

  /** Through the worker where there is one: some browsers know no other way. */
  async #tell({ author, text }) {
    if (globalThis.Notification?.permission !== "granted") return;
    const body = Array.from(text).slice(0, LONGEST).join("");
    const options = { body, tag: location.pathname, data: { url: location.href } };
    const worker = await navigator.serviceWorker?.getRegistration();
    if (worker?.active) return worker.showNotification(author.name, options);
    const notification = new Notification(author.name, options);
    notification.onclick = () => (window.focus(), notification.close());
  }
}
