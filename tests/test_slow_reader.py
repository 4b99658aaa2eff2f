"""A reader gets text only as fast as they take it in, and costs little while they do not."""

import asyncio
import json
from contextlib import AsyncExitStack
from itertools import accumulate

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.client import Client, session
from tests.conftest import Visit
from tests.measured import measured
from tests.server import Server

WINDOW = 2048  # code points
LONGEST_CHARACTER = 256  # code points of one frame at most
ECHO = "echo "  # how a reply to a message with this word begins
LETTERS = "".join(chr(ord("a") + n % 26) for n in range(5000))
STALLED = 20
BOUND = 30 * 1024 * 1024  # bytes for all who stall

HUGE = {
    "a hundred accents": ["x"] * 2000 + ["e" + "\u0301" * 99] * 30,
    "families": ["👩‍👩‍👧‍👦"] * 650,
    "as large as they get": ["e" + "\u0301" * (LONGEST_CHARACTER - 1)] * 20,
    "larger than they get": [
        *("e" + "\u0301" * (LONGEST_CHARACTER - 1), *["\u0301" * LONGEST_CHARACTER] * 18)
    ],
    "flags": ["🇩🇪", "🇫🇷"] * 1000,
}


@pytest.fixture(scope="module", autouse=True)
def _replies(server: Server) -> None:
    """Replies at once: to `echo …` the same text again, to `tenfold …` ten times."""
    for keyword, text in (("echo", "{message}"), ("tenfold", "{message}" * 10)):
        rule = ("--trigger", "keyword", "--keywords", keyword, "--speed", "0")
        server.manage("reply", keyword, "--text", text, *rule)


async def has(client: Client, reply: int, length: int) -> None:
    await client.until(lambda _: len(client.texts.get(reply, "")) >= length)


async def settled(client: Client, reply: int) -> int:
    """Return how much of the reply the client has when a whole other one was typed since."""
    await client.end(await client.post("something else"))
    return len(client.texts[reply])


async def test_window(visit: Visit) -> None:
    async with visit() as alice:
        alice.acks = False
        reply = await alice.post(ECHO + LETTERS)
        await has(alice, reply, WINDOW)
        assert await settled(alice, reply) == WINDOW
        await alice.send("ack", reply=reply, at=100)
        await has(alice, reply, WINDOW + 100)
        assert await settled(alice, reply) == WINDOW + 100
        for acked in (50, 100, WINDOW + 99):  # acks of before, again, and of a part
            await alice.send("ack", reply=reply, at=acked)
        await has(alice, reply, 2 * WINDOW + 99)
        assert await settled(alice, reply) == 2 * WINDOW + 99
        await alice.send("ack", reply=reply, at=2 * WINDOW + 99)
        assert (await alice.end(reply))["status"] == "complete"
        assert alice.texts[reply] == ECHO + LETTERS
        assert alice.chars(reply) == list(ECHO + LETTERS)


async def test_ack_of_what_was_never_sent_opens_nothing(visit: Visit) -> None:
    async with visit() as alice:
        alice.acks = False
        reply = await alice.post(ECHO + LETTERS)
        await has(alice, reply, WINDOW)
        await alice.send("ack", reply=reply, at=5000)
        await alice.send("ack", reply=2**62, at=5000)
        assert await settled(alice, reply) == WINDOW


@pytest.mark.parametrize("characters", HUGE.values(), ids=HUGE.keys())
async def test_window_ends_between_characters(visit: Visit, characters: list[str]) -> None:
    characters = [*ECHO, *characters]
    ends = [0, *accumulate(map(len, characters))]
    async with visit() as alice:
        alice.acks = False
        reply = await alice.post("".join(characters))
        acked = 0
        while acked < ends[-1]:
            acked = max(end for end in ends if end <= acked + WINDOW)
            await has(alice, reply, acked)
            assert len(alice.texts[reply]) == acked
            await alice.send("ack", reply=reply, at=acked)
        await alice.end(reply)
        assert alice.chars(reply) == characters


async def test_nobody_waits_for_a_slow_reader(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as slow:
        slow.acks = False
        async with visit(f"/ws/chat/{slow.conversation}/", cookie=cookie) as quick:
            reply = await slow.post(ECHO + LETTERS)
            await quick.end(reply)
            assert quick.texts[reply] == ECHO + LETTERS
            assert len(slow.texts[reply]) <= WINDOW
            assert await settled(quick, reply) == len(ECHO + LETTERS)
        await has(slow, reply, WINDOW)
        slow.acks = True
        await slow.send("ack", reply=reply, at=WINDOW)
        await slow.end(reply)


async def test_reader_who_comes_later_has_a_window_of_their_own(
    visit: Visit, server: Server
) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as slow:
        slow.acks = False
        reply = await slow.post(ECHO + LETTERS)
        await has(slow, reply, WINDOW)
        path = f"/ws/chat/{slow.conversation}/"
        async with visit(path, cookie=cookie) as later:
            assert later.messages[reply]["text"] == ECHO + LETTERS
        assert len(slow.texts[reply]) == WINDOW


async def test_who_stays_full_is_closed_and_heals_by_reconnecting(
    visit: Visit, server: Server
) -> None:
    """Takes as long as the server's patience: half a minute."""
    cookie = session(server.url)
    before = measured(server, "chat_slow_readers_closed_total")

    async def silent() -> str:
        async with visit(cookie=cookie) as alice:
            alice.acks = False
            reply = await alice.post(ECHO + LETTERS)
            assert await alice.closed() == 4408
            assert alice.texts[reply] == (ECHO + LETTERS)[:WINDOW]
            path = f"/ws/chat/{alice.conversation}/"
        async with visit(path, cookie=cookie) as alice:
            message = alice.messages[reply]
            assert (message["status"], message["text"]) == ("complete", ECHO + LETTERS)
            await alice.end(await alice.post("and on we go"))
        return path

    async def silent_in_a_reply_that_is_still_typed(keyword: str) -> None:
        async with visit() as alice:
            alice.acks = False
            reply = await alice.post(keyword)
            assert await alice.closed() == 4408
            assert len(alice.texts[reply]) == WINDOW

    async def with_room(others: asyncio.Task[object]) -> None:
        """Neither acks, but the windows are not full."""
        async with visit() as bob:
            bob.acks = False
            reply = await bob.post(ECHO + LETTERS[:1500])
            await bob.end(reply)
            await others
            await bob.send("ping", t="still there")
            await bob.until(lambda frame: frame["type"] == "pong")

    async def half(others: asyncio.Task[object]) -> None:
        """Was full, made room, and has it still."""
        async with visit() as bob:
            bob.acks = False
            reply = await bob.post(ECHO + LETTERS[:3000])
            await has(bob, reply, WINDOW)
            await bob.send("ack", reply=reply, at=WINDOW)
            await bob.end(reply)
            await others
            await bob.send("ping", t="still there")
            await bob.until(lambda frame: frame["type"] == "pong")

    rule = ("--trigger", "keyword", "--keywords", "endless", "--speed", "500")
    server.manage("reply", "endless", "--text", LETTERS * 10, *rule)
    closed = asyncio.create_task(silent())
    await asyncio.gather(
        closed, silent_in_a_reply_that_is_still_typed("endless"), with_room(closed), half(closed)
    )
    assert measured(server, "chat_slow_readers_closed_total") == before + 2


async def stalled(server: Server, tabs: AsyncExitStack) -> tuple[str, str]:
    """Ask for 200,000 characters and read nothing more; return cookie and path."""
    cookie = session(server.url)
    socket: ClientConnection = await tabs.enter_async_context(
        connect(
            server.url.replace("http", "ws", 1) + "/ws/chat/",
            additional_headers={"Origin": server.url, "Cookie": cookie},
            compression=None,
            max_queue=1,
            close_timeout=0,
            ping_interval=None,
        )
    )
    ready = json.loads(await socket.recv())
    text = ("tenfold " + LETTERS * 4)[:20_000]
    await socket.send(json.dumps({"type": "message.send", "text": text, "key": "long"}))
    return cookie, f"/ws/chat/{ready['conversation']['id']}/"


async def test_who_does_not_read_costs_a_bounded_amount_of_memory(
    visit: Visit, server: Server
) -> None:
    memory = psutil.Process(server.pid).memory_info
    async with AsyncExitStack() as tabs:
        before = memory().rss
        for cookie, path in [await stalled(server, tabs) for _ in range(STALLED)]:
            complete = False
            while not complete:  # every look is a connection of its own
                async with visit(path, cookie=cookie) as look:
                    messages = look.ready["messages"]
                    complete = len(messages) == 3 and messages[-1]["status"] == "complete"
            assert len(messages[-1]["text"]) == 200_000
        grown = memory().rss - before
        assert grown < BOUND, f"{grown / 1024 / 1024:.0f} MB"
