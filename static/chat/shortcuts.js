/** What the keyboard does wherever on the page one is. The dialog that says so is chat/shortcuts.html. */
export class Shortcuts {
  #does;
  #listening = null;

  /** `does`: {write(), search(), begin(), help(), step(by)}. */
  constructor(does) {
    this.#does = does;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
  }

  stop() {
    this.#listening?.abort();
  }

  #pressed(event) {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const act = this.#meant(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #meant(event) {
    const field = event.target.closest?.("input, textarea, select");
    switch (nameOf(event)) {
      case "Ctrl+k": return this.#does.search;
      case "Ctrl+Shift+o": return this.#does.begin;
      case "/": return !field && this.#does.write;
      case "?": return !field && this.#does.help;
      // In a text the arrows go through the text.
      case "Alt+ArrowUp": return !field?.value && (() => this.#does.step(-1));
      case "Alt+ArrowDown": return !field?.value && (() => this.#does.step(1));
    }
  }
}

/** Whether a character takes Shift differs from keyboard to keyboard. */
function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const isCommand = ctrlKey || metaKey;
  const held = [isCommand && "Ctrl", altKey && "Alt", isCommand && shiftKey && "Shift"].filter(Boolean);
  return [...held, key.length === 1 ? key.toLowerCase() : key].join("+");
}
