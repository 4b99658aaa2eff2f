/** Where the service worker finds it, and forgets it when somebody logs out. */
const KEPT = "kept";
const MOST = 10;
/** Of each, no more than the server shows at first. */
const MESSAGES = 50;
const PAUSE = 500;
/** For a reply that grows, all of which is written again. */
const GROWS = 2000;
const KEPT_AT = "X-Kept-At";

/** Keeps what was said last in the newest conversations, so that it can be read without a connection. */
export class Keep {
  #transcript;
  #ready = null;
  #timer = null;

  constructor(transcript) {
    this.#transcript = transcript;
  }

  start() {
    document.addEventListener("visibilitychange", this.#hide);
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#hide);
    clearTimeout(this.#timer);
  }

  receive(frame) {
    if (frame.type === "ready") this.#meet(frame);
    else if (frame.type === "title" && this.#ready) this.#ready.conversation.title = frame.title;
    else if (frame.type === "conversation" && frame.deleted) return this.#drop(frame.id);
    else if (frame.type === "reply.end") this.#timer = clearTimeout(this.#timer);
    this.#saveIn(PAUSE);
  }

  /** A reply has grown. */
  grow() {
    this.#saveIn(GROWS);
  }

  #saveIn(pause) {
    this.#timer ??= setTimeout(() => this.#save(), pause);
  }

  /** Nobody's conversations are kept for whoever comes after them. */
  #meet(frame) {
    this.#ready = structuredClone(frame);
    const own = folderOf(frame.you);
    forget((path) => !path.startsWith(own));
    // Others may take back what they said, and let somebody not read it any more.
    if (frame.you.role) this.#drop(frame.conversation.id);
  }

  #drop(id) {
    if (id === this.#ready?.conversation.id) this.#ready = null;
    forget((path) => path.endsWith(`/${id}`));
  }

  async #save() {
    this.#timer = null;
    if (!this.#ready) return;
    const { you, conversation } = this.#ready;
    const messages = this.#transcript.messages.slice(-MESSAGES).filter(isBegun).map(plain);
    const frame = JSON.stringify({ ...this.#ready, messages, has_earlier: false });
    await put(`${folderOf(you)}${conversation.id}`, frame);
  }

  #hide = () => {
    if (!document.hidden || this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#save();
  };
}

/** What was kept, as the `ready` frames it was told with, the newest first. */
export async function kept() {
  return attempt(async (cache) => {
    const answers = await inOrder(cache);
    return Promise.all(answers.map(({ answer }) => answer.json()));
  });
}

/** Forgets what is kept under a path that `goes`. */
export async function forget(goes = () => true) {
  return attempt(async (cache) => {
    const gone = (await cache.keys()).filter(({ url }) => goes(new URL(url).pathname));
    await Promise.all(gone.map((request) => cache.delete(request)));
  });
}

async function put(path, text) {
  return attempt(async (cache) => {
    await cache.put(path, new Response(text, { headers: { [KEPT_AT]: Date.now() } }));
    const surplus = (await inOrder(cache)).slice(MOST);
    await Promise.all(surplus.map(({ request }) => cache.delete(request)));
  });
}

async function inOrder(cache) {
  const requests = await cache.keys();
  const all = await Promise.all(requests.map(async (request) => ({ request, answer: await cache.match(request) })));
  return all.filter(({ answer }) => answer).sort((one, other) => keptAt(other) - keptAt(one));
}

function keptAt({ answer }) {
  return Number(answer.headers.get(KEPT_AT));
}

/** There is no such store on a page served over plain http, and it may be full: then nothing is kept. */
async function attempt(action) {
  try {
    return await action(await caches.open(KEPT));
  } catch {
    return [];
  }
}

function folderOf({ id }) {
  return `/kept/${id}/`;
}

function isBegun({ status }) {
  return status !== "waiting";
}

/** As the server would tell it; but nothing more comes of it while it is read. */
function plain({ ref, author, text, status, created, reply_to, version, versions, error, thought, live }) {
  const now = live ? "unfinished" : status;
  return { id: ref, author, text, status: now, created, reply_to, version, versions, key: null, error, thought };
}
