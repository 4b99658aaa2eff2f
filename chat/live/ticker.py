"""The beat to which text goes out, for everything in this process."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from chat.live.per_loop import PerLoop

BURST = 0.1  # seconds; text goes out at most so often
LONGEST = 0.3  # seconds between two steps
MOMENT = 0.01  # seconds

logger = logging.getLogger(__name__)

Step = Callable[[float], Awaitable[None]]


class Ticker:
    """Awaits each step every so many seconds, with the time on its clock in seconds.

    Time is cut into moments, and steps of the same moment run together: one turn of the loop and
    one wake-up serve many replies. The task lives only while there are steps.
    """

    def __init__(self) -> None:
        self._moments: list[dict[Step, int]] = [{} for _ in range(round(LONGEST / MOMENT) + 1)]
        self._now = 0
        self._task: asyncio.Task[None] | None = None

    def add(self, step: Step, every: float = BURST) -> None:
        """Call `step` from the next moment on, `every` so many seconds (up to LONGEST)."""
        self._put(step, 1, round(every / MOMENT))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="ticker")

    def remove(self, step: Step) -> None:
        for moment in self._moments:
            moment.pop(step, None)

    def _put(self, step: Step, wait: int, every: int) -> None:
        self._moments[(self._now + wait) % len(self._moments)][step] = every

    async def _run(self) -> None:
        due = time.monotonic()
        while any(self._moments):
            # A moment that came late is not made up for: what is due is decided by the clock.
            due = max(due + MOMENT, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            self._now = (self._now + 1) % len(self._moments)
            steps, self._moments[self._now] = self._moments[self._now], {}
            for step, every in steps.items():
                self._put(step, every, every)
            for step in steps:
                await self._take(step)
        self._task = None

    async def _take(self, step: Step) -> None:
        try:
            await step(time.monotonic())
        except Exception:  # one reply's defect must not silence all others
            logger.exception("a step failed and is not taken again")
            self.remove(step)


ticker = PerLoop(Ticker)
