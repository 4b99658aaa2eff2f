import { hueOf } from "./directory.js";
import { focusOn } from "./view.js";

const LONGEST = 200;
const FOUND_FOR = 1600;

/** What a message wears where others are, too: its writer's colour, whom it answers, whom it calls. */
export class Dressing {
  #root;
  #transcript;
  #view;
  #calls;
  #known = { you: null, isRoom: false, moderates: false, owns: () => false };
  #listening = null;

  constructor(root, { transcript, view, calls }) {
    this.#root = root;
    this.#transcript = transcript;
    this.#view = view;
    this.#calls = calls;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#root.addEventListener("click", ({ target }) => this.#clicked(target.closest("[data-role=quote]")), { signal });
  }

  stop() {
    this.#listening?.abort();
  }

  /** {you, isRoom, moderates, owns(reply)}: from whose eyes it is seen. */
  know(known) {
    this.#known = known;
  }

  dress(message) {
    const element = message && this.#view.element(message.id);
    if (!element) return;
    const isReply = message.author.kind === "assistant";
    const { moderates, isRoom, owns } = this.#known;
    const may = moderates || (isReply ? owns(message) : message.mine);
    element.toggleAttribute("data-may", may);
    element.toggleAttribute("data-deletable", (isRoom && moderates) || message.mine);
    if (!message.mine && !isReply) element.style.setProperty("--hue", hueOf(message.author.id));
    this.#view.letStop(message.id, may && isReply);
    this.#trace(element, message);
    this.#call(element, message);
    if (isReply && isRoom) this.#quote(element, message);
    this.#calls.look(element, message);
  }

  /** A question, and what quotes it. */
  dressWithReplies(id) {
    this.dress(this.#transcript.find(id));
    for (const message of this.#transcript.messages) if (String(message.reply_to) === String(id)) this.dress(message);
  }

  /** In a private conversation its versions tell. */
  #trace(element, { edited }) {
    this.#wear(element, "edited", edited && this.#known.isRoom, (mark) => part(element, "bubble").append(mark));
  }

  #call(element, { mentions, mine }) {
    const isCalled = !mine && mentions.includes(this.#known.you?.id);
    element.toggleAttribute("data-called", isCalled);
    this.#wear(element, "called", isCalled, (words) => part(element, "bubble").prepend(words));
  }

  #quote(element, { reply_to: id, asked_by: asker }) {
    const question = this.#transcript.find(id);
    const whom = question?.author ?? asker;
    this.#wear(element, "quote", Boolean(whom), (quote) => part(element, "bubble").prepend(quote));
    if (whom) this.#fill(part(element, "quote"), whom, question);
  }

  #fill(quote, { id, name }, question) {
    const isYou = id === this.#known.you?.id;
    const words = quote.dataset[isYou ? "toYou" : "to"];
    write(part(quote, "quote-whom"), words.replace("{name}", () => name));
    write(part(quote, "quote-text"), question ? this.#wordsOf(question) : "");
    quote.disabled = !question;
    quote.style.setProperty("--hue", hueOf(id));
    quote.toggleAttribute("data-you", isYou);
  }

  /** Without its marks, as far as it is set. */
  #wordsOf({ id, text }) {
    const shown = part(this.#view.element(id), "text")?.textContent || text;
    return shown.slice(0, LONGEST).replace(/\s+/g, " ").trim();
  }

  #clicked(quote) {
    const reply = this.#transcript.find(quote?.closest("[data-message]")?.dataset.message);
    const question = reply && this.#view.element(String(reply.reply_to));
    if (!question) return;
    question.scrollIntoView({ block: "center" });
    focusOn(question);
    question.toggleAttribute("data-found", true);
    setTimeout(() => question.removeAttribute("data-found"), FOUND_FOR);
  }

  /** Puts on what shall be worn, once, and takes off what shall not. */
  #wear(element, role, wanted, put) {
    const worn = part(element, role);
    if (!wanted) worn?.remove();
    else if (!worn) put(part(this.#root, `${role}-template`).content.firstElementChild.cloneNode(true));
  }
}

/** The same words again would be read out again. */
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function part(element, role) {
  return element.querySelector(`[data-role=${role}]`);
}
