"""The task that writes one reply: text from its source, out at its pace, into the journal.

It belongs to the process: no socket keeps it alive, and none ends it.
"""

import asyncio
import logging
import time
from contextlib import aclosing
from copy import copy

from django.db import DatabaseError

from chat import logs, metrics, protocol
from chat.assistants.base import ProviderError
from chat.characters import Splitter, boundary
from chat.database import in_database
from chat.live.hub import hub
from chat.live.per_loop import PerLoop, on_its_own
from chat.live.ticker import ticker
from chat.models import COMPLETE, FAILED, INTERRUPTED, LIVE, STOPPED, Message
from chat.reply.journal import NOT_SAVED, keeper
from chat.reply.pace import Pace
from chat.reply.source import Lost, Source

logger = logging.getLogger(__name__)

SAVE_PATIENCE = 60.0  # seconds until viewers are told that a reply could not be saved
FAILURE = ("internal", "Something went wrong while this reply was written.")
LOST = ("interrupted", "The server that wrote this reply went away.")


class Run:
    """Writes the reply `message`, from where its text ends.

    `found` says that its writer is gone, instead of that somebody asks for it just now.
    """

    def __init__(self, message: Message, *, found: bool = False) -> None:
        self.message = message
        self._about = logs.about(message.conversation_id, message.pk)
        self._pace: Pace | None = None  # until there is text: who writes it may change before
        self._drained = asyncio.Event()
        self._drained.set()
        self._stopped_at: int | None = None
        self.is_lost = False  # somebody else ended it, or writes it now
        self._hub, self._ticker = hub(), ticker()
        self._live = self._hub.open(message)
        self._source = Source(message, self._live, found=found)
        self._journal = keeper().open(message, self._on_lost, self._live.note_saved)
        self._typing = on_its_own(self._type(), name=f"typing {message.pk}")
        self._writing = on_its_own(self._write(), name=f"writing {message.pk}")
        metrics.WRITING.inc()
        logger.info("reply %s is being written", message.pk, extra=self._about)

    async def stop(self, at: int | None) -> bool:
        """End the reply at `at` code points, or where it stands.

        False if it is ending already, or if it is lost.
        """
        if self._typing.done() or self._stopped_at is not None or self.is_lost:
            return False
        length = len(self._live.text)
        self._stopped_at = boundary(self._live.text, length if at is None else min(at, length))
        asked = time.monotonic()
        self._typing.cancel()
        await asyncio.wait({self._typing})
        if self._source.is_model:
            metrics.CANCEL_SECONDS.observe(time.monotonic() - asked)
        await self.finished()
        return not self.is_lost

    async def finished(self) -> None:
        """Wait until the reply has ended, and its end is saved."""
        await asyncio.shield(self._writing)

    async def lose(self) -> None:
        """Give the reply up: somebody else ended it, or took it over; the database says which."""
        self._on_lost()
        await self.finished()

    def _on_lost(self) -> None:
        self.is_lost = True
        self._typing.cancel()
        keeper().close(self._journal)

    async def _write(self) -> None:
        await asyncio.wait({self._typing})
        self._ticker.remove(self._step)
        try:
            if not self.is_lost:
                await self._source.keep_told()
            await (self._give_up() if self.is_lost else self._end())
        finally:
            keeper().close(self._journal)  # whatever went wrong: without its beat, it is taken over
            runs().pop(self.message.pk, None)
            metrics.WRITING.dec()

    async def _type(self) -> None:
        splitter = Splitter()
        try:
            async with aclosing(self._source.text()) as pieces:
                async for piece in pieces:
                    await self._let_out(splitter.feed(piece))
        except ProviderError:
            await self._drain(splitter)  # what came before it failed is part of the reply
            raise
        await self._drain(splitter)

    async def _drain(self, splitter: Splitter) -> None:
        await self._let_out(splitter.flush())
        await self._drained.wait()

    async def _let_out(self, characters: list[str]) -> None:
        if not characters:
            return
        self._pace = self._pace or Pace(self.message.speed)
        self._pace.feed(characters)
        self._drained.clear()
        if self._source.at_once:
            await self._step(time.monotonic())
        else:
            self._ticker.add(self._step, self._pace.every)

    async def _step(self, now: float) -> None:
        assert self._pace is not None, "there is text"
        idle = not len(self._pace)
        try:
            if characters := self._pace.due(now):
                metrics.LATE_SECONDS.observe(self._pace.late)
                await self._hub.extend(self._live, characters)
                self._journal.append(self._live.text)
        except Exception:
            self._typing.cancel()  # which ends the reply: it must not hang forever
            raise
        if not len(self._pace):
            self._drained.set()
        if idle:  # the next text need not wait for a beat, as the last burst is long ago
            self._ticker.remove(self._step)

    async def _end(self) -> None:
        text = self._live.text[: self._stopped_at]
        saving = asyncio.create_task(self._journal.end(self._status(), text, self._error()))
        in_time, _ = await asyncio.wait({saving}, timeout=SAVE_PATIENCE)
        if not in_time:
            await self._say_not_saved(text)
        if not await saving:
            self.is_lost = True
            await self._give_up()
        elif in_time:
            metrics.REPLIES.labels(self.message.status).inc()
            told = (self.message.pk, self.message.status, len(text))
            logger.info("reply %s ended: %s, %s characters", *told, extra=self._about)
            await self._hub.finish(self._live, text)
        else:  # saved after all
            frame = protocol.frame("message.changed", message=self.message.as_frame())
            await self._hub.publish(self.message.conversation_id, frame)

    async def _say_not_saved(self, text: str) -> None:
        failed = copy(self.message)
        failed.status, (failed.error_code, failed.error_detail) = FAILED, NOT_SAVED
        self._live.message = failed
        await self._hub.finish(self._live, text)

    def _status(self) -> str:
        if self._stopped_at is not None:
            return STOPPED
        if isinstance(self._failure(), Lost):
            return INTERRUPTED
        return FAILED if self._typing.cancelled() or self._failure() else COMPLETE

    def _error(self) -> tuple[str, str]:
        match self._status(), self._failure():
            case "complete", _:
                return self._source.note
            case "interrupted", _:
                return LOST
            case "failed", ProviderError(code=code, detail=detail):
                return code, detail
            case "failed", failure:
                about = self._about
                logger.error("reply %s failed", self.message.pk, exc_info=failure, extra=about)
                return FAILURE
        return ("", "")

    def _failure(self) -> BaseException | None:
        return None if self._typing.cancelled() else self._typing.exception()

    async def _give_up(self) -> None:
        try:
            message = await in_database(Message.objects.find, self.message.pk)
        except DatabaseError as error:
            logger.error("how reply %s ended cannot be read: %s", self.message.pk, error)
            self._leave_to_others()
            return
        if message is None:
            self._hub.let_go(self._live)
        elif message.status in LIVE:
            self._leave_to_others()
        else:
            self._live.message = message
            await self._hub.finish(self._live, message.text)

    def _leave_to_others(self) -> None:
        """Let who watches here read how somebody else goes on with it."""
        self._hub.let_go(self._live)
        for viewer in self._hub.watching(self.message.conversation_id):
            self._hub.renew_one(viewer)


runs: PerLoop[dict[int, Run]] = PerLoop(dict)


def start(message: Message, *, found: bool = False) -> Run:
    """Write the reply `message`, whose lease this process holds; return what does."""
    if message.pk not in runs():
        runs()[message.pk] = Run(message, found=found)
    return runs()[message.pk]
