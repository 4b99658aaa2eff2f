"""Typing speed: which characters are due by now."""

import math
from collections import deque
from collections.abc import Iterable

SHORTEST, LONGEST = 0.1, 0.13  # seconds between two bursts
FULL = 4  # characters that make a burst worth its system call


class Pace:
    """A queue of characters that lets them out in bursts, at `speed` characters a second.

    The first of them is due at once, the next `1 / speed` seconds later, and so on. Time in which
    there was nothing to let out is not made up for. `speed` 0 lets everything out at once.

    A burst comes `every` so many seconds and stands for the time around it, so a character leaves
    at most half of that before or after it is due; who draws them spreads them evenly again.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.every = min(max(SHORTEST, FULL / speed), LONGEST) if speed else SHORTEST
        self._waiting: deque[str] = deque()
        self._next_due = -math.inf  # seconds on the caller's clock
        self._ran_dry = True
        self.late = 0.0  # seconds from when the first character of the last burst was due

    def __len__(self) -> int:
        return len(self._waiting)

    def feed(self, characters: Iterable[str]) -> None:
        self._waiting.extend(characters)

    def due(self, now: float) -> list[str]:
        """Return the burst that is due at `now`, in seconds on any steady clock."""
        if not self._waiting:
            return []
        if self._ran_dry:
            self._next_due = max(self._next_due, now)
        self.late = max(0.0, now - self._next_due)
        count = len(self._waiting)
        if self.speed:
            early = now + self.every / 2 - self._next_due
            count = min(count, max(0, math.floor(early * self.speed) + 1))
            self._next_due += count / self.speed
        out = [self._waiting.popleft() for _ in range(count)]
        self._ran_dry = not self._waiting
        return out
