/** Writes a text into what a subject has opened: each step in a task of its own, the same way for each. */
export class Driver {
  #subject;
  #element;
  #slow = [];
  #draws = 0;
  #nodes = 0;
  #seen = new WeakSet();

  constructor(subject, element) {
    this.#subject = subject;
    this.#element = element;
  }

  /** Writes until all is there or `patience` is used up; says how it went. */
  async write(text, { step, patience, watched }) {
    const watch = this.#watchTasks();
    const looking = watched ? this.#watchNodes() : null;
    const deadline = performance.now() + patience;
    const written = await this.#feed(text, step, deadline);
    if (written === text.length) await this.#subject.end();
    await quiet();
    this.#noteTasks(watch.takeRecords());
    if (looking) this.#noteNodes(looking.takeRecords());
    watch.disconnect();
    looking?.disconnect();
    const counted = watched ? { draws: this.#draws, nodes: this.#nodes } : {};
    return { written, steps: Math.ceil(written / step), slow: this.#slow, ...counted };
  }

  /** In the message's own call, as the browser counts no script in what is awaited. */
  #feed(text, step, deadline) {
    return new Promise((resolve) => {
      let at = 0;
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        if (at === text.length || performance.now() > deadline) return resolve(at);
        this.#subject.append(text.slice(at, at + step));
        at = Math.min(at + step, text.length);
        port2.postMessage(null);
      };
      port2.postMessage(null);
    });
  }

  #watchTasks() {
    const watch = new PerformanceObserver((list) => this.#noteTasks(list.getEntries()));
    watch.observe({ type: "longtask" });
    return watch;
  }

  /** A browser reports the tasks of more than 50 ms, and no others. */
  #noteTasks(entries) {
    for (const { duration } of entries) this.#slow.push(duration);
  }

  #watchNodes() {
    const watch = new MutationObserver((records) => this.#noteNodes(records));
    watch.observe(this.#element, { subtree: true, childList: true, characterData: true });
    return watch;
  }

  #noteNodes(records) {
    if (records.length > 0) this.#draws += 1;
    for (const { addedNodes } of records) {
      for (const node of addedNodes) this.#count(node);
    }
  }

  /** Each node once, however often it is moved, and whoever of its kin was noted before it. */
  #count(node) {
    if (!this.#seen.has(node)) this.#nodes += 1;
    this.#seen.add(node);
    for (const child of node.childNodes) this.#count(child);
  }
}

function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

/** Lets whoever works behind the frames come to an end. */
async function quiet() {
  for (let frames = 0; frames < 5; frames += 1) await nextFrame();
}
