"""A reply's text in memory, and how it reaches the database.

All replies that this process writes are saved together, about once a second, and at once when one
of them ends. A save is conditional on the reply still being ours and live. So saving, the check
whether it was stopped or taken over, and the heartbeat of our lease are one statement.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from chat import metrics
from chat.database import leave_if_cut
from chat.live.per_loop import PerLoop, on_its_own
from chat.models import FAILED, LIVE, STREAMING, Message
from chat.process import PROCESS

SAVE_EVERY = 1.0  # seconds
NOT_SAVED = ("not_saved", "The reply could not be saved.")


logger = logging.getLogger(__name__)

# A thread of their own, so that no slow page can make a heartbeat late.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")


@dataclass(slots=True, eq=False)
class Journal:
    """What is to be saved of one reply.

    `on_lost` is told when the reply is not ours any more, `on_saved` how many code points of it
    are in the database.
    """

    message: Message
    on_lost: Callable[[], None]
    on_saved: Callable[[int], None]
    ending: bool = False
    closed: bool = False  # nothing more is saved of it
    saved: asyncio.Future[bool] | None = None  # of the end: whether it was still ours to write

    def append(self, text: str) -> None:
        if self.ending:
            return
        if self.message.started is None:
            self.message.started = timezone.now()
            self.message.status = STREAMING
        self.message.text = text

    async def end(self, status: str, text: str, error: tuple[str, str] = ("", "")) -> bool:
        """Save the end of the reply; False if it was not ours any more and nothing was saved.

        Waits for as long as the database does not take it.
        """
        if self.closed:
            return False
        message = self.message
        message.status, message.text, message.ended = status, text, timezone.now()
        message.error_code, message.error_detail = error
        self.saved = asyncio.get_running_loop().create_future()
        self.ending = True
        keeper().wake()
        return await self.saved

    def let_go(self) -> None:
        """Tell nobody any more: in a ring with whom it tells, both would outlive the reply."""
        self.on_lost, self.on_saved = lambda: None, lambda length: None


class Keeper:
    """Saves the journals of this process. Its task lives only while there are some."""

    def __init__(self) -> None:
        self.journals: dict[int, Journal] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._failing = False

    def open(
        self,
        message: Message,
        on_lost: Callable[[], None],
        on_saved: Callable[[int], None] = lambda length: None,
    ) -> Journal:
        journal = self.journals[message.pk] = Journal(message, on_lost, on_saved)
        if self._task is None or self._task.done():
            self._task = on_its_own(self._run(), name="keeper")
        return journal

    def close(self, journal: Journal) -> None:
        """Save nothing more of `journal`: it is not ours any more, or saved to its end."""
        journal.closed = True
        if self.journals.get(journal.message.pk) is journal:  # it may be written anew already
            del self.journals[journal.message.pk]
        if journal.saved and not journal.saved.done():
            journal.saved.set_result(False)
        journal.let_go()

    def wake(self) -> None:
        self._wake.set()

    async def save(self) -> None:
        """Save all journals now."""
        await self._save(list(self.journals.values()))

    async def _run(self) -> None:
        next_save = time.monotonic() + SAVE_EVERY
        while self.journals:
            try:
                await asyncio.wait_for(self._wake.wait(), max(0, next_save - time.monotonic()))
            except TimeoutError:
                next_save = time.monotonic() + SAVE_EVERY
                await self._save(list(self.journals.values()))
            else:
                self._wake.clear()
                await self._save([each for each in self.journals.values() if each.ending])

    async def _save(self, journals: list[Journal]) -> None:
        if not journals:  # whoever woke it was saved with others
            return
        loop = asyncio.get_running_loop()
        rows = [_row(journal.message) for journal in journals]
        ended = [journal.ending for journal in journals]
        try:
            with metrics.SAVE_SECONDS.time():
                lost = await loop.run_in_executor(_thread, _write, rows)
        except Exception as error:  # whatever it is: without a keeper no reply would ever end
            metrics.SAVES_FAILED.inc()
            self._say_failing(error)
            return
        if self._failing:
            self._failing = False
            logger.info("replies are saved again")
        for journal, row, was_ending in zip(journals, rows, ended, strict=True):
            if journal.message.pk not in lost:
                journal.on_saved(len(row[1]))
            self._settle(journal, journal.message.pk in lost, was_ending)

    def _settle(self, journal: Journal, lost: bool, ended: bool) -> None:
        if not (lost or ended):
            return
        if journal.saved and not journal.saved.done():
            journal.saved.set_result(not lost)
        elif lost:
            journal.on_lost()
        self.close(journal)

    def _say_failing(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            unknown = not isinstance(error, DatabaseError | InterfaceError)
            words = "replies cannot be saved; they go on in memory: %s"
            logger.error(words, error, exc_info=error if unknown else None)


keeper = PerLoop(Keeper)

Row = tuple[Any, ...]
_COLUMNS = ("id", "text", "status", "started", "ended", "error_code", "error_detail")
_TIMES = ("started", "ended")


def _row(message: Message) -> Row:
    return tuple(getattr(message, column) for column in _COLUMNS)


def _write(rows: list[Row]) -> set[int]:
    """Save `rows`; return the ids of those that were not ours, or not live any more."""
    at_once = connection.ops.bulk_batch_size(_COLUMNS, rows)
    saved: set[int] = set()
    try:
        leave_if_cut()
        for first in range(0, len(rows), at_once):
            saved |= _write_together(rows[first : first + at_once])
    except (OperationalError, InterfaceError):
        connection.close()  # it may be broken; the next save opens a new one
        raise
    return {row[0] for row in rows} - saved


def _write_together(rows: list[Row]) -> set[int]:
    """Save `rows`, or if one of them is not taken each by itself; return the ids of the saved."""
    try:
        return _update(rows)
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, ValueError) as error:
        if len(rows) > 1:  # it must not hold up the others
            return set().union(*(_write_together([row]) for row in rows))
        _fail(rows[0][0], error)
        return set()


def _fail(id: int, error: Exception) -> None:
    """End a reply with the text that it has in the database: more of it cannot be saved, ever."""
    logger.error("reply %s is not taken by the database: %s", id, error)
    code, detail = NOT_SAVED
    ours = Message.objects.live().filter(pk=id, lease=PROCESS)
    ours.update(status=FAILED, ended=timezone.now(), error_code=code, error_detail=detail)


def _update(rows: list[Row]) -> set[int]:
    """Save those of `rows` that are ours and live; return their ids.

    It is one statement and no transaction of several: of those, a process that is frozen in the
    middle would lock its replies for as long, and nobody could take them over.
    """
    adapt = connection.ops.adapt_datetimefield_value
    values = (adapt(it) if isinstance(it, datetime) else it for row in rows for it in row)
    with connection.cursor() as cursor:
        cursor.execute(_statement(len(rows)), [*values, PROCESS, *LIVE])
        return {id for (id,) in cursor.fetchall()}


def _statement(count: int) -> str:
    row = f"({', '.join(['%s'] * len(_COLUMNS))})"
    columns = {name: f"news.{name}" for name in _COLUMNS[1:]}
    if connection.features.requires_casted_case_in_updates:  # to it a row of NULL is text
        columns |= {name: f"CAST({columns[name]} AS timestamptz)" for name in _TIMES}
    # What is ours and live has to be found by its id. Of a process that has just begun PostgreSQL's
    # statistics know nothing: it would look for the one row that it expects, and go through all of
    # `news` for each that it finds. It does not look into a CASE, and so expects half of the table.
    live = f"lease = %s AND chat_message.status IN ({', '.join(['%s'] * len(LIVE))})"
    return (  # of names, and no values
        f"WITH news ({', '.join(_COLUMNS)}) AS (VALUES {', '.join([row] * count)}) "  # noqa: S608
        f"UPDATE chat_message SET {', '.join(map(' = '.join, columns.items()))}, beat = beat + 1 "
        "FROM news WHERE chat_message.id = news.id "
        f"AND CASE WHEN {live} THEN TRUE ELSE FALSE END RETURNING chat_message.id"
    )
