"""One reply at a time in each conversation: what is written meanwhile waits, in order."""

import asyncio
from collections.abc import Callable

import pytest

from tests.client import Client
from tests.conftest import Visit
from tests.models import error
from tests.server import Server

Scripted = Callable[..., str]

pytestmark = pytest.mark.usefixtures("long_reply")


@pytest.fixture
def long_reply(scripted: Scripted) -> str:
    return scripted("slowly", "A reply that takes its time: " + "x" * 200, "--speed", "4")


async def began(client: Client, reply: int) -> None:
    await client.until(lambda frame: frame["type"] == "char" and frame["reply"] == reply)


async def test_each_message_is_answered_in_its_turn(visit: Visit, scripted: Scripted) -> None:
    first = scripted("thoughtful", "A reply that takes its time.", "--speed", "10")
    async with visit() as alice:
        replies = [await alice.post(text) for text in (first, "second", "third")]
        assert {alice.messages[reply]["status"] for reply in replies} == {"waiting"}
        for reply in replies:
            assert (await alice.end(reply))["status"] == "complete"
        typed = [frame["reply"] for frame in alice.frames if frame["type"] == "char"]
        assert sorted(typed) == typed, "none began before those before it had ended"


async def test_every_device_sees_the_queue(visit: Visit) -> None:
    async with visit() as alice:
        first, second = await alice.post("slowly"), await alice.post("second")
        await began(alice, first)
        async with visit(alice.own_path, cookie=alice.headers["cookie"]) as phone:
            assert list(phone.messages)[-1] == second
            assert phone.messages[second]["status"] == "waiting"
            await phone.send("reply.stop", reply=first, at=1)
            assert await phone.end(second) == await alice.end(second)
            assert phone.texts[first] == alice.texts[first] == "A"


async def test_greeting_is_written_to_its_end_first(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        ends = [frame["reply"] for frame in alice.frames if frame["type"] == "reply.end"]
        assert ends == [min(ends), reply]


async def test_waiting_message_can_be_taken_back(visit: Visit) -> None:
    async with visit() as alice:
        first, second = await alice.post("slowly"), await alice.post("second")
        third = await alice.post("third")
        mine = alice.messages[second]["reply_to"]
        await alice.send("message.remove", message=mine)
        removed = await alice.until(lambda frame: frame["type"] == "message.removed")
        assert removed
        assert {*removed["messages"]} == {mine, second}
        await alice.send("reply.stop", reply=first)
        await alice.end(third)
        assert second not in alice.ends
        async with visit(alice.own_path, cookie=alice.headers["cookie"]) as again:
            assert {mine, second}.isdisjoint(again.messages)


async def test_stopped_while_it_waits_it_never_begins(visit: Visit) -> None:
    async with visit() as alice:
        first, second, third = [await alice.post(text) for text in ("slowly", "second", "third")]
        await alice.send("reply.stop", reply=second)
        assert (await alice.end(second))["status"] == "stopped"
        await alice.send("reply.stop", reply=first)
        assert (await alice.end(third))["status"] == "complete"
        assert not alice.chars(second)


async def test_nobody_can_have_seen_of_it_what_was_not_written(visit: Visit) -> None:
    async with visit() as alice:
        await alice.post("slowly")
        second = await alice.post("second")
        await alice.send("reply.stop", reply=second, at=100)
        assert (await alice.end(second))["length"] == 0


async def test_what_is_being_answered_cannot_be_taken_back(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("slowly")
        await began(alice, reply)
        mine = alice.messages[reply]["reply_to"]
        await alice.send("message.remove", message=mine)
        refused = await error(alice)
        assert (refused["code"], refused["message"]) == ("conflict", mine)
        await alice.send("reply.stop", reply=reply)
        await alice.end(reply)
        await alice.send("message.remove", message=mine)
        removed = await alice.until(lambda frame: frame["type"] == "message.removed")
        assert removed
        assert {*removed["messages"]} == {mine, reply}, "an answer to nothing"


async def test_nobody_takes_back_what_is_not_theirs(visit: Visit) -> None:
    async with visit() as alice, visit() as charlie:
        await alice.post("slowly")
        mine = alice.messages[await alice.post("second")]["reply_to"]
        await charlie.send("message.remove", message=mine)
        assert (await error(charlie))["code"] == "not_found"
        await alice.send("message.remove", message=next(iter(alice.messages)))
        assert (await error(alice))["code"] == "forbidden", "the greeting is the assistant's"


async def test_taking_back_and_stopping_at_once_leaves_no_trace(visit: Visit) -> None:
    async with visit() as alice:
        first, second = await alice.post("slowly"), await alice.post("second")
        mine = alice.messages[second]["reply_to"]
        await asyncio.gather(
            alice.send("reply.stop", reply=first), alice.send("message.remove", message=mine)
        )
        await alice.until(
            lambda frame: frame["type"] in ("message.removed", "error") or second in alice.ends
        )
        end = await alice.end(first)
        assert end["status"] == "stopped"
        if second in alice.messages:
            assert (await alice.end(second))["status"] == "complete"


async def test_queue_outlives_the_server(own_server: Server) -> None:
    own_server.manage(
        "reply", "slow", "--text", "y" * 150, "--trigger", "keyword", "--keywords", "slowly",
        "--speed", "50",
    )  # fmt: skip
    key = own_server.account("bob")
    async with Client(own_server.url, authorization=f"Bearer {key}") as bob:
        replies = [await bob.post(text) for text in ("slowly", "second", "third")]
        await began(bob, replies[0])
        own_server.kill()
        await bob.closed()
    own_server.start()
    async with Client(own_server.url, bob.own_path, authorization=f"Bearer {key}") as bob:
        for reply in replies:
            assert bob.messages[reply]["status"] == "complete" or await bob.end(reply)
        assert [bob.texts[reply] for reply in replies] == ["y" * 150, *["Hello from server!"] * 2]
