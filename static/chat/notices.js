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

  show(text) {
    this.#withdraw(text);
    const notice = this.#template.content.firstElementChild.cloneNode(true);
    notice.querySelector("[data-role=notice-text]").textContent = text;
    notice.querySelector("[data-role=dismiss]").addEventListener("click", () => this.#remove(notice));
    this.#container.append(notice);
    this.#timers.set(notice, setTimeout(() => this.#remove(notice), STAYS));
  }

  stop() {
    for (const notice of [...this.#timers.keys()]) this.#remove(notice);
  }

  /** Nothing is said twice at a time. */
  #withdraw(text) {
    for (const notice of [...this.#timers.keys()]) if (notice.textContent.trim() === text) this.#remove(notice);
  }

  #remove(notice) {
    clearTimeout(this.#timers.get(notice));
    this.#timers.delete(notice);
    notice.remove();
  }
}
