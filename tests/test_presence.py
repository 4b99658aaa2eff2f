"""Who is here, and who is typing: told to everybody, but never more than they can take."""

import inspect
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from daphne.server import Server as Daphne

import chat.live.presence as presence_module
from chat.live.hub import Viewer, hub
from chat.live.presence import LATEST, NAMED, TYPING_EVERY, TYPISTS, Presence
from chat.sockets import PONG_SECONDS
from tests.client import Client, Frame, session
from tests.server import Server, migrated

ROOM = uuid.uuid4()
LOBBY = "/ws/rooms/lobby/"
BEAT = 0.1  # seconds


class Beat:
    """The ticker, on a clock that the tests move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.steps: dict[Callable[[float], Awaitable[None]], None] = {}

    def add(self, step: Callable[[float], Awaitable[None]], every: float) -> None:
        self.steps[step] = None

    def remove(self, step: Callable[[float], Awaitable[None]]) -> None:
        self.steps.pop(step, None)

    async def go_on(self, seconds: float) -> None:
        for _ in range(round(seconds / BEAT)):
            self.now += BEAT
            for step in list(self.steps):
                await step(self.now)


@pytest.fixture
def beat(monkeypatch: pytest.MonkeyPatch) -> Beat:
    beat = Beat()
    monkeypatch.setattr(presence_module, "ticker", lambda: beat)
    return beat


class Watcher:
    """Somebody in the room, and what they are told."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.frames: list[Frame] = []
        hub().watch(Viewer(self.id, ROOM, self.hear, self.close, joined=True))

    async def hear(self, packed: dict[str, Any]) -> None:
        self.frames.append(json.loads(packed["text"]))

    async def close(self, code: int) -> None:
        raise AssertionError(code)

    def names(self) -> list[str]:
        return [person["name"] for person in self.frames[-1]["present"]]


async def test_two_devices_are_one_person_who_goes_with_the_last(beat: Beat) -> None:
    here, bob = Presence(), Watcher()
    alice = uuid.uuid4()
    here.come(ROOM, bob.id, "bob")
    here.come(ROOM, alice, "alice")
    frame = json.loads(here.come(ROOM, alice, "alice"))
    assert frame["count"] == 2
    await beat.go_on(2)
    assert bob.names() == ["bob", "alice"]
    here.go(ROOM, alice)
    await beat.go_on(2)
    assert bob.names() == ["bob", "alice"]
    here.go(ROOM, alice)
    here.go(ROOM, alice)  # once too often is harmless
    await beat.go_on(2)
    assert bob.names() == ["bob"]
    assert len(bob.frames) == 2, "nothing is told while nothing changes"
    assert not beat.steps, "and nobody looks"


async def test_all_who_come_and_go_within_a_second_are_told_at_once(beat: Beat) -> None:
    here, bob = Presence(), Watcher()
    here.come(ROOM, bob.id, "bob")
    for number in range(50):
        here.come(ROOM, uuid.uuid4(), f"guest {number}")
        here.come(ROOM, passing := uuid.uuid4(), "passing by")
        here.go(ROOM, passing)
        await beat.go_on(BEAT)
    await beat.go_on(2)
    assert len(bob.frames) <= 7
    assert bob.frames[-1]["count"] == 51
    assert "passing by" not in bob.names()


async def test_two_thousand_are_summarised(beat: Beat) -> None:
    here, bob = Presence(), Watcher()
    here.come(ROOM, bob.id, "bob")
    crowd = [uuid.uuid4() for _ in range(2000)]
    for number, person in enumerate(crowd):
        here.come(ROOM, person, f"guest {number}")
    bob.frames.clear()
    for person in crowd:  # all of them go and come, again and again
        here.go(ROOM, person)
        await beat.go_on(BEAT)
        here.come(ROOM, person, "again")
    assert len(bob.frames) <= 2000 * BEAT / LATEST + 1
    await beat.go_on(15)
    last = bob.frames[-1]
    assert last["count"] == 2001
    assert len(last["present"]) == NAMED


async def test_of_many_who_type_a_few_are_told(beat: Beat) -> None:
    here, bob = Presence(), Watcher()
    here.come(ROOM, bob.id, "bob")
    crowd = [uuid.uuid4() for _ in range(50)]
    for number, person in enumerate(crowd):
        here.come(ROOM, person, f"guest {number}")
    seconds = 10
    for moment in range(seconds):
        for person in [*crowd, bob.id, uuid.uuid4()]:  # the last of whom is not here
            await here.type(ROOM, person, 100.0 + moment)
    told = [frame["who"]["id"] for frame in bob.frames if frame["type"] == "typing"]
    assert len(told) == TYPISTS * seconds / TYPING_EVERY
    assert set(told) <= set(map(str, crowd))


async def test_one_who_types_on_is_told_again(beat: Beat) -> None:
    here, bob, alice = Presence(), Watcher(), Watcher()
    here.come(ROOM, bob.id, "bob")
    here.come(ROOM, alice.id, "alice")
    for tenth in range(50):
        await here.type(ROOM, alice.id, 100.0 + tenth / 10)
    assert [frame["who"]["name"] for frame in bob.frames] == ["alice"] * 3
    assert alice.frames == []


def test_a_crash_is_told_to_thousands_within_45_seconds() -> None:
    silence = inspect.signature(Daphne).parameters["ping_interval"].default
    looks_every = 2  # seconds
    told = LATEST
    assert silence + looks_every + PONG_SECONDS + told < 45


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Server]:
    """A server that asks after a second of silence who is there, and waits not long."""
    server = Server(tmp_path)
    server.options = ("--ping-interval", "1", "--ping-timeout", "10")
    server.database.write_bytes(migrated())
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def test_who_dies_silently_is_gone(impatient: Server) -> None:
    def visit(cookie: str) -> Client:
        return Client(impatient.url, LOBBY, origin=impatient.url, cookie=cookie)

    def are(number: int) -> Callable[[Frame], bool]:
        return lambda frame: frame["type"] == "people" and frame["count"] == number

    alice, bob = (session(impatient.url) for _ in range(2))
    async with visit(bob) as there, visit(alice) as desk:
        await there.until(are(2))
        async with visit(alice) as phone:
            mine = await phone.until(are(2))
            assert mine, "two devices are one person"
        seen, there.patience = len(there.frames), 60.0
        desk.socket.transport.pause_reading()  # it neither reads nor answers from here on
        await there.until(lambda frame: are(1)(frame) and frame in there.frames[seen:])
        assert there.frames[-1]["present"][0]["id"] == there.ready["you"]["id"]
        desk.socket.transport.abort()
