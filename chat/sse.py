"""A reply as server-sent events: for one reader, who takes its text in as fast as they can."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from chat import metrics, people, protocol
from chat.characters import split
from chat.database import in_database
from chat.live.following import following
from chat.live.hub import LiveReply, Viewer, hub
from chat.live.relay import relay
from chat.models import LIVE, Message
from chat.people import Person
from chat.protocol import Refused

PIECE = 512  # code points that are sent at a time; the server then waits until they are taken
KEEP_ALIVE = 15.0  # seconds between comments, which keep proxies from hanging up
LOOK_EVERY = 1.0  # seconds between looks at a reply that another process writes
COME_AGAIN = 1000  # milliseconds until a browser that lost the line does
COMMENT = b": \n\n"

# What some programs take for the end of a line, though neither JSON nor this protocol does.
_BREAKS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Frame = dict[str, Any]

# What the schema says of a stream.
EVENTS = {
    "responses": {
        200: {
            "description": "Events, each with an `id` to go on after; the last one is `done`.",
            "content": {
                "text/event-stream": {
                    "schema": {
                        "type": "object",  # each of the events
                        "properties": {
                            name: {"type": "string"} for name in ("id", "event", "data")
                        },
                    },
                    "example": 'id: 7:1\ndata: {"delta":"H","done":false}\n\n'
                    'id: 7:2\ndata: {"delta":"i","done":false}\n\n'
                    'id: 7:2\ndata: {"delta":"","done":true,"status":"complete",'
                    '"length":2,"crc32":3633523372}\n\n',
                }
            },
        },
        204: {"description": "By its `Last-Event-ID` the client has the whole reply."},
    }
}


# --- following a reply ---------------------------------------------------------------------------


class Reader:
    """Follows one reply from `at` on: a viewer as any other, who takes the text by themselves.

    Nothing is kept for them, so whoever is slow costs no more than others. `end` says
    how the reply ended; None if they were sent away before, or it is not there any more.
    """

    def __init__(self, person: Person, message: Message, at: int = 0, role: str = "owner") -> None:
        self.at = at
        self.text = message.text
        self.end = _end_of(message)
        self._person = person
        self._message = message
        self._live: LiveReply | None = None
        self._is_sent_away = False
        self._is_awake = True
        self._is_due = False  # the next comment
        self._sleep: asyncio.Future[None] | None = None
        here = (person.id, message.conversation_id, _ignore, self._close)
        self._viewer = Viewer(
            *here,
            role=role,
            api_key=person.api_key,
            session=person.session,
            reads=message.pk,
            wake=self._wake,
        )

    async def __aenter__(self) -> Self:
        self._hub = hub()
        self._hub.watch(self._viewer)
        await relay().attend(self._viewer)
        self._set_alarm()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._alarm.cancel()
        self._hub.leave(self._viewer)

    async def check(self) -> None:
        """Leave if they have logged out since they came: that was not told to who was not here.

        Whatever else may send them away the guard looks at again and again.
        """
        if self._person.session:
            try:
                await in_database(people.check_session, self._person)
            except (Refused, DatabaseError):  # whoever comes again is told why
                await self._close()

    async def more(self) -> list[str] | None:
        """Return the characters that come next; none if it is time for a comment; None at the end.

        Waits until there is something.
        """
        while not self._is_sent_away:
            await self._look()
            if characters := self._cut():
                return characters
            if self.end is not None:
                break
            if self._is_due:
                self._is_due = False
                return []
            await self._news()
        return None

    async def _look(self) -> None:
        if self.end is not None:
            return
        live = self._live
        if live is None or (live.end is None and self._hub.live.get(live.id) is not live):
            live = self._live = self._hub.live.get(self._message.pk)
        if live is not None:
            self.text = live.text
            self.end = _frame(live.end) if live.end is not None else None
        else:
            await self._look_up()

    async def _look_up(self) -> None:
        """It ended before, waits in line, or is written by another process."""
        try:
            message = await in_database(Message.objects.find, self._message.pk)
        except DatabaseError:
            return  # it is there again soon, or they come again
        if message is None:
            await self._close()
        elif not self._hub.live.get(message.pk):
            self._message, self.text = message, message.text
            self.end = _end_of(message)
            following().follow(message)

    def _cut(self) -> list[str]:
        end = self.at + PIECE
        characters = split(self.text[self.at : end + 1])
        if end < len(self.text):
            characters.pop()  # it may be cut
        self.at += sum(map(len, characters))
        return characters

    async def _news(self) -> None:
        if not self._is_awake:
            self._sleep = asyncio.get_running_loop().create_future()
            if self._live is not None:
                await self._sleep
            else:
                await asyncio.wait({self._sleep}, timeout=LOOK_EVERY)
        self._is_awake = False

    def _wake(self) -> None:
        self._is_awake = True
        if self._sleep is not None and not self._sleep.done():
            self._sleep.set_result(None)

    def _set_alarm(self) -> None:
        self._alarm = asyncio.get_running_loop().call_later(KEEP_ALIVE, self._ring)

    def _ring(self) -> None:
        self._is_due = True
        self._wake()
        self._set_alarm()

    async def _close(self, code: int = protocol.RESTART) -> None:
        self._is_sent_away = True
        self._hub.leave(self._viewer)
        self._wake()


def _end_of(message: Message) -> Frame | None:
    return _frame(protocol.end(message)) if message.status not in LIVE else None


def _frame(text: str) -> Frame:
    frame: Frame = json.loads(text)
    return frame


async def _ignore(frame: Frame) -> None:
    """What else happens in the conversation is not for them."""


# --- what is said --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """How a stream says a character and the end; `id` is written before each."""

    character: Callable[[str], str]
    end: Callable[[Message, Frame], str]


@lru_cache(4096)
def _delta(character: str) -> str:
    text = _encode(character).translate(_BREAKS)
    return f'data: {{"delta":{text},"done":false}}\n\n'


@lru_cache(4096)
def _chunk(character: str) -> str:
    text = _encode(character).translate(_BREAKS)
    return f'data: {{"chunk":{text},"delta":{text},"done":false}}\n\n'


@lru_cache(4096)
def _plain(character: str) -> str:
    lines = character.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f"data: {line}\n" for line in lines) + "\n"


def _told(end: Frame) -> Frame:
    error = {"error": end["error"]} if end["error"] else {}
    return {"status": end["status"], "length": end["length"], "crc32": end["crc32"], **error}


def _data(**fields: Any) -> str:
    return f"data: {_encode(fields).translate(_BREAKS)}\n\n"


DELTAS = Form(_delta, lambda _, end: _data(delta="", done=True, **_told(end)))
CHUNKS = Form(_chunk, lambda _, end: _data(chunk="", delta="", done=True, **_told(end)))
PLAIN = Form(
    _plain,
    lambda message, end: (
        "event: done\n"
        + _data(reply=message.pk, conversation_id=str(message.conversation_id), **_told(end))
    ),
)


class EventStream(StreamingHttpResponse):
    """Django's has three generators around the one that is given; each would cost per burst."""

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(events, content_type="text/event-stream; charset=utf-8")
        self._events = events
        self["Cache-Control"] = "no-store, no-transform"
        self["X-Accel-Buffering"] = "no"

    def __aiter__(self) -> AsyncGenerator[bytes]:
        return self._events


def stream(
    person: Person, message: Message, form: Form, at: int = 0, role: str = "owner"
) -> HttpResponseBase:
    """Return the answer that says the reply `message`, in `form`, from `at` on to its end."""
    return EventStream(_events(person, message, form, at, role))


async def _events(
    person: Person, message: Message, form: Form, at: int, role: str
) -> AsyncGenerator[bytes]:
    id, say = message.pk, form.character
    async with Reader(person, message, at, role) as reader:
        # The id is told before there is text, so that who loses the line at once asks for the rest.
        yield f"retry: {COME_AGAIN}\nid: {id}:{at}\n\n".encode()
        await reader.check()
        while (characters := await reader.more()) is not None:
            events = []
            for character in characters:
                at += len(character)
                events.append(f"id: {id}:{at}\n{say(character)}")
            metrics.CHARACTERS.inc(len(characters))
            yield "".join(events).encode() or COMMENT
        if reader.end is not None:
            yield f"id: {id}:{reader.end['length']}\n{form.end(message, reader.end)}".encode()


# --- going on ------------------------------------------------------------------------------------


def last_event(request: HttpRequest, more: str | None = None) -> tuple[int, int] | None:
    """Return the reply, and the offset in it, of the last event that a client got, if any."""
    told = request.headers.get("Last-Event-ID", "") or more or ""
    if not told:
        return None
    reply, _, at = told.partition(":")
    with suppress(ValueError):
        if told.isascii() and reply.isdecimal() and at.isdecimal() and len(told) < 32:
            return int(reply), int(at)
    raise Refused("unprocessable", "Last-Event-ID: must be <reply>:<offset>, as it was sent.")


def resumed(
    person: Person, message: Message, form: Form, at: int, role: str = "owner"
) -> HttpResponseBase:
    """Return the answer that goes on after the last event that a client got.

    One that has all of it is told so: 204, and a browser comes no more.
    """
    check_offset(message, at)
    live = hub().live.get(message.pk)
    has_ended = live.end is not None if live else message.status not in LIVE
    if has_ended and at == len(live.text if live else message.text):
        return HttpResponse(status=204)
    return stream(person, message, form, at, role)


def check_offset(message: Message, at: int) -> None:
    """Raise Refused (`unprocessable`) if a reply never had so much text.

    Of a script more may have been seen than it has now: it was stopped, or goes on elsewhere.
    """
    live = hub().live.get(message.pk)
    known = max(len(live.text if live else ""), len(message.text), len(message.script))
    if at > known:
        raise Refused("unprocessable", f"at: {at} is past the end of the reply ({known})")
