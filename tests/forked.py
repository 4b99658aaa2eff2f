"""A process of the project, forked from one that has imported what it needs."""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO

from tests.forker import DOOR, Order


@functools.cache
def forker() -> socket.socket:
    """Start what forks the processes of these tests, once; return the line to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forker", str(theirs.fileno())],
            cwd=Path(__file__).resolve().parent.parent,
            # Without settings: an import that reads them fails there.
            env={name: it for name, it in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # comes first, and ends it
    return ours


class Forked:
    """What `subprocess.Popen` is, for `python` with `arguments` in the project's folder.

    It is a fork of what is behind `at`; and `door`, if there is one, is given to it.
    """

    def __init__(
        self,
        *arguments: str,
        environment: dict[str, str],
        stdout: IO[bytes],
        stderr: IO[bytes],
        at: socket.socket | None = None,
        door: socket.socket | None = None,
    ) -> None:
        order = json.dumps(asdict(Order([*arguments], environment))).encode()
        self._line, theirs = socket.socketpair()
        with theirs:
            files = [it.fileno() for it in (theirs, stdout, stderr, door) if it is not None]
            socket.send_fds(at or forker(), [order], files)
        self._words = self._line.makefile()
        self._code: int | None = None
        self.pid = self._number()

    def poll(self) -> int | None:
        """Return how it ended; None while it lives."""
        with contextlib.suppress(TimeoutError):
            return self.wait(timeout=0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise TimeoutError(f"process {self.pid} lives on")
            with self._line, self._words:
                self._code = self._number()
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _number(self) -> int:
        words = self._words.readline()
        assert words, "what forks the processes has ended; its last words are on standard error"
        return int(words)


class Prepared:
    """A forker that has read the settings of `environment`: `at` it nothing waits for Django."""

    def __init__(self, environment: dict[str, str], log: IO[bytes]) -> None:
        self.at, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            forker = ("-m", "tests.forker", str(DOOR))
            output = {"stdout": log, "stderr": log}
            self._process = Forked(*forker, environment=environment, **output, door=theirs)

    def end(self) -> None:
        self.at.close()
        assert self._process.wait(timeout=20) == 0
