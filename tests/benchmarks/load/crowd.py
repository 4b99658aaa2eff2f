"""All viewers of one run: they connect, ask, and are measured together."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

from picows import ws_connect

from .connection import Connection, Reply
from .lateness import Lateness
from .plan import Plan
from .window import Moment, used_between

AT_A_TIME = 20
CONNECT_SECONDS = 60
QUIET_SECONDS = 1.0


class Crowd:
    """What all crowds do alike. What a viewer of theirs is, and checks, is their own."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lateness = Lateness()
        self.viewers: list[Connection] = []

    async def connect(self, count: int, path: str = "/ws/chat/", shared: bool = False) -> None:
        reply = Reply()
        gate = asyncio.Semaphore(AT_A_TIME)

        async def one(number: int) -> Connection:
            async with gate:
                return await self.join(path, reply if shared else Reply(), number)

        self.viewers += await asyncio.gather(*map(one, range(count)))

    def viewer(self, reply: Reply) -> Connection:
        raise NotImplementedError

    async def join(self, path: str, reply: Reply, number: int) -> Connection:
        viewer = self.viewer(reply)
        identities = self.plan.identities
        await ws_connect(
            lambda: viewer,
            self.plan.url + path,
            extra_headers=identities[number % len(identities)],
            websocket_handshake_timeout=CONNECT_SECONDS,
        )
        await asyncio.wait_for(viewer.ready.wait(), CONNECT_SECONDS)
        return viewer

    async def settle(self) -> None:
        """Waits until nothing has been heard for a while: greetings have ended."""

        def quiet() -> bool:
            return max(viewer.heard for viewer in self.viewers) < monotonic() - QUIET_SECONDS

        if not await holds(quiet, until=monotonic() + CONNECT_SECONDS):
            raise TimeoutError("the server does not become quiet after connecting")

    def ask(self, viewer: Connection, text: str = "go") -> None:
        viewer.reply.asked = monotonic()
        viewer.send(type="message.send", text=text, key=str(uuid.uuid4()))

    async def measure(self) -> dict[str, Any]:
        """Warm up, measure one window, then wait for whatever is still to come."""
        plan = self.plan
        await asyncio.sleep(plan.warm_up)
        self.lateness.clear()
        start = Moment.of(plan.pid)
        await asyncio.sleep(plan.seconds)
        end, lateness = Moment.of(plan.pid), self.lateness
        self.lateness = Lateness()
        for viewer in self.viewers:
            viewer.lateness = self.lateness
        await self.finish()
        return self.seen() | {
            "delivered_in_window": lateness.total,
            "lateness_ms": lateness.percentiles_ms(50, 99, 100),
            "window": used_between(start, end),
        }

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
            "trouble": dict(sum((viewer.trouble for viewer in self.viewers), Counter())),
            "first_character_ms": self.first_characters().percentiles_ms(50, 99),
        }

    def first_characters(self) -> Lateness:
        result = Lateness()
        for viewer in self.viewers:
            if viewer.first is not None:
                result.add(viewer.first - viewer.reply.asked)
        return result


async def holds(condition: Callable[[], bool], until: float) -> bool:
    """Wait for `condition`, which thousands of viewers decide together, but not for ever."""
    while not (held := condition()):
        if monotonic() > until:
            break
        await asyncio.sleep(0.1)
    return held
