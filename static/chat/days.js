const DAY = 24 * 60 * 60 * 1000;

/** Says which day it was, between messages of different days. */
export class Days {
  #marks = new Map();
  #today = new Date().toDateString();

  /** What stands first of what belongs to a message: its day, or itself. */
  top(element) {
    return this.#marks.get(element) ?? element;
  }

  /** Whether another day begins with a message than the one of `previous`, if there is one. */
  look(element, previous) {
    const day = dayOf(element);
    const begins = day !== (previous ? dayOf(previous) : new Date().toDateString());
    if (begins) this.#mark(element, day);
    else this.forget(element);
    return begins;
  }

  forget(element) {
    this.#marks.get(element)?.remove();
    this.#marks.delete(element);
  }

  /** Another day may have begun meanwhile: today is yesterday then. Returns whether it has. */
  tick() {
    const today = new Date().toDateString();
    const isOver = this.#today !== today;
    this.#today = today;
    if (isOver) for (const [element, mark] of this.#marks) mark.textContent = wordsFor(dayOf(element));
    return isOver;
  }

  #mark(element, day) {
    const mark = this.#marks.get(element) ?? newMark();
    this.#marks.set(element, mark);
    const words = wordsFor(day);
    if (mark.textContent !== words) mark.textContent = words;
    if (mark.nextSibling !== element) element.before(mark);
  }
}

function dayOf(element) {
  return new Date(element.querySelector("time").dateTime).toDateString();
}

function newMark() {
  const mark = document.createElement("p");
  mark.className = "day";
  mark.dataset.role = "day";
  return mark;
}

function wordsFor(day) {
  const lang = document.documentElement.lang || undefined;
  const date = new Date(day);
  const now = new Date();
  // Rounded, as not every day has 24 hours.
  const ago = Math.round((new Date(now.toDateString()) - date) / DAY);
  if (ago === 0 || ago === 1) return capital(new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(-ago, "day"), lang);
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(lang, { weekday: "long", day: "numeric", month: "long", year });
}

function capital(words, lang) {
  const [first = "", ...rest] = words;
  return first.toLocaleUpperCase(lang) + rest.join("");
}
