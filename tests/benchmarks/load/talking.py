"""What the people in a room do: some of them write all the time, or all come at the same moment."""

import asyncio
import math
from time import monotonic
from typing import Any

from .crowd import Crowd, holds
from .listener import Listener, Talk
from .plan import Plan
from .window import Moment, used_between

PATH = "/ws/rooms/lobby/"
TAIL = 1.0  # seconds in which they write on after the window
GATHERING = 3.0  # seconds of peace after so many came
TYPING_EVERY = 3.0  # seconds; as a page tells it


class Room(Crowd[Listener]):
    """Everybody who is present."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.talk = Talk()

    async def fill(self) -> None:
        await self.admit([Listener(self.talk) for _ in range(self.plan.count)], PATH)

    async def write(self, seconds: float) -> None:
        """Let those who write take turns, each message at its time, whatever the server does."""
        plan = self.plan
        rate, start = plan.writing * plan.pace, monotonic()
        for number in range(math.ceil(seconds * rate)):
            await asyncio.sleep(start + number / rate - monotonic())
            self.viewers[number % plan.writing].say()

    async def measure(self) -> dict[str, Any]:
        """Warm up, measure one window, then wait for whatever is still to come."""
        plan = self.plan
        writing = asyncio.create_task(self.write(plan.warm_up + plan.seconds + TAIL))
        await asyncio.sleep(plan.warm_up)
        self.talk.begin_window()
        start = Moment.of(plan.pid)
        await asyncio.sleep(plan.seconds)
        end, delays, delivered = Moment.of(plan.pid), self.talk.delays, self.talk.delivered
        self.talk.begin_window()
        await writing
        await holds(self.has_everything, until=monotonic() + plan.grace)
        return self.seen() | {
            "delivered_in_window": delivered,
            "delay_ms": delays.percentiles_ms(50, 99, 100),
            "window": used_between(start, end),
        }

    def has_everything(self) -> bool:
        return all(len(viewer.received) >= len(self.talk.sent) for viewer in self.viewers)

    def seen(self) -> dict[str, Any]:
        """`lost` is what newer messages came after; `unfinished` what did not come in time."""
        known = {said.id for said in self.talk.known.values()}
        lost = sum(
            sum(id < viewer.newest for id in known - viewer.received) for viewer in self.viewers
        )
        expected = len(self.viewers) * len(self.talk.sent)
        received = sum(len(known & viewer.received) for viewer in self.viewers)
        return {
            "viewers": len(self.viewers),
            "expected": expected,
            "received": received,
            "lost": lost,
            "unfinished": expected - received - lost,
            "twice": sum(viewer.twice for viewer in self.viewers),
            "disordered": sum(viewer.disordered for viewer in self.viewers),
            "trouble": self.trouble(),
        }


async def talking(plan: Plan) -> dict[str, Any]:
    """Everybody is there, and some of them write."""
    room = Room(plan)
    await room.fill()
    await room.settle()
    return await room.measure()


async def gathering(plan: Plan) -> dict[str, Any]:
    """Many come one after the other, and then all type: what does each hear of the others?"""
    room = Room(plan)
    start = Moment.of(plan.pid)
    await room.fill()
    await asyncio.sleep(GATHERING)
    coming = heard(room, start, Moment.of(plan.pid))
    start = Moment.of(plan.pid)
    for viewer in room.viewers:
        viewer.asides = 0
    await type_all(room, plan.seconds)
    typing = heard(room, start, Moment.of(plan.pid))
    return {"coming": coming, "typing": typing, "trouble": room.trouble()}


async def type_all(room: Room, seconds: float) -> None:
    """Let everybody say, again and again and in turn, that they are typing."""
    until, pause = monotonic() + seconds, TYPING_EVERY / len(room.viewers)
    due = monotonic()
    while True:
        for viewer in room.viewers:
            if (due := due + pause) > until:
                return
            viewer.send(type="typing")
            await asyncio.sleep(due - monotonic())


def heard(room: Room, start: Moment, end: Moment) -> dict[str, Any]:
    """Return how many frames a second each got since `start`: the most, and usually."""
    used = used_between(start, end)
    asides = sorted(viewer.asides / used["seconds"] for viewer in room.viewers)
    return {
        "frames_a_second": {
            "median": round(asides[len(asides) // 2], 2),
            "most": round(asides[-1], 2),
        },
        "window": used,
    }
