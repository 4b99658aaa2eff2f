"""The same key posts once, however often and from wherever it comes."""

import asyncio
from contextlib import AsyncExitStack

from tests.client import Client, Frame, session
from tests.conftest import Visit
from tests.server import Server

TABS = 20


async def told(client: Client, times: int = 1, key: str = "once") -> list[Frame]:
    """Wait until the client was told `times` about the message with `key`."""

    def of_key() -> list[Frame]:
        return [f for f in client.frames if f["type"] == "message" and f.get("key") == key]

    await client.until(lambda _: len(of_key()) >= times)
    return [frame["message"] for frame in of_key()]


async def posted(visit: Visit, client: Client, cookie: str) -> list[Frame]:
    """Return what the conversation holds, the greeting aside, when all of it has ended."""
    for message in list(client.messages.values()):
        if message["author"]["kind"] == "assistant" and message["status"] != "complete":
            await client.end(message["id"])
    async with visit(f"/ws/chat/{client.conversation}/", cookie=cookie) as fresh:
        messages: list[Frame] = fresh.ready["messages"][1:]
        return messages


async def test_many_times_from_one_connection(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        for _ in range(10):
            await alice.send("message.send", text="hi", key="once")
        assert len({message["id"] for message in await told(alice, 10)}) == 1
        question, answer = await posted(visit, alice, cookie)
        assert answer["reply_to"] == question["id"]


async def test_from_many_connections_at_once(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with AsyncExitStack() as tabs:
        first = await tabs.enter_async_context(visit(cookie=cookie))
        path = f"/ws/chat/{first.conversation}/"
        others = [visit(path, cookie=cookie) for _ in range(TABS - 1)]
        all = [first, *await asyncio.gather(*map(tabs.enter_async_context, others))]
        await asyncio.gather(
            *(tab.send("message.send", text=f"tab {n}", key="once") for n, tab in enumerate(all))
        )
        # the one that posted hears of it as everyone does, the others in answer to their own too
        heard = await asyncio.gather(*(told(tab) for tab in all))
        question, answer = await posted(visit, first, cookie)
        assert {message["id"] for messages in heard for message in messages} == {question["id"]}
        assert {message["text"] for messages in heard for message in messages} == {question["text"]}
        ends = await asyncio.gather(*(tab.end(answer["id"]) for tab in all))
        assert {end["status"] for end in ends} == {"complete"}


async def test_different_text_changes_nothing(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        await alice.post("first", key="once")
        await alice.send("message.send", text="second", key="once")
        first, second = await told(alice, 2)
        assert second == first
        question, _ = await posted(visit, alice, cookie)
        assert question["text"] == "first"


async def test_again_after_reconnect(visit: Visit, server: Server) -> None:
    """The connection broke before the answer came: the client cannot know, and asks again."""
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        await alice.send("message.send", text="hi", key="once")
        path = f"/ws/chat/{alice.conversation}/"
    async with visit(path, cookie=cookie) as alice:
        await alice.send("message.send", text="hi", key="once")
        ids = {message["id"] for message in await told(alice)}
        reply = await alice.until(
            lambda _: any(message["reply_to"] in ids for message in alice.messages.values())
        )
        assert reply
        question, answer = await posted(visit, alice, cookie)
        assert ids == {question["id"]}
        assert answer["reply_to"] == question["id"]


async def test_again_while_and_after_the_reply_is_typed(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        reply = await alice.post("hi", key="once")
        await alice.until(lambda frame: frame["type"] == "char" and frame["reply"] == reply)
        await alice.send("message.send", text="hi", key="once")
        await told(alice, 2)
        await alice.end(reply)
        await alice.send("message.send", text="hi", key="once")
        assert len({message["id"] for message in await told(alice, 3)}) == 1
        assert len(await posted(visit, alice, cookie)) == 2


async def test_keys_differ_by_every_character(visit: Visit, server: Server) -> None:
    keys = ["once", "Once", "once ", "on\u0441e", "onc\u00e9", "once\u0301"]
    async with visit() as alice:
        for key in keys:
            await alice.send("message.send", text="hi", key=key)
        ids = {(await told(alice, key=key))[0]["id"] for key in keys}
        assert len(ids) == len(keys)


async def test_same_key_of_another_person_is_another_message(visit: Visit) -> None:
    async with visit() as alice, visit() as bob:
        await asyncio.gather(alice.post("I am Alice", key="once"), bob.post("I am Bob", key="once"))
        [hers], [his] = await told(alice), await told(bob)
        assert hers["id"] != his["id"]
        assert (hers["text"], his["text"]) == ("I am Alice", "I am Bob")
