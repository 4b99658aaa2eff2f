"""Asking one model: in its turn, again where that may help, and not for ever."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from django.conf import settings

from chat import logs, metrics
from chat.assistants.base import ProviderError, Request, Told, Turn
from chat.database import in_database
from chat.live.hub import LiveReply, hub
from chat.models import Assistant, Message
from chat.reply import context
from chat.reply.providers import request_of, switchboard

TRIES = 3  # as long as there is no text
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between two tries

logger = logging.getLogger(__name__)

Text = AsyncGenerator[str, None]


class Asking:
    """Has the model of `assistant` write the reply `message`; `live` tells what it waits for.

    What the model tells beside the text is `told`.
    """

    def __init__(self, assistant: Assistant, message: Message, live: LiveReply) -> None:
        self.told = Told()
        self._assistant = assistant
        self._message = message
        self._live = live
        self._begun = False  # there is text
        self._thoughts = 0  # pieces of its reasoning that were seen
        self._room = settings.LONGEST_REPLY  # code points that it may think

    async def text(self) -> Text:
        """Yield the text as it comes; empty pieces are signs of life. Raises ProviderError."""
        connected = await switchboard().connect(self._assistant)
        request = await in_database(self._request)
        asker = self._message.asked_by_id or self._message.conversation.owner_id
        async with connected.slots.slot(asker, self._say_place):
            self._say(None)
            for pause in _pauses():
                self.told, self._thoughts = Told(), 0
                stream = connected.provider.stream(request, self.told)
                try:
                    async with aclosing(self._watched(stream)) as pieces:
                        async for piece in pieces:
                            yield piece
                    return
                except ProviderError as error:
                    await self._wait_or_fail(error, pause)

    async def _watched(self, stream: Text) -> Text:
        """Yield the pieces of `stream`, for as long as it is not silent for too long."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        deadline = asked + self._assistant.first_timeout
        async with aclosing(stream):
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        piece = await anext(stream)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise self._silent() from None
                # What only says that the line is there is no sign that anybody writes.
                if piece or self._thinks():
                    deadline = loop.time() + self._assistant.silence_timeout
                if piece and not self._begun:
                    self._begun = True
                    metrics.FIRST_CHARACTER_SECONDS.observe(loop.time() - asked)
                yield piece

    async def _wait_or_fail(self, error: ProviderError, pause: float) -> None:
        metrics.PROVIDER_ERRORS.labels(error.code).inc()
        # Not what it says: a provider may repeat what people wrote to it.
        about = logs.about(self._message.conversation_id, self._message.pk)
        logger.warning("%s does not answer: %s", self._assistant.slug, error.code, extra=about)
        pause_asked_for = error.retry_after or 0
        if self._begun or error.permanent or not pause or pause_asked_for > LONGEST_PAUSE:
            raise error
        seconds = max(pause, pause_asked_for)
        self._say({"code": "retrying", "seconds": round(seconds, 1)})
        await asyncio.sleep(seconds)
        self._say(None)

    def _thinks(self) -> bool:
        """Return whether it thought on, and say so."""
        new = self.told.thoughts[self._thoughts :]
        self._thoughts += len(new)
        self._room -= sum(map(len, new))
        if self._room < 0:
            raise ProviderError("empty", "The assistant thought without end.", permanent=True)
        if new and not self._begun:
            self._say({"code": "thinking"})
        return bool(new)

    def _silent(self) -> ProviderError:
        waited = (
            "The assistant has gone silent." if self._begun else "The assistant did not answer."
        )
        # Whoever waited for so long shall not wait as long again without being asked.
        return ProviderError("silent", waited, permanent=True)

    def _say_place(self, place: int) -> None:
        self._say({"code": "place", "place": place})

    def _say(self, waits: dict[str, object] | None) -> None:
        hub().say(self._live, waits)

    def _request(self) -> Request:
        message = self._message
        before = message.conversation.messages.shown().filter(pk__lt=message.pk).ended()
        newest = before.exclude(text="").select_related("person").order_by("-pk")
        told = newest.only("text", "person__name", "person__username")
        named = message.conversation.is_room or message.conversation.memberships.exists()
        newest_first = (_turn(each, named=named) for each in told.iterator(chunk_size=50))
        assistant = self._assistant
        turns = context.fitting(newest_first, assistant.system, assistant.context_budget)
        return request_of(assistant, turns, message.text)


def _turn(message: Message, *, named: bool) -> Turn:
    """Return what `message` says as a model is told it: among several people, with who says it."""
    if message.person is None:
        return Turn(False, message.text)
    return Turn(True, f"{message.person}: {message.text}" if named else message.text)


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait after each try, with jitter; 0 after the last."""
    for attempt in range(TRIES - 1):
        yield FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
    yield 0
