"""The WebSocket door."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from chat import access, actions, answers, limits, listing, logs, protocol
from chat.database import in_database
from chat.live.following import following
from chat.live.hub import LiveReply, Send, Viewer, hub
from chat.live.per_loop import PerLoop, on_its_own
from chat.live.presence import presence
from chat.live.relay import relay
from chat.models import LIVE, Conversation, Message
from chat.people import Person, again, at_socket, check_session
from chat.protocol import Refused

FRAMES_A_SECOND, FRAMES_SAVED_UP = 50, 250  # of one connection
LIMITED_FRAMES = 100  # of one connection, and one a second; more close it
LONGEST_REST = 0.1  # seconds after something was looked up, however long that took
READING = 2  # connections that read a conversation at a time; who writes waits for no more
WAITING_FRAMES = 32  # that want the database, of one connection
ACTS = (  # frames that change something
    *("message.send", "message.edit", "message.remove", "message.version"),
    *("reply.stop", "reply.retry", "reply.regenerate", "reply.continue"),
)
REWRITES = {
    "reply.retry": actions.retry,
    "reply.regenerate": actions.regenerate,
    "reply.continue": actions.carry_on,
}
CODE_POINTS_A_FRAME = 2048  # what is sent in answer to a frame counts as a frame for every so many

# why somebody may not come in -> what their socket is closed with
CLOSE_CODES = {
    "not_signed_in": protocol.NOT_SIGNED_IN,
    "forbidden": protocol.FORBIDDEN,
    "not_found": protocol.NOT_FOUND,
    "rate_limited": protocol.TOO_MANY,
    "unavailable": protocol.RESTART,
}

# Who is closed with one of these may say nothing more, though the line stays for a moment.
NO_MORE = (protocol.NOT_SIGNED_IN, protocol.FORBIDDEN, protocol.NOT_FOUND)

logger = logging.getLogger(__name__)

_reading = PerLoop(lambda: asyncio.Semaphore(READING))
_looking = PerLoop(asyncio.Lock)
_offenders = PerLoop(limits.Offenders)

Frame = dict[str, Any]
Receive = Callable[[], Awaitable[Frame]]


class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """One connection to one conversation.

    Frames that need no database are answered at once, in the event loop; the others one after the
    other in a task that lives while there are any. Text goes out through the hub, past all this.
    """

    scope: dict[str, Any]
    _person: Person
    _conversation: Conversation

    def __init__(self) -> None:
        super().__init__()
        self._viewer: Viewer | None = None
        self._bucket = limits.Bucket(FRAMES_A_SECOND, FRAMES_SAVED_UP)
        self._patience = limits.Bucket(1, LIMITED_FRAMES)
        self._bad_frames = 0
        self._deaf = False  # closed for abuse: nothing more is taken
        self._todo: list[Frame] = []
        self._working: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._is_stale = False  # what was read last is not what is shown now
        self._reads = asyncio.Lock()
        self._link: str | None = None  # the token of the link by which they watch
        self._has_company = False  # others may write here too
        self._is_counted = False  # among those who are here
        self._code: int | None = None  # with which it was closed
        self._about: dict[str, Any] | None = None  # what lines of the log are about

    async def __call__(self, scope: Frame, receive: Receive, send: Send) -> None:
        # Channels' own way here has two tasks for every frame, and a visit to the database thread.
        self.scope, self.base_send = scope, send
        logs.begin_connection()
        began = time.monotonic()
        try:
            with suppress(StopConsumer):
                while True:
                    await self.dispatch(await receive())
        finally:  # whether they left, or the server cancels what waited for too long
            self._leave()
            if self._viewer is not None:
                self._viewer.let_go()
            seconds = time.monotonic() - began
            logger.info("closed with %s after %.1f seconds", self._code, seconds, extra=self._about)

    async def dispatch(self, message: Frame) -> None:
        match message["type"]:
            case "websocket.receive":
                await self.receive(message.get("text"), message.get("bytes"))
            case "websocket.connect":
                await self.connect()
            case "websocket.disconnect":
                self._code = self._code or message.get("code")
                raise StopConsumer

    # --- coming and going

    async def connect(self) -> None:
        await self.accept()
        try:
            await self._join()
            logger.info("opened", extra=self._about)
        except Refused as refused:
            await self.close(CLOSE_CODES[refused.code])
        except DatabaseError as error:
            logger.error("a connection has to come again later: %s", error)
            await self.close(protocol.RESTART)
        except Exception:
            logger.exception("a connection could not be opened")
            await self.close(1011)

    async def _join(self) -> None:
        peer, _ = self.scope.get("client") or ("", 0)
        person = await in_database(at_socket, self.scope["headers"], peer)
        if person is None:
            raise Refused("not_signed_in", "A program needs an API key (Authorization: Bearer …).")
        self._person = person
        await asyncio.sleep(_offenders().wait(_known_as(person)))
        limits.check_connections(person, hub().connections(person.id))
        viewer, greeting = await self._open(person)
        self._about = logs.about(self._conversation.pk)
        limits.check_connections(person, hub().connections(person.id))  # others came meanwhile
        self.scope = {}  # headers and the like; nobody asks for them any more
        self._viewer = viewer
        hub().watch(viewer)
        await relay().attend(viewer)
        await in_database(check_session, person)  # whoever logged out meanwhile was not found here
        await self._read()
        if greeting is not None:
            actions.begin(greeting)

    async def _open(self, person: Person) -> tuple[Viewer, Message | None]:
        """Find the conversation, or open a new one; return who watches it, and its greeting."""
        match self.scope["url_route"]["kwargs"]:
            case {"token": token}:
                link = await in_database(access.linked, token)
                self._link, self._conversation = token, link.conversation
                return self._watching(access.WATCHER, link.pk), None
            case {"conversation": where} | {"slug": where}:
                place = await in_database(actions.enter, person, where)
                self._conversation = place.conversation
                return self._watching(place.role), None
        self._conversation, greeting = await actions.start(person)
        return self._watching(access.OWNER), greeting

    def _watching(self, role: str, link: int | None = None) -> Viewer:
        person = self._person
        here = (person.id, self._conversation.pk, self.base_send, self.close, self._renew)
        came_by = (link, person.api_key, person.session)
        return Viewer(*here, role, *came_by)

    async def _show_up(self) -> None:
        """Be seen by the others where there are any, and see them."""
        assert self._viewer is not None, "it watches already"
        if self._viewer.gone or self._is_counted:
            return
        self._is_counted = True
        who = (self._person.id, self._person.name)
        await self._tell(presence().come(self._conversation.pk, *who))
        await self._note_seen()
        await listing.tell_seen(self._person.id, self._conversation)

    async def _read(self) -> None:
        """Read the conversation, and let the viewer join with that."""
        assert self._viewer is not None, "it watches already, so that it misses nothing"
        async with self._reads:  # or what was read first could be told last
            hub().hold(self._viewer)
            async with _reading():
                messages, others = await in_database(self._snapshot)
            following().follow(*messages)
            snapshot = [message.as_frame(for_person=self._person.id) for message in messages]
            await hub().join(self._viewer, snapshot, lambda: self._ready(snapshot, others))
        if self._conversation.unread and self._viewer.role == access.OWNER:
            await listing.tell_read(self._conversation)
        if self._has_company:
            await self._show_up()

    def _renew(self) -> None:
        self._is_stale = True
        if self._renewing is None or self._renewing.done():
            self._renewing = on_its_own(self._read_again())

    async def _read_again(self) -> None:
        try:
            while self._is_stale:  # whoever changes something meanwhile makes it so again
                self._person = await in_database(again, self._person)
                await self._read()
        except Refused as refused:
            await self.close(CLOSE_CODES[refused.code])
        except DatabaseError as error:
            logger.error("a conversation cannot be read again: %s", error)
            await self.close(protocol.RESTART)

    def _snapshot(self) -> tuple[list[Message], Frame]:
        """Return the newest messages, and what else there is to tell of the conversation."""
        assert self._viewer is not None, "it watches already, so that it misses nothing"
        self._is_stale = False
        self._conversation = self._look()
        if self._viewer.role == access.OWNER:  # who watches already: what ends from now on is seen
            self._conversation.touch()
        self._has_company = self._link is None and self._conversation.has_company
        messages, has_earlier = actions.page(self._conversation)
        offered = answers.offered_to(self._person).values("slug", "name", "default")
        return messages, {
            "conversation": self._conversation.as_frame(),
            "assistants": list(map(dict, offered)),
            "has_earlier": has_earlier,
        }

    def _look(self) -> Conversation:
        """Return the conversation as it is now. Raises Refused if they may not read it now."""
        if self._link is not None:
            return access.linked(self._link).conversation
        return access.place(self._person, self._conversation.pk).conversation

    def _ready(self, messages: list[Frame], others: Frame) -> str:
        assert self._viewer is not None, "who joins watches already"
        you = self._person.as_frame()
        if self._has_company or self._link:
            you["role"] = self._viewer.role
        return protocol.frame(
            "ready", protocol=protocol.VERSION, you=you, messages=messages, **others
        )

    def _leave(self) -> None:
        if self._viewer is not None:
            hub().leave(self._viewer)
        if self._is_counted:
            self._is_counted = False
            presence().go(self._conversation.pk, self._person.id)
            self._seeing = on_its_own(self._note_seen())
        # What was said before was said; only answers are of no use any more.
        self._todo = [frame for frame in self._todo if frame["type"] in ACTS]

    async def _note_seen(self) -> None:
        with suppress(DatabaseError):  # then it counts as unread: no great harm
            await in_database(actions.see, self._person, self._conversation)

    # --- frames

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._viewer is None or self._deaf:
            return
        if len((text_data or "").encode()) + len(bytes_data or b"") > protocol.LARGEST_FRAME:
            await self.close(protocol.TOO_BIG)
            return
        wait = self._bucket.take()
        try:
            if text_data is None:
                raise protocol.bad_request("a frame must be text")
            frame = protocol.decode(text_data)
            if wait:
                raise limits.rate_limited("Too many frames.", wait, **protocol.whose(frame))
            self._bad_frames = 0
            await self._take(frame)
        except Refused as refused:
            await self._refuse_frame(refused)

    async def _take(self, frame: Frame) -> None:
        assert self._viewer is not None, "frames are only taken after joining"
        if self._viewer.gone and frame["type"] not in ACTS:
            return
        match frame:
            case {"type": "ack", "reply": reply, "at": at}:
                hub().ack(self._viewer, reply, at)
            case {"type": "ping"}:
                await self._tell(protocol.frame("pong", t=frame.get("t")))
            case {"type": "typing"} if self._is_counted:
                await presence().type(self._conversation.pk, self._person.id, time.monotonic())
            case {"type": "typing"}:
                pass  # there is nobody else
            case {"type": "sync", "reply": reply, "at": at} if live := self._live(reply):
                self._pay_for(len(live.text) - at, reply=reply)
                await hub().sync(self._viewer, live, at)
            case _:
                self._do_later(frame)

    def _live(self, reply: int) -> LiveReply | None:
        live = hub().live.get(reply)
        return live if live and live.conversation == self._conversation.pk else None

    def _pay_for(self, code_points: int, **whose: Any) -> None:
        """Count a long answer as several frames, or who does not read could pile up many."""
        if wait := self._bucket.take(max(0, code_points) / CODE_POINTS_A_FRAME):
            again = wait + 1 / FRAMES_A_SECOND  # the frame that asks again counts too
            raise limits.rate_limited("Too much text asked for.", again, **whose)

    def _do_later(self, frame: Frame) -> None:
        if len(self._todo) >= WAITING_FRAMES:
            raise limits.rate_limited("Too many requests at once.", 1, **protocol.whose(frame))
        self._todo.append(frame)
        if self._working is None:
            self._working = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._todo:
            frame = self._todo.pop(0)
            try:
                await self._act(frame)
            except Refused as refused:
                await self._refuse_frame(refused)
            except DatabaseError as error:  # after what it asked for was done, or refused
                logger.error("what follows a %s frame failed: %s", frame["type"], error)
                detail = "The server cannot do this right now. Try again."
                whose = protocol.whose(frame)
                await self._refuse_frame(Refused("unavailable", detail, retry_after=2, **whose))
            except Exception:
                logger.exception("a %s frame failed", frame["type"])
                failed = Refused("internal", "Something went wrong.", **protocol.whose(frame))
                await self._refuse_frame(failed)
        self._working = None

    async def _act(self, frame: Frame) -> None:
        if self._link is not None and frame["type"] in ACTS:
            raise Refused("forbidden", "You can only watch here.", **protocol.whose(frame))
        match frame:
            case {"type": "message.send", "text": text, "key": key}:
                await self._post(text, key, frame.get("assistant"), frame.get("pace"))
            case {"type": "reply.stop", "reply": reply}:
                await actions.stop(self._person, self._conversation, reply, frame.get("at"))
            case {"type": "reply.retry" | "reply.regenerate" | "reply.continue", "reply": reply}:
                rewrite = REWRITES[frame["type"]]
                await rewrite(self._person, self._conversation, reply, frame.get("assistant"))
            case {"type": "message.edit", "message": message, "text": text}:
                await actions.edit(self._person, self._conversation, message, text)
            case {"type": "message.remove", "message": message}:
                await actions.remove(self._person, self._conversation, message)
            case {"type": "message.version", "message": message, "version": version}:
                self._pay_for(protocol.PAGE_PAID, message=message)  # everyone gets a page anew
                await actions.show_version(self._person, self._conversation, message, version)
            case _:
                await self._answer(frame)

    async def _answer(self, frame: Frame) -> None:
        """Look something up that was there before: one connection at a time.

        Each is followed by a rest as long as it took, or many who ask for much would leave too
        little time for the replies that are being typed.
        """
        async with _looking():
            began = time.monotonic()
            try:
                await self._look_up(frame)
            finally:
                await asyncio.sleep(min(time.monotonic() - began, LONGEST_REST))

    async def _look_up(self, frame: Frame) -> None:
        await in_database(self._look)
        match frame:
            case {"type": "reply.thoughts", "reply": reply}:
                await self._send_thoughts(reply)
            case {"type": "sync", "reply": reply, "at": at}:
                await self._sync_saved(reply, at)
            case {"type": "earlier", "before": before}:
                await self._send_earlier(before)
            case {"type": "conversations"}:
                await self._send_list(frame.get("archived", False), frame.get("after"))

    async def _post(self, text: str, key: str, assistant: str | None, pace: str | None) -> None:
        what = (text, key, assistant, pace)
        message, is_new = await actions.send(self._person, self._conversation, *what)
        if not is_new:
            known = message.as_frame(for_person=self._person.id)
            await self._tell(protocol.frame("message", message=known, key=key))

    async def _sync_saved(self, reply: int, at: int) -> None:
        message = await in_database(self._conversation.messages.find, reply)
        if message is None or message.assistant_id is None:
            raise Refused("not_found", "There is no such reply.", reply=reply)
        has_ended = message.status not in LIVE  # else it waits in line, or is written elsewhere
        if at > len(message.text):
            if has_ended:
                raise protocol.bad_request("at: is past the end of the reply", reply=reply)
            return  # its writer tells the rest sooner than it is saved
        self._pay_for(len(message.text) - at, reply=reply)
        text = protocol.frame("reply.text", reply=reply, at=at, text=message.text[at:])
        await self._tell(text, *([protocol.end(message)] if has_ended else []))

    async def _send_thoughts(self, reply: int) -> None:
        text = await in_database(actions.thoughts, self._conversation, reply)
        self._pay_for(len(text), reply=reply)
        await self._tell(protocol.frame("reply.thoughts", reply=reply, text=text))

    async def _send_earlier(self, before: int) -> None:
        messages, has_earlier = await self._page(before)
        if any(message.status in LIVE and message.pk not in hub().live for message in messages):
            # It ended since, and who looked first would wait for ever; or it is written elsewhere.
            messages, has_earlier = await self._page(before)
        self._pay_for(sum(len(message.text) for message in messages))
        assert self._viewer is not None, "frames are only taken after joining"
        snapshot = [message.as_frame(for_person=self._person.id) for message in messages]
        hub().refresh(self._viewer, snapshot)
        await self._tell(protocol.frame("earlier", messages=snapshot, has_earlier=has_earlier))

    async def _page(self, before: int) -> tuple[list[Message], bool]:
        """Return older messages as they are: what is told meanwhile is newer than what was read."""
        assert self._viewer is not None, "frames are only taken after joining"
        while True:
            told = self._viewer.told
            page = await in_database(actions.page, self._conversation, before)
            if self._viewer.told == told:
                return page

    async def _send_list(self, archived: bool, after: UUID | None) -> None:
        owner = self._person.id
        entries, more = await in_database(listing.entries, owner, archived=archived, after=after)
        self._pay_for(sum(len(entry["title"]) + 200 for entry in entries))
        which: Frame = {"archived": archived, "after": after and str(after)}
        if not archived and after is None:
            which["rooms"] = await listing.rooms(owner)
        await self._tell(protocol.frame("conversations", **which, conversations=entries, more=more))

    async def _tell(self, *frames: str) -> None:
        assert self._viewer is not None, "frames are only answered after joining"
        await hub().tell(self._viewer, *frames)

    async def _refuse_frame(self, refused: Refused) -> None:
        await self._tell(protocol.error(refused))
        if refused.code == "bad_request":
            self._bad_frames += 1
        if self._bad_frames > protocol.BAD_FRAMES_IN_A_ROW:
            await self.close(protocol.BAD_FRAMES)
        elif refused.code == "rate_limited" and self._patience.take():
            await self.close(protocol.TOO_MANY)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        self._leave()
        self._code = self._code or code
        self._deaf = self._deaf or code in NO_MORE
        if code in protocol.ABUSE and self._viewer is not None and not self._deaf:
            self._deaf = True
            self._todo.clear()
            if code == protocol.TOO_MANY:
                _offenders().note(_known_as(self._person))
        await super().close(code, reason)


def _known_as(person: Person) -> str:
    """Return by what somebody is known again; guests without a session are new with each line."""
    return str(person.id) if person.session or person.api_key is not None else person.address
