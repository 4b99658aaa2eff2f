"""Links to conversations: made, told, followed, and revoked."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import Conversation, Link, User
from tests.client import session
from tests.conftest import Visit
from tests.doors import ask, fill_in
from tests.server import Server
from tests.test_room_pages import KITCHEN, NEW, account, at, notes, roles

GONE = "This link does not work any more"


@pytest.fixture
def alice(db: None) -> User:
    return account("alice", name="Alice <b>")


@pytest.fixture
def bob(db: None) -> User:
    return account("bob")


@pytest.fixture
def talk(alice: User) -> Conversation:
    """A private conversation of Alice."""
    return Conversation.objects.create(owner=alice, title="A talk")


@pytest.fixture
def kitchen(alice: User) -> Conversation:
    room = Conversation.objects.create(
        kind="room", slug="kitchen", title="Kitchen", listed=False, description="Soup & bread"
    )
    room.memberships.create(person=alice, role="owner")
    return room


def link_to(conversation: Conversation, right: str = "join", **fields: Any) -> Link:
    return conversation.links.create(token=Link.new_token(), right=right, **fields)


def create(client: Client, conversation: Any, body: Any) -> Any:
    path = f"/c/{getattr(conversation, 'pk', conversation)}/links/"
    return client.post(path, body, content_type="application/json")


# --- invitations -------------------------------------------------------------------------------


def test_invitation_says_what_it_is_and_who_invites(
    client: Client, alice: User, kitchen: Conversation
) -> None:
    link = link_to(kitchen, creator=alice)
    way = client.get(link.get_absolute_url())
    assert way.headers["Location"] == f"/s/{link.token}/join/"
    page = client.get(way.headers["Location"])
    assert page.status_code == 200
    for words in ("Alice &lt;b&gt; invites you to", "Kitchen", "Soup &amp; bread", "nobody here"):
        assert words in page.text
    assert roles(kitchen) == {"alice": "owner"}, "who looks has not joined"


def test_invitation_is_accepted_once(bob: User, kitchen: Conversation) -> None:
    path, client = f"{link_to(kitchen).get_absolute_url()}join/", at(bob)
    assert "You are invited to" in client.get(path).text
    for _ in range(2):
        assert client.post(path).headers["Location"] == "/rooms/kitchen/"
    assert roles(kitchen) == {"alice": "owner", "bob": "member"}
    assert client.get(path).headers["Location"] == "/rooms/kitchen/", "they are in it already"


def test_guest_joins_a_private_conversation(client: Client, talk: Conversation) -> None:
    path = f"{link_to(talk).get_absolute_url()}join/"
    assert "A talk" in client.get(path).text
    assert client.post(path).headers["Location"] == f"/c/{talk.pk}/"
    assert talk.memberships.get().person.is_guest
    assert client.get(f"/c/{talk.pk}/").status_code == 200
    owner = at(talk.owner)
    assert owner.get(path).headers["Location"] == f"/c/{talk.pk}/"


def test_closed_room_says_so_to_who_is_invited(client: Client, kitchen: Conversation) -> None:
    Conversation.objects.filter(pk=kitchen.pk).update(closed=timezone.now())
    page = client.get(f"{link_to(kitchen).get_absolute_url()}join/")
    assert "This room is closed" in page.text


def test_banned_people_are_not_invited(bob: User, kitchen: Conversation) -> None:
    kitchen.memberships.create(person=bob, role="banned")
    path = f"{link_to(kitchen).get_absolute_url()}join/"
    for answer in (at(bob).get(path), at(bob).post(path)):
        assert answer.status_code == 403
        assert "You cannot come into this room any more." in answer.text
    assert roles(kitchen)["bob"] == "banned"


def test_joining_needs_the_csrf_token(bob: User, kitchen: Conversation) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.post(f"{link_to(kitchen).get_absolute_url()}join/").status_code == 403
    assert "bob" not in roles(kitchen)


def test_link_that_leads_nowhere_says_so(bob: User, talk: Conversation, alice: User) -> None:
    gone = Conversation.objects.create(owner=alice, deleted=timezone.now())
    tokens = [link_to(talk, right, revoked=timezone.now()).token for right in ("join", "watch")]
    tokens += [link_to(gone).token, link_to(gone, "watch").token, "x", "x" * 500, "%00", "é"]
    client = at(bob)
    for token in tokens:
        for path in (f"/s/{token}/", f"/s/{token}/join/"):
            answer = client.get(path)
            assert (answer.status_code, GONE in answer.text) == (404, True), path
        assert client.post(f"/s/{token}/join/").status_code == 404
    watch = link_to(talk, "watch")
    assert client.post(f"/s/{watch.token}/join/").status_code == 404, "it lets one watch only"
    assert client.get(f"/s/{watch.token}/").status_code == 200
    assert not talk.memberships.exists()


# --- the dialog of the page --------------------------------------------------------------------


def test_links_are_made_told_and_revoked(alice: User, talk: Conversation) -> None:
    client = at(alice)
    path = f"/c/{talk.pk}/links/"
    assert client.get(path).json() == {"links": [], "people": []}
    made = [create(client, talk, {"right": right}) for right in ("watch", "join")]
    assert [answer.status_code for answer in made] == [201, 201]
    first, second = (answer.json() for answer in made)
    assert first.keys() == {"id", "right", "path", "created"}
    assert client.get(path).json() == {"links": [second, first], "people": []}
    assert client.get(first["path"]).status_code == 200
    assert client.post(f"{path}{first['id']}/revoke/").json() == {"id": first["id"]}
    assert client.post(f"{path}{first['id']}/revoke/").status_code == 404
    assert client.get(path).json() == {"links": [second], "people": []}
    assert client.get(first["path"]).status_code == 404


def test_who_takes_part_is_told_and_sent_away(alice: User, bob: User, talk: Conversation) -> None:
    talk.memberships.create(person=bob)
    path = f"/c/{talk.pk}/"
    seat = {"id": str(bob.pk), "name": "bob"}
    assert at(alice).get(f"{path}links/").json()["people"] == [seat]
    assert at(bob).get(path).status_code == 200
    assert at(bob).post(f"{path}people/{alice.pk}/remove/").status_code == 403
    assert at(alice).post(f"{path}people/{bob.pk}/remove/").json() == {"id": str(bob.pk)}
    assert at(alice).get(f"{path}links/").json()["people"] == []
    assert at(bob).get(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"right": "own"}, {"right": None}, {"right": ["join"]}, {"right": "join", "x": 1}, [], 1],
)
def test_only_a_link_that_can_be_is_made(alice: User, talk: Conversation, body: Any) -> None:
    answer = create(at(alice), talk, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert not talk.links.exists()


def test_links_are_the_business_of_who_may_make_them(
    bob: User, alice: User, talk: Conversation, kitchen: Conversation
) -> None:
    for conversation, status in ((talk, 404), (kitchen, 404), (uuid4(), 404)):
        id = getattr(conversation, "pk", conversation)
        assert at(bob).get(f"/c/{id}/links/").status_code == status
        assert create(at(bob), id, {"right": "join"}).status_code == status
    for conversation in (talk, kitchen):
        conversation.memberships.create(person=bob)
        kept = link_to(conversation)
        path = f"/c/{conversation.pk}/links/"
        assert at(bob).get(path).status_code == 403
        assert create(at(bob), conversation, {"right": "join"}).status_code == 403
        assert at(bob).post(f"{path}{kept.pk}/revoke/").status_code == 403
        other = kitchen if conversation is talk else talk
        assert at(alice).post(f"/c/{other.pk}/links/{kept.pk}/revoke/").status_code == 404
        kept.refresh_from_db()
        assert kept.revoked is None
    assert at(alice).post(f"/c/{talk.pk}/links/{10**30}/revoke/").status_code == 404


def test_too_many_links_are_refused(
    alice: User, kitchen: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.links.MOST_LINKS", 1)
    client = at(alice)
    assert create(client, kitchen, {"right": "join"}).status_code == 201
    assert create(client, kitchen, {"right": "join"}).status_code == 409
    client.post("/rooms/kitchen/links/", {"right": "join"})
    assert notes(client, KITCHEN) == ["There are 1 links. Revoke one first."]


# --- the page of a room ------------------------------------------------------------------------


def test_links_are_made_and_revoked_without_a_script(alice: User, kitchen: Conversation) -> None:
    client = at(alice)
    assert client.post("/rooms/kitchen/links/", {"right": "join"}).status_code == 302
    assert notes(client, KITCHEN) == ["Here is the new link."]
    link = kitchen.links.get()
    page = client.get(KITCHEN).text
    assert f'value="http://testserver/s/{link.token}/"' in page
    (way,) = re.findall(r'action="(/rooms/kitchen/links/\d+/revoke/)"', page)
    said = ["The link does not work any more.", "There is no such link, or it is revoked already."]
    for note in said:
        assert client.post(way).status_code == 302
        assert notes(client, KITCHEN) == [note]
    assert link.token not in client.get(KITCHEN).text
    for wrong in ("", "own", "x" * 1000):
        client.post("/rooms/kitchen/links/", {"right": wrong})
        assert notes(client, KITCHEN) == ["Must be watch or join."]
    assert kitchen.links.count() == 1


async def test_who_watches_by_a_link_is_sent_away_with_it(server: Server, visit: Visit) -> None:
    cookie = session(server.url)
    path = fill_in(server.url, cookie, "/rooms/new/", **{**NEW, "title": "Watched"})[1]
    async with visit(f"/ws{path}", cookie) as alice:
        links = f"/c/{alice.conversation}/links/"
        status, watch = ask(server.url, cookie, links, {"right": "watch"})
        assert status == 201
        join = ask(server.url, cookie, links, {"right": "join"})[1]
        theirs = session(server.url)
        status, way = fill_in(server.url, theirs, f"{join['path']}join/")
        assert (status, way) == (302, path)
        token = watch["path"].split("/")[2]
        async with visit(f"/ws/shared/{token}/") as charlie, visit(f"/ws{path}", theirs) as bob:
            assert bob.ready["you"]["role"] == "member"
            ask(server.url, cookie, f"{links}{watch['id']}/revoke/")
            assert await charlie.closed() == 4403
            ask(server.url, cookie, f"{links}{join['id']}/revoke/")
            await bob.send("ping", t="still here")
            await bob.until(lambda frame: frame["type"] == "pong")
            fill_in(server.url, theirs, f"{path}leave/")
            await bob.send("message.send", text="hi", key="still may, as it is listed")
            await bob.until(lambda frame: frame.get("key") == "still may, as it is listed")
