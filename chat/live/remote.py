"""The other processes: the only place that touches the channel layer.

What is said here is a hint. The layer may lose it, and while it does not answer it is dropped:
whoever missed something finds the truth in the database.
"""

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from channels_redis.utils import _consistent_hash
from django.conf import settings

from chat import metrics
from chat.live.per_loop import PerLoop, on_its_own
from chat.process import PROCESS

PATIENCE = 2.0  # seconds
PING_EVERY = 1.0  # seconds
DEAF = 3.0  # seconds without hearing oneself
MOST_WAITING = 20_000  # events that wait to be said

logger = logging.getLogger(__name__)

Event = list[Any]  # a verb, and what it is about
Hear = Callable[[str, Event], Awaitable[None]]


def group_of(process: str) -> str:
    """Return the group in which only `process` is."""
    return f"process.{process.rpartition(':')[2]}"


OWN = group_of(PROCESS)


def _at_each_redis() -> list[str]:
    """Return groups of this process alone, one at each Redis: which has a group, its name says."""
    found: dict[int, str] = {}
    names = (f"{OWN}.{number}" for number in itertools.count())
    while len(found) < len(settings.REDIS_URLS):
        name = next(names)
        found.setdefault(_consistent_hash(name, len(settings.REDIS_URLS)), name)
    return list(found.values())


class Remote:
    """Says events to groups of processes, and hears what others say to the groups it is in."""

    def __init__(self) -> None:
        self._layer = get_channel_layer()
        self.is_alone = isinstance(self._layer, InMemoryChannelLayer)
        self.lost: set[str] = set()  # groups that were not told something
        self._wanted: set[str] = set()
        self._joined: set[str] = set()
        self._waiting: dict[str, list[Event]] = {}
        self._count = 0
        self._change = asyncio.Event()
        self._done = asyncio.Event()
        self._heard_self = dict.fromkeys(_at_each_redis(), -math.inf)
        self._is_failing = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def hears(self) -> bool:
        """Whether what is said arrives: at least what this process tells itself by each Redis."""
        return self.is_alone or time.monotonic() - min(self._heard_self.values()) < DEAF

    def start(self, hear: Hear) -> None:
        """From now on let `hear` have what other processes say: who, and what."""
        if self.is_alone or self._tasks:
            return
        self._wanted |= {OWN, *self._heard_self}
        self._tasks = [
            on_its_own(self._work(), name="to other processes"),
            on_its_own(self._listen(hear), name="from other processes"),
            on_its_own(self._ping(), name="ping"),
        ]

    async def stop(self) -> None:
        """Say what is still to be said, if that is possible, and hear nothing more."""
        if self._tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while self._waiting and not self._is_failing:
                        await self._next_round()
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def say(self, group: str, event: Event) -> None:
        """Tell all other processes in `group`; those that have gone or do not listen miss it."""
        if self.is_alone:
            return
        if self._count >= MOST_WAITING:
            self._miss(group, 1)
            return
        self._count += 1
        self._waiting.setdefault(group, []).append(event)
        self._change.set()

    async def join(self, *groups: str) -> None:
        """Be in `groups` from now on; wait until it is so, but not long if nobody answers."""
        self._wanted.update(groups)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._tasks and not self._joined.issuperset(groups):
                    if self._is_failing:
                        break
                    self._change.set()
                    await self._next_round()

    def leave(self, group: str) -> None:
        self._wanted.discard(group)
        self._change.set()

    async def _next_round(self) -> None:
        self._done.clear()
        await self._done.wait()

    # --- out

    async def _work(self) -> None:
        while True:
            await self._change.wait()
            self._change.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._settle_groups()
                    await self._say_all()
                if self.hears:
                    self._recover()
            except Exception as error:  # each kind of layer has errors of its own
                self._fail(error)
                await asyncio.sleep(PING_EVERY)
                self._change.set()
            self._done.set()

    async def _settle_groups(self) -> None:
        channel = self._channel
        if channel is None or self._wanted == self._joined:
            return
        for group in self._wanted - self._joined:
            await self._layer.group_add(group, channel)
            self._joined.add(group)
        for group in self._joined - self._wanted:
            self._joined.discard(group)
            await self._layer.group_discard(group, channel)

    async def _say_all(self) -> None:
        while self._waiting:
            group = next(iter(self._waiting))
            events = self._waiting.pop(group)  # what is said meanwhile, goes with the next
            self._count -= len(events)
            try:
                message = {"type": "said", "by": PROCESS, "events": events}
                await self._layer.group_send(group, message)
            except BaseException:
                self._miss(group, len(events))
                raise
            metrics.EVENTS.labels("sent").inc(len(events))

    def _fail(self, error: Exception) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._heard_self = dict.fromkeys(self._heard_self, -math.inf)
            logger.error("other processes cannot be told anything: %r", error)
        for group, events in self._waiting.items():
            self._miss(group, len(events))
        self._waiting.clear()
        self._count = 0

    def _miss(self, group: str, events: int) -> None:
        self.lost.add(group)
        metrics.EVENTS.labels("missed").inc(events)

    def _recover(self) -> None:
        if self._is_failing:
            self._is_failing = False
            logger.info("other processes can be told again")

    # --- in

    _channel: str | None = None

    async def _listen(self, hear: Hear) -> None:
        while True:
            try:
                if self._channel is None:
                    self._channel = await self._layer.new_channel()
                    self._change.set()
                message = await self._layer.receive(self._channel)
                for event in message["events"]:
                    if message["by"] != PROCESS:
                        await self._hear(hear, message["by"], event)
                    elif event[0] == "ping":
                        self._heard_self[event[1]] = time.monotonic()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._fail(error)
                await asyncio.sleep(PING_EVERY)

    async def _hear(self, hear: Hear, who: str, event: Event) -> None:
        try:
            await hear(who, event)
        except Exception:
            logger.exception("%s, as another process said it, failed", event[0])

    async def _ping(self) -> None:
        while True:
            for group in self._heard_self:
                self.say(group, ["ping", group])
            await asyncio.sleep(PING_EVERY)


remote = PerLoop(Remote)
