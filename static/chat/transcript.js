import { Message } from "./message.js";
import { isBehind } from "./progress.js";
import { crc32 } from "./text.js";

/** Code points; a little different for everyone, or all viewers of a reply would speak at once. */
const ACK_EVERY = 200 + Math.floor(Math.random() * 200);
const ACK_AFTER = 5000;
const ASK_AGAIN_AFTER = 5000;

/**
 * What was said, as far as the frames tell. Pure: frames and the time go in, effects come out, and
 * whoever plays them is told
 *   {kind: "place", message, before}    it stands before the message with that id, or at the end
 *   {kind: "grow", message, text, whole}  its text goes on; `whole`: the piece is one character
 *   {kind: "change", message, soft}     anything about it changed; `soft`: it is still being written,
 *                                       so text that is already shown may stay until it is contradicted
 *   {kind: "thoughts", message, text}
 *   {kind: "remove", id}
 *   {kind: "send", frame}
 */
export class Transcript {
  #messages = [];
  #byId = new Map();
  #conversation = null;
  #you = null;
  #hasEarlier = false;
  #earlierAskedAt = null;

  get messages() {
    return this.#messages;
  }

  /** The replies that are still being written. */
  get live() {
    return this.#messages.filter((message) => message.live);
  }

  /** Those that wait until the one before them has ended. */
  get queue() {
    return this.live.filter((reply, place, live) => reply.status === "waiting" && isBehind(reply, place, live));
  }

  find(id) {
    return this.#byId.get(String(id));
  }

  receive(frame, now) {
    switch (frame.type) {
      case "char": return this.#char(frame, now);
      case "reply.text": return this.#text(frame, now);
      case "reply.end": return this.#end(frame, now);
      case "message": return this.#append(frame);
      case "reply.waits": return this.#wait(frame);
      case "reply.thoughts": return this.#think(frame);
      case "message.changed": return this.#change(frame);
      case "message.removed": return this.#remove(frame);
      case "ready": return this.#ready(frame);
      case "earlier": return this.#prepend(frame);
      case "people": return this.#rename(frame);
      default: return [];
    }
  }

  /** The reader sees a reply up to `at`. */
  shown(id, at, now) {
    const message = this.find(id);
    if (!message) return [];
    at = Math.min(at, message.length);
    const atEnd = !message.live && at === message.length;
    const due = at - message.acked >= ACK_EVERY || atEnd || now - message.ackedAt >= ACK_AFTER;
    if (at <= message.acked || !due) return [];
    message.acked = at;
    message.ackedAt = now;
    return [send({ type: "ack", reply: message.ref, at })];
  }

  earlier(now) {
    if (!this.#hasEarlier || this.#earlierAskedAt !== null) return [];
    this.#earlierAskedAt = now;
    return [send({ type: "earlier", before: this.#messages[0].ref })];
  }

  /** Repeats questions that nobody answered. Call it about once a second. */
  tick(now) {
    if (now - (this.#earlierAskedAt ?? now) > ASK_AGAIN_AFTER) this.#earlierAskedAt = null;
    return this.#messages
      .filter(({ syncedAt }) => syncedAt !== null && now - syncedAt > ASK_AGAIN_AFTER)
      .flatMap((message) => this.#askAgain(message, now));
  }

  #char({ reply, at, char }, now) {
    const message = this.find(reply);
    if (!message || at < message.length || !isOpen(message)) return [];
    return this.#take(message, at, char, true, now);
  }

  #text({ reply, at, text }, now) {
    const message = this.find(reply);
    if (!message || !isOpen(message)) return [];
    if (at <= message.length) message.syncedAt = null;
    return this.#take(message, at, text, false, now);
  }

  #take(message, at, text, whole, now) {
    const fresh = message.take(at, text);
    if (fresh === null) return this.#sync(message, now);
    const effects = fresh ? [{ kind: "grow", message, text: fresh, whole }] : [];
    if (message.end) effects.push(...this.#settle(message, now));
    return effects;
  }

  #end(frame, now) {
    const message = this.find(frame.reply);
    if (!message) return [];
    message.announceEnd(frame);
    return this.#settle(message, now);
  }

  #settle(message, now) {
    if (message.length < message.end.length) return this.#sync(message, now);
    message.cutToEnd();
    if (crc32(message.text) !== message.end.crc32 && message.rewind()) {
      return [{ kind: "change", message, soft: true }, ...this.#sync(message, now)];
    }
    message.close();
    return [{ kind: "change", message, soft: false }];
  }

  #sync(message, now) {
    if (message.syncedAt !== null) return [];
    message.syncedAt = now;
    return [send({ type: "sync", reply: message.ref, at: message.length })];
  }

  #askAgain(message, now) {
    message.syncedAt = null;
    return this.#sync(message, now);
  }

  /** A message that is known already came twice: what it was when it was new is old news. */
  #append({ message: data, key }) {
    if (this.find(data.id)) return [];
    const message = this.#know(data, key != null);
    // From several processes they may come in another order than they were said in.
    const at = this.#messages.findLastIndex(({ ref }) => ref < data.id) + 1;
    this.#messages.splice(at, 0, message);
    return [{ kind: "place", message, before: this.#messages[at + 1]?.id ?? null }];
  }

  #change({ message: data }) {
    const message = this.find(data.id);
    if (!message) return [];
    message.replace(data);
    return [{ kind: "change", message, soft: false }];
  }

  #remove({ messages }) {
    const gone = new Set(messages.map(String));
    this.#messages = this.#messages.filter(({ id }) => !gone.has(id));
    return this.#forget(this.#messages.map(({ id }) => id));
  }

  /** Whoever reads `waits` of the live replies sees it; nothing has to be played. */
  #wait({ reply, waits }) {
    const message = this.find(reply);
    if (message?.live) message.wait(waits);
    return [];
  }

  /** Who is called otherwise now, is so in what they said before, too, as it is for those who come later. */
  #rename({ present }) {
    const names = new Map(present.map(({ id, name }) => [id, name]));
    const renamed = this.#messages.filter(({ author }) => (names.get(author.id) ?? author.name) !== author.name);
    for (const message of renamed) message.author = { ...message.author, name: names.get(message.author.id) };
    return renamed.map((message) => ({ kind: "change", message, soft: true }));
  }

  #think({ reply, text }) {
    const message = this.find(reply);
    return message ? [{ kind: "thoughts", message, text }] : [];
  }

  /** The truth about the newest messages. Older ones that are shown stay, if they join on. */
  #ready({ you, conversation, messages, has_earlier: hasEarlier }) {
    this.#you = you?.id ?? null;
    this.#earlierAskedAt = null;
    const older = conversation.id === this.#conversation ? this.#before(messages[0]) : [];
    if (older.length === 0) this.#hasEarlier = Boolean(hasEarlier);
    this.#conversation = conversation.id;
    const gone = this.#forget([...older.map(({ id }) => id), ...messages.map(({ id }) => String(id))]);
    return [...gone, ...this.#put(older, messages, [])];
  }

  #prepend({ messages, has_earlier: hasEarlier }) {
    this.#earlierAskedAt = null;
    this.#hasEarlier = Boolean(hasEarlier);
    return this.#put([], messages.filter(({ id }) => !this.find(id)), this.#messages);
  }

  #before(first) {
    const index = first ? this.#messages.findIndex(({ id }) => id === String(first.id)) : -1;
    return this.#messages.slice(0, Math.max(index, 0));
  }

  #forget(keep) {
    const kept = new Set(keep);
    const gone = [...this.#byId.keys()].filter((id) => !kept.has(id));
    for (const id of gone) this.#byId.delete(id);
    return gone.map((id) => ({ kind: "remove", id }));
  }

  /** Places the newest first, so that what each one stands before is already there. */
  #put(older, data, newer) {
    const effects = [];
    const between = [];
    let before = newer[0]?.id ?? null;
    for (const item of [...data].reverse()) {
      const message = this.#merge(item, effects, before);
      between.unshift(message);
      before = message.id;
    }
    this.#messages = [...older, ...between, ...newer];
    return effects;
  }

  #merge(data, effects, before) {
    const known = this.find(data.id);
    const soft = known?.version === data.version;
    known?.replace(data);
    const message = known ?? this.#know(data, false);
    effects.push({ kind: "place", message, before });
    if (known) effects.push({ kind: "change", message, soft: soft && message.live });
    return message;
  }

  /** Who has only just written for the first time was nobody when the connection began. */
  #know(data, mine) {
    if (mine && data.author.kind === "person") this.#you ??= data.author.id;
    const isMine = data.author.kind === "person" && (mine || this.#isYou(data.author.id));
    const message = new Message(data, isMine);
    this.#byId.set(message.id, message);
    return message;
  }

  #isYou(id) {
    return this.#you !== null && String(this.#you) === String(id);
  }
}

/** Frames that come late for a finished reply have nothing to add. */
function isOpen(message) {
  return message.live || message.end !== null;
}

function send(frame) {
  return { kind: "send", frame };
}

