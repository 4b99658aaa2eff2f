import { kept } from "./keep.js";

const CONVERSATION = /^\/c\/([0-9a-f-]+)\/$/;

/**
 * Without a connection the service worker shows one and the same page in place of every conversation that
 * was kept. Makes that page the one of the conversation that was asked for; returns the frames that say
 * what was kept of it.
 */
export async function recall(chat, shelf) {
  const all = await kept();
  const [, id] = location.pathname.match(CONVERSATION) ?? [];
  const asked = all.find(({ conversation }) => !id || conversation.id === id);
  if (!asked) return leave();
  const current = asked.conversation.id;
  Object.assign(chat.dataset, { conversation: current, socketPath: `/ws/chat/${current}/` });
  shelf.dataset.current = current;
  return [asked, { type: "conversations", archived: false, after: null, conversations: all.map(entry), more: false }];
}

/** There is a connection again: the page itself can be had instead of what stands in for it. */
export async function leaveShell() {
  const answer = await fetch(location.href, { method: "HEAD" }).catch(() => null);
  if (answer) location.reload();
}

/** Never resolves: this page is about to go. */
function leave() {
  location.replace("/");
  return new Promise(() => {});
}

function entry({ conversation: { id, title }, messages }) {
  const written = messages.findLast(({ author }) => author.kind === "person")?.created ?? "";
  return { id, title, written, pinned: false, archived: false, unread: false, typing: false };
}
