const MOST = 99;

/** The rooms, and others' conversations, in which one has a seat; and how much is new in each. */
export class Joined {
  #list;
  #template;
  /** Of each what is unread: `counted` among the messages up to `upto`, and those that came `since`. */
  #unread = new Map();

  constructor(list, template) {
    this.#list = list;
    this.#template = template;
  }

  /** `current` is the one that the page shows. */
  receive(frame, current) {
    switch (frame.type) {
      case "conversations": return frame.rooms && this.#arrange(frame.rooms, current);
      case "conversation": return this.#change(frame, current);
      case "room": return this.#name(this.#find(current), frame.title);
    }
  }

  /** The truth, as it was told; what one looks at stays, although one may have no seat there. */
  #arrange(rooms, current) {
    const kept = new Set([current, ...rooms.map(({ id }) => id)]);
    for (const entry of [...this.#list.children]) if (!kept.has(entry.dataset.conversation)) entry.remove();
    rooms.forEach((room, index) => this.#show(room, index, current));
  }

  #show({ id, slug, title, unread, upto }, index, current) {
    const entry = this.#find(id) ?? this.#make(id, slug);
    // Who is at one of them by keyboard stays there.
    if (!entry.isConnected) this.#list.insertBefore(entry, this.#list.children[index] ?? null);
    this.#name(entry, title);
    const since = new Set([...this.#known(id).since].filter((message) => message > upto));
    this.#count(entry, { counted: unread, upto, since }, current);
  }

  /** News of a message may come before, or after, a list in which it was counted. */
  #note(entry, messages, current) {
    const known = this.#known(entry.dataset.conversation);
    for (const message of messages) if (message > known.upto && known.since.size <= MOST) known.since.add(message);
    this.#count(entry, known, current);
  }

  #read(entry) {
    const { upto, since } = this.#known(entry.dataset.conversation);
    this.#count(entry, { counted: 0, upto: Math.max(upto, ...since), since: new Set() });
  }

  #known(id) {
    return this.#unread.get(id) ?? { counted: 0, upto: 0, since: new Set() };
  }

  #count(entry, unread, current) {
    const { conversation: id } = entry.dataset;
    this.#unread.set(id, unread);
    say(entry, id === current ? 0 : unread.counted + unread.since.size);
  }

  #change({ id, deleted, new: messages, unread, title }, current) {
    const entry = this.#find(id);
    if (!entry) return;
    if (deleted) return entry.remove();
    if (title) this.#name(entry, title);
    if (unread === false) this.#read(entry);
    else if (messages) this.#note(entry, messages, current);
  }

  #make(id, slug) {
    const entry = this.#template.content.firstElementChild.cloneNode(true);
    entry.dataset.conversation = id;
    part(entry, "room-link").href = slug ? `/rooms/${slug}/` : `/c/${id}/`;
    return entry;
  }

  #name(entry, title) {
    const element = entry && part(entry, "room-title");
    if (title && element && element.textContent !== title) element.textContent = title;
  }

  #find(id) {
    return [...this.#list.children].find(({ dataset }) => dataset.conversation === id);
  }
}

function say(entry, unread) {
  const badge = part(entry, "room-unread");
  badge.hidden = !unread;
  badge.textContent = unread > MOST ? `${MOST}+` : unread;
  const words = unread === 1 ? badge.dataset.one : badge.dataset.label;
  badge.setAttribute("aria-label", words.replace("{count}", badge.textContent));
}

function part(entry, role) {
  return entry.querySelector(`[data-role=${role}]`);
}
