"""What a server process does by itself, whoever is connected."""

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from django.db import DatabaseError
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from chat import conversations, guard, intervals, listing, protocol, sockets
from chat.assistants.base import ProviderError
from chat.database import Unanswered, be_impatient, in_database
from chat.live.following import following
from chat.live.hub import hub
from chat.live.per_loop import PerLoop
from chat.live.presence import presence
from chat.live.relay import EVERYONE, relay
from chat.live.remote import remote
from chat.models import Assistant, release
from chat.process import PROCESS
from chat.reply import run, turns
from chat.reply.journal import keeper
from chat.reply.providers import switchboard
from chat.reply.watchdog import Watchdog

LOOK_EVERY = 1.0  # seconds
SWITCH_AFTER = 0.001  # seconds
# To look through all objects for garbage holds everybody up, with 3,000 lines for half a second; as
# soon as Python would, that is every 12 seconds of a flood. What Django leaves of requests waits.
COLLECT_AFTER = 2_000  # objects more than before
GOODBYE = 4.0  # seconds for those who are sent away to read that, and to hang up

logger = logging.getLogger(__name__)


def start_with_server() -> None:
    """Have the service start and stop with Daphne, which knows nothing of ASGI's lifespan."""
    # The loop gives Python's lock away with each thing it sends, and waits so long for it if the
    # database's thread has something to compute. Python's own 5 ms make replies late.
    sys.setswitchinterval(SWITCH_AFTER)
    gc.set_threshold(COLLECT_AFTER)
    sockets.mend()
    reactor.callWhenRunning(reactor.callLater, 0, lambda: service().start())
    reactor.addSystemEventTrigger("before", "shutdown", _stopped)


def _stopped() -> "Deferred[None]":
    return Deferred.fromFuture(asyncio.ensure_future(service().stop()))


async def again_and_again(look: Callable[[], Awaitable[None]]) -> None:
    """Call `look` every second; whatever goes wrong with it once does not end that."""
    trouble = ""
    while True:
        try:
            await look()
            trouble = ""
        except Unanswered as error:
            trouble = str(error)  # said already, for all who ask it
        except Exception as error:
            if trouble != (trouble := str(error)):  # said once, not every second
                known = isinstance(error, DatabaseError)
                logger.error("%s: %s", look.__qualname__, error, exc_info=not known)
        await asyncio.sleep(LOOK_EVERY)


async def _warm_up() -> None:
    """Load what speaks with the models there are, which takes a second or two, before any asks."""
    with suppress(DatabaseError):
        for assistant in await in_database(lambda: list(Assistant.objects.filter(on=True))):
            if assistant.is_model:
                with suppress(ProviderError):
                    await switchboard().connect(assistant)
    gc.collect()
    gc.freeze()  # what is there now stays, and need not be looked through ever again


class Service:
    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        be_impatient()
        relay().start()
        following().start()
        guard.listen()
        presence().listen()
        listing.listen()
        self._tasks.append(asyncio.create_task(_warm_up()))
        clock, sweeper = intervals.Clock(), conversations.Sweeper()
        watchdog = Watchdog()
        relay().on("released", watchdog.look)
        relay().on("lose", turns.lose)
        others = (relay().look, following().look, presence().look)
        for look in (watchdog.look, clock.look, sweeper.look, guard.Guard().look, *others):
            self._tasks.append(asyncio.create_task(again_and_again(look)))

    async def stop(self) -> None:
        """Send everyone away, save what is being written and let go of it for the next process."""
        for task in self._tasks:
            task.cancel()
        await hub().send_away(protocol.RESTART)
        await keeper().save()
        with suppress(DatabaseError):  # then others find out by themselves, a little later
            await in_database(release, PROCESS, list(run.runs()))
        relay().tell(EVERYONE, "released")
        await remote().stop()
        await sockets.open_sockets.closed(GOODBYE)
        await switchboard().close()


service = PerLoop(Service)
