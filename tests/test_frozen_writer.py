"""A writer that was frozen for longer than its lease finds its reply taken over when it wakes."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.client import session
from tests.models import TitledProvider, make_assistants, provider_with_titles
from tests.providers import Held
from tests.several import Chat, Reader, freeze, several, thaw

TEXT = "".join(f"{number} " for number in range(60))
WRITTEN = "What was said before"


@pytest.fixture
def provider() -> Iterator[TitledProvider]:
    with provider_with_titles() as it:
        yield it


@pytest.fixture
def chat(tmp_path: Path, provider: TitledProvider) -> Iterator[Chat]:
    with several(tmp_path) as it:
        it.answer(TEXT, speed=60)
        make_assistants(it.servers[0], provider, {"slug": "model", "kind": "openai"})
        yield it


async def test_woken_writer_writes_nothing(chat: Chat, provider: TitledProvider) -> None:
    """Two replies, a script's and a model's: those who stayed with it are told the truth."""
    first, second = chat.servers
    held = provider.next(Held())
    async with AsyncExitStack() as stack:
        pairs = []
        for assistant in ("assistant", "model"):
            cookie = session(first.url)
            here = await stack.enter_async_context(Reader([first], cookie))
            there = await stack.enter_async_context(Reader([second], cookie, here.path))
            pairs.append((here, there, await here.post("hi", assistant, assistant=assistant)))
        (here, there, reply), (asker, onlooker, asked) = pairs
        held.give(f"{WRITTEN}.")  # the last character waits for what may belong to it
        await there.until(lambda: len(there.text(reply)) > 40)
        await onlooker.until(lambda: onlooker.text(asked) == WRITTEN)
        freeze(first)
        assert await there.ended(reply) == "complete"
        assert await onlooker.ended(asked) == "interrupted"
        truth = [chat.saved(reply), chat.saved(asked)]
        assert truth == [("complete", TEXT), ("interrupted", WRITTEN)]
        held.give("And this comes too late. ")
        thaw(first)
        assert await here.ended(reply) == "complete"
        assert await asker.ended(asked) == "interrupted"
        await provider.disconnected()
        assert [chat.saved(reply), chat.saved(asked)] == truth
        assert chat.writer(reply) is chat.writer(asked) is second
        for who in (here, there):
            assert who.seen[reply].text == TEXT
        for who in (asker, onlooker):
            assert who.seen[asked].text == WRITTEN
        assert not [fault for pair in pairs for who in pair[:2] for fault in who.faults]
        # And it goes on as any other process does.
        again = await here.post("again", "again")
        assert await there.ended(again) == "complete"
    chat.check_logs()


async def test_who_stayed_with_it_sees_how_the_new_writer_goes_on(chat: Chat) -> None:
    """It wakes while another process still writes."""
    first, second = chat.servers
    chat.answer(TEXT * 4, speed=40)
    cookie = session(first.url)
    async with Reader([first], cookie) as here, Reader([second], cookie, here.path) as there:
        reply = await here.post("hi", "first")
        await there.until(lambda: len(there.text(reply)) > 40)
        freeze(first)
        seen = len(here.text(reply))
        await there.until(lambda: chat.writer(reply) is second)
        thaw(first)
        await here.until(lambda: len(here.text(reply)) > seen + 40)
        assert here.seen[reply].status == "streaming", "it is not over yet"
        assert await here.ended(reply) == await there.ended(reply) == "complete"
        assert here.text(reply) == there.text(reply) == TEXT * 4
        assert not here.faults + there.faults
    chat.check_logs()
