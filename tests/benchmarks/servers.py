"""Starting a server as a process of its own, and ending exactly that process."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import ClassVar, Self

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 10


class ServerError(Exception):
    """A server could not be prepared, started or used; the message says which and why."""


class Server:
    """A server of a benchmark; entered, it runs and listens on `port`."""

    label: ClassVar[str]
    wants_acks: ClassVar[bool] = False

    def __init__(self) -> None:
        self.port = free_port()
        self.identities: list[dict[str, str]] = [{}]
        """Headers that say who connects."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def prepare(self) -> None:
        """What has to be there before the server starts."""

    def __enter__(self) -> Self:
        self.files = TemporaryDirectory(prefix="benchmark-")
        self.folder = Path(self.files.name)
        try:
            self.prepare()
            self.process = self.start()
            self.wait_until_listening()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *self.command()],
                cwd=ROOT,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not listening(self.port):
            if self.process.poll() is not None:
                raise self.error(f"did not start: it ended with code {self.process.returncode}")
            if time.monotonic() > deadline:
                raise self.error(f"did not listen within {START_SECONDS} seconds")
            time.sleep(0.1)

    def error(self, what: str) -> ServerError:
        return ServerError(f"{self.label} {what}\n{tail(self.log_path)}")

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if hasattr(self, "process"):
            end(self.process)
        self.files.cleanup()


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def listening(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
