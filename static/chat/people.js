import { hueOf } from "./directory.js";

/** Who is here now, by name; of many only some. */
export class People {
  #panel;
  #listening = null;

  /** Its parts have the words for how many there are. */
  constructor(panel) {
    this.#panel = panel;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal, capture: true };
    // Before anybody else on the page hears of Escape: here it means no reply.
    addEventListener("keydown", (event) => event.key === "Escape" && this.#isOpen && event.stopPropagation(), options);
    this.#panel.addEventListener("click", ({ target }) => target.closest("[data-role=share-open]") && this.#panel.hidePopover(), options);
  }

  stop() {
    this.#listening?.abort();
  }

  show({ present, count }, you) {
    const { one, some } = this.#part("people-here").dataset;
    this.#part("people-here").textContent = (count === 1 ? one : some).replace("{count}", local(count));
    const own = present.filter(({ id }) => id === you?.id);
    const others = present.filter(({ id }) => id !== you?.id);
    this.#part("people-list").replaceChildren(...own.map((each) => this.#item(each, true)), ...others.map((each) => this.#item(each)));
    const more = this.#part("people-more");
    more.hidden = count <= present.length;
    more.textContent = more.dataset.more.replace("{count}", local(count - present.length));
  }

  get #isOpen() {
    return this.#panel.matches(":popover-open");
  }

  #item({ id, name }, isYou = false) {
    const item = document.createElement("li");
    const words = Object.assign(document.createElement("span"), { textContent: name, dir: "auto" });
    item.dataset.initial = Array.from(name)[0] ?? "";
    item.style.setProperty("--hue", hueOf(id));
    item.toggleAttribute("data-you", isYou);
    item.append(words);
    if (isYou) item.append(Object.assign(document.createElement("small"), { textContent: this.#part("people-list").dataset.you }));
    return item;
  }

  #part(role) {
    return this.#panel.querySelector(`[data-role=${role}]`);
  }
}

function local(number) {
  return number.toLocaleString(document.documentElement.lang || undefined);
}
