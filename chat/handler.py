"""How Django answers calls of the API: many, short, or open for long."""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_started
from django.db import close_old_connections, connection, reset_queries

from chat import logs, proxies

THREADS = 4

CALLS = re.compile(settings.API_PATHS)


class Handler(ASGIHandler):
    """Django's, but calls share a few threads, and what these have open to the database.

    Django has a thread and a connection for each request. To make them costs more than most calls
    do, and streams would hold them for as long as they are read.
    """

    def __init__(self) -> None:
        super().__init__()
        self._watch = proxies.Watch()
        # SQLite has one writer at a time: others would wait for it, and sleep too long meanwhile.
        count = 1 if connection.vendor == "sqlite" else THREADS
        threads = [ThreadPoolExecutor(1, f"calls-{n}", _keep_open) for n in range(count)]
        self._threads = itertools.cycle(threads)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        logs.begin_connection()
        self._watch.look(scope)
        if not CALLS.match(scope["path"]):
            await super().__call__(scope, receive, send)
            return
        async with ThreadSensitiveContext(executor=next(self._threads)):
            await self.handle(scope, receive, send)


def mend() -> None:
    """Spare calls the visit to their thread with which Django begins every request.

    What it does there is done when a request ends, too; and a call that finds its connection
    broken closes it (see chat.database).
    """
    for receiver in (reset_queries, close_old_connections):
        request_started.disconnect(receiver)
    request_started.connect(_begin)


async def _begin(scope: Any, **_: Any) -> None:
    if not CALLS.match(scope["path"]):
        await sync_to_async(reset_queries)()
        await sync_to_async(close_old_connections)()


def _keep_open() -> None:
    """Let this thread open SQLite once, not for every call; other databases have a pool."""
    if connection.vendor == "sqlite":
        connection.settings_dict = {**connection.settings_dict, "CONN_MAX_AGE": None}
