"""The beat to which text goes out: ten times a second, for everything in this process."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from chat.live.per_loop import PerLoop

BURSTS_A_SECOND = 10
PHASES = 10  # the steps of one beat are spread over so many moments

logger = logging.getLogger(__name__)

Step = Callable[[float], Awaitable[None]]


class Ticker:
    """Awaits each step BURSTS_A_SECOND times a second, with the time on its clock in seconds.

    Steps that begin at the same moment run together: one turn of the loop, one wake-up and one
    system call per socket serve many replies. The task lives only while there are steps.
    """

    def __init__(self) -> None:
        self._phases: list[dict[Step, None]] = [{} for _ in range(PHASES)]
        self._current = 0
        self._task: asyncio.Task[None] | None = None

    def add(self, step: Step) -> None:
        """Call `step` from the next moment on."""
        self._phases[(self._current + 1) % PHASES][step] = None
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="ticker")

    def remove(self, step: Step) -> None:
        for phase in self._phases:
            phase.pop(step, None)

    async def _run(self) -> None:
        due = time.monotonic()
        while any(self._phases):
            self._current = (self._current + 1) % PHASES
            for step in list(self._phases[self._current]):
                await self._take(step)
            # A beat that came late is not made up for: what is due is decided by the clock.
            due = max(due + 1 / BURSTS_A_SECOND / PHASES, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
        self._task = None

    async def _take(self, step: Step) -> None:
        try:
            await step(time.monotonic())
        except Exception:  # one reply's defect must not silence all others
            logger.exception("a step failed and is not taken again")
            self.remove(step)


ticker = PerLoop(Ticker)
