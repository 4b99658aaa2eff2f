import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Pin } from "./pin.js";
import { Store } from "./store.js";
import { Transcript } from "./transcript.js";
import { View } from "./view.js";

const TICK = 1000;
/** Here a new conversation is opened; those that exist have an address of their own. */
const OPENING = "/ws/chat/";
const NEW = "new";

/** Joins the parts of one chat page. */
class Chat {
  #root;
  #connection;
  #transcript = new Transcript();
  #view;
  #pin;
  #composer;
  #outbox;
  #notices;
  #stopping = new Map();
  #ticker = null;
  #quiet = null;

  constructor(root) {
    this.#root = root;
    const { socketPath, conversation } = root.dataset;
    const place = conversation || (socketPath === OPENING ? NEW : socketPath);
    const store = new Store();
    this.#outbox = new Outbox(store, place);
    this.#notices = new Notices(part(root, "notices"), part(root, "notice-template"));
    this.#view = this.#makeView();
    this.#pin = this.#makePin();
    this.#composer = this.#makeComposer(store, place);
    this.#connection = this.#makeConnection(socketPath);
  }

  start() {
    this.#view.start();
    this.#pin.start();
    this.#composer.start();
    this.#connection.start();
    part(this.#root, "messages").addEventListener("click", this.#clicked);
    this.#ticker = setInterval(() => this.#tick(), TICK);
    for (const letter of this.#outbox.letters) this.#pend(letter);
  }

  stop() {
    clearInterval(this.#ticker);
    part(this.#root, "messages").removeEventListener("click", this.#clicked);
    for (const piece of [this.#connection, this.#composer, this.#pin, this.#view, this.#notices]) piece.stop();
  }

  #makeView() {
    const elements = parts(this.#root, ["thread", "empty", "typist", "status"]);
    return new View({ ...elements, template: part(this.#root, "message-template") }, {
      onShown: ({ id }, at) => this.#play(this.#transcript.shown(id, at, now())),
    });
  }

  #makePin() {
    const { messages, thread, jump } = parts(this.#root, ["messages", "thread", "jump"]);
    const onNearTop = () => this.#play(this.#transcript.earlier(now()));
    return new Pin(messages, thread, jump, { onNearTop });
  }

  #makeComposer(store, place) {
    const elements = parts(this.#root, ["input", "send", "stop", "hint"]);
    return new Composer({ ...elements, form: part(this.#root, "composer") }, store, place, {
      onSend: (text) => this.#send(text),
      onStop: () => this.#stopReply(),
    });
  }

  #makeConnection(path) {
    return new Connection(path, {
      onFrame: (frame) => this.#receive(frame),
      onState: (state) => this.#showState(state),
      onClosed: (code) => this.#closed(code),
    });
  }

  #receive(frame) {
    const effects = this.#transcript.receive(frame, now());
    if (frame.type === "char") return this.#play(effects);
    if (frame.type === "earlier") this.#pin.steady(this.#view.first, () => this.#playQuietly(effects));
    else if (frame.type === "ready") this.#playQuietly(effects);
    else this.#play(effects);
    this.#answer(frame);
    this.#composer.stoppable = this.#transcript.live !== null;
  }

  #answer(frame) {
    switch (frame.type) {
      case "ready": return this.#ready(frame);
      case "message": return this.#posted(frame);
      case "reply.end": return this.#stopping.delete(String(frame.reply));
      case "message.changed": return this.#stopping.delete(String(frame.message.id));
      case "typing": return this.#view.showTyping(frame.who.name);
      case "error": return this.#refused(frame);
    }
  }

  #play(effects) {
    for (const effect of effects) {
      if (effect.kind === "send") this.#connection.send(effect.frame);
      else this.#view.play(effect);
    }
  }

  /** What was said before is not read out as if it was said now. */
  #playQuietly(effects) {
    const log = part(this.#root, "messages");
    log.setAttribute("aria-live", "off");
    this.#play(effects);
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => log.setAttribute("aria-live", "polite"), TICK);
  }

  #ready({ conversation, messages }) {
    if (this.#connection.path === OPENING) this.#settleIn(conversation.id);
    this.#outbox.rewind();
    for (const { key } of messages) this.#confirm(key);
    for (const [id, at] of this.#stopping) this.#askToStop(id, at);
    this.#view.refresh();
    this.#deliver();
  }

  #send(text) {
    this.#pend(this.#outbox.add(text));
    this.#pin.toNewest();
    this.#deliver();
  }

  #pend(letter) {
    this.#view.pend(letter);
    if (letter.problem) this.#view.mark(letter.key, "unsent", this.#say("unsent", { reason: letter.problem }));
  }

  #deliver() {
    const letter = this.#outbox.next(now());
    if (!letter) return;
    const { key, text } = letter;
    if (!this.#connection.send({ type: "message.send", text, key })) return;
    this.#outbox.sent(key, now());
    this.#view.mark(key, "sending");
  }

  #posted({ key, message }) {
    this.#confirm(key ?? message.key);
    this.#deliver();
  }

  #confirm(key) {
    if (key && this.#outbox.remove(key)) this.#view.unpend(key);
  }

  /** The new conversation has an address: to come back to, and to keep things under. */
  #settleIn(conversation) {
    this.#connection.path = `${OPENING}${conversation}/`;
    this.#outbox.moveTo(conversation);
    this.#composer.moveTo(conversation);
  }

  #stopReply() {
    const reply = this.#transcript.live;
    if (!reply || this.#stopping.has(reply.id)) return;
    const at = Math.min(this.#view.freeze(reply.id), reply.length);
    this.#stopping.set(reply.id, at);
    this.#askToStop(reply.id, at);
  }

  #askToStop(id, at) {
    const reply = this.#transcript.find(id);
    if (reply?.live) this.#connection.send({ type: "reply.stop", reply: reply.ref, at });
    else this.#stopping.delete(id);
  }

  #refused({ code, detail, key, reply, retry_after: seconds }) {
    const wasStop = reply != null && this.#stopping.delete(String(reply));
    if (wasStop) this.#goOn(reply);
    if (key != null && this.#outbox.has(key)) return this.#notPosted(key, code, detail, seconds);
    // What else concerns a reply are questions that the page asks by itself, and will ask again.
    if (reply == null || wasStop) this.#notices.show(detail);
  }

  #notPosted(key, code, reason, seconds) {
    if (code !== "rate_limited" || !(seconds > 0)) return this.#giveBack(key, reason);
    this.#outbox.postpone(key, now() + seconds * 1000);
    this.#view.mark(key, "sending", this.#say("later", { reason, seconds: Math.ceil(seconds) }));
  }

  /** The stop was refused: what was held back is drawn after all. */
  #goOn(id) {
    const message = this.#transcript.find(id);
    if (message) this.#view.play({ kind: "change", message, soft: false });
  }

  #giveBack(key, reason) {
    this.#outbox.refuse(key, reason);
    this.#view.mark(key, "unsent", this.#say("unsent", { reason }));
    this.#deliver();
  }

  #clicked = ({ target }) => {
    const button = target.closest("[data-role=resend], [data-role=discard]");
    const key = button?.closest("[data-key]").dataset.key;
    if (key && button.dataset.role === "resend") this.#sendAgain(key);
    else if (key) this.#discard(key);
  };

  #sendAgain(key) {
    this.#outbox.refuse(key, null);
    this.#view.mark(key, "sending");
    this.#deliver();
  }

  #discard(key) {
    const letter = this.#outbox.remove(key);
    this.#view.unpend(key);
    this.#composer.offer(letter.text);
  }

  #showState(state) {
    const connection = part(this.#root, "connection");
    connection.dataset.state = state;
    part(connection, "connection-text").textContent = connection.dataset[state] ?? "";
  }

  /** Without cookies the server does not know its own visitor again; then another conversation is opened. */
  #closed(code) {
    const openedHere = this.#root.dataset.socketPath === OPENING && this.#connection.path !== OPENING;
    if (openedHere) return this.#openAnother();
    const connection = part(this.#root, "connection");
    part(connection, "connection-text").textContent = connection.dataset[`closed${code}`];
  }

  #openAnother() {
    this.#connection.path = OPENING;
    this.#connection.stop();
    this.#connection.start();
  }

  /** The page's own words, with values in them. */
  #say(words, values) {
    return this.#root.dataset[words].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  #tick() {
    this.#play(this.#transcript.tick(now()));
    this.#deliver();
  }
}

function now() {
  return performance.now();
}

function part(root, role) {
  return root.querySelector(`[data-role=${role}]`);
}

function parts(root, roles) {
  return Object.fromEntries(roles.map((role) => [role, part(root, role)]));
}

new Chat(part(document, "chat")).start();
