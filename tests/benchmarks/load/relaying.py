"""What the viewers of models' replies do: watch many for a while, or all ask at the same moment."""

import asyncio
from time import monotonic
from typing import Any

from ..stamps import HELLO
from .audience import Audience
from .crowd import CONNECT_SECONDS, QUIET_SECONDS, holds
from .plan import Plan
from .reader import Endings, Reader
from .watcher import Reply, Watcher


class Relayed(Audience):
    """Viewers of models' replies; some of them ask, and the others watch."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.endings = Endings()

    def viewer(self, reply: Reply) -> Watcher:
        plan = self.plan
        return Reader(self.endings, reply, plan.length, self.lateness, plan.ack_every)

    async def open(self) -> list[Watcher]:
        """Connect everybody; return who asks: one in each conversation."""
        await self.greet()
        await self.connect(self.plan.count)
        asking = list(self.viewers)
        for number, viewer in enumerate(asking):
            path = viewer.own_path
            for _ in range(1, self.plan.watchers):
                await self.join(another := self.viewer(viewer.reply), path, number)
                self.viewers.append(another)
        await self.settle()
        return asking

    async def greet(self) -> None:
        """Have one reply written before all others: the server loads what it loads once."""
        viewer = self.viewer(Reply())
        await self.join(viewer, "/ws/chat/", 0)
        self.ask(viewer, HELLO)
        if not await holds(lambda: viewer.first is not None, monotonic() + CONNECT_SECONDS):
            raise TimeoutError("the server does not answer")
        assert viewer.first is not None, "that was waited for"
        self.very_first = viewer.first - viewer.reply.asked
        await asyncio.sleep(QUIET_SECONDS)
        viewer.transport.disconnect()

    def seen(self) -> dict[str, Any]:
        return super().seen() | {"very_first_ms": round(self.very_first * 1000, 1)}


async def relayed(plan: Plan) -> dict[str, Any]:
    """Tokens come all the time, in many conversations."""
    crowd = Relayed(plan)
    for viewer in await crowd.open():
        crowd.ask(viewer)
        await asyncio.sleep(plan.spread / plan.count)
    return await crowd.measure()


async def asked(plan: Plan) -> dict[str, Any]:
    """All ask at the same moment: when do their first characters come?"""
    crowd = Relayed(plan)
    for viewer in await crowd.open():
        crowd.ask(viewer)
    await crowd.finish()
    return crowd.seen()
