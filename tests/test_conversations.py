"""Whole conversations: the list, and what can be done with one, at every door and on every page."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat import conversations, listing
from chat.database import in_database
from chat.models import Assistant, Conversation, Message, User, Version
from chat.requests import LARGEST_BODY
from tests.client import Client as Socket
from tests.client import Frame, fetch, session
from tests.conftest import Visit
from tests.doors import ask
from tests.server import Server

NOT_FOUND = 4404
VERBS = ("rename", "pin", "unpin", "archive", "unarchive", "delete", "restore")


def talk(owner: User, title: str = "", ago: int = 0, **fields: Any) -> Conversation:
    """Make a conversation in which `owner` wrote so many seconds ago."""
    written = timezone.now() - timedelta(seconds=ago)
    return Conversation.objects.create(owner=owner, title=title, written=written, **fields)


@pytest.fixture
def alice(client: Client, db: None) -> User:
    alice = User.objects.create_user("alice")
    client.force_login(alice)
    return alice


def post(client: Client, conversation: Conversation | UUID, verb: str, fields: Any = None) -> Any:
    id = conversation.pk if isinstance(conversation, Conversation) else conversation
    data = json.dumps(fields) if fields is not None else ""
    return client.post(f"/c/{id}/{verb}/", data, content_type="application/json")


def state(conversation: Conversation) -> tuple[str, bool, bool, bool]:
    conversation.refresh_from_db()
    it = conversation
    return it.title, it.pinned, it.archived, it.deleted is not None


# --- the list ----------------------------------------------------------------------------------


def titles(owner: User, **which: Any) -> list[str]:
    return [entry["title"] for entry in listing.entries(owner.pk, **which)[0]]


def test_pinned_ones_come_first_then_the_newest(alice: User) -> None:
    for title, ago, pinned in (("old", 9, False), ("kept", 8, True), ("new", 1, False)):
        talk(alice, title, ago, pinned=pinned)
    talk(alice, "put away", archived=True)
    talk(alice, "gone", deleted=timezone.now())
    talk(User.objects.create_user("bob"), "Bob's")
    Conversation.objects.create(owner=alice, title="only greeted")
    assert titles(alice) == ["kept", "new", "old"]
    assert titles(alice, archived=True) == ["put away"]


def test_list_comes_in_pages(alice: User) -> None:
    for n in range(120):
        talk(alice, str(n), ago=n // 3, pinned=n in (40, 80))  # some at the same moment
    whole, after = [], None
    for size, more in ((50, True), (50, True), (20, False)):
        entries, has_more = listing.entries(alice.pk, after=after)
        assert (len(entries), has_more) == (size, more)
        whole += entries
        after = UUID(entries[-1]["id"])
    assert len({entry["id"] for entry in whole}) == 120
    assert {entry["title"] for entry in whole[:2]} == {"40", "80"}


def test_list_stays_short_and_quick_with_thousands(client: Client, alice: User) -> None:
    now = timezone.now()
    many = [Conversation(owner=alice, title=f"No. {n}", written=now) for n in range(2000)]
    Conversation.objects.bulk_create(many)
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/c/new/")
    assert page.text.count('data-role="entry"') == listing.PAGE + 1, "and the template"
    slow = [query["sql"] for query in queries if "chat_conversation" in query["sql"]]
    plans = []
    for sql in slow:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {'QUERY PLAN' * (connection.vendor == 'sqlite')} {sql}")
            plans += [str(row) for row in cursor.fetchall()]
    assert plans
    if connection.vendor == "sqlite":
        assert not any("SCAN chat_conversation" in plan for plan in plans), plans


def test_page_lists_them_as_links(client: Client, alice: User) -> None:
    first, second = talk(alice, "<b>bold</b>", 2, unread=True), talk(alice, "", 1)
    page = client.get(f"/c/{second.pk}/").text
    assert f'href="/c/{first.pk}/"' in page
    assert f'href="/c/{second.pk}/" aria-current="page"' in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert page.count(" data-unread") == 1
    assert client.get(f"/c/{first.pk}/").text.count(" data-unread") == 0, "it is being read"


def test_title_of_the_window_is_the_conversations(client: Client, alice: User) -> None:
    page = client.get(f"/c/{talk(alice, 'A & B').pk}/").text
    assert "<title>A &amp; B | Chat Messages</title>" in page
    assert "<title>Chat Messages</title>" in client.get("/c/new/").text


def test_reply_that_is_being_written_is_seen_in_the_list(alice: User) -> None:
    busy, idle = talk(alice, "busy", 1), talk(alice, "idle", 2)
    for conversation, status in ((busy, "streaming"), (idle, "complete")):
        conversation.messages.create(assistant=Assistant.objects.get(), status=status)
    assert [entry["typing"] for entry in listing.entries(alice.pk)[0]] == [True, False]


def test_home_is_never_what_was_put_away(client: Client, alice: User) -> None:
    talk(alice, archived=True)
    assert 'data-socket-path="/ws/chat/"' in client.get("/").text


def test_new_is_always_a_new_one(client: Client, alice: User) -> None:
    talk(alice)
    assert 'data-socket-path="/ws/chat/"' in client.get("/c/new/").text
    assert client.post("/c/new/").status_code == 405


# --- the doors ---------------------------------------------------------------------------------


def test_rename(client: Client, alice: User) -> None:
    conversation = talk(alice, "old")
    answer = post(client, conversation, "rename", {"title": "  A \n new\tname  "})
    assert (answer.status_code, answer.json()["title"]) == (200, "A new name")
    assert state(conversation)[0] == "A new name"
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("title", ["x" * 200, "👨‍👩‍👧‍👦" * 28, "שלום", "a\u202eb", "%_\\'\"<b>"])
def test_titles_that_are_fine(client: Client, alice: User, title: str) -> None:
    conversation = talk(alice)
    assert post(client, conversation, "rename", {"title": title}).status_code == 200
    assert state(conversation)[0] == title


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("", "blank"),
        (" \t\n", "blank"),
        ("\u200b\u2060\ufeff\u00ad", "blank"),
        ("\u3000", "blank"),
        ("x" * 201, "at most 200"),
        ("a\0b", "U+0000"),
        ("a\x1bb", "U+001B"),
        ("a\ud800b", "U+D800"),
        *((wrong, "must be a string") for wrong in (None, 5, True, ["a"], {"a": "b"})),
    ],
    ids=repr,
)
def test_titles_that_are_refused(client: Client, alice: User, title: Any, reason: str) -> None:
    conversation = talk(alice, "old")
    answer = post(client, conversation, "rename", {"title": title})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.json()["detail"].startswith("title: must")
    assert reason in answer.json()["detail"]
    assert state(conversation)[0] == "old"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"5", b"null", b"{}", b"\xff\xfe", b"[" * 50_000),
        *(b'{"name":"x"}', b'{"title":"x","id":1}'),
    ],
)
def test_bodies_that_are_refused(client: Client, alice: User, data: bytes) -> None:
    conversation = talk(alice, "old")
    path = f"/c/{conversation.pk}/rename/"
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = client.post(path, data, content_type=kind)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert "JSON object" in answer.json()["detail"]
    assert state(conversation)[0] == "old"


def test_body_that_is_too_large(client: Client, alice: User) -> None:
    answer = post(client, talk(alice), "rename", {"title": "x" * LARGEST_BODY})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_pin_and_archive_know_of_each_other(client: Client, alice: User) -> None:
    conversation = talk(alice, "it")
    for verb, expected in (
        ("pin", (True, False)),
        ("pin", (True, False)),
        ("archive", (False, True)),
        ("unpin", (False, True)),
        ("pin", (True, False)),
        ("unpin", (False, False)),
        ("archive", (False, True)),
        ("unarchive", (False, False)),
    ):
        answer = post(client, conversation, verb)
        assert answer.status_code == 200
        assert state(conversation) == ("it", *expected, False)
        assert (answer.json()["pinned"], answer.json()["archived"]) == expected


def test_delete_and_restore(client: Client, alice: User) -> None:
    conversation = talk(alice, "it", pinned=True)
    assert post(client, conversation, "delete").status_code == 200
    assert state(conversation) == ("it", True, False, True)
    assert client.get(f"/c/{conversation.pk}/").status_code == 404
    for verb in ("rename", "pin", "archive", "delete"):
        assert post(client, conversation, verb, {"title": "x"}).status_code == 404
    assert state(conversation) == ("it", True, False, True)
    for _ in range(2):
        answer = post(client, conversation, "restore")
        assert (answer.status_code, answer.json()["title"]) == (200, "it")
    assert client.get(f"/c/{conversation.pk}/").status_code == 200


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_somebody_elses_is_unknown(client: Client, alice: User, verb: str) -> None:
    of_bob = talk(User.objects.create_user("bob"), "Bob's")
    answers = [post(client, id, verb, {"title": "x"}) for id in (of_bob.pk, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["code"] == "not_found"
    assert state(of_bob) == ("Bob's", False, False, False)
    Conversation.objects.update(deleted=timezone.now())
    assert post(client, of_bob, verb, {"title": "x"}).status_code == 404
    assert state(of_bob) == ("Bob's", False, False, True)


@pytest.mark.parametrize("verb", VERBS)
def test_doors_are_only_posted_to_with_a_token(client: Client, alice: User, verb: str) -> None:
    conversation = talk(alice, "it")
    for method in ("get", "put", "patch", "delete"):
        assert getattr(client, method)(f"/c/{conversation.pk}/{verb}/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert post(strict, conversation, verb, {"title": "x"}).status_code == 403
    assert state(conversation) == ("it", False, False, False)


def test_guest_has_all_doors_and_a_stranger_none(client: Client, db: None) -> None:
    client.get("/")
    guest = User.objects.guest(UUID(client.session["visitor"]), "Guest")
    conversation = talk(guest, "it")
    assert post(Client(), conversation, "pin").status_code == 404
    assert post(client, conversation, "pin").status_code == 200
    User.objects.update(is_active=False)
    answer = post(client, conversation, "unpin")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert state(conversation) == ("it", True, False, False)


def test_switched_off_account_is_nobody(client: Client, alice: User) -> None:
    conversation = talk(alice, "it")
    User.objects.update(is_active=False)
    assert post(client, conversation, "delete").status_code == 404
    assert state(conversation)[3] is False


# --- what is deleted goes for good -------------------------------------------------------------


@pytest.mark.django_db
def test_prune_removes_what_nobody_brought_back() -> None:
    alice, now = User.objects.create(username="alice"), timezone.now()
    for title, seconds in (("just now", 1), ("long ago", 100)):
        talk(alice, title, deleted=now - timedelta(seconds=seconds))
    out = StringIO()
    call_command("prune", stdout=out)
    assert out.getvalue() == "deleted 0 guests and 1 conversations\n"
    assert Conversation.objects.get(kind="private").title == "just now"


@pytest.mark.django_db
def test_sweeper_removes_what_nobody_brought_back(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, now = User.objects.create(username="alice"), timezone.now()
    talk(alice, "kept")
    for title, age in (("a moment ago", 50), ("long ago", 70)):
        for _ in range(conversations.BATCH + 1):
            talk(alice, title, deleted=now - timedelta(seconds=age))
    left = Conversation.objects.filter(kind="private").values_list("title", flat=True)
    look = async_to_sync(conversations.Sweeper().look)
    look()
    assert set(left.all()) == {"kept", "a moment ago"}
    left.filter(title="a moment ago").update(deleted=now - timedelta(days=1))
    look()
    assert set(left.all()) == {"kept", "a moment ago"}, "not every second"
    later = time.monotonic() + 61
    monkeypatch.setattr(conversations.time, "monotonic", lambda: later)
    look()
    assert set(left.all()) == {"kept"}


def long_talk(owner: User) -> Conversation:
    """Make one of several slices, of which a part points to the part before."""
    made = talk(owner, "long")
    assistant = Assistant.objects.get()
    asked = made.messages.create(person=owner, text="x")
    many = range(2 * conversations.SLICE)
    Message.objects.bulk_create(
        Message(conversation=made, assistant=assistant, reply_to=asked) for _ in many
    )
    last = made.messages.order_by("-pk")[0]
    made.messages.filter(pk__gt=asked.pk, pk__lt=last.pk).update(branch_of=asked)
    made.messages.filter(pk=asked.pk).update(reply_to=last)  # which nobody does
    Version.objects.bulk_create(Version(message=last, number=n) for n in many)
    return made


@pytest.mark.django_db
def test_much_is_removed_in_slices() -> None:
    alice = User.objects.create(username="alice")
    made, kept = long_talk(alice), talk(alice, "kept")
    kept.messages.create(person=alice, text="stays")
    models: tuple[Any, ...] = (Version, Message, Conversation)
    sizes = []
    more = True
    while more:
        before = [model.objects.count() for model in models]
        more = conversations.remove_slice(made.pk)
        connection.check_constraints()
        pairs = zip(before, models, strict=True)
        sizes.append([count - model.objects.count() for count, model in pairs])
        for end in (conversations.SLICE,) * bool(more):
            assert sum(sizes[-1]) == end
    assert [sum(of) for of in zip(*sizes, strict=True)] == [1000, 1001, 1]
    assert Message.objects.get().conversation == kept


@pytest.mark.django_db
def test_others_get_their_turn_while_much_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = long_talk(User.objects.create(username="alice"))
    calls = []

    async def call(function: Callable[..., Any], *args: Any) -> Any:
        calls.append(function)
        return await in_database(function, *args)

    monkeypatch.setattr(conversations, "in_database", call)
    async_to_sync(conversations.remove)([made.pk])
    assert len(calls) == 5
    assert not Conversation.objects.filter(kind="private").exists()


def test_half_of_a_conversation_does_not_come_back(client: Client, alice: User) -> None:
    made = long_talk(alice)
    assert conversations.remove_slice(made.pk)
    assert post(client, made, "restore").status_code == 404
    sweep = async_to_sync(conversations.Sweeper().look)
    sweep()
    assert not Message.objects.exists()


# --- on every page -----------------------------------------------------------------------------


async def news(socket: Socket, conversation: str, **wanted: Any) -> Frame:
    """Wait for the frame that tells this of `conversation`."""
    frame = await socket.until(
        lambda frame: (
            frame["type"] == "conversation"
            and frame["id"] == conversation
            and wanted.items() <= frame.items()
        )
    )
    assert frame
    return frame


async def change(server: Server, cookie: str, id: str, verb: str, fields: Any = None) -> Any:
    answer = await asyncio.to_thread(ask, server.url, cookie, f"/c/{id}/{verb}/", fields)
    assert answer[0] == 200, answer
    return answer[1]


async def listed(socket: Socket, **which: Any) -> Frame:
    """Ask for the list; return the answer."""
    count = sum(frame["type"] == "conversations" for frame in socket.frames)
    await socket.send("conversations", **which)
    seen = iter(range(count))
    frame = await socket.until(
        lambda frame: frame["type"] == "conversations" and next(seen, None) is None
    )
    assert frame
    return frame


async def test_first_message_brings_it_into_all_lists(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as one, visit(cookie=cookie) as other:
        assert (await listed(other))["conversations"] == []
        await one.end(await one.post("Hello there"))
        frame = await news(other, one.conversation, title="", pinned=False, archived=False)
        assert frame["written"]
        await news(other, one.conversation, typing=True)
        await news(other, one.conversation, typing=False)
        await news(other, one.conversation, title="Hello there")
        [entry] = (await listed(other))["conversations"]
        told = frame.items() - {"type": "conversation"}.items()
        assert entry == {**dict(told), "title": "Hello there", "typing": False}


async def test_typing_is_told_until_the_last_in_line_has_ended(
    visit: Visit, server: Server
) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as other, visit(cookie=cookie) as one:
        replies = [await one.post(text) for text in ("one", "two", "three")]
        for reply in replies:
            await one.end(reply)
        told: list[bool] = []

        def is_over(frame: Frame) -> bool:
            if frame.get("id") == one.conversation and "typing" in frame:
                told.append(frame["typing"])
            return told == [True, False] * 4  # the first of them is the greeting

        assert await other.until(is_over), told


async def test_changes_are_told_to_all_pages(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as one, visit(cookie=cookie) as other, visit() as stranger:
        await one.end(await one.post("Hello"))
        id = one.conversation
        await change(server, cookie, id, "rename", {"title": "Named"})
        await one.until(lambda frame: frame == {"type": "title", "title": "Named"})
        await news(other, id, title="Named")
        for verb, field, value in (
            *(("pin", "pinned", True), ("archive", "archived", True)),
            ("unarchive", "archived", False),
        ):
            told = await change(server, cookie, id, verb)
            assert told[field] is value
            for page in (one, other):
                await news(page, id, **told)
        await change(server, cookie, id, "delete")
        for page in (one, other):
            await news(page, id, deleted=True)
        assert await one.closed() == NOT_FOUND
        assert (await listed(other))["conversations"] == []
        await change(server, cookie, id, "restore")
        assert [entry["id"] for entry in (await listed(other))["conversations"]] == [id]
        async with visit(one.own_path, cookie=cookie) as again:
            assert [message["text"] for message in again.ready["messages"]][1] == "Hello"
        assert not [frame for frame in stranger.frames if frame["type"] == "conversation"]


async def test_deleting_ends_what_is_being_written(
    visit: Visit, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("delete-live", "On and on it goes. " * 200, "--speed", "20")
    cookie = session(server.url)
    async with visit(cookie=cookie) as one:
        first = await one.post("delete-live")
        await one.post("delete-live")
        await one.until(lambda frame: frame["type"] == "char" and frame["reply"] == first)
        await change(server, cookie, one.conversation, "delete")
        assert await one.closed() == NOT_FOUND
        assert one.ends[first]["status"] == "stopped"
    await change(server, cookie, one.conversation, "restore")
    async with visit(one.own_path, cookie=cookie) as again:
        replies = [m for m in again.ready["messages"] if m["author"]["kind"] == "assistant"]
        assert [reply["status"] for reply in replies] == ["complete", "stopped", "stopped"]
        assert replies[1]["text"] == one.texts[first]
        [entry] = (await listed(again))["conversations"]
        assert entry["typing"] is False


async def test_nothing_is_posted_into_what_is_deleted(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as one:
        await one.end(await one.post("Hello"))
        id = one.conversation
        await change(server, cookie, id, "delete")
        await one.closed()
        async with visit(one.own_path, cookie=cookie) as late:
            assert late.close_code == NOT_FOUND
    status, _ = await asyncio.to_thread(fetch, f"{server.url}/c/{id}/", cookie)
    assert status == 404


async def test_unread_goes_everywhere_when_it_is_opened(
    visit: Visit, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("unread-later", "You missed this. " * 3, "--speed", "6")
    cookie = session(server.url)
    async with visit(cookie=cookie) as other:
        async with visit(cookie=cookie) as one:
            await one.post("unread-later")
        await news(other, one.conversation, unread=True)
        async with visit(one.own_path, cookie=cookie):
            await news(other, one.conversation, unread=False)
        [entry] = (await listed(other))["conversations"]
        assert entry["unread"] is False


async def test_writing_takes_it_out_of_the_archive(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as one, visit(cookie=cookie) as other:
        await one.end(await one.post("Hello"))
        await change(server, cookie, one.conversation, "archive")
        assert len((await listed(other, archived=True))["conversations"]) == 1
        await one.end(await one.post("Hello again"))
        assert (await listed(other, archived=True))["conversations"] == []
        assert len((await listed(other))["conversations"]) == 1


async def test_list_that_is_asked_for_behind_something_unknown(visit: Visit) -> None:
    async with visit() as alice:
        await alice.send("conversations", after=str(uuid4()))
        error = await alice.until(lambda frame: frame["type"] == "error")
        assert error
        assert error["code"] == "not_found"
        await alice.send("conversations", after="x", archived=1)
        error = await alice.until(lambda frame: frame.get("code") == "bad_request")
        assert error
