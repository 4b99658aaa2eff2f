const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** Who was connected for so long counts as well again: the pauses start from the first one. */
const STEADY = 5000;
const RESTARTING = 1012;
/** Trying again would not help: not signed in, not allowed, not there. */
const FINAL = [4401, 4403, 4404];
const TOO_MANY = 4429;

const SILENCE = 20_000;
const PATIENCE = 10_000;
const OPENING = 60_000;
const TICK = 2000;

/**
 * A WebSocket that comes back by itself. `onFrame(frame)` gets each frame; `onState(state)` one of
 * "connecting", "online" (the server has spoken) and "offline", with the code that the connection was
 * closed with, if it was; `onClosed(code)` when it stays closed.
 */
export class Connection {
  #onFrame;
  #onState;
  #onClosed;
  #state = null;
  #code = null;
  #socket = null;
  #failures = 0;
  #retry = null;
  #ticker = null;
  #listening = null;
  #onlineSince = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #tickedAt = 0;

  constructor(path, { onFrame, onState, onClosed }) {
    this.path = path;
    this.#onFrame = onFrame;
    this.#onState = onState;
    this.#onClosed = onClosed;
  }

  get online() {
    return this.#state === "online";
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    addEventListener("online", () => this.#reconnect(), { signal });
    addEventListener("offline", () => this.#lose("offline"), { signal });
    document.addEventListener("visibilitychange", () => this.#lookAgain(), { signal });
    this.#ticker = setInterval(() => this.#listen(), TICK);
    this.#show("connecting");
    this.#open();
  }

  stop() {
    this.#listening?.abort();
    clearInterval(this.#ticker);
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** False when there is nobody to send it to. */
  send(frame) {
    const isOpen = this.online && this.#socket.readyState === WebSocket.OPEN; // and is not closing
    if (isOpen) this.#socket.send(JSON.stringify(frame));
    return isOpen;
  }

  #open() {
    this.#retry = null;
    const url = new URL(this.path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url));
    this.#heardAt = this.#tickedAt = this.#pingedAt = performance.now();
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = ({ code }) => this.#close(code);
  }

  #hear(data) {
    this.#heardAt = performance.now();
    if (!this.online) this.#onlineSince = this.#heardAt;
    this.#show("online");
    const frame = parse(data);
    if (frame) this.#onFrame(frame);
  }

  #close(code) {
    this.#drop();
    if (FINAL.includes(code)) return this.#giveUp(code);
    const wasSteady = this.online && performance.now() - this.#onlineSince > STEADY;
    if (wasSteady) this.#failures = 0;
    const isOffline = this.#failures > 0 || code === TOO_MANY;
    this.#show(isOffline ? "offline" : "connecting", code);
    this.#comeBack(code === RESTARTING && this.#failures === 0 ? FIRST_PAUSE / 2 : null);
  }

  /** Full jitter, so that all who lost the same server do not come back at the same moment. */
  #comeBack(longest) {
    longest ??= Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures);
    this.#failures++;
    this.#retry = setTimeout(() => this.#open(), Math.random() * longest);
  }

  #giveUp(code) {
    this.stop();
    this.#show("offline", code);
    this.#onClosed(code);
  }

  #reconnect() {
    if (this.#retry === null) return this.#ping();
    clearTimeout(this.#retry);
    this.#open();
  }

  #lose(state) {
    if (!this.#socket) return this.#show(state);
    this.#drop();
    this.#show(state);
    this.#comeBack(null);
  }

  /** A page that comes back to the front asks at once, as its timers may have slept. */
  #lookAgain() {
    if (!document.hidden) this.#reconnect();
  }

  #listen() {
    const now = performance.now();
    const late = now - this.#tickedAt > 3 * TICK;
    this.#tickedAt = now;
    // A throttled or sleeping page may not have read yet what has long arrived: ask once more.
    if (late) return this.#ping();
    if (!this.online) {
      // Who offended before is let in only after half a minute.
      if (this.#socket && now - this.#heardAt > OPENING) this.#lose("connecting");
      return;
    }
    const asked = this.#pingedAt > this.#heardAt;
    if (asked && now - this.#pingedAt > PATIENCE) this.#lose("connecting");
    else if (!asked && now - this.#heardAt > SILENCE) this.#ping();
  }

  #ping() {
    if (this.send({ type: "ping" })) this.#pingedAt = performance.now();
  }

  /** Without waiting for a farewell, which a dead network would never deliver. */
  #drop() {
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #show(state, code = null) {
    if (state === this.#state && code === this.#code) return;
    this.#state = state;
    this.#code = code;
    this.#onState(state, code);
  }
}

function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
