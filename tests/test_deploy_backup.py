"""What deploy/README.md says of backups, done as it says: afterwards everything is there again."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.events import Program
from tests.postgres import Postgres, program, running_postgres
from tests.server import ROOT, Server, migrated

PAGE = (ROOT / "deploy/README.md").read_text()
BACKUP = PAGE.partition("## Backup, and back again")[2].partition("\n## ")[0]
STEPS = re.findall(r"(?m)^su postgres -c '([^']+)'(?: [<>](\S+))?$", BACKUP)

Do = Callable[[], None]


async def account(server: Server, key: str) -> list[Any]:
    """Return all that an account's programs are told of what is there."""
    async with Program(server.url, key) as alice:
        status, told = await alice.get("/api/v1/conversations")
        assert status == 200, told
        threads = [
            await alice.get(f"/api/v1/conversations/{conversation['id']}/messages")
            for conversation in told["items"]
        ]
        return [told, *threads, await alice.get("/history/bob")]


async def write(server: Server, key: str, text: str) -> None:
    async with Program(server.url, key) as alice:
        status, told = await alice.post("/chat", user_id="bob", message=text)
        assert (status, told["response"]) == (200, "Hello from server!")


async def there_and_back(server: Server, save: Do, restore: Do) -> None:
    """Save while the chat runs, write on, restore: what was saved is there, and it goes on."""
    server.start()
    key = server.account("alice")
    await write(server, key, "Größe 👩‍👩‍👧‍👦 {name} \\ ' ; --")
    saved = await account(server, key)
    save()
    await write(server, key, "after the backup")
    server.stop()
    restore()
    server.start()
    assert await account(server, key) == saved
    await write(server, key, "and on")
    assert len((await account(server, key))[-1][1]["conversations"]) == 2


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with running_postgres() as it:
        yield it


def shell(postgres: Postgres, folder: Path) -> Callable[[tuple[str, str], str], None]:
    """Return what runs a step as the page has it, as a user who may do all in that PostgreSQL."""
    environment = {
        **os.environ,
        "PATH": f"{Path(program('initdb')).resolve().parent}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGUSER": "chat",
    }

    def run(step: tuple[str, str], arrow: str) -> None:
        command, file = step
        command += f" {arrow}{file}" if file else ""
        subprocess.run(["sh", "-ec", command], cwd=folder, env=environment, check=True)

    return run


async def test_postgres_is_saved_and_restored(postgres: Postgres, tmp_path: Path) -> None:
    dump, empty, restore = STEPS
    assert "pg_dump" in dump[0]
    assert "pg_restore" in restore[0]
    run = shell(postgres, tmp_path)
    server = Server(tmp_path, DATABASE_URL=postgres.url)

    def bring_back() -> None:
        run(empty, "")
        run(restore, "<")

    try:
        await there_and_back(server, lambda: run(dump, ">"), bring_back)
    finally:
        server.stop()


async def test_sqlite_is_saved_and_restored(tmp_path: Path) -> None:
    save = re.findall(r"(?m)^sqlite3 (\S+) \"(\.backup '\S+')\"$", BACKUP)
    restore = re.findall(r"`(rm -f db\.sqlite3-wal [^`]+)`", BACKUP)
    assert len(save) == len(restore) == 1
    server = Server(tmp_path)
    server.database.write_bytes(migrated())

    def run(*command: str) -> None:
        subprocess.run(command, cwd=tmp_path, check=True)

    try:
        await there_and_back(
            server, lambda: run("sqlite3", *save[0]), lambda: run("sh", "-ec", restore[0])
        )
    finally:
        server.stop()
