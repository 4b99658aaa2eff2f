"""Who watches what in this process, and how far each of them has come.

Text goes straight from here through each viewer's `send`: no thread, no database, no channel
layer, no queue. What a viewer has no room for is simply not sent yet; it is cut from the reply's
text when there is room.
"""

import asyncio
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from chat import metrics, protocol
from chat.characters import split
from chat.live.per_loop import PerLoop
from chat.live.ticker import ticker
from chat.models import LIVE, STREAMING, WAITING, Message

VIEWERS_A_TURN = 100  # after so many the loop gets a turn for everything else

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Send = Callable[[dict[str, Any]], Awaitable[None]]


def packed(frame: str) -> dict[str, Any]:
    """Return the ASGI message that carries `frame`."""
    return {"type": "websocket.send", "text": frame}


def everywhere(verb: Callable[P, R]) -> Callable[P, R]:
    """Have `verb`, of the hub, done in the other processes too, for who is connected there.

    `__wrapped__` does it only here.
    """

    @wraps(verb)
    def told(*args: P.args, **more: P.kwargs) -> R:
        own, *about = args
        own.tell_others(verb.__name__, *about, **more)  # type: ignore[attr-defined]
        return verb(*args, **more)

    return told


@dataclass(slots=True)
class Cursor:
    """How far one viewer has come in one reply, in code points."""

    sent: int
    acked: int
    full_since: float = 0.0  # when it ran out of room; 0 while it has some

    @property
    def limit(self) -> int:
        return self.acked + protocol.WINDOW


class LiveReply:
    """A reply's text as far as it goes, and what there is to say at its end."""

    def __init__(self, message: Message) -> None:
        self.id: int = message.pk
        self.conversation: uuid.UUID = message.conversation_id
        self.message = message
        self.text = message.text
        self.end: str | None = None  # the `reply.end` frame, once there is one
        self.waits: dict[str, Any] | None = None  # what it waits for, if that is worth telling
        self.saved = len(message.text)  # code points that are in the database, at least

    def note_saved(self, length: int) -> None:
        """Note that so many code points are in the database."""
        self.saved = length

    def bring_up_to_date(self, message: dict[str, Any]) -> None:
        """Write what is true by now into the contract's *message*, read a moment ago."""
        if self.end is None and self.message.version != message["version"]:
            message.update(self.message.as_frame())  # it was opened anew meanwhile
        if self.message.version == message["version"]:  # or another version is shown meanwhile
            message.update(self.current())

    def current(self) -> dict[str, Any]:
        """Return the fields of the contract's *message* that change while a reply is typed.

        Until the end has been announced the reply is live, whatever is being saved already.
        """
        if self.end is None:
            waits = {"waits": self.waits} if self.waits else {}
            return {"text": self.text, "status": STREAMING if self.text else WAITING, **waits}
        return {"text": self.text, "status": self.message.status, "error": self.message.error}


@dataclass(frozen=True, slots=True)
class Pending:
    """A frame that waits for a viewer's snapshot: which message it is about, and how."""

    frame: str
    about: int | None = None
    brings: bool = False  # it brings that message, which is new
    opens: bool = False  # and which is a reply that is still to be written


@dataclass(eq=False, slots=True)
class Viewer:
    """One watching connection. `send`, `close` and `renew` are the connection's own.

    Until it has `joined`, that is until it was given a snapshot of the conversation, frames for
    it are kept in `pending`. `renew` has it read another snapshot, and join again.

    One that `reads` a single reply never joins: it gets no frames, but takes the text from the
    reply itself, as fast as it can use it, and is woken when there is more.
    """

    person: uuid.UUID
    conversation: uuid.UUID
    send: Send
    close: Callable[[int], Awaitable[None]]
    renew: Callable[[], None] = lambda: None
    role: str = "owner"  # as whom they are here
    link: int | None = None  # by which they watch
    api_key: int | None = None  # by which a program came in
    session: str = ""  # the key of the session they came by, if any
    cursors: dict[int, Cursor] = field(default_factory=dict)
    joined: bool = False
    gone: bool = False
    busy: bool = False  # a send has not returned; only servers other than Daphne ever wait there
    pending: list[Pending] = field(default_factory=list)
    told: int = 0  # how often it heard that something is other than it was
    reads: int | None = None  # 0: a reply that is not known yet
    wake: Callable[[], None] = lambda: None

    @property
    def joining(self) -> bool:
        return not self.joined and self.reads is None

    def let_go(self) -> None:
        """Drop what leads to the connection, which is lost: in a ring both would outlive it."""
        self.close, self.renew = _not_any_more, lambda: None


async def _not_any_more(code: int) -> None:
    """Close a connection that is lost."""


class Hub:
    def __init__(self) -> None:
        self.live: dict[int, LiveReply] = {}
        self._viewers: dict[uuid.UUID, dict[Viewer, None]] = {}
        self._replies: dict[uuid.UUID, dict[int, LiveReply]] = defaultdict(dict)
        self._behind: dict[tuple[Viewer, LiveReply], None] = {}
        self._connections: dict[uuid.UUID, dict[Viewer, None]] = {}
        self._posting: dict[uuid.UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._saying: set[asyncio.Task[None]] = set()
        self.newest: dict[uuid.UUID, int] = {}  # the newest message that viewers know, at least
        # What other processes are told; and of which replies there is more. Nobody, by default.
        self.tell_others: Callable[..., None] = lambda *about, **more: None
        self.tell_text: Callable[[LiveReply], None] = lambda reply: None

    # --- who is watching

    def watch(self, viewer: Viewer) -> None:
        """Let `viewer` miss nothing from now on; `join` then tells what was before."""
        metrics.VIEWERS.inc()
        self._viewers.setdefault(viewer.conversation, {})[viewer] = None
        self._connections.setdefault(viewer.person, {})[viewer] = None

    def leave(self, viewer: Viewer) -> None:
        """Forget `viewer`. Twice is harmless."""
        if viewer.gone:
            return
        viewer.gone = True
        metrics.VIEWERS.dec()
        watching = self._viewers.get(viewer.conversation, {})
        watching.pop(viewer, None)
        if not watching:
            self._viewers.pop(viewer.conversation, None)
            self._posting.pop(viewer.conversation, None)
            self.newest.pop(viewer.conversation, None)
        connections = self._connections.get(viewer.person, {})
        connections.pop(viewer, None)
        if not connections:
            self._connections.pop(viewer.person, None)
        for reply in list(self._replies.get(viewer.conversation, {}).values()):
            self._behind.pop((viewer, reply), None)
            self._forget_if_delivered(reply)

    def connections(self, person: uuid.UUID) -> int:
        return len(self._connections.get(person, ()))

    def watches(self, person: uuid.UUID, conversation: uuid.UUID) -> bool:
        """Return whether `person` is in `conversation`, on any device."""
        return any(
            viewer.conversation == conversation for viewer in self._connections.get(person, ())
        )

    def watching(self, conversation: uuid.UUID) -> list[Viewer]:
        """Return who watches `conversation`."""
        return list(self._viewers.get(conversation, ()))

    def everyone(self) -> list[Viewer]:
        """Return all connections."""
        return [viewer for watching in self._viewers.values() for viewer in watching]

    def here(self) -> list[uuid.UUID]:
        """Return all people who are connected."""
        return list(self._connections)

    def watched(self) -> list[uuid.UUID]:
        """Return the conversations that somebody is in."""
        return list(self._viewers)

    async def send_away(self, code: int) -> None:
        """Close every connection with `code`."""
        for watching in list(self._viewers.values()):
            for viewer in list(watching):
                await viewer.close(code)

    async def join(
        self, viewer: Viewer, snapshot: list[dict[str, Any]], ready: Callable[[], str]
    ) -> None:
        """Give `viewer` the frame `ready()` over a snapshot read after `watch`, then all since.

        The messages of `snapshot` are brought up to date in place with what is live here. Live
        text goes on from the length each reply has in it.
        """
        if viewer.gone:
            return
        known = {message["id"] for message in snapshot}
        self.refresh(viewer, snapshot)
        # What came before the snapshot is newer in it, and must not undo it.
        news = [
            each
            for each in viewer.pending
            if each.about not in known or not (each.brings or each.about in self.live)
        ]
        for each in news:
            if each.opens and each.about is not None:
                viewer.cursors[each.about] = Cursor(0, 0)
        viewer.joined = True
        viewer.pending = []
        self._note_newest(viewer.conversation, max(known, default=0))
        await self._send(viewer, map(packed, [ready(), *(each.frame for each in news)]))
        for reply in list(self._replies.get(viewer.conversation, {}).values()):
            self._look_after(viewer, reply)
            self._forget_if_delivered(reply)

    def refresh(self, viewer: Viewer, snapshot: list[dict[str, Any]]) -> None:
        """Bring messages up to date with what is live here, and `viewer` to where they end."""
        for message in snapshot:
            if reply := self.live.get(message["id"]):
                reply.bring_up_to_date(message)
            if message["status"] in LIVE:
                at = len(message["text"])
                viewer.cursors[message["id"]] = Cursor(sent=at, acked=at)

    # --- what is said to everyone in a conversation

    @everywhere
    async def post(self, message: Message, frame: str, own: str) -> None:
        """Send `frame`, which brings a new message, to all who watch; its author gets `own`.

        To all in one order: who comes while another message goes round waits for that.
        """
        is_live = message.status in LIVE
        theirs, mine = (Pending(each, message.pk, True, is_live) for each in (frame, own))
        if message.conversation_id not in self._viewers:
            return
        self._note_newest(message.conversation_id, message.pk)
        async with self._posting[message.conversation_id]:
            for count, viewer in enumerate(self.watching(message.conversation_id), start=1):
                if viewer.joined and is_live:
                    viewer.cursors[message.pk] = Cursor(0, 0)
                is_author = viewer.person == message.person_id
                await self._send_or_keep(viewer, mine if is_author else theirs)
                if count % VIEWERS_A_TURN == 0:
                    await asyncio.sleep(0)

    @everywhere
    async def publish(
        self, conversation: uuid.UUID, frame: str, *, about: int | None = None
    ) -> None:
        """Send `frame` (that is about the known message `about`) to all who watch."""
        await self._publish(conversation, Pending(frame, about))

    async def _publish(self, conversation: uuid.UUID, news: Pending) -> None:
        if conversation not in self._viewers:
            return
        async with self._posting[conversation]:  # it may be about a message that still goes round
            for count, viewer in enumerate(self.watching(conversation), start=1):
                viewer.told += 1
                await self._send_or_keep(viewer, news)
                if count % VIEWERS_A_TURN == 0:
                    await asyncio.sleep(0)

    @everywhere
    async def publish_to_others(
        self, conversation: uuid.UUID, frame: str, person: uuid.UUID
    ) -> None:
        """Send `frame` to all who watch, but `person`."""
        for count, viewer in enumerate(self.watching(conversation), start=1):
            if viewer.person != person:
                await self._send_or_keep(viewer, Pending(frame))
            if count % VIEWERS_A_TURN == 0:
                await asyncio.sleep(0)

    @everywhere
    async def take_away(self, conversation: uuid.UUID, gone: list[int]) -> None:
        """Say to all who watch that the messages `gone` are not shown any more."""
        for id in gone:
            self.drop(id)
        removed = protocol.frame("message.removed", messages=gone)
        await self._publish(conversation, Pending(removed))  # each process does so itself
        for viewer in self._viewers.get(conversation, ()):
            for id in gone:
                viewer.cursors.pop(id, None)

    def replies(self, conversation: uuid.UUID) -> list[LiveReply]:
        """Return those that are live here, in a conversation."""
        return list(self._replies.get(conversation, {}).values())

    def drop(self, id: int) -> None:
        """Forget what is live of a reply that has ended: something else is true of it now."""
        if former := self.live.get(id):
            self.let_go(former)

    @everywhere
    async def tell_person(
        self, person: uuid.UUID | None, frame: str, *, not_in: uuid.UUID | None = None
    ) -> None:
        """Send `frame` to all connections of `person`, but those to the conversation `not_in`."""
        for viewer in list(self._connections.get(person, ()) if person else ()):
            if viewer.conversation != not_in:
                await self._send_or_keep(viewer, Pending(frame))

    @everywhere
    def renew(self, conversation: uuid.UUID) -> None:
        """Have all who watch read the conversation anew: other messages are shown now."""
        for viewer in self.watching(conversation):
            self.renew_one(viewer)

    def renew_one(self, viewer: Viewer) -> None:
        """Have `viewer` read the conversation anew."""
        viewer.told += 1
        self.hold(viewer)
        viewer.renew()

    def hold(self, viewer: Viewer) -> None:
        """Keep what there is to tell `viewer` from now on, until it joins."""
        viewer.joined = False
        viewer.cursors.clear()

    @everywhere
    async def send_off(self, conversation: uuid.UUID, code: int) -> None:
        """Close all connections to `conversation` with `code`."""
        for viewer in self.watching(conversation):
            await viewer.close(code)

    async def _close(self, unwanted: Callable[[Viewer], bool], code: int) -> None:
        for viewer in self._where(unwanted):
            await viewer.close(code)

    @everywhere
    async def close_session(self, session: str, code: int) -> None:
        """Close all connections that came by the session with this key."""
        await self._close(lambda viewer: viewer.session == session, code)

    @everywhere
    async def close_sessions(self, person: uuid.UUID, code: int, *, but: str | None) -> None:
        """Close all connections of `person` that came by another session than `but`."""
        await self._close(lambda it: it.person == person and it.session not in ("", but), code)

    @everywhere
    async def close_person(self, person: uuid.UUID, conversation: uuid.UUID, code: int) -> None:
        """Close the connections of `person` to `conversation`, but not those by a link."""
        await self._close(
            lambda it: (it.person, it.conversation, it.link) == (person, conversation, None), code
        )

    @everywhere
    def move_session(self, former: str, now: str) -> None:
        """Note that a session has another key from now on; who came by it is still there."""
        for viewer in self._where(lambda viewer: viewer.session == former):
            viewer.session = now

    def _where(self, wanted: Callable[[Viewer], bool]) -> list[Viewer]:
        return [it for watching in self._viewers.values() for it in watching if wanted(it)]

    @everywhere
    async def leave_all(self, person: uuid.UUID, code: int) -> None:
        """Close all connections of `person` with `code`."""
        for viewer in list(self._connections.get(person, ())):
            await viewer.close(code)

    async def tell(self, viewer: Viewer, *frames: str) -> None:
        """Send `frames` to one viewer."""
        await self._send(viewer, map(packed, frames))

    def _note_newest(self, conversation: uuid.UUID, message: int) -> None:
        self.newest[conversation] = max(message, self.newest.get(conversation, 0))

    # --- live replies

    def open(self, message: Message) -> LiveReply:
        """Let the reply in `message` be watched; viewers go on from where they are in it."""
        reply = LiveReply(message)
        self.live[reply.id] = self._replies[reply.conversation][reply.id] = reply
        for viewer in self._viewers.get(reply.conversation, ()):
            self._look_after(viewer, reply)
        self._wake_readers(reply)
        return reply

    @everywhere
    async def reopen(self, message: Message) -> None:
        """Say where the reply in `message`, which had ended, is now; it will be live again."""
        self.drop(message.pk)
        changed = protocol.frame("message.changed", message=message.as_frame())
        # Each process does so itself: one may have read more of the text than another.
        await self._publish(message.conversation_id, Pending(changed, message.pk))
        at = len(message.text)
        for viewer in self._viewers.get(message.conversation_id, ()):
            if viewer.joined:
                viewer.cursors[message.pk] = Cursor(sent=at, acked=at)

    def say(self, reply: LiveReply, waits: dict[str, Any] | None) -> None:
        """Tell everyone what the reply waits for; None: for nothing in particular."""
        if reply.waits == waits:
            return
        reply.waits = waits
        frame = protocol.frame("reply.waits", reply=reply.id, waits=waits)
        saying = asyncio.ensure_future(self.publish(reply.conversation, frame, about=reply.id))
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)

    async def extend(self, reply: LiveReply, characters: list[str]) -> None:
        """Append `characters` to the reply and send them to everyone who has room for them."""
        base = len(reply.text)
        reply.text += "".join(characters)
        reply.waits = None
        end = len(reply.text)
        burst: list[dict[str, Any]] = []
        delivered = 0
        watching = self._viewers.get(reply.conversation, ())
        for count, viewer in enumerate(list(watching), start=1):
            cursor = viewer.cursors.get(reply.id)
            if cursor is None:  # not joined yet, or never
                if viewer.reads == reply.id:
                    viewer.wake()
                continue
            if cursor.sent == base and end <= cursor.limit and not viewer.busy:
                cursor.sent = end
                burst = burst or [*map(packed, protocol.chars(reply.id, base, characters))]
                await self._send(viewer, burst)
                delivered += len(burst)
            else:
                self._look_after(viewer, reply)
            if count % VIEWERS_A_TURN == 0:
                await asyncio.sleep(0)
        if delivered:
            metrics.CHARACTERS.inc(delivered)
        self.tell_text(reply)

    async def finish(self, reply: LiveReply, text: str) -> None:
        """Let the reply end with `text`, and with the status its message has."""
        message, reply.text = reply.message, text
        message.text = text
        reply.end = protocol.end(message)
        self._wake_readers(reply)
        for viewer in list(self._viewers.get(reply.conversation, ())):
            if reply.id in viewer.cursors:
                self._look_after(viewer, reply)
        await self._catch_up(time.monotonic(), reply)
        self.tell_text(reply)
        self._forget_if_delivered(reply)

    def let_go(self, reply: LiveReply) -> None:
        """Forget a reply that is not written here any more, and has not ended."""
        for viewer in self._viewers.get(reply.conversation, ()):
            self._behind.pop((viewer, reply), None)
        self._forget(reply)

    def ack(self, viewer: Viewer, reply: int, at: int) -> None:
        """Note that `viewer` has shown the reply up to `at`, which makes room for more."""
        cursor = viewer.cursors.get(reply)
        if cursor and cursor.acked < at <= cursor.sent:
            cursor.acked, cursor.full_since = at, 0.0

    async def sync(self, viewer: Viewer, reply: LiveReply, at: int) -> None:
        """Send the text of the reply from `at` on, in one piece."""
        if at > len(reply.text):
            raise protocol.bad_request("at: is past the end of the reply", reply=reply.id)
        metrics.GAPS.inc()
        cursor = viewer.cursors.setdefault(reply.id, Cursor(0, 0))
        cursor.sent = len(reply.text)
        self.ack(viewer, reply.id, at)
        text = reply.text[at:]
        await self._send(
            viewer, [packed(protocol.frame("reply.text", reply=reply.id, at=at, text=text))]
        )
        self._look_after(viewer, reply)

    # --- viewers that are not in step

    def _look_after(self, viewer: Viewer, reply: LiveReply) -> None:
        cursor = viewer.cursors.get(reply.id)
        if cursor is None or viewer.gone:
            return
        if cursor.sent != len(reply.text) or reply.end is not None:
            if not self._behind:
                ticker().add(self._step)
            self._behind[viewer, reply] = None

    async def _step(self, now: float) -> None:
        await self._catch_up(now)
        if not self._behind:
            ticker().remove(self._step)

    async def _catch_up(self, now: float, only: LiveReply | None = None) -> None:
        for count, (viewer, reply) in enumerate(list(self._behind), start=1):
            if only in (None, reply) and not viewer.busy:
                await self._bring_on(viewer, reply, now)
            if count % VIEWERS_A_TURN == 0:
                await asyncio.sleep(0)

    async def _bring_on(self, viewer: Viewer, reply: LiveReply, now: float) -> None:
        cursor = viewer.cursors.get(reply.id)
        if cursor is None or viewer.gone or self.live.get(reply.id) is not reply:
            self._behind.pop((viewer, reply), None)
            return
        frames = self._next(cursor, reply)
        if cursor.sent >= len(reply.text):
            self._behind.pop((viewer, reply), None)
            if reply.end is not None:
                del viewer.cursors[reply.id]
                if cursor.sent > len(reply.text):  # it was stopped before what they have
                    changed = protocol.frame("message.changed", message=reply.message.as_frame())
                    frames.append(changed)
                frames.append(reply.end)
                self._forget_if_delivered(reply)
        elif not frames:
            cursor.full_since = cursor.full_since or now
            if now - cursor.full_since > protocol.ACK_PATIENCE:
                self.leave(viewer)
                metrics.SLOW_READERS.inc()
                await viewer.close(protocol.TOO_SLOW)
        await self._send(viewer, map(packed, frames))

    def _next(self, cursor: Cursor, reply: LiveReply) -> list[str]:
        """Move the cursor on as far as there is room, and return the frames of that way."""
        ahead = split(reply.text[cursor.sent : cursor.limit + 1])
        if cursor.limit < len(reply.text) and ahead:
            ahead.pop()  # it may be cut, and there would be no room for it anyway
        frames = protocol.chars(reply.id, cursor.sent, ahead)
        cursor.sent += sum(map(len, ahead))
        metrics.CHARACTERS.inc(len(ahead))
        return frames

    def _forget_if_delivered(self, reply: LiveReply) -> None:
        if reply.end is None or self.live.get(reply.id) is not reply:
            return
        watching = self._viewers.get(reply.conversation, ())
        if any(reply.id in viewer.cursors or viewer.joining for viewer in watching):
            return
        self._forget(reply)

    def _forget(self, reply: LiveReply) -> None:
        if self.live.get(reply.id) is not reply:  # it goes on as another
            return
        del self.live[reply.id]
        replies = self._replies[reply.conversation]
        replies.pop(reply.id, None)
        if not replies:
            del self._replies[reply.conversation]
        self._wake_readers(reply)

    def _wake_readers(self, reply: LiveReply) -> None:
        for viewer in self._viewers.get(reply.conversation, ()):
            if viewer.reads == reply.id:
                viewer.wake()

    async def _send_or_keep(self, viewer: Viewer, news: Pending) -> None:
        if viewer.joined:
            await self._send(viewer, [packed(news.frame)])
        elif viewer.joining:
            viewer.pending.append(news)

    async def _send(self, viewer: Viewer, messages: Iterable[dict[str, Any]]) -> None:
        if viewer.gone:
            return
        viewer.busy = True
        try:
            for message in messages:
                await viewer.send(message)
        except Exception as error:  # whatever the server raises when the other end is gone
            logger.info("a viewer cannot be sent to: %r", error)
            self.leave(viewer)
            with suppress(Exception):  # it comes back if it is there
                await viewer.close(protocol.RESTART)
        finally:
            viewer.busy = False


hub = PerLoop(Hub)
