"""All who watch replies in one run: they connect, ask, and are measured together."""

import asyncio
import uuid
from time import monotonic
from typing import Any

from .crowd import QUIET_SECONDS, Crowd, holds
from .lateness import Lateness
from .plan import Plan
from .watcher import Reply, Watcher
from .window import Moment, used_between


class Audience(Crowd[Watcher]):
    """What all audiences do alike. What a viewer of theirs is, and checks, is their own."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.lateness = Lateness()

    async def connect(self, count: int, path: str = "/ws/chat/", shared: bool = False) -> None:
        reply = Reply()
        viewers = [self.viewer(reply if shared else Reply()) for _ in range(count)]
        await self.admit(viewers, path)

    def viewer(self, reply: Reply) -> Watcher:
        raise NotImplementedError

    def ask(self, viewer: Watcher, text: str = "go") -> None:
        viewer.reply.asked = monotonic()
        viewer.send(type="message.send", text=text, key=str(uuid.uuid4()))

    async def measure(self) -> dict[str, Any]:
        """Warm up, measure one window, then wait for whatever is still to come.

        The warm-up begins when every reply has: what it costs to ask for one is not the typing.
        """
        plan = self.plan
        await holds(self.has_begun, until=monotonic() + plan.grace)
        await asyncio.sleep(plan.warm_up)
        self.lateness.clear()
        start = Moment.of(plan.pid, plan.others)
        await asyncio.sleep(plan.seconds)
        end, lateness = Moment.of(plan.pid, plan.others), self.lateness
        self.lateness = Lateness()
        for viewer in self.viewers:
            viewer.lateness = self.lateness
        await self.finish()
        return self.seen() | {
            "delivered_in_window": lateness.total,
            "lateness_ms": lateness.percentiles_ms(50, 99, 100),
            "window": used_between(start, end),
        }

    def has_begun(self) -> bool:
        return all(viewer.first is not None for viewer in self.viewers)

    async def finish(self) -> None:
        due = max(viewer.reply.asked for viewer in self.viewers)
        deadline = due + self.plan.length / self.plan.speed + self.plan.grace
        await holds(lambda: all(viewer.finished for viewer in self.viewers), until=deadline)
        await asyncio.sleep(QUIET_SECONDS)  # what describes the ends comes after the last character

    def seen(self) -> dict[str, Any]:
        expected = len(self.viewers) * self.plan.length
        received = sum(viewer.received for viewer in self.viewers)
        lost = sum(viewer.skipped for viewer in self.viewers)
        return {
            "viewers": len(self.viewers),
            "expected": expected,
            "received": received,
            "lost": lost,
            "unfinished": expected - received - lost,
            "trouble": self.trouble(),
            "first_character_ms": self.first_characters().percentiles_ms(50, 99),
        }

    def first_characters(self) -> Lateness:
        result = Lateness()
        for viewer in self.viewers:
            if viewer.first is not None:
                result.add(viewer.first - viewer.reply.asked)
        return result
