/** One conversation in the list on the page. */
export class Entry {
  #title;
  #link;

  constructor(element) {
    this.element = element;
    this.#title = element.querySelector("[data-role=entry-title]");
    this.#link = element.querySelector("[data-role=entry-link]");
  }

  static make(template, { id }, address) {
    const entry = new Entry(template.content.firstElementChild.cloneNode(true));
    entry.#settle(id, address);
    return entry;
  }

  /** What it shows. */
  get data() {
    const { conversation: id, written, pinned, unread, typing } = this.element.dataset;
    const flags = { pinned: pinned !== undefined, unread: unread !== undefined, typing: typing !== undefined };
    return { id, written, title: this.#title.textContent, ...flags };
  }

  show({ title, pinned, unread, typing, written }, { isCurrent, untitled }) {
    const { element } = this;
    // What is being selected or read out is not replaced by the same.
    if (this.#title.textContent !== (title || untitled)) this.#title.textContent = title || untitled;
    element.dataset.written = written;
    element.toggleAttribute("data-pinned", pinned);
    element.toggleAttribute("data-typing", typing);
    element.toggleAttribute("data-unread", unread && !isCurrent);
    if (isCurrent) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }

  #settle(id, address) {
    const options = this.element.querySelector("[data-role=entry-options]");
    this.element.dataset.conversation = id;
    this.#link.href = address;
    this.#title.id = `title-${id}`;
    options.id = `options-${id}`;
    options.setAttribute("aria-labelledby", `options-${id} title-${id}`);
  }
}
