"""Who is here, and who is typing: told to everyone in a room, in a few frames for many people."""

import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

from chat import protocol
from chat.live.hub import hub
from chat.live.per_loop import PerLoop
from chat.live.relay import group_of_conversation, group_of_person, here, relay
from chat.live.ticker import BURST, ticker
from chat.process import PROCESS

NAMED = 100  # people of a room that are told by name, at most
SOONEST, LATEST = 1.0, 5.0  # seconds until a room hears who came or went
PEOPLE_A_SECOND = 200  # where there are more, it hears of them later
TYPING_EVERY = 2.0  # seconds; one person's typing is told at most so often
TYPISTS = 3  # that are told of in TYPING_EVERY
SAY_EVERY = 10.0  # seconds; other processes hear again who is here, as they may have missed it
BELIEVED = 25.0  # seconds for which one believes them

Who = dict[str, str]  # id and name


@dataclass(slots=True)
class Elsewhere:
    """The people in one room who are connected to another process."""

    names: dict[uuid.UUID, str]  # of some
    count: int
    until: float  # when that is not believed any more


@dataclass(slots=True)
class Present:
    """The people in one room."""

    names: dict[uuid.UUID, str] = field(default_factory=dict)
    connections: Counter[uuid.UUID] = field(default_factory=Counter)
    told: float = 0.0  # when everyone heard last who is here
    changed: bool = False
    typing: dict[uuid.UUID, float] = field(default_factory=dict)  # when that was told last
    frame: str = ""
    elsewhere: dict[str, Elsewhere] = field(default_factory=dict)  # by process
    said: float = 0.0  # when other processes heard last who is here

    @property
    def everyone(self) -> dict[uuid.UUID, str]:
        """Return the names of those here, and of some of those elsewhere."""
        names: dict[uuid.UUID, str] = {}
        for other in self.elsewhere.values():
            names |= other.names
        return {**self.names, **{id: name for id, name in names.items() if id not in self.names}}

    @property
    def count(self) -> int:
        unnamed = sum(other.count - len(other.names) for other in self.elsewhere.values())
        return len(self.everyone) + unnamed

    def as_frame(self) -> str:
        """Return who is here; of many only some, by name in the order they came, and how many."""
        if not self.frame:
            some = list(self.everyone.items())[:NAMED]
            present = [{"id": str(id), "name": name} for id, name in some]
            self.frame = protocol.frame("people", present=present, count=self.count)
        return self.frame

    def change(self) -> None:
        self.frame, self.changed = "", True


class Presence:
    def __init__(self) -> None:
        self._rooms: dict[uuid.UUID, Present] = {}

    def come(self, room: uuid.UUID, person: uuid.UUID, name: str) -> str:
        """Count one more connection of `person`; return the frame that says who is here."""
        present = self._rooms.setdefault(room, Present())
        present.connections[person] += 1
        if present.names.get(person) != name:
            present.names[person] = name
            self._tell_soon(present)
        return present.as_frame()

    def go(self, room: uuid.UUID, person: uuid.UUID) -> None:
        """Count one connection less; with the last of their devices they are gone."""
        present = self._rooms.get(room)
        if present is None or person not in present.connections:
            return
        present.connections[person] -= 1
        if present.connections[person] <= 0:
            del present.connections[person], present.names[person]
            present.typing.pop(person, None)
            self._tell_soon(present)
        if not present.connections:
            self._say(room, present)
            del self._rooms[room]

    def rename(self, person: uuid.UUID, name: str) -> None:
        """Call `person` by another name from now on, in every process where they are."""
        self._rename(person, name)
        relay().tell(group_of_person(person), "renamed", person, name)

    def _rename(self, person: uuid.UUID, name: str) -> None:
        for present in self._rooms.values():
            if person in present.names:
                present.names[person] = name
                self._tell_soon(present)

    def people(self, room: uuid.UUID) -> dict[uuid.UUID, str]:
        """Return who is in `room` now: the name of each, by their id."""
        present = self._rooms.get(room)
        return present.everyone if present else {}

    def count(self, room: uuid.UUID) -> int:
        present = self._rooms.get(room)
        return present.count if present else 0

    def name(self, room: uuid.UUID, person: uuid.UUID) -> str | None:
        """Return the name of `person` if they are in `room` now."""
        present = self._rooms.get(room)
        return present.everyone.get(person) if present else None

    async def type(self, room: uuid.UUID, person: uuid.UUID, now: float) -> None:
        """Tell the others that `person` is typing, unless they heard enough of that just now."""
        present = self._rooms.get(room)
        if present is None or person not in present.names:
            return
        recent = {who: at for who, at in present.typing.items() if now - at < TYPING_EVERY}
        if person in recent or len(recent) >= TYPISTS:
            return
        present.typing = {**recent, person: now}
        who = {"id": str(person), "name": present.names[person]}
        await hub().publish_to_others(room, protocol.frame("typing", who=who), person)

    # --- other processes

    def listen(self) -> None:
        """Know of those, too, who are connected to other processes."""
        relay().on("present", self._hear)
        relay().on("renamed", self._rename)

    async def look(self) -> None:
        """Say again who is here, and forget what is not said any more."""
        now = time.monotonic()
        for room, present in self._rooms.items():
            if now - present.said > SAY_EVERY:
                self._say(room, present)
            old = [process for process, it in present.elsewhere.items() if now > it.until]
            for process in old:
                del present.elsewhere[process]
                self._tell_soon(present)

    def _say(self, room: uuid.UUID, present: Present) -> None:
        present.said = time.monotonic()
        some = list(present.names.items())[:NAMED]
        about = (room, PROCESS, some, len(present.names))
        relay().tell(group_of_conversation(room), "present", *about)

    async def _hear(
        self, room: uuid.UUID, process: str, some: list[tuple[uuid.UUID, str]], count: int
    ) -> None:
        present = self._rooms.get(room)
        if present is None:
            return
        former = present.elsewhere.pop(process, None)
        now = time.monotonic()
        if count:
            present.elsewhere[process] = Elsewhere(dict(some), count, now + BELIEVED)
        if former is None and count:  # it does not know yet who is here
            self._say(room, present)
        if (former and (former.names, former.count)) != (count and (dict(some), count)):
            self._tell_soon(present)

    def _tell_soon(self, present: Present) -> None:
        present.change()
        ticker().add(self._step, BURST)

    async def _step(self, now: float) -> None:
        for room, present in list(self._rooms.items()):
            if not present.changed:
                continue
            if now - present.told >= _pause(present.count):
                present.told, present.changed = now, False
                self._say(room, present)
                await here(hub(), "publish")(room, present.as_frame())
        if not any(present.changed for present in self._rooms.values()):
            ticker().remove(self._step)


def _pause(people: int) -> float:
    """Return the seconds from one telling who is here to the next."""
    return min(max(SOONEST, people / PEOPLE_A_SECOND), LATEST)


presence = PerLoop(Presence)
