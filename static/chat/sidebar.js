import { Conversations, addressOf } from "./conversations.js";
import { Drawer } from "./drawer.js";
import { Heading } from "./heading.js";
import { Menu } from "./menu.js";
import { Notices } from "./notices.js";
import { get, post } from "./server.js";
import { Store } from "./store.js";
import { Undo } from "./undo.js";

const HOME = "/";
const GONE = 404;
const LARGEST_FILE = 5 * 1024 * 1024;
const READABLE_FOR = 20_000;

/** The conversations beside the one that is shown, and everything that can be done with them. */
export class Sidebar {
  #part;
  #words;
  #conversations;
  #heading;
  #drawer;
  #menu;
  #search = null;
  #joined = null;
  #rename = null;
  #undo;
  #notices;
  #pageUndo;
  #listening = null;

  /**
   * `part(role)` finds an element; `rest` is the page beside it, `notices` those of the page. `send(frame)`
   * asks the server.
   */
  constructor(part, { rest, notices, noticeTemplate, send }) {
    this.#part = part;
    this.#words = part("shelf-words").dataset;
    this.#conversations = this.#makeConversations(send);
    this.#heading = new Heading(part("heading"));
    this.#notices = new Notices(part("shelf-notices"), noticeTemplate);
    this.#drawer = new Drawer({
      drawer: part("shelf"), opener: part("shelf-open"), closer: part("shelf-close"), scrim: part("scrim"), rest,
    });
    this.#menu = new Menu(part("menu"), part("shelf"), {
      onOpen: (id) => this.#offered(id),
      onChoose: (act, id) => this.#act(act, id),
    });
    const store = Store.ofTab();
    const onUndo = (id, left) => this.#restore(id, left);
    this.#undo = new Undo(this.#notices, store, this.#words, { onUndo });
    this.#pageUndo = new Undo(notices, store, this.#words, { onUndo });
  }

  get #pieces() {
    return [this.#conversations, this.#drawer, this.#menu, ...(this.#search ? [this.#search] : [])];
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    const file = this.#part("import-file");
    for (const piece of this.#pieces) piece.start();
    this.#part("import").addEventListener("click", () => file.click(), options);
    file.addEventListener("change", () => this.#import(file), options);
    this.#part("search").addEventListener("focus", this.#findSearch, options);
    if (this.#part("search").value) this.#findSearch(); // what the browser kept of the last visit
    this.#pageUndo.arrive();
  }

  stop() {
    this.#listening?.abort();
    for (const piece of [...this.#pieces, this.#notices]) piece.stop();
  }

  receive(frame) {
    this.#conversations.receive(frame);
    this.#heading.receive(frame);
    if (this.#joined || frame.rooms?.length) this.#join(frame);
  }

  get current() {
    return this.#conversations.current;
  }

  set typing(typing) {
    this.#conversations.typing = typing;
  }

  set unread(count) {
    this.#heading.unread = count;
  }

  /** Where one looks for what was said. */
  search() {
    this.#drawer.open();
    this.#part("search").focus();
  }

  begin() {
    this.#part("new-conversation").click();
  }

  /** Whether the conversation that the page shows was deleted. */
  get isGone() {
    return this.#conversations.isGone;
  }

  /** The page for a new conversation is that of this conversation from now on. */
  settleIn(id) {
    if (location.pathname === this.#part("new-conversation").pathname) history.replaceState(null, "", addressOf(id));
  }

  #makeConversations(send) {
    const part = this.#part;
    const elements = {
      list: part("conversations"), listMore: part("conversations-more"), none: part("conversations-none"),
      archived: part("archived"), archivedMore: part("archived-more"), archivedPart: part("archived-part"),
      template: part("entry-template"), words: part("shelf-words"),
    };
    return new Conversations(elements, part("shelf").dataset.current || null, { send });
  }

  /** Rooms, and others' conversations: not everybody is in one. */
  #join(frame) {
    this.#joined ??= import("./joined.js").then(({ Joined }) => new Joined(this.#part("joined"), this.#part("joined-template")));
    this.#joined.then((joined) => joined.receive(frame, this.current), () => (this.#joined = null));
  }

  /** Few visits look for something. */
  #findSearch = async () => {
    const found = await import("./search.js").catch(() => this.#notices.show(this.#reason(0)));
    if (!found || this.#search) return;
    this.#search = this.#makeSearch(found.Search);
    this.#search.start();
  };

  #makeSearch(Search) {
    const part = this.#part;
    const elements = {
      input: part("search"), found: part("found"), all: part("shelf-all"), count: part("found-count"),
      template: part("found-template"),
    };
    const ask = async (words) => (await get(`/c/search/?q=${encodeURIComponent(words)}`)).data?.results ?? null;
    return new Search(elements, { ask });
  }

  #offered(id) {
    const { pinned, archived } = this.#conversations.find(id);
    return {
      rename: true, delete: true,
      pin: !pinned, unpin: pinned, archive: !archived, unarchive: archived,
      "export.md": `${addressOf(id)}export.md`, "export.json": `${addressOf(id)}export.json`,
    };
  }

  #act(act, id) {
    switch (act) {
      case "rename": return this.#openRename(id);
      case "delete": return this.#delete(this.#conversations.find(id));
      case "pin": case "unpin": case "archive": case "unarchive": return this.#change(id, act);
    }
  }

  /** Few visits need it. */
  async #openRename(id) {
    const found = await import("./rename.js").catch(() => null);
    if (!found) return this.#notices.show(this.#reason(0));
    this.#rename ??= new found.Rename(this.#part("rename-template"), { onSave: (id, title) => this.#save(id, title) });
    this.#rename.open(this.#conversations.element(id), this.#conversations.find(id));
  }

  /** Resolves to whether the server has done it; else it is said why not. */
  async #change(id, act, body = null) {
    const { ok, status, data } = await post(`${addressOf(id)}${act}/`, body);
    if (ok) this.#conversations.take({ type: "conversation", ...data });
    else this.#notices.show(this.#reason(status, data));
    return ok;
  }

  async #save(id, title) {
    const saved = await this.#change(id, "rename", { title });
    if (saved && id === this.#conversations.current) this.#heading.receive({ type: "title", title });
    return saved;
  }

  async #delete(entry) {
    const beside = this.#beside(entry.id);
    const { ok, status, data } = await post(`${addressOf(entry.id)}delete/`);
    if (!ok && status !== GONE) return this.#notices.show(this.#reason(status, data));
    const named = { id: entry.id, title: entry.title || this.#words.untitled };
    if (entry.id === this.#conversations.current) return this.#leave(named);
    this.#conversations.take({ id: entry.id, deleted: true });
    beside.focus();
    if (ok) this.#undo.offer(named);
  }

  #leave(named) {
    this.#pageUndo.leave(named);
    location.assign(HOME);
  }

  async #restore(id, left) {
    const restored = await this.#change(id, "restore");
    if (restored && left) location.assign(addressOf(id));
  }

  /** Where who deletes by keyboard goes on. */
  #beside(id) {
    const element = this.#conversations.element(id);
    const beside = element?.nextElementSibling ?? element?.previousElementSibling;
    return beside?.querySelector("[data-role=entry-link]") ?? this.#part("new-conversation");
  }

  async #import(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    if (file.size > LARGEST_FILE) return this.#notices.show(this.#words.tooLarge);
    const { ok, status, data } = await post("/c/import/", file);
    if (ok) return location.assign(addressOf(data.id));
    const reason = this.#reason(status, data);
    this.#notices.show(this.#words.notImported.replace("{reason}", () => reason), { stays: READABLE_FOR });
  }

  #reason(status, data) {
    return data?.detail ?? (status ? this.#words.failed : this.#words.offline);
  }
}
