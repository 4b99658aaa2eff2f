"""Starts processes of the project without the second that their imports take.

Nearly all that a command or a server does before it is of use is importing other people's
packages, and the tests start hundreds. `python -m tests.forker` has imported those. Each process
that it is asked for is a fork of it that goes on as `python manage.py …` or `python -m daphne …`
would: it reads the settings from an environment of its own, sets Django up, and imports all that
is the project's. So nothing may be imported here that reads the settings, starts a thread or
opens a connection.

One of these forks may be another forker: where there are settings in its environment it has read
them and set Django up for all the commands that a test has for one server.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from dataclasses import dataclass

import django
from django.apps import apps
from django.conf import settings
from django.db import connections

PACKAGES = (
    *("django.contrib.admin.options", "django.contrib.staticfiles.finders", "django.test.signals"),
    *("django.core.management.commands.migrate", "django.core.management.commands.shell"),
    *("channels.auth", "channels.generic.websocket", "channels.layers", "channels.routing"),
    *("corsheaders.middleware", "servestatic.middleware", "django.db.backends.sqlite3.base"),
    *("daphne.http_protocol", "daphne.ws_protocol", "twisted.internet.asyncioreactor"),
    *("dj_database_url", "httpx", "prometheus_client", "pydantic", "regex"),
    *("confusable_homoglyphs.confusables", "tests.passwords"),
    *("openai", "ollama", "anthropic", "psycopg", "psycopg_pool", "channels_redis.pubsub"),
)
LONGEST_ORDER = 200_000  # bytes
DOOR = 3  # the number under which a forker that is forked finds its door
ENDS = {signal.SIGCHLD}


@dataclass(frozen=True)
class Order:
    """A process that is wanted."""

    arguments: list[str]  # of Python: a script, or `-m` and a module; and what is theirs
    environment: dict[str, str]

    @property
    def is_checked(self) -> bool:
        """Whether it is a command before which Django checks the project, paths and pages too."""
        return self.arguments[0] == "manage.py" and self.arguments[1] != "shell"

    def become(self) -> None:
        """Go on as that process."""
        os.environ.clear()
        os.environ.update(self.environment)
        paths = self.environment.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[1:1] = filter(None, paths)  # where Python puts them when it starts
        is_module = self.arguments[0] == "-m"
        sys.argv = self.arguments[is_module:]
        if is_module:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")


class Forker:
    """Takes orders at its door. Who orders is told the process's id, and later how it ended."""

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        self._askers: dict[int, socket.socket] = {}

    def run(self) -> Order | None:
        """Fork until nobody is left at the door; return, in each fork, its order."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked for them ends them in order
        signal.signal(signal.SIGCHLD, self._tell_ends)
        while True:
            words, files, *_ = socket.recv_fds(self._door, LONGEST_ORDER, 4)
            if not words:
                return None
            asker = socket.socket(fileno=files.pop(0))
            order = Order(**json.loads(words))
            if order.is_checked and apps.ready:
                importlib.import_module(settings.ROOT_URLCONF)  # once for all that will be
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # until it is known whose it is
            pid = os.fork()
            if pid == 0:
                self._leave(asker, files)
                return order
            self._askers[pid] = asker
            self._tell(asker, pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
            for file in files:
                os.close(file)

    def _leave(self, asker: socket.socket, files: list[int]) -> None:
        """Keep nothing of the forker's but what it has imported."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
        for inherited in (self._door, asker, *self._askers.values()):
            inherited.close()
        for number, file in enumerate(files, start=1):  # standard output and error, and the DOOR
            os.dup2(file, number)
            os.close(file)

    def _tell_ends(self, *_: object) -> None:
        with contextlib.suppress(ChildProcessError):  # there are none
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                with self._askers.pop(pid) as asker:
                    self._tell(asker, os.waitstatus_to_exitcode(status))

    def _tell(self, asker: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):  # who asked may be gone
            asker.sendall(b"%d\n" % number)


def prepare() -> None:
    """Import what can be shared."""
    for package in PACKAGES:
        importlib.import_module(package)
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        django.setup()
        assert not any(connection.connection for connection in connections.all())
    else:
        assert "twisted.internet.reactor" not in sys.modules, "it would be shared"
    assert threading.active_count() == 1, "a fork has only the thread that forks"
    gc.freeze()  # what is there stays shared


if __name__ == "__main__":
    prepare()
    if order := Forker(socket.socket(fileno=int(sys.argv[1]))).run():
        order.become()
    else:
        os._exit(0)  # there is nothing to tidy up, which would take as long as a command
