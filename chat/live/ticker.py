"""The beat to which text goes out, for everything in this process."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

from chat.live.per_loop import PerLoop, on_its_own

BURST = 0.1  # seconds; text goes out at most so often
MOMENT = 0.01  # seconds

logger = logging.getLogger(__name__)

Step = Callable[[float], Awaitable[None]]


class Ticker:
    """Awaits each step every so many seconds, with the time on its clock in seconds.

    Time is counted in moments, and steps of the same moment run together: one turn of the loop
    and one wake-up serve many replies. The task lives only while there are steps.
    """

    def __init__(self) -> None:
        self._every: dict[Step, int] = {}
        self._next: dict[Step, int] = {}  # the moment each is due at
        self._due: defaultdict[int, list[Step]] = defaultdict(list)  # by moment; may be outdated
        self._reached = 0
        self._task: asyncio.Task[None] | None = None

    def add(self, step: Step, every: float = BURST) -> None:
        """Call `step` from the next moment on, `every` so many seconds. Twice is once."""
        if self._task is None:
            self._reached = _moment()
            self._task = on_its_own(self._run(), name="ticker")
        if step not in self._every:
            self._every[step] = round(every / MOMENT)
            self._plan(step, self._reached + 1)

    def remove(self, step: Step) -> None:
        self._every.pop(step, None)
        self._next.pop(step, None)

    def _plan(self, step: Step, moment: int) -> None:
        self._next[step] = moment
        self._due[moment].append(step)

    async def _run(self) -> None:
        while self._every:
            await asyncio.sleep((self._reached + 1) * MOMENT - time.monotonic())
            until = _moment()
            while self._reached < until:
                self._reached += 1
                for step in self._due.pop(self._reached, ()):
                    await self._take(step, self._reached)
        self._due.clear()
        self._task = None

    async def _take(self, step: Step, moment: int) -> None:
        if self._next.get(step) != moment:
            return  # removed meanwhile, and perhaps added again
        try:
            await step(time.monotonic())
        except Exception:  # one reply's defect must not silence all others
            logger.exception("a step failed and is not taken again")
            self.remove(step)
        if every := self._every.get(step):
            # The beat holds, however long a step took; one that takes longer still skips beats.
            self._plan(step, max(moment + every, _moment() + 1))


def _moment() -> int:
    return int(time.monotonic() / MOMENT)


ticker = PerLoop(Ticker)
