"""A guest is nobody until they write, may take only so much, and finds what they wrote again."""

import asyncio
import re
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from typing import Any
from uuid import UUID

import pytest

from tests.client import Client, Frame, session
from tests.conftest import Visit
from tests.measured import TOKEN, measured
from tests.server import Server, running

MESSAGES_A_MINUTE, REPLIES_AT_A_TIME, CONNECTIONS = 6, 2, 3
TOO_MANY = 4429
MINUTE = 60


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that allows a guest little. It answers at once, but "slowly" for ever so long."""
    limits = {
        "GUEST_MESSAGES_PER_MINUTE": str(MESSAGES_A_MINUTE),
        "GUEST_REPLIES_AT_A_TIME": str(REPLIES_AT_A_TIME),
        "GUEST_CONNECTIONS": str(CONNECTIONS),
        "METRICS_TOKEN": TOKEN,
    }
    with running(tmp_path_factory.mktemp("strict"), **limits) as server:
        server.manage("reply", "answer", "--text", "Yes.", "--speed", "0")
        slowly = ("--trigger", "keyword", "--keywords", "slowly", "--speed", "1")
        server.manage("reply", "slow", "--text", "As slowly as it goes. " * 40, *slowly)
        yield server


@pytest.fixture(scope="module")
def key(strict: Server) -> str:
    """An API key of Alice, who has an account."""
    return strict.account("alice")


def rows(server: Server, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(server.database)) as connection:
        return connection.execute(query, values).fetchall()


def users(server: Server, client: Client) -> list[tuple[Any, ...]]:
    """Return the users that the person behind `client` has in the database."""
    id = UUID(client.ready["you"]["id"]).hex
    return rows(server, "SELECT name, is_guest FROM chat_user WHERE id = ?", id)


def written(server: Server, client: Client) -> list[str]:
    """Return what people wrote in the conversation, as the database has it."""
    query = "SELECT text FROM chat_message WHERE conversation_id = ? AND person_id NOT NULL"
    found = rows(server, f"{query} ORDER BY id", UUID(client.conversation).hex)
    return [text for (text,) in found]


def guest(server: Server, cookie: str, path: str = "/ws/chat/") -> Client:
    return Client(server.url, path, origin=server.url, cookie=cookie)


def stranger(server: Server) -> Client:
    return guest(server, session(server.url))


async def say(client: Client, text: str) -> Frame:
    """Send `text`, which is its own key; return the message, or the error if it was refused."""
    await client.send("message.send", text=text, key=text)
    answer = await client.until(lambda frame: frame.get("key") == text)
    assert answer
    return answer


def assert_limited(frame: Frame, key: str) -> None:
    assert (frame["type"], frame["code"], frame["key"]) == ("error", "rate_limited", key)
    assert 0 < frame["retry_after"] <= MINUTE
    assert frame["detail"].endswith(".")


# --- who they are ------------------------------------------------------------------------------


async def test_guest_is_made_when_they_first_write(visit: Visit, server: Server) -> None:
    async with visit() as alice:
        await alice.end(alice.ready["messages"][0]["id"])
        assert users(server, alice) == []
        await alice.post("hello")
        you = alice.ready["you"]
        assert you["guest"] is True
        assert users(server, alice) == [(you["name"], 1)]


async def test_guest_stays_the_same_person(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as before:
        await before.post("hello")
    async with visit(cookie=cookie) as after, visit() as bob:
        await after.post("hello again")
        assert after.ready["you"] == before.ready["you"]
        assert after.ready["you"]["id"] != bob.ready["you"]["id"]
        assert len(users(server, after)) == 1


async def test_next_day_finds_the_conversation(own_server: Server) -> None:
    cookie = session(own_server.url)
    async with guest(own_server, cookie) as alice:
        await alice.end(await alice.post("until tomorrow"))
    own_server.stop()
    let_a_day_pass(own_server)
    own_server.start()
    async with guest(own_server, cookie, socket_path(own_server, cookie)) as again:
        assert again.conversation == alice.conversation
        assert again.texts == alice.texts
        assert [message["text"] for message in again.messages.values()][1] == "until tomorrow"


def socket_path(server: Server, cookie: str) -> str:
    """Open the page as somebody who was here; return what it connects to."""
    page = urllib.request.Request(server.url, headers={"Cookie": cookie})
    with urllib.request.urlopen(page) as home:
        (path,) = re.findall('data-socket-path="(.*?)"', home.read().decode())
    return str(path)


def let_a_day_pass(server: Server) -> None:
    """Make everything in the database of the stopped `server` a day older."""
    with closing(sqlite3.connect(server.database)) as connection, connection:
        for column in ("chat_conversation.used", "django_session.expire_date"):
            table, name = column.split(".")
            connection.execute(f"UPDATE {table} SET {name} = datetime({name}, '-1 day')")


# --- how much they may take --------------------------------------------------------------------


async def test_messages_a_minute_are_limited(strict: Server) -> None:
    async with stranger(strict) as alice:
        taken = []
        for number in range(2 * MESSAGES_A_MINUTE + 1):  # too many, even if a minute turns
            text = f"message {number}"
            answer = await say(alice, text)
            if answer["type"] == "error":
                assert_limited(answer, text)
                break
            taken.append(text)
            await alice.end(await alice.post(text, key=text))
        else:
            pytest.fail("they may write as much as they like")
        assert len(taken) >= MESSAGES_A_MINUTE - 1, "the opening counted as one"
        assert written(strict, alice) == taken


async def test_message_that_was_taken_may_be_sent_again(strict: Server) -> None:
    async with stranger(strict) as alice:
        for _ in range(2 * MESSAGES_A_MINUTE + 1):
            await alice.end(await alice.post("once", key="once"))
        assert not [frame for frame in alice.frames if frame["type"] == "error"]
        assert written(strict, alice) == ["once"]


async def test_replies_at_a_time_are_limited(strict: Server) -> None:
    async with stranger(strict) as alice:
        first = await alice.post("slowly one")
        await alice.post("slowly two")
        assert_limited(await say(alice, "three"), "three")
        assert written(strict, alice) == ["slowly one", "slowly two"]
        await alice.send("reply.stop", reply=first)
        await alice.end(first)
        assert (await say(alice, "four"))["type"] == "message"


async def test_replies_are_limited_over_all_connections(strict: Server) -> None:
    cookie = session(strict.url)
    async with guest(strict, cookie) as alice, guest(strict, cookie) as tab:
        tabs = (alice, tab, alice, tab, alice)
        answers = await asyncio.gather(
            *(say(client, f"slowly {number}") for number, client in enumerate(tabs))
        )
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert len(answers) - len(refused) == REPLIES_AT_A_TIME
        assert {answer["code"] for answer in refused} == {"rate_limited"}
        assert len(written(strict, alice) + written(strict, tab)) == REPLIES_AT_A_TIME


async def test_one_guest_does_not_limit_another(strict: Server) -> None:
    async with stranger(strict) as alice, stranger(strict) as bob:
        for number in range(REPLIES_AT_A_TIME):
            await alice.post(f"slowly {number}")
        assert_limited(await say(alice, "more"), "more")
        assert (await say(bob, "hello"))["type"] == "message"


async def test_connections_are_limited(strict: Server) -> None:
    cookie = session(strict.url)
    async with guest(strict, cookie) as alice, AsyncExitStack() as tabs:
        for _ in range(CONNECTIONS - 1):
            tab = await tabs.enter_async_context(guest(strict, cookie, alice.own_path))
        for path in (alice.own_path, "/ws/chat/"):
            async with guest(strict, cookie, path) as one_too_many:
                assert await one_too_many.closed() == TOO_MANY
                assert one_too_many.frames == []
        async with stranger(strict) as bob:
            assert bob.ready
        await tab.socket.close()
        await comes_in(strict, cookie, alice.own_path)


async def test_connection_that_is_one_too_many_stores_nothing(strict: Server) -> None:
    cookie = session(strict.url)
    async with guest(strict, cookie) as alice, AsyncExitStack() as tabs:
        for _ in range(CONNECTIONS - 1):
            await tabs.enter_async_context(guest(strict, cookie, alice.own_path))
        before = conversations(strict, alice)
        async with guest(strict, cookie) as one_too_many:
            assert await one_too_many.closed() == TOO_MANY
        assert conversations(strict, alice) == before == 1


async def test_connections_are_limited_when_all_come_at_once(strict: Server) -> None:
    cookie = session(strict.url)
    async with guest(strict, cookie) as alice, AsyncExitStack() as tabs:
        many = [guest(strict, cookie, alice.own_path) for _ in range(4 * CONNECTIONS)]
        await asyncio.gather(*map(tabs.enter_async_context, many))
        assert len([tab for tab in (alice, *many) if tab.ready]) == CONNECTIONS
        assert measured(strict, "chat_viewers") >= CONNECTIONS, "who was refused counted as none"


def conversations(server: Server, client: Client) -> int:
    """Return how many conversations the person behind `client` owns in the database."""
    id = UUID(client.ready["you"]["id"]).hex
    return len(rows(server, "SELECT id FROM chat_conversation WHERE owner_id = ?", id))


async def comes_in(server: Server, cookie: str, path: str) -> None:
    """Connect until the server has noticed that another connection is gone."""
    async with asyncio.timeout(20):
        while True:
            async with guest(server, cookie, path) as tab:
                if tab.ready:
                    return


async def test_account_is_not_limited(strict: Server, key: str) -> None:
    many = 2 * max(MESSAGES_A_MINUTE, CONNECTIONS) + 1
    async with AsyncExitStack() as stack:
        for number in range(many):
            client = Client(strict.url, authorization=f"Bearer {key}")
            alice = await stack.enter_async_context(client)
            assert alice.ready["you"]["guest"] is False
            assert (await say(alice, f"slowly {number}"))["type"] == "message"
