const TYPING_FOR = 4000;
/** The server tells of it at most so often anyway. */
const TELL_EVERY = 3000;

/** Who is just typing, for those who watch; and that oneself is, for the others. */
export class Typists {
  #element;
  #send;
  #typing = new Map();
  #toldAt = -Infinity;

  /** element.dataset has the words for `one`, `two` and `many`. */
  constructor(element, { send }) {
    this.#element = element;
    this.#send = send;
  }

  stop() {
    for (const { timer } of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
    this.#show();
  }

  add({ id, name }) {
    clearTimeout(this.#typing.get(id)?.timer);
    this.#typing.set(id, { name, timer: setTimeout(() => this.remove(id), TYPING_FOR) });
    this.#show();
  }

  /** What they were typing is there, or they gave it up. */
  remove(id) {
    clearTimeout(this.#typing.get(id)?.timer);
    if (this.#typing.delete(id)) this.#show();
  }

  tell(now) {
    if (now - this.#toldAt < TELL_EVERY) return;
    if (this.#send({ type: "typing" })) this.#toldAt = now;
  }

  /** It was sent; whoever types on begins anew. */
  rest() {
    this.#toldAt = -Infinity;
  }

  #show() {
    const [name, other, ...more] = [...this.#typing.values()].map(({ name }) => name);
    const { one, two, many } = this.#element.dataset;
    const words = more.length > 0 ? many : other ? two : name ? one : "";
    this.#element.textContent = words.replace(/\{(\w+)\}/g, (_, which) => ({ name, other })[which]);
    this.#element.hidden = words === "";
  }
}
