import { Acts } from "./acts.js";
import { copy } from "./copy.js";

const OTHERS = { previous: -1, next: 1 };
const DRAFTS = "chat:edit:";

/**
 * What one can do about messages: have replies written again, change one's own, see other versions.
 * Each is asked for once, and the page shows it when the server says so.
 */
export class Control {
  #log;
  #transcript;
  #view;
  #picker;
  #store;
  #acts = new Acts();
  #thoughts = new Set();
  #turning = null;
  #called = null;
  #editing = null;
  #does;
  #listening = null;

  /**
   * `does`: {send(frame) -> whether somebody is there, say(words), giveBack(text), write(), stop(id), stopAll(), busy()}.
   * log.dataset has the words `offline` and `uncopied`.
   */
  constructor({ log, transcript, view, picker, store }, does) {
    this.#log = log;
    this.#transcript = transcript;
    this.#view = view;
    this.#picker = picker;
    this.#store = store;
    this.#does = does;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#log.addEventListener("click", (event) => this.#clicked(event), { signal });
    // Whether something is folded out does not bubble.
    this.#log.addEventListener("toggle", (event) => this.#toggled(event), { signal, capture: true });
  }

  stop() {
    this.#listening?.abort();
  }

  /** What one has just pressed to see another version, while that comes. */
  get anchor() {
    return this.#turning?.isConnected ? this.#turning : null;
  }

  /** Opens the newest of one's own messages; false where that is not to be changed. */
  editLast() {
    const last = [...this.#log.querySelectorAll("[data-role=message][data-mine=true]")].at(-1);
    if (!last?.querySelector("[data-role=edit]:not([hidden])")) return false;
    const { message: id } = last.dataset;
    this.#edit(this.#transcript.find(id)).then(() => this.#view.editor(id)?.focus());
    this.#called = id;
    return true;
  }

  receive(frame) {
    switch (frame.type) {
      case "ready": return this.#ready();
      case "message.changed": return this.#changed(String(frame.message.id));
      case "message.removed": return this.#removed(frame.messages.map(String));
      case "reply.thoughts": return this.#thoughts.delete(String(frame.reply));
    }
  }

  /** True if it was about something that was asked for here. */
  refused({ message, reply, detail }) {
    const id = String(message ?? reply);
    const act = this.#acts.remove(id);
    const wasThoughts = !act && this.#thoughts.delete(id);
    if (!act && !wasThoughts) return false;
    if (act) this.#release(id);
    else this.#view.foldThoughts(id);
    this.#does.say(detail);
    return true;
  }

  tick(now) {
    for (const { id } of this.#acts.giveUp(now)) this.#release(id);
  }

  #clicked({ target }) {
    const button = target.closest("button[data-role]");
    const message = this.#transcript.find(button?.closest("[data-message]")?.dataset.message);
    if (!message || button.getAttribute("aria-disabled") === "true") return;
    const { role } = button.dataset;
    switch (role) {
      case "copy": return this.#copy(message);
      case "edit": return this.#edit(message);
      case "halt": return this.#does.stop(message.id);
      case "delete": return this.#makeSure(message.id);
      case "remove": return this.#ask(message, remove(message));
      // Who deletes it, wants none of it back.
      case "surely": return this.#ask({ id: message.id, text: "" }, remove(message));
      case "continue": return this.#rewrite(message, { type: "reply.continue", reply: message.ref });
      case "retry":
      case "regenerate": return this.#rewrite(message, this.#anew(message, `reply.${role}`));
      case "previous":
      case "next": return this.#turn(message, message.version + OTHERS[role], button);
    }
  }

  async #makeSure(id) {
    const found = await import("./sure.js").catch(() => this.#does.say(this.#log.dataset.offline));
    found?.makeSure(this.#view.element(id));
  }

  #anew({ ref }, type) {
    const { chosen } = this.#picker;
    return { type, reply: ref, ...(chosen && { assistant: chosen }) };
  }

  #turn(message, version, button) {
    const isAsked = this.#rewrite(message, { type: "message.version", message: message.ref, version });
    if (isAsked) this.#turning = button;
  }

  /** While another reply is being written the server would refuse it. */
  #rewrite(message, frame) {
    return !this.#does.busy() && this.#ask(message, frame);
  }

  #ask({ id, text }, frame) {
    if (this.#acts.has(id)) return false;
    this.#turning = null;
    if (!this.#does.send(frame)) return this.#does.say(this.#log.dataset.offline), false;
    this.#acts.add(id, frame, text, performance.now());
    this.#view.hold(id, true);
    return true;
  }

  #release(id) {
    this.#view.hold(id, false);
    const editor = this.#view.editor(id);
    if (editor) editor.saving = false;
  }

  #ready() {
    this.#turning = null;
    for (const { id, frame, text } of this.#acts.giveUp()) {
      this.#release(id);
      if (frame.type === "message.remove" && !this.#transcript.find(id)) this.#does.giveBack(text);
    }
    for (const { id } of this.#view.editors) this.#closeIfSaved(id);
    for (const name of this.#store.names(DRAFTS)) this.#takeUp(name);
    for (const id of this.#thoughts) this.#askForThoughts(id);
  }

  /** Somebody else may have changed it meanwhile; then what was asked for here is not answered yet. */
  #changed(id) {
    this.#closeIfSaved(id);
    const act = this.#acts.find(id);
    const isAnswer = act && (act.frame.type !== "message.edit" || act.frame.text === this.#transcript.find(id)?.text);
    if (!isAnswer) return;
    this.#acts.remove(id);
    this.#release(id);
  }

  #removed(ids) {
    for (const id of ids) {
      const act = this.#acts.remove(id);
      this.#thoughts.delete(id);
      this.#store.remove(DRAFTS + id);
      if (act?.frame.type === "message.remove") this.#does.giveBack(act.text);
    }
  }

  async #copy({ id, text }) {
    if (await copy(text)) this.#view.confirmCopy(id);
    else this.#does.say(this.#log.dataset.uncopied);
  }

  /** Few visits change anything. Once it is there, whoever types on at once types in it. */
  async #edit({ id, text }, draft = null) {
    this.#editing ??= await import("./editor.js").catch(() => this.#does.say(this.#log.dataset.offline));
    if (this.#editing) this.#view.edit(id, text, this.#editing.Editor, {
      draft,
      onChange: (text) => this.#store.write(DRAFTS + id, text),
      onSave: (text) => this.#save(id, text),
      onCancel: () => this.#endEdit(id),
    });
  }

  /** What was typed and not saved when the page was left. */
  #takeUp(name) {
    const message = this.#transcript.find(name.slice(DRAFTS.length));
    if (message?.mine && !this.#view.editor(message.id)) this.#edit(message, this.#store.read(name));
  }

  #endEdit(id) {
    this.#store.remove(DRAFTS + id);
    this.#view.endEdit(id);
    if (this.#called === id && this.#log.contains(document.activeElement)) this.#does.write();
    this.#called = null;
  }

  /** A reply that is being written answers what was said before: it ends first, where it was read. */
  #save(id, text) {
    const message = this.#transcript.find(id);
    if (text === message.text) return this.#endEdit(id);
    if (this.#acts.has(id)) return;
    if (this.#does.online() && this.#does.busy()) this.#does.stopAll();
    const isAsked = this.#ask(message, { type: "message.edit", message: message.ref, text });
    if (isAsked) this.#view.editor(id).saving = true;
  }

  #closeIfSaved(id) {
    const submitted = this.#view.editor(id)?.submitted;
    if (submitted != null && submitted === this.#transcript.find(id)?.text) this.#endEdit(id);
  }

  #toggled({ target }) {
    const id = target.closest("[data-message]")?.dataset.message;
    if (!id || !target.open || target.dataset.role !== "thoughts") return;
    if (this.#view.wantsThoughts(id) && !this.#thoughts.has(id)) this.#askForThoughts(id);
  }

  /** Nobody there: it is asked for when somebody is. */
  #askForThoughts(id) {
    const message = this.#transcript.find(id);
    if (!message) return this.#thoughts.delete(id);
    this.#thoughts.add(id);
    this.#does.send({ type: "reply.thoughts", reply: message.ref });
  }
}

function remove({ ref }) {
  return { type: "message.remove", message: ref };
}
