"""A process is told to end: its replies go on at another one, at the exact character."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.client import session
from tests.kills import Echo
from tests.models import make_assistants, provider_with_titles
from tests.several import Chat, Reader, several

TALKS = 50
TEXT = "".join(f"{number} " for number in range(120))
GRACE = 10.0  # seconds in which a process has ended


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with provider_with_titles() as provider, several(tmp_path) as it:
        provider._default = Echo()
        it.answer(TEXT, speed=30)
        make_assistants(it.servers[0], provider, {"slug": "model", "kind": "ollama"})
        yield it


async def test_replies_go_on_elsewhere(chat: Chat) -> None:
    """Fifty by a script, and a model's. All readers are at the process that ends."""
    ending, next = chat.servers
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(Reader([ending, next], session(ending.url)))
            for _ in range(TALKS + 1)
        ]
        posting = [
            reader.post(TEXT.strip(), "first", assistant="assistant" if number else "model")
            for number, reader in enumerate(readers)
        ]
        replies = await asyncio.gather(*posting)
        talks = [*zip(readers, replies, strict=True)]
        for reader, reply in talks:
            await reader.until(lambda who=reader, reply=reply: len(who.text(reply)) > 20)
        asked = time.monotonic()
        await asyncio.to_thread(ending.stop)
        assert time.monotonic() - asked < GRACE
        for reader, reply in talks:
            assert await reader.ended(reply) == "complete"
            assert reader.text(reply).strip() == TEXT.strip()
            assert chat.saved(reply)[1] == reader.text(reply)
            assert reader.closes[0] == 1012
            assert not reader.faults
    chat.check_logs()
    pauses = sorted(max(reader.seen[reply].gaps) for reader, reply in talks)
    print(f"pauses: {pauses[0]:.1f} to {pauses[-1]:.1f} s, half below {pauses[TALKS // 2]:.1f} s")
