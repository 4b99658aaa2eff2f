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
    // Before anybody else on the page who listens for Escape: here it means no reply and no edit.
    document.addEventListener("keydown", (event) => this.#pressed(event), { ...options, capture: true });
  }

  stop() {
    this.#listening?.abort();
    this.#dialog.close();
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  #clicked(target) {
    // What is around the content belongs to the dialog itself.
    if (target === this.#dialog || target.closest("[data-role=dialog-close]")) this.close();
  }

  #pressed(event) {
    if (event.key === "Escape" && this.#dialog.open) event.stopImmediatePropagation();
  }
}
