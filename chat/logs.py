"""How a line of the log looks: which connection it is about, and never what anybody wrote."""

import json
import logging
import re
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import format_tb
from typing import Any
from uuid import UUID, uuid4

from daphne.access import AccessLogGenerator
from django.conf import settings

from chat.process import PROCESS

ABOUT = ("conversation", "reply")  # what is told beside the message, as `extra`

# Who has such a path, or such a part of one, may come in with it; and what an account calls its
# own users may be a name or an address.
SECRET_PATHS = re.compile(
    r"(/(?:s|ws/shared|history|accounts/confirm-email|accounts/password/reset/key)/)"
    r"(?!done/)[^/?\s\"']+"
)

_connection: ContextVar[str] = ContextVar("connection", default="")


def begin_connection() -> str:
    """Have what is logged from here on, in this task and those it starts, bear one new id."""
    id = uuid4().hex[:12]
    _connection.set(id)
    return id


def about(conversation: UUID, reply: int | None = None) -> dict[str, Any]:
    """Return, as `extra` of a line, which conversation and reply it is about."""
    return dict(zip(ABOUT, (conversation, reply), strict=True))


def discreet(text: str) -> str:
    """Return `text` without the parts of paths that open a door, or name somebody."""
    return SECRET_PATHS.sub(r"\1…", text)


class Line(logging.Formatter):
    """One line of text for each record, and its traceback.

    `tells_all`, for developers, is also what an error says, which may quote what somebody wrote.
    """

    def __init__(self, tells_all: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(whose)s: %(message)s")
        self._tells_all = tells_all

    def format(self, record: logging.LogRecord) -> str:
        vars(record)["whose"] = f" [{_connection.get()}]" if _connection.get() else ""
        record.exc_text = None  # another formatter may have left it there
        return discreet(super().format(record))

    def formatException(self, failure: Any) -> str:  # noqa: N802 - logging's name
        if self._tells_all:
            return super().formatException(failure)
        return "\n".join(_steps(failure[1]))


class Json(Line):
    """One line of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        about = {name: getattr(record, name, None) for name in ABOUT}
        failure = record.exc_info and self.formatException(record.exc_info)
        when = datetime.fromtimestamp(record.created, UTC)
        message = discreet(record.getMessage())
        more = {**about, "exception": failure}
        return _told(when, record.levelname, record.name, message, **more)


def _told(when: datetime, level: str, logger: str, message: str, **more: Any) -> str:
    told = {
        "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "logger": logger,
        "message": message,
        "process": PROCESS,
        "connection": _connection.get() or None,
        **more,
    }
    given = {key: value for key, value in told.items() if value is not None}
    return json.dumps(given, default=str)


def _steps(error: BaseException) -> Iterator[str]:
    """Yield where an error came from and of which kind it is, after what led to it."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _steps(before)
        yield ""
    yield "Traceback (most recent call last):"
    yield "".join(format_tb(error.__traceback__)).rstrip()
    yield f"{type(error).__module__}.{type(error).__qualname__}"


# --- Daphne's log of requests --------------------------------------------------------------------

_write_entry = AccessLogGenerator.write_entry


def write_entry(
    access: AccessLogGenerator,
    host: str | None,
    date: datetime,
    request: str,
    status: int | None = None,
    length: int | None = None,
) -> None:
    """Stands in for Daphne's, which would tell all of a path and what was asked for there."""
    request = discreet(request.partition("?")[0])
    if settings.LOG_FORMAT == "line":
        _write_entry(access, host, date, request, status, length, ident=_connection.get() or None)
    else:
        whence = {"client": host, "status": status, "length": length}
        entry = _told(datetime.now(UTC), "INFO", "access", request, **whence)
        access.stream.write(f"{entry}\n")
