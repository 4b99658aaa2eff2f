/**
 * Lets the chat be read where there is no connection. The server tells `self.SHELL`, and its `version`
 * changes with any of the `files`: then all of them are fetched anew, so old code never meets new.
 *
 * Pages and files come from the network whenever that answers. What it does not see to, it does not
 * touch: other methods, other hosts, the admin, the API and the sockets.
 */
const { version, files, chat, offline, root } = self.SHELL;
const CODE = `code-${version}`;
/** What was said last; keep.js writes it. */
const KEPT = "kept";

const CONVERSATION = /^\/(?:c\/([0-9a-f-]{36})\/)?$/;
const PAGE = /^\/(?:c\/|rooms\/|s\/|accounts\/|forget-me\/|forgotten\/|$)/;
const DOWNLOAD = /\.\w+$/;
/** Whoever asks for this is not who was here any more. */
const FAREWELL = /^\/(?:accounts\/logout|admin\/logout|forget-me)\/$/;
const DELETION = /^\/c\/([0-9a-f-]{36})\/delete\/$/;
/** Its content never changes, as its name would too. */
const HASHED = /\.[0-9a-f]{12}\.\w+$/;

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin) return;
  if (request.method === "POST") event.waitUntil(forget(pathname));
  if (request.method !== "GET") return;
  if (request.mode === "navigate" && isPage(pathname)) event.respondWith(page(request, pathname));
  else if (isFile(pathname)) event.respondWith(HASHED.test(pathname) ? hashed(request) : plain(request));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(bringToFront(event.notification.data?.url ?? location.origin));
});

async function fill() {
  const cache = await caches.open(CODE);
  await cache.addAll([chat, offline, ...files].map(fresh));
  await self.skipWaiting();
}

/** Without cookies: what is kept for everybody is nobody's. */
function fresh(path) {
  return new Request(path, { cache: HASHED.test(path) ? "default" : "no-cache", credentials: "omit" });
}

async function takeOver() {
  const old = (await caches.keys()).filter((name) => name.startsWith("code-") && name !== CODE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** What somebody parts with is not kept, whatever becomes of the page on which they do. */
async function forget(pathname) {
  if (FAREWELL.test(pathname)) return caches.delete(KEPT);
  const [, id] = pathname.match(DELETION) ?? [];
  if (!id) return false;
  const cache = await caches.open(KEPT);
  const gone = (await cache.keys()).filter(({ url }) => url.endsWith(`/${id}`));
  return Promise.all(gone.map((request) => cache.delete(request)));
}

function isPage(pathname) {
  return PAGE.test(pathname) && !DOWNLOAD.test(pathname);
}

function isFile(pathname) {
  return pathname.startsWith(root) && !pathname.startsWith(`${root}admin/`);
}

async function page(request, pathname) {
  try {
    return await fetch(request);
  } catch {
    return kept((await isKept(pathname)) ? chat : offline);
  }
}

async function isKept(pathname) {
  const [isConversation, id] = pathname.match(CONVERSATION) ?? [];
  if (isConversation === undefined || !(await caches.has(KEPT))) return false;
  const all = await (await caches.open(KEPT)).keys();
  return all.some(({ url }) => !id || url.endsWith(`/${id}`));
}

async function hashed(request) {
  const cache = await caches.open(CODE);
  const known = await cache.match(request.url);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request.url, answer.clone()).catch(() => {}); // it may be full
  return answer;
}

/** Asks even if the browser thinks it knows: a minute-old file may be older than the page. */
async function plain(request) {
  try {
    return perishable(await fetch(request, { cache: "no-cache" }));
  } catch {
    return perishable(await kept(request.url));
  }
}

/** The same for a page that knows it, which else does not even ask here. */
function perishable(answer) {
  if (!answer.ok) return answer;
  const headers = new Headers(answer.headers);
  headers.set("Cache-Control", "no-cache");
  return new Response(answer.body, { headers });
}

async function kept(path) {
  return (await (await caches.open(CODE)).match(path)) ?? Response.error();
}

async function bringToFront(wanted) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find(({ url }) => url === wanted);
  await (there ? there.focus() : self.clients.openWindow(wanted));
}
