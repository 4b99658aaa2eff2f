"""PostgreSQL cannot be reached, or is restarted: what is typed goes on, and is saved later."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.client import fetch, session
from tests.server import Server
from tests.several import Chat, Reader, readiness, several

TEXT = "".join(f"{number} " for number in range(300))  # takes half a minute
OUTAGE = 20.0  # seconds


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with several(tmp_path) as it:
        it.answer(TEXT, speed=40)
        yield it


async def ready(server: Server) -> None:
    while await readiness(server) != (200, []):
        pass  # each answer takes its time while there is none


async def unready(server: Server) -> None:
    while await readiness(server) != (503, ["database"]):
        pass


async def test_unreachable(chat: Chat) -> None:
    """It accepts connections, and says nothing: as hard to notice as a cut cable."""
    here, there = chat.servers
    cookie = session(here.url)
    async with Reader([here], cookie) as alice, Reader([there], cookie, alice.path) as other:
        reply = await alice.post("hi", "first")
        await other.until(lambda: len(other.text(reply)) > 40)
        chat.clear_logs()
        chat.postgres.freeze()
        over = asyncio.create_task(asyncio.sleep(OUTAGE))
        before = len(alice.text(reply))
        await asyncio.gather(unready(here), unready(there))
        await alice.send("message.send", text="while away", key="second")
        await alice.until(lambda: alice.errors)
        assert [(each["code"], each["key"]) for each in alice.errors] == [("unavailable", "second")]
        code, page = await asyncio.to_thread(fetch, f"{here.url}/", cookie)
        assert code == 503
        assert "moment" in page
        code, body = await asyncio.to_thread(fetch, f"{here.url}/api/v1/conversations", cookie)
        assert (code, json.loads(body)["code"]) == (503, "unavailable")
        await over
        # It was typed all the while, for those at other processes, too.
        await alice.until(lambda: len(alice.text(reply)) > before + 400)
        await other.until(lambda: len(other.text(reply)) > before + 400)
        chat.postgres.thaw()
        await asyncio.gather(ready(here), ready(there))
        chat.check_logs("the database does not answer", "the database answers again")
        again = await alice.post("while away", "second")
        assert await alice.ended(reply) == await other.ended(reply) == "complete"
        assert alice.text(reply) == other.text(reply) == TEXT
        assert chat.saved(reply) == ("complete", TEXT)
        assert alice.closes == other.closes == alice.faults == other.faults == []
        await alice.send("reply.stop", reply=again)
        assert await alice.ended(again) == "stopped"
    sent = "SELECT count(*) FROM chat_message WHERE text = 'while away'"
    assert chat.postgres.say(sent) == [(1,)]
    chat.check_logs()


async def test_restarted(chat: Chat) -> None:
    """Twice: in order, and by a crash. Whoever writes afterwards is answered."""
    here, there = chat.servers
    async with AsyncExitStack() as people:
        alice = await people.enter_async_context(Reader([here], session(here.url)))
        bob = await people.enter_async_context(Reader([there], session(there.url)))
        replies = [await alice.post("hi", "first"), await bob.post("hi", "first")]
        for number, end in enumerate((chat.postgres.stop, chat.postgres.crash)):
            await alice.until(lambda: len(alice.text(replies[0])) > 40)
            await asyncio.to_thread(end)
            await asyncio.to_thread(chat.postgres.start)
            for who in (alice, bob):
                await who.post("after that", f"after {number}")
                # A connection may die just while it is used; who is told so, says it again.
                assert {error["code"] for error in who.errors} <= {"unavailable"}
        for who, reply in zip((alice, bob), replies, strict=True):
            assert await who.ended(reply) == "complete"
            assert who.text(reply) == TEXT
            assert chat.saved(reply) == ("complete", TEXT)
            assert who.closes == who.faults == []
    sent = "SELECT count(*) FROM chat_message WHERE text = 'after that'"
    assert chat.postgres.say(sent) == [(4,)]
    chat.check_logs()
