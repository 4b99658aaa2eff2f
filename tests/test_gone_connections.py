"""A connection that is gone leaves nothing in memory, not even until Python looks for garbage."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from chat.protocol import BAD_FRAMES, LARGEST_FRAME
from tests.client import PATIENCE, Client, fetch, session
from tests.server import Server, running


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("counting")
    with running(folder, "tests.counted:application") as it:
        yield it


async def in_memory(server: Server) -> int:
    _, count = await asyncio.to_thread(fetch, f"{server.url}/sockets")
    return int(count)


async def hangs_up(alice: Client) -> None:
    await alice.post("hello")


async def is_cut(alice: Client) -> None:
    await alice.post("hello")
    alice.socket.transport.abort()


async def talks_nonsense(alice: Client) -> None:
    for _ in range(100):
        await alice.socket.send("nonsense")
    assert await alice.closed() == BAD_FRAMES


async def says_too_much(alice: Client) -> None:
    await alice.socket.send("x" * (LARGEST_FRAME + 1))
    assert await alice.closed() == 1009


@pytest.mark.parametrize("end", [hangs_up, is_cut, talks_nonsense, says_too_much])
async def test_nothing_is_left(counting: Server, end: Callable[[Client], Awaitable[None]]) -> None:
    url = counting.url
    async with Client(url, origin=url, cookie=session(url)) as alice:
        assert await in_memory(counting) == 1
        await end(alice)
    deadline = time.monotonic() + PATIENCE
    while await in_memory(counting):
        assert time.monotonic() < deadline, "it is still there"
