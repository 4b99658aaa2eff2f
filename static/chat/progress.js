/** Seconds of silence that need no words: before the text begins, and within it. */
const USUAL = 5;
const STALLED = 10;

/**
 * What there is to say about replies that are on their way. Pure: the replies and the time go in, and
 * what to say comes out; `code` names the words, the rest stands in them.
 */
export class Progress {
  #seen = new Map();

  /** `live`: the replies of all lines, in each first the one whose turn it is. Returns [{id, what}]. */
  look(live, now) {
    const before = this.#seen;
    this.#seen = new Map(live.map((reply, place) => [reply.id, see(reply, !isBehind(reply, place, live), before.get(reply.id), now)]));
    return live.map((reply) => ({ id: reply.id, what: say(reply, this.#seen.get(reply.id), now) }));
  }

  /** Nothing could come meanwhile, so the time did not count. */
  forget() {
    this.#seen.clear();
  }
}

/** Whether another one of its line, of those that are live, stands before it. */
export function isBehind({ line }, place, live) {
  return live.findIndex((other) => other.line === line) < place;
}

/** Since when nothing came and nothing was said, as far as it was looked at. */
function see({ length, waits }, isTurn, before, now) {
  const isSilent = before?.length === length && before.isTurn === isTurn;
  const isSame = before && before.waits === waits;
  return { length, isTurn, waits, since: isSilent ? before.since : now, toldAt: isSame ? before.toldAt : now };
}

function say({ status, length, waits }, { isTurn, since, toldAt }, now) {
  if (!isTurn && status === "waiting") return { code: "queued" };
  switch (waits?.code) {
    case "thinking": return { code: "thinking" };
    case "place": return { code: waits.place > 1 ? "place" : "next", count: waits.place - 1 };
    case "retrying": return { code: "retrying", seconds: Math.max(1, Math.ceil(waits.seconds - (now - toldAt) / 1000)) };
  }
  const seconds = Math.floor((now - since) / 1000);
  if (seconds < (length > 0 ? STALLED : USUAL)) return null;
  return { code: length > 0 ? "stalled" : "silent", seconds };
}
