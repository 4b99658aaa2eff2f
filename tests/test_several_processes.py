"""Two processes serve one chat: whoever is connected to either sees the same, as it happens."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.client import Client, session
from tests.redis import Redis, running_redis
from tests.server import Server, migrated

TEXT = "".join(f"{number} " for number in range(60))


@dataclass
class Two:
    """Two servers of one chat, and the Redis between them."""

    first: Server
    second: Server
    redis: Redis


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with running_redis(tmp_path) as redis:
        folders = [tmp_path / name for name in ("first", "second")]
        servers = []
        for folder in folders:
            folder.mkdir()
            server = Server(folder, REDIS_URL=redis.url, LOG_LEVEL="INFO")
            server.environment["DATABASE_URL"] = f"sqlite:///{tmp_path / 'both.sqlite3'}"
            servers.append(server)
        (tmp_path / "both.sqlite3").write_bytes(migrated())
        for server in servers:
            server.start()
        try:
            yield Two(*servers, redis)
        finally:
            for server in servers:
                server.stop()


def at(server: Server, cookie: str, path: str = "/ws/chat/") -> Client:
    return Client(server.url, path, origin=server.url, cookie=cookie)


@asynccontextmanager
async def both(two: Two) -> AsyncIterator[tuple[Client, Client]]:
    """Somebody who is in one conversation with two devices, one at each process."""
    cookie = session(two.first.url)
    async with (
        at(two.first, cookie) as here,
        at(two.second, cookie, here.own_path) as there,
    ):
        yield here, there


async def test_both_see_each_character(two: Two) -> None:
    two.first.manage("reply", "answer", "--text", TEXT, "--speed", "40")
    async with both(two) as (here, there):
        reply = await here.post("count")
        ends = await asyncio.gather(here.end(reply), there.end(reply))
        assert ends[0] == ends[1]
        assert there.texts[reply] == TEXT
        assert "".join(there.chars(reply)) == TEXT
    for server in (two.first, two.second):
        assert "Traceback" not in server.log.read_text(), server.log.read_text()


async def test_who_joins_later_elsewhere(two: Two) -> None:
    two.first.manage("reply", "answer", "--text", TEXT, "--speed", "40")
    cookie = session(two.first.url)
    async with at(two.first, cookie) as here:
        reply = await here.post("count")
        await here.until(lambda frame: frame.get("at") == 50)
        async with at(two.second, cookie, here.own_path) as there:
            assert len(there.texts[reply]) > 0
            await asyncio.gather(here.end(reply), there.end(reply))
            assert there.texts[reply] == here.texts[reply] == TEXT


async def test_stopped_from_elsewhere(two: Two) -> None:
    two.first.manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 20)
        await there.send("reply.stop", reply=reply, at=15)
        ends = await asyncio.gather(here.end(reply), there.end(reply))
        assert [end["status"] for end in ends] == ["stopped"] * 2
        assert here.texts[reply] == there.texts[reply] == TEXT[:15]


async def test_killed_writer(two: Two) -> None:
    two.first.manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 50)
        await asyncio.to_thread(two.first.kill)
        assert (await there.end(reply))["status"] == "complete"
        assert there.texts[reply] == "".join(there.chars(reply)) == TEXT


async def test_writer_that_is_told_to_end(two: Two) -> None:
    two.first.manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 50)
        await asyncio.to_thread(two.first.stop)
        assert (await there.end(reply))["status"] == "complete"
        assert there.texts[reply] == "".join(there.chars(reply)) == TEXT


async def test_without_redis_for_a_while(two: Two) -> None:
    two.first.manage("reply", "answer", "--text", TEXT * 2, "--speed", "30")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 30)
        two.redis.stop()
        await there.until(lambda frame: frame.get("at") == 150)
        await here.send("message.send", text="and this", key="mine")
        await here.until(lambda frame: frame.get("key") == "mine" and "message" in frame)
        two.redis.start()
        await asyncio.gather(here.end(reply), there.end(reply))
        await there.until(lambda _: "and this" in there.texts.values())
        assert there.texts[reply] == TEXT * 2
    for server in (two.first, two.second):
        assert "Traceback" not in server.log.read_text(), server.log.read_text()
