"""However often the connection is cut, the text goes on where it was."""

import random
from collections.abc import Callable

import pytest

from tests.client import Client, session
from tests.conftest import Visit
from tests.server import Server

TEXT = "".join(f"{number}, " for number in range(120)) + "👩‍👩‍👧‍👦 and e\u0301."


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_cut_at_random(
    seed: int, visit: Visit, server: Server, scripted: Callable[..., str]
) -> None:
    chance = random.Random(seed)
    scripted("cuts", TEXT, "--speed", "60")
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        reply = await alice.post("cuts")
    seen, cuts = "", 0
    while seen != TEXT:
        async with visit(alice.own_path, cookie=cookie) as again:
            assert again.messages[reply]["text"].startswith(seen)
            if again.messages[reply]["status"] != "complete":
                await typed(again, len(again.texts[reply]) + chance.randrange(80))
            seen = again.texts[reply]
            again.socket.transport.abort()
            cuts += 1
    assert cuts > 3


async def typed(client: Client, at: int) -> None:
    """Wait until the text reaches `at`, or ends before."""
    await client.until(lambda frame: frame["type"] == "reply.end" or frame.get("at", -1) >= at)
