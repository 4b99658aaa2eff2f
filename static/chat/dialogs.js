import { Dialog } from "./dialog.js";
import { dress } from "./dress.js";
import { Settings } from "./settings.js";

/** The dialogs over the page. Few visits need them, so they and their clothes are fetched when one is wanted. */
export class Dialogs {
  #dialogs;
  #settings;
  #keys;
  #opener;
  #listening = null;

  /** elements: {settings, shortcuts, opener}; the opener is what leads from the one to the other. */
  constructor({ settings, shortcuts, opener }, reader, { onNotify }) {
    this.#dialogs = { settings: new Dialog(settings), shortcuts: new Dialog(shortcuts) };
    this.#settings = new Settings(settings, reader, { onNotify });
    this.#keys = shortcuts.querySelectorAll("[data-mac]");
    this.#opener = opener;
  }

  async start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    for (const piece of [this.#settings, ...Object.values(this.#dialogs)]) piece.start();
    this.#opener.addEventListener("click", () => this.open("shortcuts"), { signal });
    if (/Mac|iP/.test(navigator.platform)) for (const key of this.#keys) key.textContent = key.dataset.mac;
    await dress(this.#settings.style);
  }

  stop() {
    this.#listening?.abort();
    for (const piece of [this.#settings, ...Object.values(this.#dialogs)]) piece.stop();
  }

  open(name) {
    this.#dialogs[name].open();
  }
}
