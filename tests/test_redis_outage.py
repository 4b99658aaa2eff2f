"""Redis is killed, flushed, or says nothing more: nothing is lost, and it is whole soon after."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client import session
from tests.redis import Redis, running_redis
from tests.server import Server, running
from tests.several import Chat, Reader, readiness, several

TEXT = "".join(f"{number} " for number in range(480))
OUTAGE = 20.0  # seconds
STORM = 40  # connections that two processes do not make when Redis is back
GONE = "other processes cannot be told anything"
BACK = "other processes can be told again"


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with several(tmp_path) as it:
        it.answer(TEXT, speed=40)
        yield it


def connections(redis: Redis) -> int:
    found = re.search(rb"total_connections_received:(\d+)", redis.say("INFO", "stats"))
    assert found
    return int(found[1])


async def healed(server: Server) -> None:
    """Wait until what the log says is gone, it says is back."""
    while (log := server.log.read_text()).count(GONE) != log.count(BACK):
        await readiness(server)  # each answer takes its time


@pytest.mark.parametrize(
    ("end", "begin"),
    [(Redis.stop, Redis.start), (Redis.freeze, Redis.thaw)],
    ids=["killed", "frozen"],
)
async def test_without_redis(
    chat: Chat, end: Callable[[Redis], None], begin: Callable[[Redis], None]
) -> None:
    here, there = chat.servers
    cookie = session(here.url)
    async with Reader([here], cookie) as alice, Reader([there], cookie, alice.path) as other:
        reply = await alice.post("hi", "first")
        await other.until(lambda: len(other.text(reply)) > 40)
        known = connections(chat.redis)
        for server in chat.servers:
            await healed(server)
        chat.clear_logs()
        end(chat.redis)
        over = asyncio.create_task(asyncio.sleep(OUTAGE))
        for server in chat.servers:
            while await readiness(server) != (503, ["channel_layer"]):
                await alice.more(reply)
        queued = await other.post("while away", "second")
        before = len(other.text(reply))
        await over
        await other.until(lambda: len(other.text(reply)) > before)  # by way of the database
        begin(chat.redis)
        back = time.monotonic()
        known = known if end is Redis.freeze else 0
        await alice.until(lambda: alice.keys.get("second"))
        at = len(alice.text(reply))
        await other.until(lambda: len(other.text(reply)) >= at)
        print(f"caught up {time.monotonic() - back:.1f} s after Redis came back")
        for server in chat.servers:
            while await readiness(server) != (200, []):
                await alice.more(reply)
            await healed(server)
        chat.check_logs(GONE, BACK)
        assert await alice.ended(reply) == await other.ended(reply) == "complete"
        assert alice.text(reply) == other.text(reply) == TEXT
        assert connections(chat.redis) - known < STORM
        await other.send("reply.stop", reply=queued)
        assert await alice.ended(queued) == await other.ended(queued) == "stopped"
        assert alice.closes == other.closes == alice.faults == other.faults == []
    chat.check_logs()


async def test_one_of_two_is_gone(tmp_path: Path) -> None:
    """Whichever it is: what would go by it is not told, and the other one does not hide that."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with (
        running_redis(tmp_path / "one") as one,
        running_redis(tmp_path / "two") as two,
        running(tmp_path, REDIS_URL=f"{one.url},{two.url}") as server,
    ):
        for redis in (one, two):
            while await readiness(server) != (200, []):
                pass
            await healed(server)
            before = server.log.read_text().count(GONE)
            redis.stop()
            while await readiness(server) != (503, ["channel_layer"]):
                pass
            redis.start()
            await healed(server)
            assert server.log.read_text().count(GONE) == before + 1
            while await readiness(server) != (200, []):
                pass


async def test_flushed(chat: Chat) -> None:
    here, there = chat.servers
    cookie = session(here.url)
    async with Reader([here], cookie) as alice, Reader([there], cookie, alice.path) as other:
        reply = await alice.post("hi", "first")
        for length in range(100, 500, 100):
            await other.until(lambda length=length: len(other.text(reply)) > length)
            assert chat.redis.say("FLUSHALL").startswith(b"+OK")
        await other.send("reply.stop", reply=reply)
        assert await alice.ended(reply) == await other.ended(reply) == "stopped"
        assert TEXT.startswith(alice.text(reply))
        assert alice.text(reply) == other.text(reply)
        assert alice.closes == other.closes == alice.faults == other.faults == []
    chat.check_logs()
