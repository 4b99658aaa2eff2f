const MARGIN = 8;

/** What can be done with one conversation: a menu that opens at its button. */
export class Menu {
  #menu;
  #area;
  #onOpen;
  #onChoose;
  #button = null;
  #wasOpen = false;
  #listening = null;

  /**
   * Buttons in `area` with data-role="entry-options" open it; `onOpen(id)` returns what is offered: for
   * each act its address, true or false; `onChoose(act, id)` does what was chosen.
   */
  constructor(menu, area, { onOpen, onChoose }) {
    this.#menu = menu;
    this.#area = area;
    this.#onOpen = onOpen;
    this.#onChoose = onChoose;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#area.addEventListener("pointerdown", () => (this.#wasOpen = this.isOpen), { ...options, capture: true });
    this.#area.addEventListener("click", (event) => this.#clicked(event), options);
    this.#area.addEventListener("scroll", () => this.close(), { ...options, capture: true });
    this.#menu.addEventListener("toggle", ({ newState }) => this.#toggled(newState), options);
    this.#menu.addEventListener("keydown", (event) => this.#pressed(event), options);
    addEventListener("resize", () => this.close(), options);
  }

  stop() {
    this.#listening?.abort();
    this.close();
  }

  get isOpen() {
    return this.#menu.matches(":popover-open");
  }

  close() {
    if (this.isOpen) this.#menu.hidePopover();
  }

  #clicked({ target }) {
    const choice = target.closest("[data-act]");
    if (choice) return this.#choose(choice.dataset.act);
    const button = target.closest("[data-role=entry-options]");
    // The press on the button has closed it already, if it was open.
    if (button && !(this.#wasOpen && button === this.#button)) this.#open(button);
    this.#wasOpen = false;
  }

  #open(button) {
    this.#button = button;
    const offered = this.#onOpen(this.#id);
    for (const item of this.#items) {
      const offer = offered[item.dataset.act];
      item.hidden = !offer;
      if (typeof offer === "string") item.href = offer;
    }
    this.#menu.showPopover();
    this.#place();
    this.#shown[0]?.focus();
  }

  #choose(act) {
    const id = this.#id;
    this.close();
    this.#onChoose(act, id);
  }

  /** Below the button, or above it where there is no room. */
  #place() {
    const { top, bottom, left, right } = this.#button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#menu;
    const rtl = getComputedStyle(this.#menu).direction === "rtl";
    const x = rtl ? right - width : left;
    const below = bottom + height + MARGIN <= innerHeight;
    this.#menu.style.left = `${Math.max(MARGIN, Math.min(x, innerWidth - width - MARGIN))}px`;
    this.#menu.style.top = `${Math.max(MARGIN, below ? bottom : top - height)}px`;
  }

  #toggled(state) {
    this.#button?.setAttribute("aria-expanded", state === "open");
  }

  #pressed(event) {
    if (event.key === "Escape") return event.stopPropagation(); // it closes the menu, and nothing else
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const shown = this.#shown;
    const next = shown.indexOf(document.activeElement) + step;
    shown.at(next % shown.length)?.focus();
  }

  get #id() {
    return this.#button.closest("[data-conversation]").dataset.conversation;
  }

  get #items() {
    return [...this.#menu.querySelectorAll("[data-act]")];
  }

  get #shown() {
    return this.#items.filter((item) => !item.hidden);
  }
}
