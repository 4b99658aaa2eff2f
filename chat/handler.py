"""How Django answers calls of the API: many, short, or open for long."""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.db import connection

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


def _keep_open() -> None:
    """Let this thread open SQLite once, not for every call; other databases have a pool."""
    if connection.vendor == "sqlite":
        connection.settings_dict = {**connection.settings_dict, "CONN_MAX_AGE": None}
