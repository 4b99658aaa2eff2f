/** Says which conversation the page shows: in its header, and in the title of the window. */
export class Heading {
  #element;

  /** element.dataset has `page`, what the page itself is called, and `untitled`. */
  constructor(element) {
    this.#element = element;
  }

  receive(frame) {
    if (frame.type === "ready") this.#show(frame.conversation.title);
    else if (frame.type === "title") this.#show(frame.title);
  }

  #show(title) {
    const { page, untitled } = this.#element.dataset;
    this.#element.textContent = title || untitled;
    document.title = title ? `${title} | ${page}` : page;
  }
}
