import { Calls } from "./calls.js";
import { Directory } from "./directory.js";
import { dress } from "./dress.js";
import { Dressing } from "./dressing.js";
import { Gate } from "./gate.js";
import { Typists } from "./typists.js";

const MODERATING = ["owner", "moderator"];

/** What there is more where others are, too: who they are, who may do what, and what concerns oneself. */
export class Company {
  #root;
  #transcript;
  #does;
  #directory = new Directory();
  #dressing;
  #calls;
  #typists;
  #gate;
  #panel = null;
  #mention = null;
  #you = null;
  #isRoom = false;
  #listening = null;

  /** `does`: {send(frame), say(words), look()}: the last one looks again at what is being written. */
  constructor(root, { transcript, view }, does) {
    this.#root = root;
    this.#transcript = transcript;
    this.#does = does;
    this.#calls = new Calls(this.#directory);
    this.#dressing = new Dressing(this.#root, { transcript, view, calls: this.#calls });
    this.#typists = new Typists(this.#part("typist"), { send: does.send });
    this.#gate = new Gate(root);
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#part("input").addEventListener("input", () => this.#wrote(), options);
    this.#part("people-panel").addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#showPeople(), options);
    this.#dressing.start();
    this.#calls.start();
    if (!("company" in this.#root.dataset)) dress(this.#root.dataset.style);
    this.#root.dataset.company = "";
  }

  stop() {
    this.#listening?.abort();
    for (const piece of [this.#dressing, this.#calls, this.#typists, this.#panel, this.#mention]) piece?.stop();
  }

  get isRoom() {
    return this.#isRoom;
  }

  /** Whether a reply was asked for here; what nobody asked for is the owner's. */
  owns(reply) {
    const asker = reply.asked_by?.id ?? this.#transcript.find(reply.reply_to)?.author.id;
    return this.#role !== "watcher" && (asker ? asker === this.#you?.id : this.#role === "owner");
  }

  /** Whether to tell of a message that came while nobody looked. */
  concerns(message) {
    if (message.author.kind === "assistant") return this.owns(message);
    return !this.#isRoom || message.mentions.includes(this.#you?.id);
  }

  receive(frame) {
    const found = this.#directory.receive(frame);
    switch (frame.type) {
      case "ready": return this.#ready(frame);
      case "room": return this.#changed(frame);
      case "people": return this.#seen(found);
      case "you": return this.#renamed(frame);
      case "typing": return this.#typists.add(frame.who);
      case "message": return this.#said(frame.message);
      case "earlier": case "message.removed": return this.#dressAll();
      case "message.changed": return this.#dressing.dressWithReplies(frame.message.id);
      case "reply.end": return this.#dressing.dress(this.#transcript.find(frame.reply));
    }
  }

  showState(state, code) {
    if (state !== "online") this.#typists.stop();
    this.#gate.showState(code);
  }

  get #role() {
    return this.#you?.role;
  }

  get #moderates() {
    return MODERATING.includes(this.#role);
  }

  #ready({ you, conversation }) {
    this.#you = you;
    this.#isRoom = conversation.kind === "room";
    this.#root.dataset.kind = conversation.kind;
    this.#changed(conversation);
    this.#fit("manage", this.#isRoom && this.#moderates);
    this.#fit("leave", this.#role === "member" || (this.#isRoom && this.#moderates));
    this.#part("people").hidden = this.#role === "watcher";
    this.#dressAll();
    this.#does.look();
  }

  /** What the room is called, and whether one can write in it. */
  #changed({ title, description = "", closed = false }) {
    if (title) this.#part("people-title").textContent = title;
    for (const role of ["description", "people-about"]) this.#describe(role, description);
    this.#gate.close(closed);
  }

  #describe(role, description) {
    const element = this.#part(role);
    if (!element) return;
    element.textContent = element.title = description;
    element.hidden = description === "";
  }

  #dressAll() {
    this.#dressing.know({ you: this.#you, isRoom: this.#isRoom, moderates: this.#moderates, owns: (reply) => this.owns(reply) });
    for (const message of this.#transcript.messages) this.#dressing.dress(message);
  }

  #said({ id, author }) {
    if (author.id === this.#you?.id) this.#spoke();
    this.#typists.remove(author.id);
    this.#dressing.dress(this.#transcript.find(id));
  }

  #seen(isRenamed) {
    const { count } = this.#directory;
    const button = this.#part("people");
    this.#part("people-count").textContent = count > 0 ? local(count) : "";
    button.setAttribute("aria-label", button.dataset.label.replace("{count}", local(count)));
    if (isRenamed) this.#dressAll();
    this.#calls.lookAgain();
    this.#panel?.show(this.#directory, this.#you);
  }

  #renamed({ you }) {
    Object.assign(this.#you, you);
    this.#calls.lookAgain();
  }

  /** Few look who they are, beyond how many. */
  async #showPeople() {
    if (!this.#panel) {
      const found = await import("./people.js").catch(() => this.#does.say(this.#part("messages").dataset.offline));
      if (!found) return;
      this.#panel ??= new found.People(this.#part("people-panel"));
      this.#panel.start();
    }
    this.#panel.show(this.#directory, this.#you);
  }

  /** Whoever writes in a room has a seat there from then on. */
  #spoke() {
    this.#typists.rest();
    if (this.#role !== "visitor") return;
    this.#you = { ...this.#you, role: "member" };
    this.#fit("leave", true);
  }

  #wrote() {
    const { value } = this.#part("input");
    if (value.trim() !== "" && this.#directory.count > 1) this.#typists.tell(performance.now());
    if (value.includes("@")) this.#callSomebody();
  }

  async #callSomebody() {
    if (this.#mention) return;
    const found = await import("./mention.js").catch(() => null);
    if (!found || this.#mention) return;
    this.#mention = new found.Mention(this.#part("composer"), this.#part("input"), this.#part("callable-template"), {
      whom: () => this.#directory.others,
    });
    this.#mention.start();
  }

  /** What only some pages have. */
  #fit(role, shown) {
    const element = this.#part(role);
    if (element) element.hidden = !shown;
  }

  #part(role) {
    return this.#root.querySelector(`[data-role=${role}]`);
  }
}

function local(number) {
  return number.toLocaleString(document.documentElement.lang || undefined);
}
