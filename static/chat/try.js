import { Sheet } from "./markdown/sheet.js";
import { characters } from "./text.js";
import { Typewriter } from "./typewriter.js";

const BURST = 100; // ms, as the server sends

/** Types the tried reply as the server would send it, in bursts at its own speed, and sets it as the chat does. */
class Preview {
  #typewriter;
  #characters;
  #speed;
  #sent = 0;
  #timer;

  constructor(paper) {
    const sheet = new Sheet(paper);
    this.#typewriter = new Typewriter(sheet, { onRest: () => sheet.end() });
    this.#characters = [...characters(paper.dataset.text)];
    this.#speed = Number(paper.dataset.speed) || Infinity;
  }

  start() {
    const began = performance.now();
    this.#timer = setInterval(() => this.#send((performance.now() - began) / 1000), BURST);
  }

  stop() {
    clearInterval(this.#timer);
  }

  #send(seconds) {
    const due = Math.min(this.#characters.length, 1 + Math.floor(seconds * this.#speed));
    while (this.#sent < due) this.#typewriter.feedCharacter(this.#characters[this.#sent++]);
    if (due === this.#characters.length) this.stop(), this.#typewriter.end();
  }
}

const paper = document.querySelector("[data-role=try]");
if (paper) new Preview(paper).start();
