"""What the viewers do: 500 replies for one each, one reply for 2,000, or nothing at all."""

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from typing import Any

from ..accounting import memory_kb
from . import besieging, calling, relaying, staying, talking
from .audience import Audience
from .plan import Plan
from .viewer import Script, Viewer
from .watcher import Reply, Watcher
from .window import Moment, used_between

FIRST_CONNECTIONS = 20


class Typed(Audience):
    """Viewers of replies that are typed."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.script = Script(plan.text, plan.speed)

    def viewer(self, reply: Reply) -> Watcher:
        return Viewer(self.script, reply, self.lateness, self.plan.ack_every)


async def private(plan: Plan) -> dict[str, Any]:
    """Everybody has a conversation, and a reply, of their own."""
    crowd = Typed(plan)
    await crowd.connect(plan.count)
    await crowd.settle()
    for viewer in crowd.viewers:
        crowd.ask(viewer)
        await asyncio.sleep(plan.spread / plan.count)
    return await crowd.measure()


async def scattered(plan: Plan) -> dict[str, Any]:
    """Everybody asks over one line and reads over another, wherever that ends; the first is left.

    All lines for asking are opened before any for reading, and those in another order: where there
    are several processes, half of all read at another one than they asked at.
    """
    opener, crowd = Typed(plan), Typed(plan)
    await opener.connect(plan.count)
    places = list(enumerate(opener.viewers))
    random.shuffle(places)
    for number, asker in places:
        await crowd.join(viewer := crowd.viewer(asker.reply), asker.own_path, number)
        crowd.viewers.append(viewer)
    await crowd.settle()
    for _, asker in places:
        crowd.ask(asker)
        await asyncio.sleep(plan.spread / plan.count)
        asker.transport.disconnect()
    return await crowd.measure()


async def watched(plan: Plan) -> dict[str, Any]:
    """One asks, and all watch the same reply."""
    opener = Typed(plan)
    await opener.connect(1)
    crowd = Typed(plan)
    await crowd.connect(plan.count, opener.viewers[0].own_path, shared=True)
    opener.viewers[0].transport.disconnect()
    await crowd.settle()
    crowd.ask(crowd.viewers[0])
    return await crowd.measure()


async def idle(plan: Plan) -> dict[str, Any]:
    """Connected, greeted, and then silent: what does one more of those cost, and hold?

    The first connections make the server load what it loads once; they stay, so that the ones
    that are counted cannot use memory that others gave back.
    """
    crowd = Typed(plan)
    await crowd.connect(FIRST_CONNECTIONS)
    await crowd.settle()
    before, start = memory_kb(plan.pid), Moment.of(plan.pid)
    await crowd.connect(plan.count)
    await crowd.settle()
    after, used = memory_kb(plan.pid), used_between(start, Moment.of(plan.pid))
    return {
        "connections": plan.count,
        "kb_per_connection": {
            kind: round((after[kind] - before[kind]) / plan.count, 1) for kind in after
        },
        "cpu_ms_per_connection": round(used["server_cpu_seconds"] / plan.count * 1000, 2),
        "trouble": crowd.trouble(),
    }


SCENARIOS: dict[str, Callable[[Plan], Awaitable[dict[str, Any]]]] = {
    "private": private,
    "scattered": scattered,
    "watched": watched,
    "idle": idle,
    "relayed": relaying.relayed,
    "asked": relaying.asked,
    "talking": talking.talking,
    "gathering": talking.gathering,
    "streamed": calling.streamed,
    "opened": calling.opened,
    "posted": calling.posted,
    "recalled": calling.recalled,
    "staying": staying.staying,
    "besieging": besieging.besieging,
}


async def play(plan: Plan) -> dict[str, Any]:
    gc.disable()
    return await SCENARIOS[plan.scenario](plan)
