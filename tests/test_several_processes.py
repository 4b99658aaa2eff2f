"""Two processes serve one chat: whoever is connected to either sees the same, as it happens."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api import Program
from tests.client import Client, fetch, session
from tests.doors import ask
from tests.models import make_assistants, provider_with_titles
from tests.providers import Held
from tests.server import Server
from tests.several import Chat, several

TEXT = "".join(f"{number} " for number in range(60))


EVENTS = 'chat_layer_events_total{outcome="sent"}'


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Chat]:
    """Two servers of one chat, with the PostgreSQL and the Redis between them."""
    with several(tmp_path) as it:
        yield it


def at(server: Server, cookie: str, path: str = "/ws/chat/") -> Client:
    return Client(server.url, path, origin=server.url, cookie=cookie)


@asynccontextmanager
async def both(two: Chat) -> AsyncIterator[tuple[Client, Client]]:
    """Somebody who is in one conversation with two devices, one at each process."""
    cookie = session(two.servers[0].url)
    async with (
        at(two.servers[0], cookie) as here,
        at(two.servers[1], cookie, here.own_path) as there,
    ):
        yield here, there


async def test_both_see_each_character(two: Chat) -> None:
    two.servers[0].manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        ends = await asyncio.gather(here.end(reply), there.end(reply))
        assert ends[0] == ends[1]
        assert there.texts[reply] == TEXT
        assert "".join(there.chars(reply)) == TEXT
    two.check_logs()


async def test_who_joins_later_elsewhere(two: Chat) -> None:
    two.servers[0].manage("reply", "answer", "--text", TEXT, "--speed", "20")
    cookie = session(two.servers[0].url)
    async with at(two.servers[0], cookie) as here:
        reply = await here.post("count")
        await here.until(lambda _: len(two.saved(reply)[1]) > 0)
        async with at(two.servers[1], cookie, here.own_path) as there:
            assert len(there.texts[reply]) > 0
            await asyncio.gather(here.end(reply), there.end(reply))
            assert there.texts[reply] == here.texts[reply] == TEXT


def said(server: Server) -> float:
    """Return how many events the process has told others."""
    request = urllib.request.Request(f"{server.url}/metrics")
    request.add_header("Authorization", "Bearer for tests")
    with urllib.request.urlopen(request) as page:
        lines = page.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(EVENTS))


async def test_one_event_for_each_reply_and_burst(two: Chat) -> None:
    """However many watch, and however many characters there are in a burst."""
    text = TEXT * 6
    two.servers[0].manage("reply", "answer", "--text", text, "--speed", "400")
    cookie = session(two.servers[0].url)
    async with at(two.servers[0], cookie) as here, AsyncExitStack() as others:
        for _ in range(10):
            await others.enter_async_context(at(two.servers[1], cookie, here.own_path))
        here.patience = 50.0  # eleven read here, beside other tests
        before = said(two.servers[0])
        began = time.monotonic()
        await here.end(await here.post("count"))
        bursts = (time.monotonic() - began) * 10
        # Beside them there are a ping to itself each second, and what opens and ends a reply.
        assert said(two.servers[0]) - before < 2 * bursts + 20 < len(text)


def last_people(client: Client) -> list[Any]:
    """Return who is there, as `client` heard last."""
    present = [frame["present"] for frame in client.frames if frame["type"] == "people"]
    return present[-1] if present else []


async def test_a_room_across_processes(two: Chat) -> None:
    """Who is there, who is typing, and what is said."""
    room = "/ws/rooms/lobby/"
    here, there = two.servers
    async with at(here, session(here.url), room) as alice:
        async with at(there, session(there.url), room) as bob:
            for who in (alice, bob):
                await who.until(lambda frame: len(frame.get("present", ())) == 2)
            await bob.send("typing")
            typing = await alice.until(lambda frame: frame["type"] == "typing")
            assert typing
            assert typing["who"]["id"] == bob.ready["you"]["id"]
            await bob.send("message.send", text="Hello, Alice.", key="b1")
            await alice.until(lambda _: "Hello, Alice." in alice.texts.values())
        await alice.until(lambda _: len(last_people(alice)) == 1)
    two.check_logs()


async def test_another_name_across_processes(two: Chat) -> None:
    """Also where somebody is with a second device, whose process was not asked for it."""
    room = "/ws/rooms/lobby/"
    here, there = two.servers
    cookie = session(here.url)
    async with (
        at(here, cookie, room) as desk,
        at(there, cookie, room) as phone,
        at(there, session(there.url), room) as bob,
    ):
        await bob.until(lambda _: len(last_people(bob)) == 2)
        asked = await asyncio.to_thread(ask, here.url, cookie, "/name/", {"name": "Zoë"})
        assert asked == (200, {"name": "Zoë"})
        for who in (desk, phone, bob):
            await who.until(lambda frame: "Zoë" in str(frame.get("present")))
        await phone.send("typing")
        typing = await bob.until(lambda frame: frame["type"] == "typing")
        assert typing
        assert typing["who"]["name"] == "Zoë"
    two.check_logs()


def test_one_conversation_for_who_is_new_however_many_ask_at_once(two: Chat) -> None:
    key = two.servers[0].account("alice")
    programs = [Program(server.url, key, base="") for server in two.servers] * 4
    said = {"user_id": "carol", "message": "Hi"}
    with ThreadPoolExecutor(len(programs)) as threads:
        answers = [*threads.map(lambda program: program.do("POST", "/chat", said), programs)]
    assert len({answer["conversation_id"] for answer in answers}) == 1


def test_what_postgresql_cannot_look_for_is_not_there(two: Chat) -> None:
    """A NUL, which quoted cookies and addresses may have."""
    url = two.servers[0].url
    assert fetch(f"{url}/", 'sessionid="aaaaaaaa\\000bbbbb"')[0] == 200
    assert fetch(f"{url}/s/a%00b/")[0] == 404
    two.check_logs()


async def test_reply_that_is_watched_elsewhere_is_not_unread(two: Chat) -> None:
    two.servers[0].manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 20)
        await here.socket.close()
        await there.end(reply)
        await there.until(lambda frame: frame["type"] == "title")  # which comes after that
        unread = "SELECT unread FROM chat_conversation WHERE id = %s"
        assert two.postgres.say(unread, here.conversation) == [(False,)]


async def stopped_from_elsewhere(two: Chat, at: int) -> str:
    """Have a reply stopped at the process that does not write it; return what both keep of it."""
    two.servers[0].manage("reply", "answer", "--text", TEXT * 10, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 20)
        await there.send("reply.stop", reply=reply, at=at)
        ends = await asyncio.gather(here.end(reply), there.end(reply))
        assert [end["status"] for end in ends] == ["stopped"] * 2
        assert here.texts[reply] == there.texts[reply]
        return here.texts[reply]


async def test_stopped_from_elsewhere(two: Chat) -> None:
    assert await stopped_from_elsewhere(two, at=15) == TEXT[:15]


async def test_stopped_from_elsewhere_further_than_it_was_typed(two: Chat) -> None:
    kept = await stopped_from_elsewhere(two, at=99_999)
    assert kept == (TEXT * 10)[: len(kept)]
    assert 20 < len(kept) < len(TEXT) * 5


async def test_model_stopped_from_elsewhere_keeps_what_was_seen(two: Chat) -> None:
    """Its text is not saved yet; and it is told at once."""
    with provider_with_titles() as provider:
        make_assistants(two.servers[0], provider, {"slug": "model", "kind": "ollama"})
        held = provider.next(Held())
        async with both(two) as (here, there):
            reply = await here.post("hi", assistant="model")
            for words in ("One two", " three", " four."):
                held.give(words)
                await there.until(lambda _, end=words[-2]: there.texts.get(reply, "")[-1:] == end)
            await there.send("reply.stop", reply=reply)
            ends = await asyncio.gather(here.end(reply), there.end(reply))
            assert [end["status"] for end in ends] == ["stopped"] * 2
            assert here.texts[reply] == there.texts[reply] == "One two three four"
            await provider.disconnected()


async def test_reply_that_waited_in_line_is_seen_at_both(two: Chat) -> None:
    """It was asked for at one process, and is written by the other, as is what it waited for."""
    two.servers[0].manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        former = await here.post("count")
        reply = await there.post("and again")
        before = list(map(said, two.servers))
        await here.send("reply.stop", reply=former)
        ends = await asyncio.gather(here.end(reply), there.end(reply))
        assert [end["status"] for end in ends] == ["complete"] * 2
        # Seldom it is the other that writes it, as that may look just when the former has ended.
        writer = two.servers.index(two.writer(reply))
        told = said(two.servers[writer]) - before[writer]
        assert told > 20, "as it is typed, and not only a ping each second"
        assert "".join(here.chars(reply)) == "".join(there.chars(reply)) == TEXT
    two.check_logs()


async def test_killed_writer(two: Chat) -> None:
    two.servers[0].manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 50)
        await asyncio.to_thread(two.servers[0].kill)
        assert (await there.end(reply))["status"] == "complete"
        assert there.texts[reply] == "".join(there.chars(reply)) == TEXT


async def test_writer_that_is_told_to_end(two: Chat) -> None:
    two.servers[0].manage("reply", "answer", "--text", TEXT, "--speed", "20")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 50)
        await asyncio.to_thread(two.servers[0].stop)
        assert (await there.end(reply))["status"] == "complete"
        assert there.texts[reply] == "".join(there.chars(reply)) == TEXT


async def test_without_redis_for_a_while(two: Chat) -> None:
    two.servers[0].manage("reply", "answer", "--text", TEXT * 2, "--speed", "30")
    async with both(two) as (here, there):
        reply = await here.post("count")
        await there.until(lambda frame: frame.get("at") == 30)
        two.redis.stop()
        await there.until(lambda frame: frame.get("at") == 150)
        await here.send("message.send", text="and this", key="mine")
        await here.until(lambda frame: frame.get("key") == "mine" and "message" in frame)
        two.redis.start()
        await asyncio.gather(here.end(reply), there.end(reply))
        await there.until(lambda _: "and this" in there.texts.values())
        assert there.texts[reply] == TEXT * 2
    two.check_logs()
