"""How many replies one provider writes at a time, and who is next."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

TELL_EVERY = 0.5  # seconds; to number many who wait again at each change would take all the time
EXACT, ROUGH = 20, 10  # places up to which each counts; behind, they are told rounded up to tens


@dataclass(eq=False, slots=True)
class Waiter:
    tell: Callable[[int], None]
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    place: int = 0  # the last that was told


class Slots:
    """At most `size` at a time. Fair: people take turns, however many replies each waits for."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._queues: dict[Hashable, deque[Waiter]] = {}  # by person, in the order of their turns
        self._telling: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def slot(self, person: Hashable, tell: Callable[[int], None]) -> AsyncIterator[None]:
        """Hold a slot. While there is none, `tell` gets one's place: 1 is who is next."""
        await self._enter(person, tell)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, person: Hashable, tell: Callable[[int], None]) -> None:
        if self._free and not self._queues:
            self._free -= 1
            return
        waiter = Waiter(tell)
        self._queues.setdefault(person, deque()).append(waiter)
        self._tell()
        try:
            await waiter.admitted.wait()
        except asyncio.CancelledError:
            self._give_up(person, waiter)
            raise

    def _give_up(self, person: Hashable, waiter: Waiter) -> None:
        if waiter.admitted.is_set():
            self._leave()  # its turn came in this very moment
            return
        self._queues[person].remove(waiter)
        if not self._queues[person]:
            del self._queues[person]
        self._tell()

    def _leave(self) -> None:
        self._free += 1
        self._admit()

    def _admit(self) -> None:
        while self._free and self._queues:
            person, queue = next(iter(self._queues.items()))
            waiter = queue.popleft()
            del self._queues[person]
            if queue:
                self._queues[person] = queue  # behind everybody else
            self._free -= 1
            waiter.admitted.set()
        self._tell()

    def _tell(self) -> None:
        """Tell everyone their place soon: once for all that changes until then."""
        if self._queues and self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(TELL_EVERY, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        for number, waiter in enumerate(self._in_order(), start=1):
            place = number if number <= EXACT else math.ceil(number / ROUGH) * ROUGH
            if waiter.place != place:
                waiter.place = place
                waiter.tell(place)

    def _in_order(self) -> list[Waiter]:
        order, queues, nth = list[Waiter](), list(self._queues.values()), 0
        while queues:
            order += [queue[nth] for queue in queues]
            nth += 1
            queues = [queue for queue in queues if nth < len(queue)]
        return order
