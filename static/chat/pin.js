const CLOSE = 2;
const NEAR_TOP = 400;
const UP = new Set(["ArrowUp", "Home", "PageUp"]);
/** Above what is to be read from its start. */
const MARGIN = 12;

/**
 * Keeps the newest in view, until the reader scrolls up; then it leaves them in peace and shows the
 * way back. Only the reader's own movements let go, never the growth of the text.
 */
export class Pin {
  #scroller;
  #content;
  #jump;
  #onNearTop;
  #startOf;
  #left = null;
  #pinned = true;
  #last = 0;
  #height = 0;
  #observer = new ResizeObserver(() => this.#settle());
  #listening = null;
  #touchY = 0;

  /** `startOf()` is what shall not be followed further than to where its start would leave the view, if anything. */
  constructor(scroller, content, jump, { onNearTop = () => {}, startOf = () => null } = {}) {
    this.#scroller = scroller;
    this.#content = content;
    this.#jump = jump;
    this.#onNearTop = onNearTop;
    this.#startOf = startOf;
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal, passive: true };
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), options);
    this.#scroller.addEventListener("wheel", ({ deltaY }) => this.#moved(deltaY), options);
    this.#scroller.addEventListener("keydown", (event) => this.#pressed(event), options);
    this.#scroller.addEventListener("touchstart", (event) => this.#touched(event), options);
    this.#scroller.addEventListener("touchmove", (event) => this.#moved(this.#touched(event)), options);
    this.#jump.addEventListener("click", () => this.toNewest(), options);
    this.#observer.observe(this.#scroller);
    this.#observer.observe(this.#content);
  }

  stop() {
    this.#listening?.abort();
    this.#observer.disconnect();
  }

  toNewest() {
    this.#hold(true);
    this.#settle();
  }

  /** Changes what is above without moving what is being read. */
  steady(anchor, change) {
    const scroller = this.#scroller;
    scroller.style.overflowAnchor = "none"; // or the browser would make up for it a second time
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
    this.#last = scroller.scrollTop;
    requestAnimationFrame(() => (scroller.style.overflowAnchor = ""));
  }

  /** The same, for somebody whose eyes and hand are at the anchor: they follow the newest only if it is there. */
  stay(anchor, change) {
    this.steady(anchor, change);
    this.#hold(this.#below <= CLOSE);
  }

  #settle() {
    const { scrollHeight } = this.#scroller;
    // What went away may leave the newest in view, without anybody having scrolled there.
    if (!this.#pinned && scrollHeight < this.#height && this.#below <= CLOSE) this.#hold(true);
    this.#height = scrollHeight;
    if (this.#pinned) this.#follow();
    this.#last = this.#scroller.scrollTop;
    this.#lookUp();
  }

  #follow() {
    const scroller = this.#scroller;
    scroller.scrollTop = scroller.scrollHeight;
    const start = this.#startOf();
    if (!start || start === this.#left) return;
    const above = scroller.getBoundingClientRect().top + MARGIN - start.getBoundingClientRect().top;
    if (above <= 0) return;
    scroller.scrollTop -= above;
    this.#left = start;
    this.#hold(false);
  }

  #scrolled() {
    const { scrollTop } = this.#scroller;
    if (scrollTop < this.#last - 0.5 && this.#below > CLOSE) this.#hold(false);
    else if (scrollTop > this.#last && this.#below <= CLOSE) this.#hold(true);
    this.#last = scrollTop;
    this.#lookUp();
  }

  /** A key's scrolling takes several frames, in which text that grows must not pull back, nor get away. */
  #pressed({ key, shiftKey, target }) {
    if (target.matches("input, select, textarea")) return;
    if (UP.has(key) || (key === " " && shiftKey)) this.#moved(-1);
    else if (key === "End") this.toNewest();
  }

  #moved(deltaY) {
    if (deltaY < 0 && this.#scroller.scrollTop > 0) this.#hold(false);
  }

  #touched({ touches }) {
    const delta = this.#touchY - touches[0].clientY;
    this.#touchY = touches[0].clientY;
    return delta;
  }

  #lookUp() {
    if (this.#scroller.scrollTop < NEAR_TOP) this.#onNearTop();
  }

  #hold(pinned) {
    // Who goes to the newest although they could read from the start, means it.
    if (pinned && !this.#pinned) this.#left = this.#startOf();
    this.#pinned = pinned;
    // Who came by keyboard stays in the log, instead of starting over at the top of the page.
    if (pinned && document.activeElement === this.#jump) this.#scroller.focus({ preventScroll: true });
    this.#jump.hidden = pinned;
  }

  get #below() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }
}
