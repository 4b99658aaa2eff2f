"""This product as it is deployed: processes behind nginx, PostgreSQL, Redis between them."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from ..nginx import running_nginx
from ..postgres import running_postgres
from ..redis import running_redis
from .competitors import TypingProduct

UNLIMITED = "127.0.0.1 0;"  # the load comes from one address, which no person's would


class Process(TypingProduct):
    """One of the processes; the first prepares the database for all."""

    def __init__(self, fleet: "Fleet", database: str, redis: str, is_first: bool) -> None:
        super().__init__(fleet.text, fleet.speed)
        self.people = fleet.people
        self.database, self.redis, self.is_first = database, redis, is_first

    def environment(self) -> dict[str, str]:
        more = {"DATABASE_URL": self.database, "REDIS_URL": self.redis, "SECURE_PROXY": "0"}
        return super().environment() | more

    def prepare(self) -> None:
        if self.is_first:
            super().prepare()


class Fleet:
    """So many processes; entered, all runs. `first` stands for it with the load generator."""

    label = TypingProduct.label

    def __init__(
        self, processes: int, has_layer: bool, people: int, text: str, speed: float
    ) -> None:
        self.processes, self.has_layer = processes, has_layer
        self.people, self.text, self.speed = people, text, speed

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="fleet-")))
            folder.chmod(0o755)  # nginx's workers are somebody else
            postgres = stack.enter_context(running_postgres())
            redis = stack.enter_context(running_redis(folder)) if self.has_layer else None
            where = (postgres.url, redis.url if redis else "")
            self.members = [
                stack.enter_context(Process(self, *where, is_first=number == 0))
                for number in range(self.processes)
            ]
            ports = [member.port for member in self.members]
            nginx = stack.enter_context(running_nginx(folder, ports, CHAT_UNLIMITED=UNLIMITED))
            self.port = nginx.port
            self.pids = {f"process {n}": it.process.pid for n, it in enumerate(self.members, 1)}
            self.pids |= {"nginx": pid_of(nginx), "PostgreSQL": pid_of(postgres)}
            if redis:
                self.pids["Redis"] = pid_of(redis)
            self._stack = stack.pop_all()
        return self

    @property
    def first(self) -> Process:
        """The first process, as which they are all known to the generator, at nginx's port."""
        first = self.members[0]
        first.port = self.port
        return first

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def pid_of(running: Any) -> int:
    pid: int = running._process.pid
    return pid
