"""A room: everybody's messages to everybody, in one order, and replies side by side."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.client import Client, Frame, session
from tests.conftest import Visit
from tests.server import Server

LOBBY = "/ws/rooms/lobby/"
OPEN_ROOM = """
import json
from chat.models import Conversation, Link, User
wishes = json.loads('''{wishes}''')
room = Conversation.objects.create(kind="room", title=wishes["slug"], **wishes)
link = Link.objects.create(conversation=room, token=Link.new_token(), right="watch")
print(json.dumps({{"id": str(room.pk), "link": link.token}}))
"""

NEW_GUESTS = """
import uuid
from django.contrib.sessions.backends.db import SessionStore
for _ in range({count}):
    session = SessionStore()
    session["visitor"] = str(uuid.uuid4())
    session.save()
    print("sessionid=" + session.session_key)
"""


def open_room(server: Server, slug: str, **wishes: Any) -> dict[str, str]:
    """Make a room; return its id, and the token of a link to watch it."""
    code = OPEN_ROOM.format(wishes=json.dumps({"slug": slug, **wishes}))
    made: dict[str, str] = json.loads(server.manage("shell", "-c", code).splitlines()[-1])
    return made


def is_message(text: str) -> Callable[[Frame], bool]:
    return lambda frame: frame["type"] == "message" and frame["message"]["text"] == text


async def test_everybody_sees_what_everybody_writes(visit: Visit) -> None:
    async with visit(LOBBY) as alice, visit(LOBBY) as bob:
        assert alice.ready["conversation"]["kind"] == "room"
        assert alice.ready["conversation"]["title"] == "Lobby"
        assert alice.ready["you"]["role"] == "visitor"
        await alice.send("message.send", text="Hello, everybody.", key="a1")
        mine = await alice.until(lambda frame: frame.get("key") == "a1")
        seen = await bob.until(is_message("Hello, everybody."))
        assert mine
        assert seen
        assert "key" not in seen
        assert seen["message"]["key"] is None
        assert seen["message"]["author"] == {
            "kind": "person",
            "id": alice.ready["you"]["id"],
            "name": alice.ready["you"]["name"],
        }
        await bob.send("message.send", text="Hello, Alice.", key="a1")
        assert await alice.until(is_message("Hello, Alice."))
        async with visit(LOBBY) as charlie:
            texts = [message["text"] for message in charlie.ready["messages"]]
            assert texts[-2:] == ["Hello, everybody.", "Hello, Alice."]


async def test_whoever_is_elsewhere_hears_what_is_new(visit: Visit, server: Server) -> None:
    """Replies count, too, in the news as in the list."""
    cookie = session(server.url)
    room = open_room(server, "news")
    async with visit("/ws/rooms/news/", cookie=cookie) as bob:
        await bob.send("message.send", text="I take a seat.", key="b1")
        await bob.until(lambda frame: frame.get("key") == "b1")
    async with visit("/ws/rooms/news/") as alice, visit(cookie=cookie) as elsewhere:
        new: set[int] = set()
        reply = await alice.post("@assistant hello?")

        def is_told(frame: Frame) -> bool:
            new.update(frame.get("new", ()) if frame.get("id") == room["id"] else ())
            return reply in new

        assert await elsewhere.until(is_told)
        assert new == {alice.messages[reply]["reply_to"], reply}
        await elsewhere.send("conversations")
        told = await elsewhere.until(lambda frame: frame["type"] == "conversations")
        assert told
        [listed] = told["rooms"]
        assert listed["unread"] == 2
        assert listed["upto"] >= reply


async def test_the_assistant_answers_who_mentions_it_and_nobody_else(visit: Visit) -> None:
    async with visit(LOBBY) as alice, visit(LOBBY) as bob:
        await bob.send("message.send", text="Nobody is asked.", key="b1")
        await bob.until(lambda frame: frame.get("key") == "b1")
        reply = await alice.post("@assistant hello?")
        await alice.end(reply)
        asked = alice.messages[reply]["asked_by"]
        assert asked == {key: alice.ready["you"][key] for key in ("id", "name")}
        assert alice.texts[reply] == "Hello from server!"
        await bob.until(lambda frame: frame["type"] == "reply.end" and frame["reply"] == reply)
        assert bob.texts[reply] == alice.texts[reply]
        answered = {message["reply_to"] for message in bob.messages.values()}
        mine = next(m["id"] for m in bob.messages.values() if m["text"] == "Nobody is asked.")
        assert mine not in answered


async def test_it_answers_always_or_never_where_the_room_wishes_that(
    visit: Visit, server: Server
) -> None:
    open_room(server, "chatty", answers="always")
    open_room(server, "silent", answers="never")
    async with visit("/ws/rooms/chatty/") as alice:
        await alice.end(await alice.post("Hello."))
    async with visit("/ws/rooms/silent/") as bob:
        await bob.send("message.send", text="@Assistant?", key="b1", assistant="assistant")
        await bob.until(lambda frame: frame.get("key") == "b1")
        await bob.send("earlier", before=2**60)
        page = await bob.until(lambda frame: frame["type"] == "earlier")
        assert page
        assert [message["text"] for message in page["messages"]] == ["@Assistant?"]


async def test_several_people_are_answered_at_the_same_time(
    visit: Visit, scripted: Callable[..., str]
) -> None:
    scripted("side-by-side", "one two three " * 60, "--speed", "60")
    async with visit(LOBBY) as alice, visit(LOBBY) as bob, visit(LOBBY) as charlie:
        first = await alice.post("@assistant side-by-side")
        second = await bob.post("@assistant side-by-side")
        waits = await bob.post("@assistant side-by-side")
        both = {first, second}
        await charlie.until(
            lambda _: (
                all(charlie.chars(reply) for reply in both)
                and not any(reply in charlie.ends for reply in both)
            )
        )
        assert not charlie.chars(waits), "each has a line of their own"
        async with visit(LOBBY) as dora:
            known = {message["id"]: message["text"] for message in dora.ready["messages"]}
            assert known[first], "what is there, at once"
            assert known[second]
            await bob.send("reply.stop", reply=first)
            refused = await bob.until(lambda frame: frame["type"] == "error")
            assert refused
            assert refused["code"] == "forbidden", "only who asked may stop it"
            await dora.end(first)
            await dora.end(second)
            await bob.send("reply.stop", reply=waits)
            await dora.end(waits)
        for viewer in (alice, bob, charlie):
            for reply in (first, second, waits):
                await viewer.end(reply)
                assert viewer.texts[reply] == dora.texts[reply]


async def test_mentioned_people_are_marked(visit: Visit) -> None:
    async with visit(LOBBY) as alice, visit(LOBBY) as bob:
        await alice.send("message.send", text="Here I am.", key="a1")
        await alice.until(lambda frame: frame.get("key") == "a1")
        name, id = alice.ready["you"]["name"], alice.ready["you"]["id"]
        await bob.send("message.send", text=f"Look, @{name.upper()}, here.", key="b1")
        mine = await bob.until(lambda frame: frame.get("key") == "b1")
        assert mine
        assert id in mine["message"]["mentions"]
        await bob.send("message.send", text=f"No mention: x@{name} @{name}9", key="b2")
        other = await bob.until(lambda frame: frame.get("key") == "b2")
        assert other
        assert id not in other["message"].get("mentions", [])


async def test_an_edit_leaves_a_trace_and_hides_nothing(visit: Visit) -> None:
    async with visit(LOBBY) as alice, visit(LOBBY) as bob:
        await alice.send("message.send", text="Frist!", key="a1")
        mine = await bob.until(is_message("Frist!"))
        assert mine
        id = mine["message"]["id"]
        await bob.send("message.send", text="Second.", key="b1")
        await alice.until(is_message("Second."))
        await alice.send("message.edit", message=id, text="First!")
        changed = await bob.until(lambda frame: frame["type"] == "message.changed")
        assert changed
        assert (changed["message"]["text"], changed["message"]["edited"]) == ("First!", True)
        await bob.send("message.edit", message=id, text="Mine!")
        refused = await bob.until(lambda frame: frame["type"] == "error")
        assert refused
        assert refused["code"] == "forbidden"
        async with visit(LOBBY) as charlie:
            texts = [message["text"] for message in charlie.ready["messages"]]
            assert texts[-2:] == ["First!", "Second."]


async def test_what_is_deleted_is_gone_everywhere(visit: Visit, server: Server) -> None:
    async with visit(LOBBY) as alice, visit(LOBBY) as bob:
        await alice.send("message.send", text="a sour word", key="a1")
        mine = await bob.until(is_message("a sour word"))
        assert mine
        id = mine["message"]["id"]
        await alice.send("message.edit", message=id, text="a nicer word")
        await bob.until(lambda frame: frame["type"] == "message.changed")
        await alice.send("message.remove", message=id)
        removed = await bob.until(lambda frame: frame["type"] == "message.removed")
        assert removed == {"type": "message.removed", "messages": [id]}
    left = (
        "from chat.models import Message, Version;"
        "print(Message.objects.filter(text__endswith='r word').count(),"
        " Version.objects.filter(text__contains='a sour').count())"
    )
    assert server.manage("shell", "-c", left).splitlines()[-1] == "0 0"


async def test_two_hundred_write_at_once_over_bad_connections(visit: Visit, server: Server) -> None:
    """Each gets all that everybody wrote, once, in the order in which it stays."""
    open_room(server, "crowd", answers="never")
    path = "/ws/rooms/crowd/"
    cookies = server.manage("shell", "-c", NEW_GUESTS.format(count=200)).splitlines()[-200:]
    async with visit(path) as alice, visit(path) as bob:

        def is_mine(frame: Frame) -> bool:
            return frame.get("key") == "k"

        async def write(who: int, cookie: str) -> None:
            dice, is_said = random.Random(who), False
            while not is_said:
                writer = visit(path, cookie=cookie)
                writer.patience = 200  # seconds; all of them come and write at once
                with suppress(ConnectionClosed):  # as if the dice had said so
                    async with writer:
                        await writer.send("message.send", text=f"message {who}", key="k")
                        if dice.random() < 0.4:
                            writer.socket.transport.abort()
                            continue
                        mine = await writer.until(is_mine, or_closed=True)
                        is_said = mine is not None

        await asyncio.gather(*map(write, range(200), cookies))
        async with visit(path) as reader:
            stored = [message["text"] for page in await reader.pages() for message in page]
        assert sorted(stored) == sorted(f"message {who}" for who in range(200))
        for viewer in (alice, bob):
            await viewer.until(lambda _, viewer=viewer: len(heard(viewer)) >= len(stored))
            assert heard(viewer) == stored


def heard(viewer: Client) -> list[str]:
    return [frame["message"]["text"] for frame in viewer.frames if frame["type"] == "message"]
