"""Typing speed: which characters are due by now."""

import math
from collections import deque
from collections.abc import Iterable


class Pace:
    """A queue of characters that lets them out at `speed` characters a second.

    The first of them is due at once, the next `1 / speed` seconds later, and so on. Time in which
    there was nothing to let out is not made up for. `speed` 0 lets everything out at once.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._waiting: deque[str] = deque()
        self._next_due = -math.inf  # seconds on the caller's clock
        self._ran_dry = True

    def __len__(self) -> int:
        return len(self._waiting)

    def feed(self, characters: Iterable[str]) -> None:
        self._waiting.extend(characters)

    def due(self, now: float) -> list[str]:
        """Return the characters that are due at `now`, seconds on any steady clock."""
        if not self._waiting:
            return []
        if self._ran_dry:
            self._next_due = max(self._next_due, now)
        count = len(self._waiting)
        if self.speed:
            count = min(count, max(0, math.floor((now - self._next_due) * self.speed) + 1))
            self._next_due += count / self.speed
        out = [self._waiting.popleft() for _ in range(count)]
        self._ran_dry = not self._waiting
        return out
