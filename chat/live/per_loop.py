"""One of a thing for each event loop, and tasks that belong to nobody else."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Generic, TypeVar
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


def on_its_own(
    coroutine: Coroutine[Any, Any, Thing], *, name: str | None = None
) -> asyncio.Task[Thing]:
    """Start a task that outlives whoever asks for it.

    Its context is empty: that of a request names the thread which speaks with the database for
    it, and that thread ends with the request.
    """
    return asyncio.create_task(coroutine, name=name, context=Context())
