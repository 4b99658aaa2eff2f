"""One of a thing for each event loop."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Thing = TypeVar("Thing")


class PerLoop(Generic[Thing]):
    """Call it to get the running loop's own Thing, made by `make` when first asked for.

    A server process has one loop for all its life, so this is "one per process"; but nothing is
    left over from a loop that is gone, as it would be in a plain global.
    """

    def __init__(self, make: Callable[[], Thing]) -> None:
        self._make = make
        self._things: WeakKeyDictionary[asyncio.AbstractEventLoop, Thing] = WeakKeyDictionary()

    def __call__(self) -> Thing:
        loop = asyncio.get_running_loop()
        if loop not in self._things:
            self._things[loop] = self._make()
        return self._things[loop]
