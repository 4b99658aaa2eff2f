import { inNextFrame, notInFrame } from "./frames.js";
import { characters, codePoints } from "./text.js";

/** How far the drawing stays behind what has arrived, so that bursts ten times a second come out even. */
const DELAY = 130;
/** The same for an unusually large arrival, after a stall for instance: quick, but not a jump. */
const CATCH_UP = 400;
/** Without motion, text comes in steps this far apart. */
const STEP = 500;
const FRAME = 1000 / 60;
/** Who wants it faster shall not wait for it to come out even. */
const FASTER = 1 / 3;

/** What the reader wants, as the page was dressed. */
const dressed = globalThis.document?.documentElement.dataset ?? {};

const browser = {
  request(draw) {
    inNextFrame(draw);
    return draw;
  },
  cancel: notInFrame,
  get hidden() { return document.hidden; },
  get calm() { return dressed.motion === "calm" || matchMedia("(prefers-reduced-motion: reduce)").matches; },
  get pace() { return dressed.pace; },
};

/**
 * Draws text evenly, character by character, however unevenly it arrives.
 *
 *   const node = element.appendChild(document.createTextNode(""));
 *   const typewriter = new Typewriter(node, { onShown: (codePoints) => …, onRest: () => … });
 *   typewriter.feedCharacter("é");   // one whole character, never drawn in halves
 *   typewriter.feed("and more");     // any text
 *   typewriter.end();                // nothing more comes: onRest when all of it is drawn
 *   typewriter.stop();               // takes its hands off the page
 *
 * It writes to anything that has `appendData(text)` and a `data` to set, as a Text node has.
 */
export class Typewriter {
  #paper;
  #clock;
  #onShown;
  #onRest;

  #waiting = [];
  #head = 0;
  #drawn = "";
  #shown = 0;
  /** How much of what is drawn the source has confirmed; less than all of it only after `rewrite(…, {soft})`. */
  #sure = 0;

  #arrived = 0;
  #usual = 0;
  #credit = 0;
  #drawnAt = null;
  #deadline = 0;

  #frame = null;
  #ended = false;
  #frozen = false;

  constructor(paper, { onShown = () => {}, onRest = () => {}, clock = browser } = {}) {
    this.#paper = paper;
    this.#clock = clock;
    this.#onShown = onShown;
    this.#onRest = onRest;
  }

  /** Code points on the page. */
  get shown() {
    return this.#shown;
  }

  feed(text) {
    for (const character of characters(text)) this.feedCharacter(character);
  }

  feedCharacter(character) {
    if (this.#frozen || this.#confirms(character)) return;
    this.#waiting.push(character);
    this.#arrived++;
    this.#schedule();
  }

  /** Nothing more comes. */
  end() {
    this.#ended = true;
    if (this.#backlog === 0) this.#rest();
    else this.#schedule();
  }

  /**
   * The text is this one now. What is drawn and still right stays; the rest is typed on from there. With
   * `soft` even more may stay: text beyond it, until what is fed next contradicts it or the end comes.
   */
  rewrite(text, { soft = false } = {}) {
    if (soft && this.#frozen) return;
    this.#forgetWaiting();
    this.#ended = this.#frozen = false;
    this.#sure = text.length;
    if (soft && this.#drawn.startsWith(text)) return;
    if (!text.startsWith(this.#drawn)) return this.#replace(text);
    this.#sure = this.#drawn.length;
    this.feed(text.slice(this.#drawn.length));
  }

  /** The text is this one, and stands there at once. */
  place(text) {
    this.#forgetWaiting();
    this.#ended = this.#frozen = false;
    if (text !== this.#drawn) this.#replace(text);
  }

  /** Draws nothing more until the text is rewritten; returns the code points that are on the page. */
  freeze() {
    this.#frozen = true;
    this.#forgetWaiting();
    return this.#shown;
  }

  /** Draws all that has arrived, now. */
  flush() {
    this.#cancel();
    this.#draw(this.#backlog);
  }

  stop() {
    this.#frozen = true;
    this.#forgetWaiting();
    this.#cancel();
  }

  get #backlog() {
    return this.#waiting.length - this.#head;
  }

  #schedule() {
    if (this.#clock.hidden) return this.flush();
    this.#frame ??= this.#clock.request(this.#onFrame);
  }

  #onFrame = (now) => {
    this.#cancel();
    this.#draw(this.#clock.calm ? this.#dueInSteps(now) : this.#due(now));
    if (this.#backlog > 0) this.#schedule();
  };

  /** How many characters to draw now, so that all are drawn at the deadline, in equal shares. */
  #due(now) {
    if (this.#clock.pace === "at_once") return this.#backlog;
    if (this.#arrived > 0) this.#plan(now);
    this.#drawnAt ??= this.#startAt(now);
    // A busy browser starts a frame with a time that lies before that of the timer that came first.
    now = Math.max(now, this.#drawnAt);
    const share = Math.min(1, (now - this.#drawnAt) / Math.max(this.#deadline - this.#drawnAt, 1));
    this.#credit += (this.#backlog - this.#credit) * share;
    this.#drawnAt = now;
    return Math.floor(this.#credit + 1e-6);
  }

  #plan(now) {
    const sudden = this.#usual > 0 && this.#arrived > 3 * this.#usual;
    this.#usual += (this.#arrived - this.#usual) * (this.#usual > 0 ? 0.3 : 1);
    const delay = (sudden ? CATCH_UP : DELAY) * (this.#clock.pace === "faster" ? FASTER : 1);
    this.#deadline = Math.max(this.#deadline, now + delay);
    this.#arrived = 0;
  }

  /** After a pause the first character is drawn at once. */
  #startAt(now) {
    this.#credit = 1;
    return now - FRAME;
  }

  #dueInSteps(now) {
    this.#arrived = 0;
    this.#drawnAt ??= now - STEP;
    if (!this.#ended && now - this.#drawnAt < STEP) return 0;
    this.#drawnAt = now;
    return this.#backlog;
  }

  #draw(count) {
    if (count > 0) this.#write(this.#waiting.slice(this.#head, this.#head + count).join(""));
    this.#credit = Math.max(0, this.#credit - count);
    this.#head += count;
    if (this.#head > 1000) this.#waiting.splice(0, this.#head), (this.#head = 0);
    if (this.#backlog > 0) return;
    this.#forgetWaiting();
    if (this.#ended) this.#rest();
  }

  #write(text) {
    this.#paper.appendData(text);
    this.#drawn += text;
    this.#sure = this.#drawn.length;
    this.#shown += codePoints(text);
    this.#onShown(this.#shown);
  }

  #replace(text) {
    this.#paper.data = this.#drawn = text;
    this.#sure = text.length;
    this.#shown = codePoints(text);
    this.#onShown(this.#shown);
  }

  #confirms(character) {
    if (this.#sure === this.#drawn.length) return false;
    const right = this.#drawn.startsWith(character, this.#sure);
    if (right) this.#sure += character.length;
    else this.#replace(this.#drawn.slice(0, this.#sure));
    return right;
  }

  #rest() {
    if (this.#sure < this.#drawn.length) this.#replace(this.#drawn.slice(0, this.#sure));
    this.#ended = false;
    this.#onRest();
  }

  #forgetWaiting() {
    this.#waiting = [];
    this.#head = this.#arrived = this.#credit = 0;
    if (!this.#clock.calm) this.#drawnAt = null;
  }

  #cancel() {
    if (this.#frame !== null) this.#clock.cancel(this.#frame);
    this.#frame = null;
  }
}
