import { Away } from "./away.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Control } from "./control.js";
import { Keep } from "./keep.js";
import { Notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Picker } from "./picker.js";
import { Pin } from "./pin.js";
import { Progress } from "./progress.js";
import { Reader } from "./reader.js";
import { Screen } from "./screen.js";
import { Shortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import { Signal } from "./signal.js";
import { Stops } from "./stops.js";
import { Store } from "./store.js";
import { Transcript } from "./transcript.js";
import { View } from "./view.js";

const TICK = 1000;
/** Here a new conversation is opened; those that exist have an address of their own. */
const OPENING = "/ws/chat/";
const NOT_FOUND = 4404;
/** As whom one may let others in; who is alone, is nobody in particular. */
const SHARING = ["owner", "moderator", undefined];

/** Joins the parts of one chat page. */
class Chat {
  #root;
  #reader;
  #dialogs = null;
  #shortcuts;
  #screen = new Screen(document.documentElement);
  #away;
  #connection;
  #transcript = new Transcript();
  #view;
  #pin;
  #composer;
  #picker;
  #control;
  #progress = new Progress();
  #outbox;
  #notices;
  #signal;
  #sidebar;
  #stops = new Stops();
  #keep = new Keep(this.#transcript);
  #ticker = null;
  #quiet = null;
  #company = null;
  #meeting = null;
  #onOnline;

  constructor(root, { onOnline = () => {} } = {}) {
    this.#root = root;
    this.#onOnline = onOnline;
    const { socketPath, conversation, opening } = root.dataset;
    const place = conversation || opening;
    const store = new Store();
    if (conversation && opening) takeOver(store, opening, conversation);
    this.#reader = new Reader(store);
    this.#shortcuts = this.#makeShortcuts();
    this.#away = this.#makeAway();
    this.#outbox = new Outbox(store, place);
    this.#notices = new Notices(part(root, "notices"), part(root, "notice-template"));
    this.#sidebar = this.#makeSidebar();
    this.#signal = this.#makeSignal();
    this.#view = this.#makeView();
    this.#pin = this.#makePin();
    this.#composer = this.#makeComposer(store, place);
    this.#picker = new Picker(part(root, "assistant"), store, place);
    this.#control = this.#makeControl(store);
    this.#connection = this.#makeConnection(socketPath);
  }

  /** `recalled` are frames of another time, for where there is no connection. */
  start(recalled = []) {
    for (const frame of recalled) this.#receive(frame);
    for (const piece of this.#pieces) piece.start();
    part(this.#root, "messages").addEventListener("click", this.#clicked);
    part(document, "settings").addEventListener("click", this.#openSettings);
    part(this.#root, "share-open").addEventListener("click", this.#share);
    this.#ticker = setInterval(() => this.#tick(), TICK);
    for (const letter of this.#outbox.letters) this.#pend(letter);
  }

  stop() {
    clearInterval(this.#ticker);
    part(this.#root, "messages").removeEventListener("click", this.#clicked);
    part(document, "settings").removeEventListener("click", this.#openSettings);
    part(this.#root, "share-open").removeEventListener("click", this.#share);
    this.#company?.stop();
    for (const piece of [...this.#pieces.reverse(), this.#notices]) piece.stop();
    this.#dialogs?.then((dialogs) => dialogs.stop());
  }

  get #pieces() {
    const readers = [this.#keep, this.#reader, this.#shortcuts, this.#screen, this.#away];
    return [...readers, this.#view, this.#pin, this.#composer, this.#picker, this.#control, this.#connection, this.#sidebar];
  }

  /** Where others are, too, there is more to see and to do; the page of who is alone does without it. */
  meet() {
    return (this.#meeting ??= import("./company.js").then(
      ({ Company }) => (this.#company = this.#makeCompany(Company)).start(),
      () => (this.#meeting = null),
    ));
  }

  #makeCompany(Company) {
    return new Company(this.#root, { transcript: this.#transcript, view: this.#view }, {
      send: (frame) => this.#connection.send(frame),
      say: (words) => this.#notices.show(words),
      look: () => this.#look(),
    });
  }

  #makeShortcuts() {
    return new Shortcuts({
      write: () => this.#composer.focus(),
      search: () => this.#sidebar.search(),
      begin: () => this.#sidebar.begin(),
      help: () => this.#open("shortcuts"),
      step: (by) => this.#view.step(by),
    });
  }

  #makeAway() {
    return new Away({
      find: (id) => this.#transcript.find(id),
      wants: (message) => this.#reader.get("notify") !== "" && (this.#company?.concerns(message) ?? true),
      onCount: (count) => (this.#sidebar.unread = count),
    });
  }

  #makeView() {
    const elements = parts(this.#root, ["thread", "empty", "loading", "status"]);
    const [template, editorTemplate] = ["message-template", "editor-template"].map((role) => part(this.#root, role));
    return new View({ ...elements, template, editorTemplate }, {
      onShown: ({ id }, at) => this.#play(this.#transcript.shown(id, at, now())),
      onLost: (text) => this.#composer.offer(text),
    });
  }

  #makePin() {
    const { messages, thread, jump } = parts(this.#root, ["messages", "thread", "jump"]);
    const onNearTop = () => this.#play(this.#transcript.earlier(now()));
    const startOf = () => this.#reader.get("stay") && this.#view.element(this.#own[0]?.id);
    return new Pin(messages, thread, jump, { onNearTop, startOf });
  }

  #makeComposer(store, place) {
    const elements = parts(this.#root, ["input", "send", "stop", "hint"]);
    return new Composer({ ...elements, form: part(this.#root, "composer") }, store, place, {
      onSend: (text) => this.#send(text),
      onStop: () => this.#stopReply(),
      onUp: () => this.#control.editLast(),
    });
  }

  #makeControl(store) {
    const parts = { log: part(this.#root, "messages"), transcript: this.#transcript, view: this.#view };
    return new Control({ ...parts, picker: this.#picker, store }, {
      send: (frame) => this.#connection.send(frame),
      online: () => this.#connection.online,
      say: (words) => this.#notices.show(words),
      giveBack: (text) => text && this.#composer.isEmpty && this.#composer.offer(text),
      write: () => this.#composer.focus(),
      stop: (id) => this.#stopAt([this.#transcript.find(id)]),
      stopAll: () => this.#stopAll(),
      busy: () => this.#isBusy,
    });
  }

  #makeSidebar() {
    return new Sidebar((role) => part(document, role), {
      rest: this.#root,
      notices: this.#notices,
      noticeTemplate: part(this.#root, "notice-template"),
      send: (frame) => this.#connection.send(frame),
    });
  }

  #makeSignal() {
    const connection = part(this.#root, "connection");
    const ways = connection.querySelectorAll("[data-role=way-on]");
    return new Signal(connection, part(connection, "connection-text"), ways);
  }

  #makeConnection(path) {
    return new Connection(path, {
      onFrame: (frame) => this.#receive(frame),
      onState: (state, code) => this.#showState(state, code),
      onClosed: (code) => this.#closed(code),
    });
  }

  #receive(frame) {
    const effects = this.#transcript.receive(frame, now());
    if (frame.type === "char") {
      this.#keep.grow();
      return this.#play(effects);
    }
    this.#view.keepFocus(() => this.#show(frame.type, effects));
    this.#control.receive(frame);
    this.#away.receive(frame);
    this.#answer(frame);
    this.#sidebar.receive(frame);
    this.#accompany(frame);
    this.#sidebar.typing = this.#transcript.live.length > 0;
    this.#keep.receive(frame);
  }

  /** In the order in which they came, also those that come while the company is on its way. */
  #accompany(frame) {
    if (this.#company) return this.#company.receive(frame);
    if (frame.you?.role) this.meet();
    this.#meeting?.then(() => this.#company?.receive(frame));
  }

  #show(type, effects) {
    const isOld = type === "ready" || type === "earlier";
    const play = () => (isOld ? this.#playQuietly(effects) : this.#play(effects));
    if (type === "earlier") this.#pin.steady(this.#view.first, play);
    else if (this.#control.anchor) this.#pin.stay(this.#control.anchor, play);
    else play();
    this.#look();
  }

  /** The live replies that were asked for here. */
  get #own() {
    const { live } = this.#transcript;
    return this.#company ? live.filter((reply) => this.#company.owns(reply)) : live;
  }

  /** In a room everybody is answered for themselves. */
  get #isBusy() {
    return !this.#company?.isRoom && this.#transcript.live.length > 0;
  }

  /** What follows from which replies are being written, and which wait. */
  #look() {
    const { live, queue } = this.#transcript;
    this.#composer.stoppable = this.#own.length > 0;
    this.#view.busy = this.#isBusy;
    this.#view.queue = queue.flatMap(({ reply_to: id }) => this.#transcript.find(id)?.id ?? []);
    if (!this.#connection.online) this.#progress.forget();
    for (const { id, what } of this.#progress.look(live, now())) {
      if (!this.#stops.has(id)) this.#view.tell(id, what);
    }
  }

  #answer(frame) {
    switch (frame.type) {
      case "ready": return this.#ready(frame);
      case "message": return this.#posted(frame);
      case "reply.end": return this.#stops.remove(String(frame.reply));
      case "message.changed": return this.#stops.remove(String(frame.message.id));
      case "message.removed": return frame.messages.forEach((id) => this.#stops.remove(String(id)));
      case "error": return this.#refused(frame);
      case "you": return named(frame.you);
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

  #ready({ you, conversation, messages, assistants = [] }) {
    named(you);
    // Who answers in a room is not for each of its people to say.
    this.#picker.offer(conversation.kind === "room" ? [] : assistants, conversation.assistant);
    part(this.#root, "share-open").hidden = !SHARING.includes(you.role);
    if (this.#connection.path === OPENING) this.#settleIn(conversation.id);
    this.#outbox.rewind();
    this.#stops.rewind();
    for (const { key } of messages) this.#confirm(key);
    this.#askToStop();
    this.#view.refresh();
    this.#deliver();
  }

  #send(text) {
    this.#pend(this.#outbox.add(text, this.#picker.chosen));
    this.#pin.toNewest();
    this.#deliver();
  }

  #pend(letter) {
    this.#view.pend(letter);
    if (letter.problem) this.#view.mark(letter.key, "unsent", this.#say("unsent", { reason: letter.problem }));
    else this.#queue(letter.key);
  }

  #queue(key) {
    this.#view.mark(key, "sending", this.#say("queued", {}));
  }

  #deliver() {
    const letter = this.#outbox.next(now());
    if (!letter) return;
    const { key, text, assistant = this.#picker.chosen } = letter;
    const pace = this.#reader.get("pace");
    const wishes = { ...(assistant && { assistant }), ...(pace && { pace }) };
    if (!this.#connection.send({ type: "message.send", text, key, ...wishes })) return;
    this.#outbox.sent(key, now());
    if (assistant === this.#picker.chosen) this.#picker.sent();
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
    this.#picker.moveTo(conversation);
    this.#sidebar.settleIn(conversation);
  }

  /** The reply that is being written ends where it was read; those that wait go on afterwards. */
  #stopReply() {
    this.#stopAt(this.#own.slice(0, 1));
  }

  /** The last in line first, so that none begins only to be stopped. */
  #stopAll() {
    this.#stopAt(this.#own.reverse());
  }

  #stopAt(replies) {
    for (const { id, length } of replies) {
      if (!this.#stops.has(id)) this.#stops.add(id, Math.min(this.#view.freeze(id), length));
    }
    this.#askToStop();
  }

  #askToStop() {
    for (const { id, at } of this.#stops.due(now())) {
      const reply = this.#transcript.find(id);
      if (!reply?.live) this.#stops.remove(id);
      else if (this.#connection.send({ type: "reply.stop", reply: reply.ref, at })) this.#stops.sent(id);
    }
  }

  #refused({ detail, key, reply, message, retry_after: seconds }) {
    const again = seconds > 0 ? now() + seconds * 1000 : null;
    if (again && this.#stops.has(String(reply))) return this.#stops.postpone(String(reply), again);
    if (this.#control.refused({ message, reply, detail })) return;
    const wasStop = reply != null && this.#stops.remove(String(reply));
    if (wasStop) this.#goOn(reply);
    if (key != null && this.#outbox.has(key)) return this.#notPosted(key, detail, again);
    // What else concerns a reply are questions that the page asks by itself, and will ask again.
    if (reply == null || wasStop) this.#notices.show(detail);
  }

  #notPosted(key, reason, again) {
    if (!again) return this.#giveBack(key, reason);
    this.#outbox.postpone(key, again);
    const seconds = Math.ceil((again - now()) / 1000);
    this.#view.mark(key, "sending", this.#say("later", { reason, seconds }));
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

  #share = async () => {
    try {
      const { openShare } = await import("./share.js");
      await openShare(this.#sidebar.current);
    } catch {
      this.#notices.show(part(this.#root, "messages").dataset.offline);
    }
  };

  #openSettings = () => this.#open("settings");

  async #open(dialog) {
    this.#dialogs ??= this.#fetchDialogs();
    try {
      (await this.#dialogs).open(dialog);
    } catch {
      this.#dialogs = null;
      this.#notices.show(part(this.#root, "messages").dataset.offline);
    }
  }

  async #fetchDialogs() {
    const { Dialogs } = await import("./dialogs.js");
    const { preferences: settings, shortcuts, "shortcuts-open": opener } =
      parts(document, ["preferences", "shortcuts", "shortcuts-open"]);
    const dialogs = new Dialogs({ settings, shortcuts, opener }, this.#reader);
    await dialogs.start();
    return dialogs;
  }

  #clicked = ({ target }) => {
    const button = target.closest("[data-role=resend], [data-role=discard]");
    const key = button?.closest("[data-key]").dataset.key;
    if (key && button.dataset.role === "resend") this.#sendAgain(key);
    else if (key) this.#discard(key);
  };

  #sendAgain(key) {
    this.#outbox.readdress(key, this.#picker.chosen);
    this.#outbox.refuse(key, null);
    this.#queue(key);
    this.#deliver();
  }

  #discard(key) {
    const letter = this.#outbox.remove(key);
    this.#view.unpend(key);
    this.#composer.offer(letter.text);
  }

  #showState(state, code) {
    this.#signal.show(state, code);
    this.#company?.showState(state, code);
    if (state === "online") return this.#onOnline();
    for (const { key, problem } of this.#outbox.letters) if (!problem) this.#queue(key);
  }

  /** Without cookies the server does not know its own visitor again; then another conversation is opened. */
  #closed(code) {
    const openedHere = this.#root.dataset.socketPath === OPENING && this.#connection.path !== OPENING;
    if (openedHere && code === NOT_FOUND && !this.#sidebar.isGone) this.#openAnother();
    else this.#keep.stop(); // who has logged out elsewhere leaves nothing here
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
    this.#askToStop();
    this.#deliver();
    this.#control.tick(now());
    this.#view.tick();
    this.#look();
  }
}

/** The page says in several places what its reader is called. */
function named({ name }) {
  for (const place of document.querySelectorAll("[data-role=your-name]")) place.textContent = name;
}

/** What was written before the page heard which conversation it had opened, and was left just then. */
function takeOver(store, opening, conversation) {
  for (const kind of ["draft", "outbox", "assistant"]) store.rename(`chat:${kind}:${opening}`, `chat:${kind}:${conversation}`);
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

const root = part(document, "chat");
if ("shell" in root.dataset) {
  const { recall, leaveShell } = await import("./recall.js");
  // First, as the outbox and the draft ask which conversation this is.
  const recalled = await recall(root, part(document, "shelf"));
  new Chat(root, { onOnline: leaveShell }).start(recalled);
} else {
  const chat = new Chat(root);
  if ("company" in root.dataset) await chat.meet();
  chat.start();
}
