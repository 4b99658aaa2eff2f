/** Says in plain words how it stands with the connection, and what one can do about it. */
export class Signal {
  #element;
  #words;
  #ways;

  /**
   * element.dataset has the words for each state, and as `closed4404` and so on for the codes that mean
   * more than that. Each of `ways`, the links beside them, names in dataset.codes where it helps.
   */
  constructor(element, words, ways) {
    this.#element = element;
    this.#words = words;
    this.#ways = [...ways];
  }

  show(state, code) {
    const { dataset } = this.#element;
    dataset.state = state;
    const words = dataset[`closed${code}`] ?? dataset[state] ?? "";
    // The same again would be read out again.
    if (this.#words.textContent !== words) this.#words.textContent = words;
    for (const way of this.#ways) way.hidden = !way.dataset.codes.split(" ").includes(String(code));
  }
}
