"""A connection to PostgreSQL for those who serve many with few: it answers soon, or not at all."""

import time
from collections.abc import Generator
from typing import Any, Self

import psycopg

PATIENCE = 4.0  # seconds until an answer that does not come is waited for no more
IDLE = 3.0  # seconds until a transaction is undone of whose process nothing more is heard


class Impatient(psycopg.Connection[Any]):
    """A connection that is given up by who hears nothing from the other end for too long.

    The server's own statement_timeout is of no use when it is the server that cannot be reached.
    """

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Self:
        """Connect, and have PostgreSQL undo what a process that is frozen has begun.

        Whatever that has locked nobody else could change before it goes on, if it ever does.
        """
        connection = super().connect(*args, **kwargs)
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE}s'")
        return connection

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **more: Any) -> Any:
        return super().wait(self._bounded(gen), *args, **more)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Pass on what `gen` waits for, and what is ready: nothing, every tenth of a second."""
        deadline = time.monotonic() + PATIENCE
        try:
            waits = next(gen)
            while True:
                ready = yield waits
                if not ready and time.monotonic() > deadline:
                    self.close()
                    raise psycopg.OperationalError(f"no answer within {PATIENCE:g} seconds")
                waits = gen.send(ready)
        except StopIteration as end:
            return end.value
