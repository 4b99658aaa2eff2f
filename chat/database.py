"""The way from the event loop to the database and back."""

import logging
import select
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connection
from django.utils.module_loading import import_string

SLOW = 1.0  # seconds, after which a failure was one of waiting
PAUSE = 1.0  # seconds until a database is asked again that was waited for in vain
HUNG_UP = ("57P", "08")  # how codes begin that PostgreSQL ends a connection with

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class Unanswered(OperationalError):
    """The database cannot be reached. The log says so when that begins, and when it is over."""


class Silence:
    """Lets those who wait in line for a database that does not answer not wait one by one."""

    def __init__(self) -> None:
        self._until = 0.0
        self._is_known = False

    def check(self) -> None:
        if time.monotonic() < self._until:
            raise Unanswered("the database did not answer a moment ago")

    def note(self, error: Exception, seconds: float) -> None:
        if seconds > SLOW:
            self._until = time.monotonic() + PAUSE
        if not self._is_known:
            self._is_known = True
            logger.error("the database does not answer: %s", error)

    def end(self) -> None:
        if self._is_known:
            self._is_known = False
            logger.info("the database answers again")


_silence = Silence()


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `function` returns, run in the thread that speaks with the database.

    The connection stays open; one that broke is closed, so that the next call has a new one.
    """

    def guarded() -> R:
        _silence.check()
        began = time.monotonic()
        try:
            leave_if_cut()
            found = function(*args, **kwargs)
        except (InterfaceError, OperationalError) as error:
            let_go()
            if not _is_cut(error):
                # To Django a broken connection is no DatabaseError; to all who ask here it is one.
                raise OperationalError(str(error)) from error
            _leave_pool()
            _silence.note(error, time.monotonic() - began)
            raise Unanswered(str(error)) from error
        _silence.end()
        return found

    return await sync_to_async(guarded)()


def be_impatient() -> None:
    """Give up what takes PostgreSQL long, from the first connection on.

    This is for servers. What somebody starts in a shell, like a migration, may take its time.
    """
    if connection.vendor == "postgresql":
        pool = connection.settings_dict["OPTIONS"]["pool"]
        pool["connection_class"] = import_string("chat.postgres.Impatient")  # with its driver


def let_go() -> None:
    """Close this thread's connection, or give it back to its pool; not within a transaction."""
    if not connection.in_atomic_block:
        connection.close()


def leave_if_cut() -> None:
    """Close this thread's connection if PostgreSQL has hung up, as it does when it is restarted.

    Then there is something to read, although nothing was asked; and those in the pool are as dead.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return
    connection.ensure_connection()  # which may be one of the pool's
    if _is_dead(connection.connection):
        connection.close()
        _leave_pool()


def _is_dead(idle: Any) -> bool:
    if idle.closed:
        return True
    poll = select.poll()
    poll.register(idle.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _leave_pool() -> None:
    """Close the connections that wait to be used: they have gone the same way."""
    connection.pool.drain()  # type: ignore[attr-defined]


def _is_cut(error: Exception) -> bool:
    """Return whether there is no PostgreSQL at the other end, instead of one that refuses."""
    code: str | None = getattr(error.__cause__, "sqlstate", None)
    return connection.vendor == "postgresql" and (code is None or code.startswith(HUNG_UP))
