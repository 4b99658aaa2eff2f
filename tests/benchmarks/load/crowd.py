"""Many connections that one run opens, and that are measured together."""

import asyncio
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from picows import ws_connect

from .connection import Connection
from .plan import Plan

AT_A_TIME = 20
CONNECT_SECONDS = 60
QUIET_SECONDS = 1.0

Member = TypeVar("Member", bound=Connection)


class Crowd(Generic[Member]):
    """What all crowds do alike: they come in, and wait until it is quiet."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.viewers: list[Member] = []

    async def admit(self, viewers: list[Member], path: str) -> None:
        gate = asyncio.Semaphore(AT_A_TIME)

        async def one(number: int, viewer: Member) -> None:
            async with gate:
                await self.join(viewer, path, number)

        await asyncio.gather(*(one(*each) for each in enumerate(viewers)))
        self.viewers += viewers

    async def join(self, viewer: Member, path: str, number: int) -> None:
        identities = self.plan.identities
        await ws_connect(
            lambda: viewer,
            self.plan.url + path,
            extra_headers=identities[number % len(identities)],
            websocket_handshake_timeout=CONNECT_SECONDS,
        )
        await asyncio.wait_for(viewer.ready.wait(), CONNECT_SECONDS)

    async def settle(self) -> None:
        """Waits until nothing has been heard for a while: greetings have ended."""

        def quiet() -> bool:
            return max(viewer.heard for viewer in self.viewers) < monotonic() - QUIET_SECONDS

        if not await holds(quiet, until=monotonic() + CONNECT_SECONDS):
            raise TimeoutError("the server does not become quiet after connecting")

    def trouble(self) -> dict[str, int]:
        return dict(sum((viewer.trouble for viewer in self.viewers), Counter()))


async def holds(condition: Callable[[], bool], until: float) -> bool:
    """Wait for `condition`, which thousands of viewers decide together, but not for ever."""
    while not (held := condition()):
        if monotonic() > until:
            break
        await asyncio.sleep(0.1)
    return held
