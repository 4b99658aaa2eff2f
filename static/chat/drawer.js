/**
 * Where there is no room for the list beside the chat, it is a drawer: while it is open the rest of
 * the page cannot be reached, so the keyboard stays in it.
 */
export class Drawer {
  #elements;
  #narrow = matchMedia("(max-width: 55.99rem)");
  #listening = null;

  /** elements: {drawer, opener, closer, scrim, rest} */
  constructor(elements) {
    this.#elements = elements;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    const { drawer, opener, closer, scrim } = this.#elements;
    opener.addEventListener("click", () => this.open(), options);
    closer.addEventListener("click", () => this.close(), options);
    scrim.addEventListener("click", () => this.close(), options);
    drawer.addEventListener("keydown", (event) => this.#pressed(event), options);
    document.addEventListener("keydown", (event) => this.#pressedBeside(event), { ...options, capture: true });
    this.#narrow.addEventListener("change", () => this.close(), options);
    addEventListener("pageshow", () => this.close(), options); // also of a page that is come back to
  }

  stop() {
    this.#listening?.abort();
    this.close();
  }

  get isOpen() {
    return "open" in this.#elements.drawer.dataset;
  }

  open() {
    if (this.isOpen || !this.#narrow.matches) return;
    this.#turn(true);
    this.#elements.closer.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.#turn(false);
    this.#elements.opener.focus();
  }

  #turn(open) {
    const { drawer, opener, scrim, rest } = this.#elements;
    drawer.toggleAttribute("data-open", open);
    opener.setAttribute("aria-expanded", open);
    rest.inert = open;
    scrim.hidden = !open;
  }

  #pressed(event) {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented || !this.isOpen) return;
    event.stopPropagation(); // it means the drawer, and no reply
    this.close();
  }

  /** Who touched something in the drawer that takes no focus, is at the page itself. */
  #pressedBeside(event) {
    if (!this.#elements.drawer.contains(event.target)) this.#pressed(event);
  }
}
