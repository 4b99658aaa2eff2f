"""Every frame of the server has exactly the fields that the contract says, and no others."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import pytest

from tests.client import Client, Frame, session
from tests.conftest import Visit
from tests.server import Server

MESSAGE_FIELDS = {
    *("id", "author", "text", "status", "created", "reply_to", "version", "versions"),
    *("key", "error"),
}
MIXED = 'Ñ e\u0301 👩‍👩‍👧‍👦 \U0001f1e9\U0001f1ea क्षि \t"\\/\n<b>\u2028\u200b end'
MIXED_LENGTHS = [1, 1, 2, 1, 7, 1, 2, 1, 4, *[1] * 15]


async def of_type(client: Client, type: str) -> Frame:
    frame = await client.until(lambda frame: frame["type"] == type)
    assert frame
    return frame


async def test_ready(visit: Visit) -> None:
    async with visit() as alice:
        ready = alice.frames[0]
        assert ready["type"] == "ready", "it is the first frame"
        messages = ready.pop("messages")
        assert [message["author"]["kind"] for message in messages] == ["assistant"]
        you, conversation = ready.pop("you"), ready.pop("conversation")
        assert you == {"id": str(uuid.UUID(you["id"])), "name": you["name"], "guest": True}
        assert you["name"]
        assert conversation == {
            "id": str(uuid.UUID(conversation["id"])),
            "kind": "private",
            "title": "",
        }
        usual, *others = ready.pop("assistants")
        assert usual == {"slug": "assistant", "name": "Assistant", "default": True}
        assert all(other.keys() == usual.keys() and not other["default"] for other in others)
        assert ready == {"type": "ready", "protocol": 1, "has_earlier": False}


async def test_message_of_a_person(visit: Visit) -> None:
    async with visit() as alice:
        await alice.post("hi there", key="mine")
        frame = await alice.until(lambda frame: frame.get("key") == "mine")
        assert frame
        message = frame.pop("message")
        assert frame == {"type": "message", "key": "mine"}
        created = datetime.fromisoformat(message.pop("created"))
        assert created.utcoffset() == timedelta(0)
        assert abs(created - datetime.now(UTC)) < timedelta(hours=1)
        assert isinstance(message.pop("id"), int | str)
        you = alice.ready["you"]
        assert message == {
            "author": {"kind": "person", "id": you["id"], "name": you["name"]},
            "text": "hi there",
            "status": "complete",
            "reply_to": None,
            "version": 1,
            "versions": 1,
            "key": "mine",
            "error": None,
        }


async def test_message_of_the_assistant(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi there", key="mine")
        frame = await alice.until(lambda frame: frame.get("message", {}).get("id") == reply)
        assert frame
        message = frame.pop("message")
        assert frame == {"type": "message"}, "a key is only on one's own"
        assert set(message) == MESSAGE_FIELDS
        assert message["author"] == {
            "kind": "assistant",
            "id": message["author"]["id"],
            "name": "Assistant",
        }
        [asked] = [m["id"] for m in alice.messages.values() if m["key"] == "mine"]
        assert message["reply_to"] == asked
        assert (message["text"], message["status"]) == ("", "waiting")
        assert (message["key"], message["error"]) == (None, None)
        assert (message["version"], message["versions"]) == (1, 1)


async def test_chars_and_end(visit: Visit, scripted: Callable[..., str]) -> None:
    scripted("mixed", MIXED, "--speed", "300")
    async with visit() as alice:
        reply = await alice.post("mixed")
        end = await alice.end(reply)
        chars = [f for f in alice.frames if f["type"] == "char" and f["reply"] == reply]
        at = 0
        for frame, length in zip(chars, MIXED_LENGTHS, strict=True):
            text = MIXED[at : at + length]
            assert frame == {"type": "char", "reply": reply, "at": at, "char": text}
            at += length
        assert end == {
            "type": "reply.end",
            "reply": reply,
            "status": "complete",
            "length": len(MIXED),
            "crc32": crc32(MIXED.encode()),
            "error": None,
            "version": 1,
            "versions": 1,
        }
        assert alice.frames.index(end) > alice.frames.index(chars[-1])


async def test_checksum_is_unsigned(visit: Visit, scripted: Callable[..., str]) -> None:
    scripted("unsigned", "a", "--speed", "0")
    async with visit() as alice:
        end = await alice.end(await alice.post("unsigned"))
        assert end["crc32"] == 0xE8B7BE43, "the first bit is set, and it is not negative"


async def test_text_of_a_sync(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi there")
        end = await alice.end(reply)
        alice.frames.clear()
        await alice.send("sync", reply=reply, at=6)
        text = await of_type(alice, "reply.text")
        assert text == {"type": "reply.text", "reply": reply, "at": 6, "text": "from server!"}
        assert await of_type(alice, "reply.end") == end


@pytest.mark.parametrize("t", [0, -1, 1.5, 2**53, 10**15, "a tab", "", "x" * 64, None])
async def test_pong(visit: Visit, t: Any) -> None:
    async with visit() as alice:
        await alice.send("ping", t=t)
        assert await of_type(alice, "pong") == {"type": "pong", "t": t}


async def test_pong_without_a_stamp(visit: Visit) -> None:
    async with visit() as alice:
        await alice.send("ping")
        assert await of_type(alice, "pong") == {"type": "pong", "t": None}


async def test_earlier(visit: Visit) -> None:
    async with visit() as alice:
        greeting = alice.ready["messages"][0]["id"]
        reply = await alice.post("hi there", key="mine")
        await alice.end(greeting)
        await alice.end(reply)
        await alice.send("earlier", before=reply)
        frame = await of_type(alice, "earlier")
        messages = frame.pop("messages")
        assert frame == {"type": "earlier", "has_earlier": False}
        assert [message["key"] for message in messages] == [None, "mine"]
        assert messages[0]["id"] == greeting
        assert (messages[0]["text"], messages[0]["status"]) == ("Hello from server!", "complete")
        assert all(set(message) == MESSAGE_FIELDS for message in messages)


async def test_error(visit: Visit) -> None:
    async with visit() as alice:
        await alice.send("message.send", text="", key="mine")
        error = await of_type(alice, "error")
        detail = error.pop("detail")
        assert detail
        assert error == {"type": "error", "code": "bad_request", "key": "mine"}


async def test_ready_after_reconnect_has_the_key_on_ones_own(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        await alice.end(await alice.post("hi there", key="mine"))
        path = f"/ws/chat/{alice.conversation}/"
    async with visit(path, cookie=cookie) as alice:
        messages = alice.ready["messages"]
        assert [message["key"] for message in messages] == [None, "mine", None]
        assert [message["status"] for message in messages] == ["complete"] * 3
        assert all(set(message) == MESSAGE_FIELDS for message in messages)


@pytest.mark.parametrize("as_sent", [int, str])
async def test_ids_are_usable_as_they_came_and_as_strings(
    visit: Visit, as_sent: Callable[[Any], Any]
) -> None:
    async with visit() as alice:
        reply = await alice.post("hi there")
        await alice.end(reply)
        await alice.send("ack", reply=as_sent(reply), at=1)
        await alice.send("sync", reply=as_sent(reply), at=0)
        assert (await of_type(alice, "reply.text"))["text"] == "Hello from server!"
        await alice.send("reply.stop", reply=as_sent(reply))
        assert (await of_type(alice, "error"))["code"] == "conflict"
        await alice.send("earlier", before=as_sent(reply))
        assert (await of_type(alice, "earlier"))["messages"][-1]["text"] == "hi there"
