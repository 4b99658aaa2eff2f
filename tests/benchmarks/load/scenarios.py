"""What the viewers do: 500 replies for one each, one reply for 2,000, or nothing at all."""

import asyncio
import gc
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from picows import ws_connect

from ..accounting import memory_kb
from .lateness import Lateness
from .plan import Plan
from .viewer import Reply, Script, Viewer
from .window import Moment, used_between

AT_A_TIME = 20
CONNECT_SECONDS = 60
QUIET_SECONDS = 1.0
FIRST_CONNECTIONS = 20


class Crowd:
    """All viewers of one run, and what they have seen together."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.script = Script(plan.text, plan.speed)
        self.lateness = Lateness()
        self.viewers: list[Viewer] = []

    async def connect(self, count: int, path: str = "/ws/chat/", shared: bool = False) -> None:
        reply = Reply()
        gate = asyncio.Semaphore(AT_A_TIME)

        async def one() -> Viewer:
            async with gate:
                return await self.join(path, reply if shared else Reply())

        self.viewers += await asyncio.gather(*(one() for _ in range(count)))

    async def join(self, path: str, reply: Reply) -> Viewer:
        viewer = Viewer(self.script, reply, self.lateness, self.plan.ack_every)
        await ws_connect(
            lambda: viewer,
            self.plan.url + path,
            extra_headers=self.plan.identity,
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

    def ask(self, viewer: Viewer) -> None:
        viewer.reply.asked = monotonic()
        viewer.send(type="message.send", text="go", key=str(uuid.uuid4()))

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
        deadline = due + len(self.plan.text) / self.plan.speed + self.plan.grace
        await holds(lambda: all(viewer.finished for viewer in self.viewers), until=deadline)
        await asyncio.sleep(QUIET_SECONDS)  # what describes the ends comes after the last character

    def seen(self) -> dict[str, Any]:
        expected = len(self.viewers) * len(self.plan.text)
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


async def private(plan: Plan) -> dict[str, Any]:
    """Everybody has a conversation, and a reply, of their own."""
    crowd = Crowd(plan)
    await crowd.connect(plan.count)
    await crowd.settle()
    for viewer in crowd.viewers:
        crowd.ask(viewer)
        await asyncio.sleep(plan.spread / plan.count)
    return await crowd.measure()


async def watched(plan: Plan) -> dict[str, Any]:
    """One asks, and all watch the same reply."""
    opener = Crowd(plan)
    await opener.connect(1)
    crowd = Crowd(plan)
    await crowd.connect(plan.count, f"/ws/chat/{opener.viewers[0].conversation}/", shared=True)
    opener.viewers[0].transport.disconnect()
    await crowd.settle()
    crowd.ask(crowd.viewers[0])
    return await crowd.measure()


async def idle(plan: Plan) -> dict[str, Any]:
    """Connected, greeted, and then silent: what does one more of those hold?

    The first connections make the server load what it loads once; they stay, so that the ones
    that are counted cannot use memory that others gave back.
    """
    crowd = Crowd(plan)
    await crowd.connect(FIRST_CONNECTIONS)
    await crowd.settle()
    before = memory_kb(plan.pid)
    await crowd.connect(plan.count)
    await crowd.settle()
    after = memory_kb(plan.pid)
    return {
        "connections": plan.count,
        "kb_per_connection": {
            kind: round((after[kind] - before[kind]) / plan.count, 1) for kind in after
        },
        "trouble": crowd.seen()["trouble"],
    }


SCENARIOS: dict[str, Callable[[Plan], Awaitable[dict[str, Any]]]] = {
    "private": private,
    "watched": watched,
    "idle": idle,
}


async def play(plan: Plan) -> dict[str, Any]:
    gc.disable()
    return await SCENARIOS[plan.scenario](plan)
