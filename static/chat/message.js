import { codePoints, unitsOf } from "./text.js";

/** One message with the text it has for certain. Offsets count code points, as the server's do. */
export class Message {
  #end = null;
  #doubts = 0;

  /** When the rest was asked for; null while nothing is outstanding. */
  syncedAt = null;
  acked = 0;
  ackedAt = -Infinity;

  /** `id` is the id to compare by; `ref` is the same as it came, to give back to the server. */
  constructor(data, mine) {
    this.mine = mine;
    this.replace(data);
  }

  get live() {
    return this.status === "waiting" || this.status === "streaming";
  }

  /** Replies of one line are written one after the other; in a room everybody has a line of their own. */
  get line() {
    return this.asked_by?.id;
  }

  /** The end the server announced, while the text has not got there yet. */
  get end() {
    return this.#end;
  }

  replace({ text, ...rest }) {
    const unsaid = { error: null, waits: null, thought: 0, mentions: [], edited: false };
    Object.assign(this, unsaid, rest, { id: String(rest.id), ref: rest.id });
    this.#write(text ?? "");
    this.#end = this.syncedAt = null;
    this.#doubts = 0;
    this.acked = this.length;
  }

  /** Takes a piece and returns what of it is new: "" if nothing, null if there is a hole before it. */
  take(at, text) {
    if (at > this.length) return null;
    const fresh = text.slice(unitsOf(text, this.length - at));
    this.text += fresh;
    this.length += codePoints(fresh);
    if (fresh) this.waits = null;
    if (this.status === "waiting" && fresh) this.status = "streaming";
    return fresh;
  }

  /** What it waits for, or null. Who was heard to think has thoughts to show. */
  wait(waits) {
    this.waits = waits;
    if (waits?.code === "thinking") this.thought ||= 1;
  }

  announceEnd(end) {
    this.#end = end;
  }

  /** Somebody may have stopped it before what we have. */
  cutToEnd() {
    if (this.length > this.#end.length) this.#write(this.text.slice(0, unitsOf(this.text, this.#end.length)));
  }

  /** Starts over; false when that was tried often enough and the server's text has to be believed. */
  rewind() {
    if (++this.#doubts > 3) return false;
    this.#write("");
    this.syncedAt = null;
    return true;
  }

  close() {
    const { status, error = null } = this.#end;
    const { version = this.version, versions = this.versions, thought = this.thought } = this.#end;
    Object.assign(this, { status, error, version, versions, thought, waits: null });
    this.#end = this.syncedAt = null;
    this.#doubts = 0;
  }

  #write(text) {
    this.text = text;
    this.length = codePoints(text);
  }
}
