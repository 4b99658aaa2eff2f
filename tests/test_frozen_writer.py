"""A writer that was frozen for longer than its lease finds its reply taken over when it wakes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.client import session
from tests.models import TitledProvider, make_assistants, provider_with_titles
from tests.providers import Held
from tests.several import Chat, Reader, several

TEXT = "".join(f"{number} " for number in range(100))
WRITTEN = "What was said before"
SAVES = "UPDATE ON chat_message FOR EACH ROW WHEN (NEW.lease = OLD.lease)"
HOLD = """
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END'
"""
HELD = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
POSTS = "INSERT ON chat_message FOR EACH ROW WHEN (NEW.person_id IS NOT NULL)"


@pytest.fixture
def provider() -> Iterator[TitledProvider]:
    with provider_with_titles() as it:
        yield it


@pytest.fixture
def chat(tmp_path: Path, provider: TitledProvider) -> Iterator[Chat]:
    with several(tmp_path) as it:
        it.answer(TEXT, speed=30)
        make_assistants(it.servers[0], provider, {"slug": "model", "kind": "openai"})
        yield it


async def test_woken_writer_writes_nothing(chat: Chat, provider: TitledProvider) -> None:
    """Two replies, a script's and a model's: those who stayed with it are told the truth."""
    first, second = chat.servers
    held = provider.next(Held())
    async with AsyncExitStack() as stack:
        pairs = []
        for _ in range(2):
            cookie = session(first.url)
            here = await stack.enter_async_context(Reader([first], cookie))
            there = await stack.enter_async_context(Reader([second], cookie, here.path))
            pairs.append((here, there))
        (here, there), (asker, onlooker) = pairs
        asked = await asker.post("hi", "model", assistant="model")
        reply = await here.post("hi", "assistant")
        held.give(f"{WRITTEN}.")  # the last character waits for what may belong to it
        await onlooker.until(lambda: onlooker.text(asked) == WRITTEN)
        await there.until(lambda: len(there.text(reply)) > 40)
        first.freeze()
        assert await there.ended(reply) == "complete"
        assert await onlooker.ended(asked) == "interrupted"
        truth = [chat.saved(reply), chat.saved(asked)]
        assert truth == [("complete", TEXT), ("interrupted", WRITTEN)]
        held.give("And this comes too late. ")
        first.thaw()
        assert await here.ended(reply) == "complete"
        assert await asker.ended(asked) == "interrupted"
        await provider.disconnected()
        assert [chat.saved(reply), chat.saved(asked)] == truth
        assert chat.writer(reply) is chat.writer(asked) is second
        for who in (here, there):
            assert who.seen[reply].text == TEXT
        for who in (asker, onlooker):
            assert who.seen[asked].text == WRITTEN
        assert not [fault for pair in pairs for who in pair for fault in who.faults]
        # And it goes on as any other process does.
        again = await here.post("again", "again")
        assert await there.ended(again) == "complete"
    chat.check_logs()


async def test_who_stayed_with_it_sees_how_the_new_writer_goes_on(chat: Chat) -> None:
    """It wakes while another process still writes."""
    first, second = chat.servers
    chat.answer(TEXT * 2, speed=40)
    cookie = session(first.url)
    async with Reader([first], cookie) as here, Reader([second], cookie, here.path) as there:
        reply = await here.post("hi", "first")
        await there.until(lambda: len(there.text(reply)) > 40)
        first.freeze()
        seen = len(here.text(reply))
        await there.until(lambda: chat.writer(reply) is second)
        first.thaw()
        await here.until(lambda: len(here.text(reply)) > seen + 40)
        assert here.seen[reply].status == "streaming", "it is not over yet"
        assert await here.ended(reply) == await there.ended(reply) == "complete"
        assert here.text(reply) == there.text(reply) == TEXT * 2
        assert not here.faults + there.faults
    chat.check_logs()


async def test_writer_that_is_frozen_in_the_middle_of_a_save_holds_nobody_up(chat: Chat) -> None:
    first, second = chat.servers
    cookie = session(first.url)
    async with Reader([first], cookie) as here, Reader([second], cookie, here.path) as there:
        async with frozen_amid(SAVES, chat):
            reply = await here.post("hi", "first")
        assert await there.ended(reply) == "complete"
        assert chat.writer(reply) is second
        first.thaw()
        assert await here.ended(reply) == "complete"
        assert here.text(reply) == there.text(reply) == TEXT
        assert not here.faults + there.faults


async def test_process_that_is_frozen_in_the_middle_of_a_post_holds_nobody_up(chat: Chat) -> None:
    """What it began is undone, and is done when it is asked for again."""
    first, second = chat.servers
    cookie = session(first.url)
    async with Reader([first], cookie) as here, Reader([second], cookie, here.path) as there:
        async with frozen_amid(POSTS, chat):
            await here.send("message.send", text="frozen", key="frozen")
        reply = await there.post("hi", "first")
        assert await there.ended(reply) == "complete"
        first.thaw()
        assert await here.ended(await here.post("frozen", "frozen")) == "complete"
        assert not here.faults + there.faults


@asynccontextmanager
async def frozen_amid(event: str, chat: Chat) -> AsyncIterator[None]:
    """Freeze the first process when what it is asked for inside leads to `event` in the database.

    Its statement is held there until then, and goes on without its process.
    """
    with chat.postgres.connect() as ours:
        ours.execute("SELECT pg_advisory_lock(1)")
        ours.execute(HOLD)
        ours.execute(f"CREATE TRIGGER hold AFTER {event} EXECUTE FUNCTION hold()")
        yield
        await asyncio.to_thread(wait_until_held, ours)
        chat.servers[0].freeze()


def wait_until_held(ours: psycopg.Connection[Any]) -> None:
    deadline = time.monotonic() + 20
    while not ours.execute(HELD).fetchall():
        assert time.monotonic() < deadline, "nothing leads to it"
        time.sleep(0.01)
