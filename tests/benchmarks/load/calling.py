"""What programs do over HTTP: read streams of events for a while, or call as fast as they can."""

import asyncio
import itertools
from collections.abc import Callable
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from .audience import Audience
from .follower import Caller, Follower
from .lateness import Lateness
from .plan import Plan
from .watcher import Reply
from .window import Moment, used_between

HISTORY = 10  # exchanges that there are before they are asked for


class Followers(Audience):
    """Who says something, and reads the answer as a stream of events."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.texts: dict[bytes, str] = {}

    async def connect(self, count: int, *_: Any, **__: Any) -> None:
        for number in range(count):
            follower = Follower(self.plan, Reply(), self.lateness, self.texts)
            await called(self.plan, lambda follower=follower: follower, number)
            self.viewers.append(follower)

    def ask(self, viewer: Any, text: str = "go") -> None:
        viewer.say(text)


async def called(plan: Plan, make: Callable[[], Any], number: int) -> Any:
    place = urlsplit(plan.url)
    identity = plan.identities[number % len(plan.identities)]
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(make, place.hostname, place.port)
    caller.introduce(f"user-{number}", place.netloc, identity)
    return caller


async def streamed(plan: Plan) -> dict[str, Any]:
    """Everybody has a conversation, and reads one reply."""
    crowd = Followers(plan)
    await crowd.connect(plan.count)
    for viewer in crowd.viewers:
        crowd.ask(viewer)
        await asyncio.sleep(plan.spread / plan.count)
    return await crowd.measure()


async def opened(plan: Plan) -> dict[str, Any]:
    """So many streams are open all the time: when one ends, another is opened in its place."""
    crowd = Followers(plan)
    await crowd.connect(plan.count)
    first, until = Lateness(), monotonic() + plan.warm_up + plan.seconds
    open_now: list[int] = []

    async def again_and_again(viewer: Any, wait: float) -> None:
        await asyncio.sleep(wait)
        while monotonic() < until:
            viewer.reply = Reply()
            viewer.begin_anew()
            crowd.ask(viewer)
            if monotonic() > until - plan.seconds:
                open_now.append(sum(not each.ended.is_set() for each in crowd.viewers))
            await viewer.ended.wait()
            if viewer.first_byte and viewer.reply.asked > until - plan.seconds:
                first.add(viewer.first_byte - viewer.reply.asked)

    spread = plan.length / plan.speed
    callers = [
        asyncio.create_task(again_and_again(viewer, number * spread / plan.count))
        for number, viewer in enumerate(crowd.viewers)
    ]
    await asyncio.sleep(plan.warm_up)
    start = Moment.of(plan.pid)
    await asyncio.gather(*callers)
    used = used_between(start, Moment.of(plan.pid))
    return {
        "requests": first.total,
        "open_at_once": min(open_now, default=0),
        "first_byte_ms": first.percentiles_ms(50, 99, 100),
        "window": used,
        "trouble": crowd.trouble(),
    }


async def posted(plan: Plan) -> dict[str, Any]:
    """Each says something as soon as the last answer is there."""
    return await repeated(plan, lambda caller: caller.post("Hi"))


async def recalled(plan: Plan) -> dict[str, Any]:
    """Each asks for what was said before, again and again."""
    return await repeated(plan, lambda caller: caller.recall(), before=HISTORY)


async def repeated(plan: Plan, ask: Callable[[Any], None], before: int = 0) -> dict[str, Any]:
    callers = [await called(plan, Caller, number) for number in range(plan.count)]
    for caller in callers:
        for _ in range(before):
            caller.post("Hi")
            await caller.ended.wait()
    until, done, took = monotonic() + plan.warm_up + plan.seconds, itertools.count(), Lateness()

    async def again_and_again(caller: Any) -> None:
        while monotonic() < until:
            asked = monotonic()
            ask(caller)
            await caller.ended.wait()
            took.add(monotonic() - asked)
            next(done)

    calling = [asyncio.create_task(again_and_again(caller)) for caller in callers]
    await asyncio.sleep(plan.warm_up)
    took.clear()
    start, before_window = Moment.of(plan.pid), next(done)
    await asyncio.gather(*calling)
    used = used_between(start, Moment.of(plan.pid))
    return {
        "requests": next(done) - before_window - 1,
        "took_ms": took.percentiles_ms(50, 99),
        "window": used,
        "trouble": dict(sum((caller.trouble for caller in callers), start=type(caller.trouble)())),
    }
