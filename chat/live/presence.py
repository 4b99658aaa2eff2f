"""Who is here, and who is typing: told to everyone in a room, in a few frames for many people."""

import uuid
from collections import Counter
from dataclasses import dataclass, field

from chat import protocol
from chat.live.hub import hub
from chat.live.per_loop import PerLoop
from chat.live.ticker import BURST, ticker

NAMED = 100  # people of a room that are told by name, at most
SOONEST, LATEST = 1.0, 5.0  # seconds until a room hears who came or went
PEOPLE_A_SECOND = 200  # where there are more, it hears of them later
TYPING_EVERY = 2.0  # seconds; one person's typing is told at most so often
TYPISTS = 3  # that are told of in TYPING_EVERY

Who = dict[str, str]  # id and name


@dataclass(slots=True)
class Present:
    """The people in one room."""

    names: dict[uuid.UUID, str] = field(default_factory=dict)
    connections: Counter[uuid.UUID] = field(default_factory=Counter)
    told: float = 0.0  # when everyone heard last who is here
    changed: bool = False
    typing: dict[uuid.UUID, float] = field(default_factory=dict)  # when that was told last
    frame: str = ""

    def as_frame(self) -> str:
        """Return who is here; of many only some, by name in the order they came, and how many."""
        if not self.frame:
            some = list(self.names.items())[:NAMED]
            present = [{"id": str(id), "name": name} for id, name in some]
            self.frame = protocol.frame("people", present=present, count=len(self.names))
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
            del self._rooms[room]

    def rename(self, person: uuid.UUID, name: str) -> None:
        for present in self._rooms.values():
            if person in present.names:
                present.names[person] = name
                self._tell_soon(present)

    def people(self, room: uuid.UUID) -> dict[uuid.UUID, str]:
        """Return who is in `room` now: the name of each, by their id."""
        present = self._rooms.get(room)
        return dict(present.names) if present else {}

    def count(self, room: uuid.UUID) -> int:
        present = self._rooms.get(room)
        return len(present.names) if present else 0

    def name(self, room: uuid.UUID, person: uuid.UUID) -> str | None:
        """Return the name of `person` if they are in `room` now."""
        present = self._rooms.get(room)
        return present.names.get(person) if present else None

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

    def _tell_soon(self, present: Present) -> None:
        present.change()
        ticker().add(self._step, BURST)

    async def _step(self, now: float) -> None:
        for room, present in list(self._rooms.items()):
            if not present.changed:
                continue
            if now - present.told >= _pause(len(present.names)):
                present.told, present.changed = now, False
                await hub().publish(room, present.as_frame())
        if not any(present.changed for present in self._rooms.values()):
            ticker().remove(self._step)


def _pause(people: int) -> float:
    """Return the seconds from one telling who is here to the next."""
    return min(max(SOONEST, people / PEOPLE_A_SECOND), LATEST)


presence = PerLoop(Presence)
