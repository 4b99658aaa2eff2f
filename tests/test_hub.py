"""Whoever watches ends with the reply's text, whatever happens on the way.

The hub is driven step by step; its viewers are clients that know only the rule of offsets.
"""

import asyncio
import json
import uuid
from typing import Any
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from chat import protocol
from chat.characters import split
from chat.live.hub import VIEWERS_A_TURN, Hub, LiveReply, Viewer
from chat.models import COMPLETE, STREAMING, Assistant, Message

CONVERSATION, ALICE = uuid.uuid4(), uuid.uuid4()
CHARACTERS = st.sampled_from(["a", " ", "e\u0301", "👩‍👧", "🇩🇪"])
SHORT = st.lists(CHARACTERS, min_size=1, max_size=5).map("".join)
PIECES = st.builds(lambda text, times: text * times, SHORT, st.sampled_from([1, 3, 90, 700]))
WHAT = st.sampled_from(["extend", "extend", "ack", "lose", "tick", "join", "leave", "again"])
STEPS = st.lists(st.tuples(WHAT, PIECES), max_size=40)


class Reader:
    """A viewer that applies text by its offset, over a network that may lose frames."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.viewer = Viewer(ALICE, CONVERSATION, self.receive, self.close)
        self.text: str | None = None
        self.end: dict[str, Any] | None = None
        self.sent = 0  # where the last frame ended, arrived or lost
        self.acked = 0
        self.lossy = False
        self.syncs: list[int] = []
        self.closed: int | None = None

    async def join(self, message: Message) -> None:
        self.hub.watch(self.viewer)
        snapshot = [message.as_frame()]
        await self.hub.join(
            self.viewer, snapshot, lambda: protocol.frame("ready", messages=snapshot)
        )

    async def receive(self, packed: dict[str, Any]) -> None:
        frame = json.loads(packed["text"])
        self.check(frame)
        if self.lossy and frame["type"] == "char":
            self.lossy = False
            return
        match frame:
            case {"type": "ready", "messages": [message]}:
                self.text = message["text"]
                self.sent = self.acked = len(self.text)
            case {"type": "message.changed", "message": message}:
                self.text, self.end = message["text"], None
                self.sent = self.acked = len(self.text)
                self.syncs.clear()
            case {"type": "char", "at": at, "char": text}:
                self.extend(at, text)
            case {"type": "reply.text", "at": at, "text": text}:
                self.extend(at, text)
            case {"type": "reply.end"}:
                self.end = frame

    def check(self, frame: dict[str, Any]) -> None:
        """Live text never leaves a hole, goes back, tears a character, or runs too far ahead."""
        if frame["type"] == "char":
            assert frame["at"] == self.sent
            assert split(frame["char"]) == [frame["char"]]
            self.sent += len(frame["char"])
            assert self.sent <= self.acked + protocol.WINDOW
        elif frame["type"] == "reply.text":
            self.sent = frame["at"] + len(frame["text"])

    def extend(self, at: int, text: str) -> None:
        assert self.text is not None, "ready is the first frame"
        if at == len(self.text):
            self.text += text
        elif at > len(self.text):
            self.syncs.append(len(self.text))

    async def heal(self, reply: LiveReply) -> None:
        while self.syncs:
            self.acked = max(self.acked, self.syncs[-1])
            await self.hub.sync(self.viewer, reply, self.syncs.pop())

    def ask_for_the_rest(self, reply: LiveReply) -> None:
        """What was lost last shows at the end; a sync of an ended reply is answered by the door."""
        assert self.text is not None
        self.extend(len(self.text), reply.text[len(self.text) :])

    def is_right(self) -> bool:
        text, end = self.text or "", self.end or {}
        return (len(text), crc32(text.encode())) == (end["length"], end["crc32"])

    def ack(self, reply: LiveReply) -> None:
        self.acked = max(self.acked, len(self.text or ""))
        self.hub.ack(self.viewer, reply.id, self.acked)

    async def close(self, code: int) -> None:
        self.closed = code


def opened(text: str = "") -> Message:
    assistant = Assistant(pk=1, slug="assistant", name="Assistant")
    return Message(
        pk=7, conversation_id=CONVERSATION, assistant=assistant, status=STREAMING, text=text
    )


async def run(hub: Hub, steps: list[tuple[str, str]], cut: int | None) -> None:
    message = opened()
    reply = hub.open(message)
    readers = [Reader(hub)]
    await readers[0].join(message)
    for what, text in steps:
        reader = readers[-1]
        match what:
            case "extend":
                await hub.extend(reply, split(text))
            case "ack":
                reader.ack(reply)
            case "lose":
                reader.lossy = True
            case "tick":
                await hub._catch_up(0.0)
            case "join":
                readers.append(Reader(hub))
                await readers[-1].join(message)
            case "leave" if len(readers) > 1:
                hub.leave(readers.pop().viewer)
            case "again":  # it ends, and is carried on, or written anew, before all have read it
                message.status = COMPLETE
                await hub.finish(reply, reply.text)
                message = opened(reply.text[: len(text) // 2])
                await hub.reopen(message)
                reply = hub.open(message)
        for each in readers:
            await each.heal(reply)
    message.status = COMPLETE
    await hub.finish(reply, reply.text[:cut])
    await settle(hub, reply, readers)


async def settle(hub: Hub, reply: LiveReply, readers: list[Reader]) -> None:
    while hub._behind:
        for reader in readers:
            await reader.heal(reply)
            reader.ack(reply)
        await hub._catch_up(0.0)
    for reader in readers:
        reader.ask_for_the_rest(reply)
        assert reader.is_right()
    assert not hub.live


@given(STEPS, st.none() | st.integers(0, 300))
def test_every_viewer_ends_with_the_text(steps: list[tuple[str, str]], cut: int | None) -> None:
    async def main() -> None:
        await run(Hub(), steps, cut)

    asyncio.run(main())


class Newcomer:
    """A viewer who has come, and has not been given a snapshot yet; notes all it gets."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.frames: list[dict[str, Any]] = []
        self.viewer = Viewer(ALICE, CONVERSATION, self.receive, self.close)
        hub.watch(self.viewer)

    async def join(self, *snapshot: dict[str, Any]) -> list[str]:
        """Join with what is in `snapshot`; return the types of the frames that came."""
        await self.hub.join(self.viewer, [*snapshot], lambda: protocol.frame("ready"))
        return [frame["type"] for frame in self.frames]

    async def receive(self, packed: dict[str, Any]) -> None:
        self.frames.append(json.loads(packed["text"]))

    async def close(self, code: int) -> None:
        raise AssertionError(f"closed with {code}")


async def posted(hub: Hub) -> tuple[Message, LiveReply]:
    """A reply that was posted and opened."""
    message = opened()
    frame = protocol.frame("message", message=message.as_frame())
    await hub.post(message, frame, own=frame)
    return message, hub.open(message)


async def test_snapshot_is_not_undone_by_what_came_before_it() -> None:
    hub = Hub()
    alice = Newcomer(hub)
    message, reply = await posted(hub)
    await hub.extend(reply, ["H", "i"])
    message.status = COMPLETE
    await hub.finish(reply, "Hi")
    assert await alice.join(message.as_frame()) == ["ready"]
    assert not hub.live


async def test_snapshot_is_not_undone_by_a_reopening_before_it() -> None:
    hub = Hub()
    alice = Newcomer(hub)
    message = opened("Hel")
    await hub.reopen(message)
    reply = hub.open(message)
    await hub.extend(reply, ["l", "o"])
    message.status = COMPLETE
    await hub.finish(reply, "Hello")
    assert await alice.join(message.as_frame()) == ["ready"]
    assert not hub.live


async def test_what_is_taken_away_leaves_nothing_behind() -> None:
    hub = Hub()
    alice = Newcomer(hub)
    await alice.join()
    message = opened()
    frame = protocol.frame("message", message=message.as_frame())
    await hub.post(message, frame, own=frame)
    await hub.take_away(CONVERSATION, [message.pk])
    assert alice.frames[-1] == {"type": "message.removed", "messages": [message.pk]}
    assert not alice.viewer.cursors


async def test_nothing_overtakes_a_message_that_still_goes_round() -> None:
    """The first of very many takes it away before the last has it."""
    hub = Hub()
    everyone = [Newcomer(hub) for _ in range(2 * VIEWERS_A_TURN + 1)]
    for each in everyone:
        await each.join()
    message = opened()
    frame = protocol.frame("message", message=message.as_frame())
    taking: list[asyncio.Task[None]] = []

    async def take_away(packed: dict[str, Any]) -> None:
        if not taking:
            taking.append(asyncio.create_task(hub.take_away(CONVERSATION, [message.pk])))

    everyone[0].viewer.send = take_away
    await hub.post(message, frame, own=frame)
    await taking[0]
    told = [frame["type"] for frame in everyone[-1].frames]
    assert told == ["ready", "message", "message.removed"]
    assert not any(each.viewer.cursors for each in everyone)


async def test_reply_that_still_waits_is_seen_from_its_first_character() -> None:
    """It came while they joined, and is begun afterwards."""
    hub = Hub()
    alice = Newcomer(hub)
    message = opened()
    frame = protocol.frame("message", message=message.as_frame())
    await hub.post(message, frame, own=frame)
    assert await alice.join() == ["ready", "message"]
    await hub.extend(hub.open(message), ["H", "i"])
    assert [frame.get("char") for frame in alice.frames[2:]] == ["H", "i"]


async def test_what_came_after_the_snapshot_is_brought_whole() -> None:
    hub = Hub()
    alice = Newcomer(hub)
    message, reply = await posted(hub)
    await hub.extend(reply, ["H", "i"])
    assert await alice.join() == ["ready", "message"]
    message.status = COMPLETE
    await hub.finish(reply, "Hi")
    assert [frame["type"] for frame in alice.frames[2:]] == ["char", "char", "reply.end"]
    assert not hub.live
