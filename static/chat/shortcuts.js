import { Dialog } from "./dialog.js";

/** What the keyboard does wherever on the page one is, and the dialog that says so. */
export class Shortcuts {
  #elements;
  #dialog;
  #does;
  #listening = null;

  /** elements: {dialog, opener}; `does`: {write(), search(), begin(), step(by)}. */
  constructor(elements, does) {
    this.#elements = elements;
    this.#dialog = new Dialog(elements.dialog);
    this.#does = does;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    const { dialog, opener } = this.#elements;
    this.#dialog.start();
    opener.addEventListener("click", () => this.#open(), options);
    document.addEventListener("keydown", (event) => this.#pressed(event), options);
    if (/Mac|iP/.test(navigator.platform)) for (const key of dialog.querySelectorAll("[data-mac]")) key.textContent = key.dataset.mac;
  }

  stop() {
    this.#listening?.abort();
    this.#dialog.stop();
  }

  #pressed(event) {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const act = this.#meant(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #meant(event) {
    const field = event.target.closest?.("input, textarea, select, [contenteditable]");
    switch (nameOf(event)) {
      case "Ctrl+k": return () => this.#does.search();
      case "Ctrl+Shift+o": return () => this.#does.begin();
      // In a text the arrows go through the text.
      case "Alt+ArrowUp": return field?.value ? null : () => this.#does.step(-1);
      case "Alt+ArrowDown": return field?.value ? null : () => this.#does.step(1);
      case "/": return field ? null : () => this.#does.write();
      case "?": return field ? null : () => this.#open();
    }
  }

  /** In place of the one that it was opened from. */
  #open() {
    document.querySelector("dialog[open]")?.close();
    this.#dialog.open();
  }
}

/** Where a character comes from, with Shift or without, differs from keyboard to keyboard. */
function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const isCommand = ctrlKey || metaKey;
  const held = [isCommand && "Ctrl", altKey && "Alt", isCommand && shiftKey && "Shift"].filter(Boolean);
  return [...held, key.length === 1 ? key.toLowerCase() : key].join("+");
}
