const STAYS = 8000;

/** What has to be said in passing. A notice goes by itself, or when it is dismissed. */
export class Notices {
  #container;
  #template;
  #timers = new Map();

  constructor(container, template) {
    this.#container = container;
    this.#template = template;
  }

  /** A notice may have a button called `label`, that does `act`. */
  show(text, { label = "", act = null, stays = STAYS } = {}) {
    this.#withdraw(text);
    const notice = this.#template.content.firstElementChild.cloneNode(true);
    notice.querySelector("[data-role=notice-text]").textContent = text;
    this.#offer(notice, label, act);
    notice.querySelector("[data-role=dismiss]").addEventListener("click", () => this.#remove(notice));
    this.#container.append(notice);
    this.#timers.set(notice, setTimeout(() => this.#remove(notice), stays));
  }

  stop() {
    for (const notice of [...this.#timers.keys()]) this.#remove(notice);
  }

  #offer(notice, label, act) {
    const button = notice.querySelector("[data-role=notice-act]");
    button.textContent = label;
    button.hidden = !act;
    button.addEventListener("click", () => (this.#remove(notice), act()));
  }

  /** Nothing is said twice at a time. */
  #withdraw(text) {
    for (const notice of [...this.#timers.keys()]) if (textOf(notice) === text) this.#remove(notice);
  }

  #remove(notice) {
    clearTimeout(this.#timers.get(notice));
    this.#timers.delete(notice);
    notice.remove();
  }
}

function textOf(notice) {
  return notice.querySelector("[data-role=notice-text]").textContent;
}
