"""The real server, as a process of its own."""

import contextlib
import functools
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from tests.forked import Forked, Prepared

ROOT = Path(__file__).resolve().parent.parent
START_PATIENCE = 60.0  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """Daphne with a database of its own in `folder`. May be killed, and started again."""

    def __init__(
        self, folder: Path, application: str = "chatproject.asgi:application", **environment: str
    ) -> None:
        self.application = application
        self.port = free_port()
        self.log = folder / "server.log"
        self.database = folder / "db.sqlite3"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chatproject.settings",
            "SECRET_KEY": "a key for tests, used nowhere else",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "DEBUG": "0",
            **environment,
        }
        self.options: tuple[str, ...] = ()  # of Daphne
        self._process: Forked | None = None
        self._commands: Prepared | None = None  # while it runs

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server runs"
        return self._process.pid

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run a management command; return what it printed.

        `environment` is what it reads there itself: settings are the server's own.
        """
        with TemporaryFile() as output, TemporaryFile() as errors:
            command = Forked(
                *("manage.py", *arguments),
                environment={**self.environment, **environment},
                stdout=output,
                stderr=errors,
                at=self._prepared(),
            )
            code = command.wait()
            errors.seek(0)
            assert code == 0, errors.read().decode()
            output.seek(0)
            return output.read().decode().strip()

    def start(self) -> None:
        address = ("-b", "127.0.0.1", "-p", str(self.port))
        with self.log.open("ab") as log:
            self._process = Forked(
                *("-m", "daphne", *address, *self.options, self.application),
                environment=self.environment,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def kill(self) -> None:
        """End it as a crash would: at once, with nothing saved."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Do nothing more, while all who are connected stay so."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def account(self, username: str) -> str:
        """Make an account; return an API key of it."""
        self.manage(
            "createsuperuser",
            "--noinput",
            DJANGO_SUPERUSER_USERNAME=username,
            DJANGO_SUPERUSER_EMAIL=f"{username}@example.org",
            DJANGO_SUPERUSER_PASSWORD="correct horse battery staple",
        )
        return self.manage("apikey", username)

    def _prepared(self) -> socket.socket | None:
        """Return where to get a command of this server that has not to set Django up first."""
        if self._process is None:  # its settings may change until it starts
            return None
        if self._commands is None:
            with self.log.open("ab") as log:
                self._commands = Prepared(self.environment, log)
        return self._commands.at

    def _end(self, how: signal.Signals) -> None:
        if self._commands is not None:
            self._commands.end()
            self._commands = None
        if self._process is not None:
            self.thaw()  # so that it hears of its end
            self._signal(how)
            self._process.wait(timeout=20)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it runs"
        self._process.send_signal(number)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f"{self.url}/readyz", timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")


@functools.cache
def migrated() -> bytes:
    """Return a new database, as `migrate` makes it; every server begins with one."""
    with TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.manage("migrate", "--verbosity", "0")
        return server.database.read_bytes()


@contextlib.contextmanager
def running(folder: Path, *application: str, **environment: str) -> Iterator[Server]:
    """A migrated, started server that is gone afterwards."""
    server = Server(folder, *application, **environment)
    server.database.write_bytes(migrated())
    server.start()
    try:
        yield server
    finally:
        server.stop()
