"""A client that missed something asks for it: the rest of a reply, or older messages."""

import asyncio
import json
import random
from typing import Any, NamedTuple

import pytest

from tests.client import Client, Frame
from tests.conftest import Visit
from tests.server import Server

TEXT = "".join(f"{number} " for number in range(2000))  # typed for longer than any test takes
BRIEF = TEXT[:490]
FAMILY = "👩‍👩‍👧‍👦"
PAGE = 50
LARGEST_FRAME = 1024 * 1024  # bytes, of many a WebSocket library
LONG = 32_000  # characters of a message at most
SIZES = (1, 49, 50, 51, 100, 120)
LONG_ONES = {"three bytes": "€", "four bytes": "😀", "escaped": '"', "escaped too": "\\"}

# Conversations of alice as they are after months of use, the oldest message first.
HISTORY = f"""
import json
from chat.models import ApiKey, Conversation, Message, User
alice = User.objects.create_user("alice of long ago")
made = dict(key=ApiKey.issue(alice), conversations=dict())
def conversation(name, texts):
    made["conversations"][name] = str(Conversation.objects.create(owner=alice).pk)
    Message.objects.bulk_create(
        Message(conversation_id=made["conversations"][name], person=alice, text=text, key=str(n))
        for n, text in enumerate(texts)
    )
for size in {SIZES}:
    conversation(str(size), (f"number {{n}}" for n in range(size)))
for name, character in {LONG_ONES}.items():
    conversation(name, [character * {LONG}] * 24)
print(json.dumps(made))
"""


class Past(NamedTuple):
    """An account with conversations that have a history, by name."""

    key: str
    conversations: dict[str, str]


@pytest.fixture(scope="module")
def past(server: Server) -> Past:
    replies = (("numbers", TEXT, "60"), ("quickly", BRIEF, "150"), ("families", FAMILY * 60, "60"))
    for keyword, text, speed in replies:
        rule = ("--trigger", "keyword", "--keywords", keyword, "--speed", speed)
        server.manage("reply", keyword, "--text", text, *rule)
    return Past(**json.loads(server.manage("shell", "-c", HISTORY).splitlines()[-1]))


pytestmark = pytest.mark.usefixtures("past")


def open_again(server: Server, past: Past, name: str) -> Client:
    path = f"/ws/chat/{past.conversations[name]}/"
    return Client(server.url, path, authorization=f"Bearer {past.key}")


async def of_type(client: Client, type: str) -> Frame:
    frame = await client.until(lambda frame: frame["type"] == type)
    assert frame
    return frame


async def synced(client: Client, reply: Any, at: int) -> str:
    """Ask for the reply from `at` on; return the text that comes."""
    client.frames.clear()
    await client.send("sync", reply=reply, at=at)
    frame = await of_type(client, "reply.text")
    assert (frame["reply"], frame["at"]) == (reply, at)
    return str(frame["text"])


async def refusal(client: Client, reply: Any, at: int) -> Frame:
    client.frames.clear()
    await client.send("sync", reply=reply, at=at)
    error = await of_type(client, "error")
    assert error.pop("reply") == reply
    return error


async def seen(client: Client, reply: Any, length: int) -> None:
    await client.until(lambda _: len(client.texts.get(reply, "")) >= length)


# --- sync


async def test_in_the_middle_of_a_live_reply(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("numbers")
        await seen(alice, reply, 40)
        for at in (10, 0, len(alice.texts[reply])):
            text = await synced(alice, reply, at)
            assert TEXT[at:].startswith(text)
            caught_up = at + len(text)
            assert caught_up >= 40, "it is all there is by now"
            [next_at] = await first_chars(alice, reply, 1)
            assert next_at == caught_up, "live text goes on right there"
        await alice.send("reply.stop", reply=reply)
        await alice.end(reply)


async def first_chars(client: Client, reply: Any, count: int) -> list[int]:
    """Return where the first `count` frames of a character start that come after the sync."""

    def starts() -> list[int]:
        since = [f["type"] for f in client.frames].index("reply.text")
        return [f["at"] for f in client.frames[since:] if f["type"] == "char"]

    await client.until(lambda _: len(starts()) >= count)
    return starts()[:count]


async def test_reply_that_waits_in_line_has_no_end_yet(visit: Visit) -> None:
    async with visit() as alice:
        former = await alice.post("numbers")
        reply = await alice.post("and then?")
        assert await synced(alice, reply, 0) == ""
        await alice.send("sync", reply=reply, at=1)
        assert await synced(alice, reply, 0) == ""
        assert reply not in alice.ends
        await alice.send("reply.stop", reply=former)
        await alice.end(reply)


async def test_inside_a_character(visit: Visit) -> None:
    """Offsets count code points; the one who asks may have any of them."""
    async with visit() as alice:
        reply = await alice.post("families")
        await seen(alice, reply, 14)
        assert (FAMILY * 60)[3:].startswith(await synced(alice, reply, 3))
        await alice.end(reply)
        assert await synced(alice, reply, 10) == (FAMILY * 60)[10:]


async def test_past_the_end_of_a_live_reply(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("numbers")
        await seen(alice, reply, 10)
        error = await refusal(alice, reply, len(TEXT))
        assert error["code"] == "bad_request"
        assert error["detail"].startswith("at: ")
        await seen(alice, reply, 60)  # nothing happened to it
        await alice.send("reply.stop", reply=reply, at=60)
        await alice.end(reply)


@pytest.mark.parametrize("at", [0, 6, 17, 18])
async def test_ended_reply(visit: Visit, at: int) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        end = await alice.end(reply)
        assert await synced(alice, reply, at) == "Hello from server!"[at:]
        assert await of_type(alice, "reply.end") == end


async def test_past_the_end_of_an_ended_reply(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        error = await refusal(alice, reply, 19)
        assert error["code"] == "bad_request"
        assert error["detail"].startswith("at: ")


async def test_what_is_no_reply_of_this_conversation(visit: Visit) -> None:
    async with visit() as alice, visit() as charlie:
        live = await alice.post("numbers", key="mine")
        ended = alice.ready["messages"][0]["id"]
        [message] = [m["id"] for m in alice.messages.values() if m["key"] == "mine"]
        await alice.end(ended)
        refusals = [await refusal(charlie, id, 0) for id in (live, ended, message, 2**62)]
        refusals.append(await refusal(alice, message, 0))
        assert refusals == [{**refusals[0], "code": "not_found"}] * 5
        await alice.send("reply.stop", reply=live)
        await alice.end(live)


class Lossy(Client):
    """Loses one in five characters on the way, but not the last ones, and gets some twice."""

    chance = random.Random(7)

    async def _apply(self, frame: Frame) -> None:
        if frame["type"] == "char" and frame["at"] < 400 and self.chance.random() < 0.2:
            return
        await super()._apply(frame)
        if frame["type"] == "char" and self.chance.random() < 0.2:
            await super()._apply(frame)


async def test_whatever_is_lost_or_comes_twice_the_text_is_right(
    visit: Visit, server: Server
) -> None:
    async with Lossy(server.url, origin=server.url) as alice:
        reply = await alice.post("quickly")
        assert (await alice.end(reply))["status"] == "complete"
        assert alice.texts[reply] == BRIEF
        assert [frame for frame in alice.frames if frame["type"] == "reply.text"]


# --- earlier


@pytest.mark.parametrize("size", SIZES)
async def test_messages_come_fifty_at_a_time(server: Server, past: Past, size: int) -> None:
    async with open_again(server, past, str(size)) as alice:
        found = await alice.pages()
        assert [len(page) for page in found] == [
            min(PAGE, size - start) for start in range(0, size, PAGE)
        ][::-1]
        oldest_first = [message["text"] for page in found for message in page]
        assert oldest_first == [f"number {n}" for n in range(size)]


@pytest.mark.parametrize("name", LONG_ONES)
async def test_long_messages_come_in_frames_that_are_not_too_large(
    server: Server, past: Past, name: str
) -> None:
    async with open_again(server, past, name) as alice:
        frame = json.dumps(alice.ready, ensure_ascii=False, separators=(",", ":")).encode()
        assert LARGEST_FRAME / 4 < len(frame) < LARGEST_FRAME
        assert alice.ready["messages"][-1]["key"] == "23", "the newest are there"
        found = await alice.pages()
        keys = [message["key"] for page in found for message in page]
        assert keys == [str(n) for n in range(24)]
        assert {message["text"] for page in found for message in page} == {LONG_ONES[name] * LONG}


async def test_nothing_is_before_the_first(server: Server, past: Past) -> None:
    async with open_again(server, past, "1") as alice:
        answer = await alice.earlier(alice.ready["messages"][0]["id"])
        assert answer == {"type": "earlier", "messages": [], "has_earlier": False}


async def test_before_an_id_that_is_not_in_this_conversation(server: Server, past: Past) -> None:
    """Ids only say how old: nothing of another conversation ever comes."""
    async with open_again(server, past, "51") as alice, open_again(server, past, "120") as other:
        for id in (2**62, other.ready["messages"][0]["id"]):
            answer = await alice.earlier(id)
            assert answer["messages"] == alice.ready["messages"]
            assert answer["has_earlier"]
        answer = await other.earlier(alice.ready["messages"][0]["id"])
        assert answer["messages"] == []


async def test_live_reply_among_earlier_messages_goes_on(visit: Visit, server: Server) -> None:
    more = "from chat.models import *; m = Message.objects.get(pk={}); Message.objects.bulk_create("
    more += "Message(conversation=m.conversation, person=m.reply_to.person, text='more')"
    more += " for _ in range(60))"
    async with visit() as alice:
        reply = await alice.post("numbers")
        await seen(alice, reply, 1)
        await asyncio.to_thread(server.manage, "shell", "-c", more.format(reply))
        path, cookie = f"/ws/chat/{alice.conversation}/", alice.headers["cookie"]
        async with visit(path, cookie=cookie) as late:
            assert reply not in late.messages
            answer = await late.earlier(late.ready["messages"][0]["id"])
            [message] = [each for each in answer["messages"] if each["id"] == reply]
            assert message["status"] == "streaming"
            assert TEXT.startswith(message["text"])
            await seen(late, reply, len(message["text"]) + 20)
            await late.send("reply.stop", reply=reply)
            await late.end(reply)
            assert TEXT.startswith(late.texts[reply])
            await alice.end(reply)
            assert alice.texts[reply] == late.texts[reply]
