"""Nothing stays in memory of connections and replies that are over.

Not even until Python looks for garbage, for which everybody has to wait.
"""

import asyncio
import json
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


async def kept(server: Server) -> dict[str, int]:
    _, counts = await asyncio.to_thread(fetch, f"{server.url}/kept")
    found: dict[str, int] = json.loads(counts)
    return found


async def hangs_up(alice: Client) -> None:
    await alice.end(await alice.post("hello"))


async def is_cut(alice: Client) -> None:
    await alice.post("hello")
    alice.socket.transport.abort()


async def stops_it(alice: Client) -> None:
    reply = await alice.post("hello")
    await alice.send("reply.stop", reply=reply)
    await alice.end(reply)


async def talks_nonsense(alice: Client) -> None:
    for _ in range(100):
        await alice.socket.send("nonsense")
    assert await alice.closed() == BAD_FRAMES


async def says_too_much(alice: Client) -> None:
    await alice.socket.send("x" * (LARGEST_FRAME + 1))
    assert await alice.closed() == 1009


@pytest.mark.parametrize("end", [hangs_up, is_cut, stops_it, talks_nonsense, says_too_much])
async def test_nothing_is_left(counting: Server, end: Callable[[Client], Awaitable[None]]) -> None:
    url = counting.url
    async with Client(url, origin=url, cookie=session(url)) as alice:
        assert (await kept(counting))["chat.sockets.Socket"] == 1
        await end(alice)
    deadline = time.monotonic() + PATIENCE
    while left := await kept(counting):
        assert time.monotonic() < deadline, left
