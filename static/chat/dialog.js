/** A dialog over the page. Escape, its own button and the page behind it close it; then one goes on where one was. */
export class Dialog {
  #dialog;
  #listening = null;

  constructor(dialog) {
    this.#dialog = dialog;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#dialog.addEventListener("click", ({ target }) => this.#clicked(target), options);
    // Before anybody else on the page hears of Escape: here it means no reply, no edit and no drawer.
    addEventListener("keydown", (event) => this.#pressed(event), { ...options, capture: true });
  }

  stop() {
    this.#listening?.abort();
    this.#dialog.close();
  }

  /** In place of any other. */
  open() {
    if (this.#dialog.open) return;
    document.querySelector("dialog[open]")?.close();
    this.#dialog.showModal();
  }

  #clicked(target) {
    // What is around the content belongs to the dialog itself.
    if (target === this.#dialog || target.closest("[data-role=dialog-close]")) this.#dialog.close();
  }

  #pressed(event) {
    if (event.key === "Escape" && this.#dialog.open) event.stopPropagation();
  }
}
