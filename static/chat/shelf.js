/**
 * The conversations that are listed, as far as the frames tell. Pure: frames go in, and two lists come
 * out, those that are archived in one of their own.
 */
export class Shelf {
  #entries = new Map();
  #more;
  #expected = 0;
  #since = [];

  /** `entries` are the first ones that are not archived, and `more` says whether there are others. */
  constructor(entries = [], more = false) {
    for (const entry of entries) this.#entries.set(entry.id, entry);
    this.#more = { false: more, true: false };
  }

  has(id) {
    return this.#entries.has(id);
  }

  find(id) {
    return this.#entries.get(id);
  }

  list(archived) {
    return [...this.#entries.values()].filter((entry) => entry.archived === archived).sort(inOrder);
  }

  hasMore(archived) {
    return this.#more[archived];
  }

  /** The one behind which the next page begins. */
  lastOf(archived) {
    return this.list(archived).at(-1)?.id ?? null;
  }

  /** What was asked for on a former connection will not come. */
  begin() {
    this.#expected = 0;
    this.#since = [];
  }

  /** So many more pages are asked for. What is told until they are there may be newer than they are. */
  expect(pages) {
    this.#expected += pages;
  }

  /** Something about one is new. Of one that is not known, all has to be told that its place hangs on. */
  take(news) {
    if (this.#expected) this.#since.push(news);
    this.#apply(news);
  }

  #apply({ type, ...news }) {
    const known = this.#entries.get(news.id);
    if (news.deleted) this.#entries.delete(news.id);
    else if (known) Object.assign(known, news);
    else if (news.written && "title" in news) this.#entries.set(news.id, { typing: false, ...news });
  }

  /** A page of one of the lists is the truth about what stands there, and leaves what is behind it. */
  page({ archived, after, conversations, more }) {
    const before = this.list(archived);
    const last = conversations.at(-1);
    const from = after ? before.findIndex(({ id }) => id === after) + 1 : 0;
    const rest = before.slice(from);
    const behind = more && last ? rest.filter((entry) => inOrder(last, entry) < 0) : [];
    for (const { id } of rest) if (!behind.some((entry) => entry.id === id)) this.#entries.delete(id);
    for (const entry of conversations) this.#entries.set(entry.id, entry);
    if (behind.length === 0) this.#more[archived] = more;
    for (const news of this.#since) this.#apply(news);
    if (--this.#expected < 1) this.begin();
  }
}

/** Pinned ones first, then by when somebody last wrote. */
function inOrder(one, other) {
  return other.pinned - one.pinned || compare(other.written, one.written) || compare(other.id, one.id);
}

function compare(one, other) {
  return one < other ? -1 : Number(one > other);
}
