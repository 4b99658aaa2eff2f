/** Says which conversation the page shows: in its header, and in the title of the window. */
export class Heading {
  #element;
  #title = document.title;
  #unread = 0;

  /** element.dataset has `page`, what the page itself is called, and `untitled`. */
  constructor(element) {
    this.#element = element;
  }

  receive(frame) {
    if (frame.type === "ready") this.#show(frame.conversation.title);
    else if (frame.type === "title" || frame.type === "room") this.#show(frame.title);
  }

  /** How much came in while nobody looked. */
  set unread(count) {
    this.#unread = count;
    this.#entitle();
  }

  #show(title) {
    const { page, untitled } = this.#element.dataset;
    this.#element.textContent = title || untitled;
    this.#title = title ? `${title} | ${page}` : page;
    this.#entitle();
  }

  #entitle() {
    document.title = this.#unread > 0 ? `(${this.#unread}) ${this.#title}` : this.#title;
  }
}
