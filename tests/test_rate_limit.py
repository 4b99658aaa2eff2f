"""Who sends too much is told when to try again, nothing that was accepted is lost; who does not
listen is closed."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.client import Client, Frame, session
from tests.conftest import Visit
from tests.server import Server, running

PINGS = 330  # more than are saved up, fewer than close


@pytest.fixture(autouse=True)
def _no_traceback(server: Server) -> Iterator[None]:
    before = server.log.stat().st_size
    yield
    assert "Traceback" not in server.log.read_bytes()[before:].decode()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets guests do little."""
    limits = {"GUEST_CONNECTIONS": "2", "GUEST_REPLIES_AT_A_TIME": "2"}
    with running(tmp_path_factory.mktemp("strict"), GUEST_MESSAGES_PER_MINUTE="5", **limits) as it:
        it.manage(
            "reply", "slow", "--text", "s" * 1000, "--trigger", "keyword", "--keywords", "slow"
        )
        it.manage("reply", "answer", "--text", "!", "--speed", "0")
        yield it


def errors(client: Client) -> list[Frame]:
    return [frame for frame in client.frames if frame["type"] == "error"]


def page(server: Server, path: str = "/ws/chat/", cookie: str = "") -> Client:
    return Client(server.url, path, origin=server.url, cookie=cookie or session(server.url))


# --- frames


async def test_every_frame_is_answered_or_refused(visit: Visit) -> None:
    async with visit() as alice:

        def answered() -> list[Frame]:
            return [frame for frame in alice.frames if frame["type"] in ("pong", "error")]

        sent = 0
        while not (refused := errors(alice)):  # a busy machine may be too slow to be too fast
            for _ in range(PINGS):
                await alice.send("ping", t=sent)
                sent += 1
            await alice.until(lambda _, sent=sent: len(answered()) == sent)
        assert {frame["code"] for frame in refused} == {"rate_limited"}
        assert all(0 < frame["retry_after"] < 10 for frame in refused)
        assert all(frame["detail"] for frame in refused)


async def test_every_message_is_posted_or_refused_by_its_key(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    keys = {f"key {number}" for number in range(100)}
    async with visit(cookie=cookie) as alice:
        for key in keys:
            await alice.send("message.send", text="hi", key=key)
        await alice.until(lambda _: {f["key"] for f in alice.frames if f.get("key")} == keys)
        refused = {frame["key"] for frame in errors(alice)}
        assert refused
        assert {frame["code"] for frame in errors(alice)} == {"rate_limited"}
        assert all(frame["retry_after"] > 0 for frame in errors(alice))
        posted = {frame.get("key") for frame in alice.frames if frame["type"] == "message"}
        assert posted == {None, *(keys - refused)}
        path = f"/ws/chat/{alice.conversation}/"
    async with visit(path, cookie=cookie) as alice:
        found = [message for page in await alice.pages() for message in page]
        stored = [message["key"] for message in found if message["key"]]
        assert sorted(stored) == sorted(keys - refused), "each once, and no other"
        again = refused.pop()
        await alice.post("hi", key=again)


async def test_refused_frame_says_which_reply_it_was_about(visit: Visit) -> None:
    async with visit() as alice:
        reply = alice.ready["messages"][0]["id"]
        while not errors(alice):
            alice.frames.clear()
            for _ in range(PINGS):
                await alice.send("ack", reply=reply, at=0)
            await alice.send("sync", reply=reply, at=0)
            await alice.until(lambda frame: frame["type"] in ("reply.text", "error"))
        assert {frame["reply"] for frame in errors(alice)} == {reply}


async def test_who_keeps_on_is_closed(visit: Visit) -> None:
    async with visit() as alice:
        for _ in range(1000):
            await alice.send("ping")
        assert await alice.closed() == 4429
        assert {frame["code"] for frame in errors(alice)} == {"rate_limited"}


@pytest.mark.parametrize("at_once", [1, 10])
async def test_who_keeps_on_steadily_is_closed_too(visit: Visit, at_once: int) -> None:
    """Far above the limit, though some frame is always accepted in between."""
    async with visit() as alice:
        with suppress(ConnectionClosed):
            for number in range(5000 // at_once):
                for _ in range(at_once):
                    await alice.send("ping", t=number)
                await alice.until(lambda f: f["type"] in ("pong", "error"), or_closed=True)
                alice.frames.clear()
                await asyncio.sleep(at_once / 1000)  # what makes it steady
                if alice.close_code:
                    break
        assert await alice.closed() == 4429


async def test_nobody_else_is_limited(visit: Visit) -> None:
    async with visit() as alice, visit() as bob:
        for _ in range(1000):
            await alice.send("ping")
        await alice.closed()
        await bob.end(await bob.post("hi"))
        assert not errors(bob)


# --- what a guest may take


async def ask(client: Client, key: str) -> Frame:
    """Post with `key`; return the error, or the message when its reply has ended."""
    await client.send("message.send", text="hi", key=key)
    answer = await client.until(lambda frame: frame.get("key") == key)
    assert answer
    if answer["type"] == "message":
        await client.until(
            lambda frame: frame["type"] == "reply.end" and replies_to(client, frame, answer)
        )
    return answer


def replies_to(client: Client, end: Frame, question: Frame) -> bool:
    return bool(client.messages[end["reply"]]["reply_to"] == question["message"]["id"])


async def test_messages_a_minute(strict: Server) -> None:
    async with page(strict) as alice:
        for number in range(11):  # so that one is too many even if a new minute begins among them
            await ask(alice, f"key {number}")
        refused = errors(alice)
        assert refused
        for frame in refused:
            assert frame["code"] == "rate_limited"
            assert 0 < frame["retry_after"] <= 60
            assert frame["detail"] == "At most 5 messages a minute."
            assert [f for f in alice.frames if f.get("key") == frame["key"]] == [frame]


async def test_messages_a_minute_are_counted_over_all_conversations(strict: Server) -> None:
    cookie = session(strict.url)
    async with page(strict, cookie=cookie) as one, page(strict, cookie=cookie) as other:
        for number in range(6):
            for tab in (one, other):
                await ask(tab, f"key {number}")
        assert errors(one) or errors(other)


async def test_again_with_the_same_key_is_never_too_many(strict: Server) -> None:
    async with page(strict) as alice:
        for _ in range(12):
            assert (await ask(alice, "once"))["type"] == "message"
            alice.frames = [frame for frame in alice.frames if frame.get("key") != "once"]


async def test_replies_at_a_time(strict: Server) -> None:
    async with page(strict) as alice:
        replies = [await alice.post("slow"), await alice.post("slow")]
        await alice.send("message.send", text="slow", key="third")
        refused = await alice.until(lambda frame: frame.get("key") == "third")
        assert refused
        assert refused["code"] == "rate_limited"
        assert refused["retry_after"] > 0
        await alice.send("reply.stop", reply=replies[0])
        await alice.end(replies[0])
        alice.frames.clear()
        await alice.send("message.send", text="slow", key="third")
        accepted = await alice.until(lambda frame: frame.get("key") == "third")
        assert accepted
        assert accepted["type"] == "message", accepted


async def test_connections(strict: Server) -> None:
    cookie = session(strict.url)
    async with page(strict, cookie=cookie) as first:
        path = f"/ws/chat/{first.conversation}/"
        async with page(strict, path, cookie), page(strict, path, cookie) as third:
            assert await third.closed() == 4429
            assert third.frames == []
            async with page(strict) as bob:
                assert bob.ready, "others may come"
        while not third.ready:  # until there is room again
            async with page(strict, path, cookie) as third:
                pass


async def test_accounts_may_more(strict: Server) -> None:
    bearer = f"Bearer {strict.account('alice')}"
    async with (
        Client(strict.url, authorization=bearer) as alice,
        Client(strict.url, authorization=bearer),
        Client(strict.url, authorization=bearer) as third,
    ):
        assert third.ready
        for _ in range(12):
            await alice.post("hi")
        assert not errors(alice)
