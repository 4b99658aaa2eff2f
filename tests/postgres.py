"""A PostgreSQL of the tests' own, which may be stopped, killed, started again and frozen."""

import atexit
import contextlib
import fcntl
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.server import START_PATIENCE, Server, free_port

USER = "chat"
MIGRATED = "migrated"  # the database that all others are copies of
FIRST = "chat"
SYSTEMS = Path("/usr/lib/postgresql")  # where Debian keeps them, none of them on PATH
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # What the machine's power would endanger is not what these tests are about.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}


@functools.cache
def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    if found := shutil.which(name):
        return found
    installed = sorted(SYSTEMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    assert installed, f"these tests need PostgreSQL, and there is no {name}"
    return str(installed[-1])


def _whose() -> dict[str, Any]:
    """Say as whom PostgreSQL runs: it refuses to be root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Postgres:
    """One that is migrated, if it began as a copy of such a one, in a `folder` of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For DATABASE_URL."""
        return self.url_of(FIRST)

    def url_of(self, database: str) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = [f"-c{name}={value}" for name, value in OPTIONS.items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", str(self.data), "-p", str(self.port), *options],
                cwd="/",
                stdout=log,
                stderr=log,
                **_whose(),
            )
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()
            with contextlib.suppress(psycopg.OperationalError):
                self.connect("postgres").close()
                return
            time.sleep(0.02)
        raise AssertionError(f"PostgreSQL did not start: {self.log.read_text()}")

    def stop(self) -> None:
        """Shut down as for a restart: whoever is connected is sent away."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End at once, with nothing tidied up."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Be unreachable: whoever asks, or connects, waits for an answer that does not come."""
        self._tell(self._pids(), signal.SIGSTOP)

    def thaw(self) -> None:
        self._tell(self._pids()[::-1], signal.SIGCONT)

    def connect(self, database: str = FIRST) -> psycopg.Connection[Any]:
        """Return a connection of the test's own; each statement is a transaction."""
        return psycopg.connect(self.url_of(database), autocommit=True, connect_timeout=20)

    def say(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the first database; return the rows it finds."""
        with self.connect() as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def add_database(self, name: str, like: str = MIGRATED) -> str:
        """Make another database, migrated already; return its URL."""
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.url_of(name)

    def _tell(self, pids: list[int], what: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # its client has hung up meanwhile
                os.kill(pid, what)

    def _pids(self) -> list[int]:
        """Return its processes; first that which would make more of them."""
        assert self._process is not None, "it runs"
        first = self._process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text()
        return [first, *map(int, children.split())]

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self.thaw()
            self._process.send_signal(how)
            self._process.wait(timeout=20)
            self._process = None


def _new_folder() -> Path:
    """Return a folder in which PostgreSQL may be at home; those of pytest are the user's alone."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if _whose():
        shutil.chown(folder, _whose()["user"], _whose()["group"])
    return folder


@functools.cache
def _template() -> Path:
    """Return the folder of a PostgreSQL that does not run, with what `migrate` makes in it.

    All who test at the same time share one: to make it takes ten seconds of a processor.
    """
    if shared := os.environ.get("TESTS_FOLDER"):
        folder = Path(shared) / "postgres"
        with Path(shared, "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _new_folder().rename(folder)
                _fill(folder)
        return folder
    folder = _new_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _fill(folder)
    return folder


def _fill(folder: Path) -> None:
    who = ("--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C")
    made = subprocess.run(
        [program("initdb"), "-D", str(folder / "data"), *who, "--no-sync", "--wal-segsize", "1"],
        cwd="/",
        capture_output=True,
        text=True,
        **_whose(),
    )
    assert made.returncode == 0, made.stderr
    postgres = Postgres(folder)
    postgres.start()
    try:
        postgres.add_database(MIGRATED, like="template1")
        server = Server(folder, DATABASE_URL=postgres.url_of(MIGRATED))
        server.manage("migrate", "--verbosity", "0")
        postgres.add_database(FIRST)
    finally:
        postgres.stop()


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A started PostgreSQL with a migrated database, which is gone afterwards."""
    template, folder = _template(), _new_folder()
    subprocess.run(["cp", "-a", str(template / "data"), str(folder)], check=True)
    postgres = Postgres(folder)
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
