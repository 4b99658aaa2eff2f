import { Dialog } from "./dialog.js";
import { dress } from "./dress.js";
import { Name } from "./name.js";
import { Settings } from "./settings.js";

/** The dialogs over the page. Few visits need them, so they and their clothes are fetched when one is wanted. */
export class Dialogs {
  #dialogs;
  #settings;
  #name;
  #keys;
  #opener;
  #listening = null;

  /** elements: {settings, shortcuts, opener}; the opener is what leads from the one to the other. */
  constructor({ settings, shortcuts, opener }, reader) {
    this.#dialogs = { settings: new Dialog(settings), shortcuts: new Dialog(shortcuts) };
    this.#settings = new Settings(settings, reader);
    this.#name = new Name(settings.querySelector("[data-role=name-form]"));
    this.#keys = shortcuts.querySelectorAll("[data-mac]");
    this.#opener = opener;
  }

  async start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    for (const piece of this.#pieces) piece.start();
    this.#opener.addEventListener("click", () => this.open("shortcuts"), { signal });
    if (/Mac|iP/.test(navigator.platform)) for (const key of this.#keys) key.textContent = key.dataset.mac;
    await dress(this.#settings.style);
  }

  stop() {
    this.#listening?.abort();
    for (const piece of this.#pieces) piece.stop();
  }

  get #pieces() {
    return [this.#settings, this.#name, ...Object.values(this.#dialogs)];
  }

  open(name) {
    this.#name.fill();
    this.#dialogs[name].open();
  }
}
