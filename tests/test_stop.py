"""Whoever stops a reply keeps exactly what they saw, everywhere and for good."""

import asyncio
from typing import Any
from zlib import crc32

import pytest

from tests.client import Client, Frame, session
from tests.conftest import Visit
from tests.server import Server

TEXT = "".join(f"{number} " for number in range(2000))  # typed for longer than any test takes
FAMILY = "👩‍👩‍👧‍👦"  # one character of 7 code points


@pytest.fixture(scope="module", autouse=True)
def _replies(server: Server) -> None:
    for keyword, text in (("numbers", TEXT), ("families", FAMILY * 1000)):
        rule = ("--trigger", "keyword", "--keywords", keyword, "--speed", "60")
        server.manage("reply", keyword, "--text", text, *rule)


async def seen(client: Client, reply: Any, length: int) -> None:
    """Wait until the client has the reply's text up to `length`."""
    await client.until(lambda _: len(client.texts.get(reply, "")) >= length)


async def error(client: Client) -> Frame:
    frame = await client.until(lambda frame: frame["type"] == "error")
    assert frame
    return frame


def tab(visit: Visit, of: Client) -> Client:
    """Open one more tab of the same conversation, or open it again."""
    return visit(f"/ws/chat/{of.conversation}/", cookie=of.headers["cookie"])


async def kept(visit: Visit, client: Client, reply: Any) -> str:
    """Return what the database has of the stopped reply; check that the client was told so."""
    end = await client.end(reply)
    assert (end["status"], end["error"]) == ("stopped", None)
    async with tab(visit, client) as fresh:
        message = fresh.messages[reply]
        assert message["status"] == "stopped"
        assert message["text"] == client.texts[reply]
        return str(message["text"])


@pytest.mark.parametrize("at", [30, 1, 0])
async def test_what_the_person_saw_is_kept(visit: Visit, at: int) -> None:
    async with visit() as alice:
        reply = await alice.post("numbers")
        await seen(alice, reply, 30)
        await alice.send("reply.stop", reply=reply, at=at)
        assert await kept(visit, alice, reply) == TEXT[:at]


async def test_every_tab_is_cut_to_what_the_one_that_stopped_saw(visit: Visit) -> None:
    async with visit() as alice, tab(visit, alice) as other:
        reply = await alice.post("numbers")
        await asyncio.gather(seen(alice, reply, 40), seen(other, reply, 40))
        await other.send("reply.stop", reply=reply, at=25)
        assert await kept(visit, alice, reply) == TEXT[:25]
        assert await other.end(reply) == await alice.end(reply)
        for each in (alice, other):
            *_, changed, end = [
                f for f in each.frames if f["type"] not in ("char", "ready", "title")
            ]
            assert changed["type"] == "message.changed"
            assert changed["message"] == {
                **changed["message"],
                "id": reply,
                "text": TEXT[:25],
                "status": "stopped",
            }
            assert end == {
                **end,
                "type": "reply.end",
                "length": 25,
                "crc32": crc32(TEXT[:25].encode()),
            }


@pytest.mark.parametrize("at", [{}, {"at": None}, {"at": 1_000_000}], ids=str)
async def test_else_what_was_written_is_kept(visit: Visit, at: dict[str, Any]) -> None:
    async with visit() as alice, tab(visit, alice) as other:
        reply = await alice.post("numbers")
        await seen(alice, reply, 30)
        await alice.send("reply.stop", reply=reply, **at)
        text = await kept(visit, alice, reply)
        assert 30 <= len(text) < len(TEXT)
        assert TEXT.startswith(text)
        await other.end(reply)
        assert "".join(alice.chars(reply)) == "".join(other.chars(reply)) == text


@pytest.mark.parametrize("at", [0, 1, 6, 7, 8, 13, 14])
async def test_no_character_is_torn(visit: Visit, at: int) -> None:
    async with visit() as alice:
        reply = await alice.post("families")
        await seen(alice, reply, 14)
        await alice.send("reply.stop", reply=reply, at=at)
        assert await kept(visit, alice, reply) == FAMILY * (at // 7)


async def test_nothing_is_typed_after_the_end(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("numbers")
        await seen(alice, reply, 10)
        await alice.send("reply.stop", reply=reply)
        end = await alice.end(reply)
        await alice.end(await alice.post("another"))
        after = alice.frames[alice.frames.index(end) + 1 :]
        assert [frame for frame in after if frame.get("reply") == reply] == []


async def test_two_tabs_at_the_same_moment(visit: Visit) -> None:
    async with visit() as alice, tab(visit, alice) as other:
        reply = await alice.post("numbers")
        await asyncio.gather(seen(alice, reply, 20), seen(other, reply, 20))
        await asyncio.gather(
            alice.send("reply.stop", reply=reply, at=10),
            other.send("reply.stop", reply=reply, at=20),
        )
        text = await kept(visit, alice, reply)
        assert text in (TEXT[:10], TEXT[:20])
        late = other if len(text) == 10 else alice
        assert (await error(late))["code"] == "conflict"
        assert await other.end(reply) == await alice.end(reply)


async def test_right_after_it_was_opened(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("numbers")
        await alice.send("reply.stop", reply=reply, at=0)
        assert await kept(visit, alice, reply) == ""
        assert (await alice.end(reply))["crc32"] == 0


async def test_tab_that_is_closed_right_after(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("numbers")
        await seen(alice, reply, 20)
        await alice.send("reply.stop", reply=reply, at=15)
    async with tab(visit, alice) as alice:
        if alice.messages[reply]["status"] != "stopped":
            await alice.end(reply)
        assert alice.texts[reply] == TEXT[:15]


async def test_greeting_can_be_stopped(own_server: Server) -> None:
    own_server.manage("reply", "greeting", "--speed", "0.1")
    page = {"origin": own_server.url, "cookie": session(own_server.url)}
    async with Client(own_server.url, **page) as alice:
        greeting = alice.ready["messages"][0]["id"]
        await alice.send("reply.stop", reply=greeting, at=0)
        assert (await alice.end(greeting))["status"] == "stopped"
    async with Client(own_server.url, alice.own_path, **page) as alice:
        message = alice.messages[greeting]
        assert (message["status"], message["text"]) == ("stopped", "")


async def test_reply_that_has_ended(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        end = await alice.end(reply)
        await alice.send("reply.stop", reply=reply, at=3)
        refused = await error(alice)
        assert (refused["code"], refused["reply"]) == ("conflict", reply)
        async with tab(visit, alice) as again:
            assert (len(again.texts[reply]), end["status"]) == (end["length"], "complete")


async def test_stopped_reply_is_not_cut_further(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("numbers")
        await seen(alice, reply, 20)
        await alice.send("reply.stop", reply=reply, at=20)
        await alice.end(reply)
        await alice.send("reply.stop", reply=reply, at=5)
        assert (await error(alice))["code"] == "conflict"
        assert await kept(visit, alice, reply) == TEXT[:20]


async def test_strangers_cannot_tell_a_foreign_reply_from_none(visit: Visit) -> None:
    async with visit() as alice, visit() as charlie:
        reply = await alice.post("numbers", key="mine")
        [message] = [m["id"] for m in alice.messages.values() if m["key"] == "mine"]
        await seen(alice, reply, 10)
        refusals = []
        for id in (reply, message, 2**62):
            charlie.frames.clear()
            await charlie.send("reply.stop", reply=id, at=1)
            refusals.append(await error(charlie))
            assert refusals[-1].pop("reply") == id
        assert refusals == [{**refusals[0], "code": "not_found"}] * 3
        await alice.send("reply.stop", reply=message)
        assert (await error(alice))["code"] == "not_found", "a person's message is no reply"
        await seen(alice, reply, 30)
        await alice.send("reply.stop", reply=reply, at=30)
        assert await kept(visit, alice, reply) == TEXT[:30]


async def test_stop_outlives_the_server(own_server: Server) -> None:
    own_server.manage("reply", "answer", "--text", TEXT, "--speed", "60")
    page = {"origin": own_server.url, "cookie": session(own_server.url)}
    async with Client(own_server.url, **page) as alice:
        reply = await alice.post("count")
        await seen(alice, reply, 50)
        await alice.send("reply.stop", reply=reply, at=40)
        await alice.end(reply)
        own_server.kill()
        await alice.closed()
    own_server.start()
    path = f"/ws/chat/{alice.conversation}/"
    async with Client(own_server.url, path, **page) as alice:
        message = alice.messages[reply]
        assert (message["status"], message["text"]) == ("stopped", TEXT[:40])


async def test_reply_whose_writer_was_killed_can_be_stopped(own_server: Server) -> None:
    """What alice saw is kept, even where the writer had not saved it any more."""
    own_server.manage("reply", "answer", "--text", TEXT, "--speed", "60")
    page = {"origin": own_server.url, "cookie": session(own_server.url)}
    async with Client(own_server.url, **page) as alice:
        stopped, other = await alice.post("count"), await alice.post("count too")
        await seen(alice, stopped, 100)
        own_server.kill()
        await alice.closed()
    own_server.start()
    path = f"/ws/chat/{alice.conversation}/"
    async with Client(own_server.url, path, **page) as alice:
        await alice.send("reply.stop", reply=stopped, at=100)
        end = await alice.end(stopped)
        assert (end["status"], alice.texts[stopped]) == ("stopped", TEXT[:100])
        # when the other goes on, all that nobody writes has been looked after
        await alice.until(lambda frame: frame["type"] == "char" and frame["reply"] == other)
        await alice.send("reply.stop", reply=other)
        await alice.end(other)
    async with Client(own_server.url, path, **page) as alice:
        message = alice.messages[stopped]
        assert (message["status"], message["text"]) == ("stopped", TEXT[:100])
