"""Forget me: everything of a person is deleted, and nothing of anybody else."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from chat import forgetting
from chat.models import ApiKey, Assistant, Conversation, Message, User, Version
from chat.people import Person, at_socket
from chat.protocol import Refused
from tests.client import fetch, session
from tests.conftest import Visit
from tests.doors import ask
from tests.server import Server

NOT_SIGNED_IN = 4401


def talk(owner: User) -> Conversation:
    made = Conversation.objects.create(owner=owner, title="A talk", written=timezone.now())
    asked = made.messages.create(person=owner, text="hello", key="1")
    reply = made.messages.create(
        assistant=Assistant.objects.get(), text="hi", reply_to=asked, version=2, versions=2
    )
    Version.objects.create(message=reply, number=1, text="former", assistant=reply.assistant)
    made.messages.create(person=owner, text="aside", branch_of=reply, branch_version=1)
    return made


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob")


def left() -> tuple[int, int, int, int, int]:
    """Count what is left, beside the rooms, which are nobody's own."""
    users, messages, versions, keys = (
        model.objects.count() for model in (User, Message, Version, ApiKey)
    )
    conversations = Conversation.objects.filter(kind="private").count()
    return users, conversations, messages, versions, keys


def test_they_are_forgotten_in_rooms_too(client: Client, alice: User, bob: User) -> None:
    lobby = Conversation.objects.get(slug="lobby")
    for person, role in ((alice, "owner"), (bob, "member")):
        lobby.memberships.create(person=person, role=role)
    shared = talk(bob)
    shared.memberships.create(person=alice)
    shared.messages.create(person=alice, text="me too", key="1")
    assistant = Assistant.objects.get()
    asked = lobby.messages.create(person=alice, text="hi", key="1")
    Version.objects.create(message=asked, number=1, text="former")
    told = {"assistant": assistant, "reply_to": asked, "asked_by": alice}
    lobby.messages.create(text="hello", **told)
    lobby.messages.create(status="waiting", **told)
    lobby.messages.create(person=bob, text="hey", key="1", reply_to=asked)
    client.force_login(alice)
    assert client.post("/forget-me/").status_code == 302
    said = lobby.messages.values_list("text", "reply_to", "asked_by")
    assert list(said) == [("hello", None, None), ("hey", None, None)]
    assert list(lobby.memberships.values_list("person", "role")) == [(bob.pk, "owner")]
    assert left() == (1, 1, 5, 1, 0), "of Bob's own nothing but what she said is gone"
    assert not shared.memberships.exists()


def test_page_asks_first(client: Client, alice: User) -> None:
    client.force_login(alice)
    talk(alice)
    before = left()
    page = client.get("/forget-me/")
    assert page.status_code == 200
    assert "Delete everything?" in page.text
    assert "alice" in page.text
    assert left() == before


def test_everything_of_an_account_goes_and_nothing_of_others(
    client: Client, alice: User, bob: User
) -> None:
    for _ in range(25):
        talk(alice)
    talk(bob)
    ApiKey.issue(alice)
    key = ApiKey.issue(bob)
    client.force_login(alice)
    answer = client.post("/forget-me/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/forgotten/")
    assert left() == (1, 1, 3, 1, 1)
    assert ApiKey.holder(key) == bob
    assert not client.session.session_key
    assert not Session.objects.exists()
    assert "Everything is deleted" in client.get("/forgotten/").text
    assert ">alice<" not in client.get("/").text


def test_everything_of_a_guest_goes(client: Client, db: None) -> None:
    client.get("/")
    id = UUID(client.session["visitor"])
    talk(User.objects.guest(id, "Guest"))
    assert "conversations of this browser" in client.get("/forget-me/").text
    assert client.post("/forget-me/").status_code == 302
    assert left() == (0, 0, 0, 0, 0)
    client.get("/")
    assert UUID(client.session["visitor"]) != id, "they are somebody new"


def test_a_visitor_who_never_wrote_can_go_too(client: Client, db: None) -> None:
    client.get("/")
    Conversation.objects.create(owner_id=UUID(client.session["visitor"]))
    assert client.post("/forget-me/").status_code == 302
    assert left() == (0, 0, 0, 0, 0)


def test_who_logged_in_is_forgotten_as_the_guest_they_were_too(client: Client, alice: User) -> None:
    client.get("/")
    guest = User.objects.guest(UUID(client.session["visitor"]), "Guest")
    talk(guest)
    talk(alice)
    client.force_login(alice)
    assert client.session["visitor"] == str(guest.pk)
    client.post("/forget-me/")
    assert left() == (0, 0, 0, 0, 0)


def test_deletion_needs_the_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post("/forget-me/").status_code == 403
    page = client.get("/forget-me/").text
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert client.post("/forget-me/", {"csrfmiddlewaretoken": token}).status_code == 302
    assert not User.objects.exists()


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_else_deletes(client: Client, alice: User, method: str) -> None:
    client.force_login(alice)
    assert getattr(client, method)("/forget-me/").status_code == 405
    assert User.objects.exists()


def test_only_administrator_cannot_lock_everyone_out(client: Client, bob: User) -> None:
    boss = User.objects.create_superuser("boss")
    User.objects.create_superuser("gone", is_active=False)
    client.force_login(boss)
    kept = talk(boss)
    page = client.post("/forget-me/")
    assert page.status_code == 409
    assert "You are the only administrator" in page.text
    kept.refresh_from_db()
    assert kept.deleted is None
    User.objects.create_superuser("second")
    assert client.post("/forget-me/").status_code == 302
    assert set(User.objects.values_list("username", flat=True)) == {"bob", "gone", "second"}


def test_staff_may_go(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.post("/forget-me/").status_code == 302
    assert not User.objects.exists()


def test_switched_off_guest_is_refused(client: Client, db: None) -> None:
    client.get("/")
    guest = User.objects.guest(UUID(client.session["visitor"]), "Guest")
    User.objects.update(is_active=False)
    assert client.post("/forget-me/").status_code == 403
    assert User.objects.get() == guest


def test_forgotten_guest_is_not_made_again(client: Client, db: None) -> None:
    client.get("/")
    guest = Person.visitor(UUID(client.session["visitor"]))
    talk(guest.user())
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}".encode()
    headers = [(b"origin", b"http://testserver"), (b"cookie", cookie)]
    kept = dict(client.session)
    assert at_socket(headers) == Person.account(User.objects.get())
    assert client.post("/forget-me/").status_code == 302
    assert at_socket(headers) not in (None, guest), "a new one, as the session is gone"
    with pytest.raises(Refused, match="was deleted"):
        guest.user()
    late = Client()
    session = late.session  # as somebody may have read it just before
    session.update(kept)
    session.save()
    late.cookies[settings.SESSION_COOKIE_NAME] = session.session_key or ""
    assert late.get("/").status_code == 403
    assert left() == (0, 0, 0, 0, 0)


def test_session_ends_before_the_deletion_begins(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(alice)
    sessions, cut_off = [], []

    async def leave_all(person: UUID, code: int) -> None:
        sessions.append(await Session.objects.aexists())
        cut_off.append(await User.objects.aexists())

    monkeypatch.setattr(forgetting, "hub", lambda: SimpleNamespace(leave_all=leave_all))
    assert client.post("/forget-me/").status_code == 302
    assert sessions == [False, False]
    assert cut_off == [True, False], "once more at the end"


async def test_room_hears_what_is_gone_and_goes_on(
    visit: Visit, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("forget-room", "It goes on and on. " * 200, "--speed", "20")
    cookie, lobby = session(server.url), "/ws/rooms/lobby/"
    async with visit(lobby) as bob, visit(lobby, cookie=cookie) as alice:
        theirs = await bob.post("@Assistant forget-room")
        hers = await alice.post("@Assistant forget-room")
        await bob.until(lambda frame: frame["type"] == "char" and frame["reply"] == hers)
        said = bob.messages[hers]["reply_to"]
        ask(server.url, cookie, "/forget-me/")
        assert await alice.closed() == NOT_SIGNED_IN
        await bob.until(lambda f: f["type"] == "message.removed" and said in f["messages"])
        await bob.until(lambda frame: frame["type"] == "reply.end" and frame["reply"] == hers)
        told = len(bob.texts[theirs])
        await bob.until(lambda _: len(bob.texts[theirs]) > told)
        await bob.send("reply.stop", reply=theirs)
        await bob.end(theirs)


async def test_what_is_written_ends_and_all_pages_are_cut_off(
    visit: Visit, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("forget-live", "It goes on and on. " * 200, "--speed", "20")
    cookie = session(server.url)
    async with visit() as bob, visit(cookie=cookie) as one, visit(cookie=cookie) as other:
        reply = await one.post("forget-live")
        await other.post("forget-live")
        await one.until(lambda frame: frame["type"] == "char" and frame["reply"] == reply)
        answer = await asyncio.to_thread(ask, server.url, cookie, "/forget-me/")
        assert answer == (302, "/forgotten/")
        assert await one.closed() == NOT_SIGNED_IN
        assert await other.closed() == NOT_SIGNED_IN
        assert one.ends[reply]["status"] == "stopped"
        assert fetch(f"{server.url}/c/{one.conversation}/", cookie)[0] == 404
        await bob.end(await bob.post("still here"))
