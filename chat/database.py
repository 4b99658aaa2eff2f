"""The way from the event loop to the database and back."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connection

P = ParamSpec("P")
R = TypeVar("R")


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `function` returns, run in the thread that speaks with the database.

    The connection stays open; one that broke is closed, so that the next call has a new one.
    """

    def guarded() -> R:
        try:
            return function(*args, **kwargs)
        except (InterfaceError, OperationalError) as error:
            let_go()
            # To Django a broken connection is no DatabaseError; to all who ask here it is one.
            raise OperationalError(str(error)) from error

    return await sync_to_async(guarded)()


def let_go() -> None:
    """Close this thread's connection, or give it back to its pool; not within a transaction."""
    if not connection.in_atomic_block:
        connection.close()
