"""Staff manage rooms in the admin, and those who are connected feel at once what staff change."""

import re
from typing import Any

import pytest
from django.test import Client

from chat.models import ApiKey, Conversation, Link, Membership, Message, User
from tests.client import Client as Socket
from tests.client import session
from tests.conftest import Visit
from tests.doors import ask, fill_in, logged_in
from tests.server import Server
from tests.test_room_pages import UNSEEN, account, at, roles

ROOMS = "/admin/chat/room/"
FORM = {"title": "Kitchen", "slug": "", "description": "", "answers": "always", "assistant": ""}


@pytest.fixture
def staff(db: None) -> Client:
    return at(User.objects.create_superuser("clerk"))


@pytest.fixture
def kitchen(db: None) -> Conversation:
    room = Conversation.objects.create(kind="room", slug="kitchen", title="Kitchen")
    for name, role in (("alice", "owner"), ("bob", "member")):
        room.memberships.create(person=account(name), role=role)
    room.links.create(token=Link.new_token(), right="join")
    return room


def sent(room: Conversation | None = None, **fields: str) -> dict[str, str]:
    """Return the form as the page of `room` would send it."""
    forms: list[tuple[str, list[Any]]] = [
        ("memberships", list(room.memberships.order_by("-role", "pk")) if room else []),
        ("links", list(room.links.order_by("-pk")) if room else []),
    ]
    form = dict(FORM)
    for name, rows in forms:
        form |= {f"{name}-TOTAL_FORMS": str(len(rows)), f"{name}-INITIAL_FORMS": str(len(rows))}
        for at_, row in enumerate(rows):
            form |= {f"{name}-{at_}-id": str(row.pk), f"{name}-{at_}-conversation": str(room.pk)}
            if name == "memberships":
                form |= {f"{name}-{at_}-person": str(row.person_id), f"{name}-{at_}-role": row.role}
    return {**form, **fields}


def test_rooms_are_listed_and_the_rest_is_not(staff: Client, kitchen: Conversation) -> None:
    Conversation.objects.create(title="Private")
    page = staff.get(ROOMS).text
    assert "Kitchen" in page
    assert "Lobby" in page
    assert "Private" not in page
    assert "Kitchen" in staff.get(f"{ROOMS}?q=kitch").text
    private = Conversation.objects.get(title="Private")
    assert staff.get(f"{ROOMS}{private.pk}/change/").status_code == 302


def test_room_is_made_changed_and_closed(staff: Client, db: None) -> None:
    assert staff.post(f"{ROOMS}add/", sent()).status_code == 302
    room = Conversation.objects.get(title="Kitchen")
    assert (room.kind, room.owner, room.listed, room.answers) == ("room", None, False, "always")
    assert re.fullmatch("kitchen-[0-9a-f]{8}", room.slug or ""), "as it is not listed"
    form = sent(room, title="Bakery", slug="bakery", listed="on", is_closed="on")
    assert staff.post(f"{ROOMS}{room.pk}/change/", form).status_code == 302
    room.refresh_from_db()
    closed = room.closed
    assert (room.title, room.slug, room.listed, closed is None) == ("Bakery", "bakery", True, False)
    assert "checked" in re.findall('<input[^>]*name="is_closed"[^>]*>', _change(staff, room))[0]
    staff.post(f"{ROOMS}{room.pk}/change/", {**form, "title": "Closed bakery"})
    room.refresh_from_db()
    assert room.closed == closed, "since then"
    form.pop("is_closed")
    staff.post(f"{ROOMS}{room.pk}/change/", form)
    room.refresh_from_db()
    assert room.closed is None


def _change(staff: Client, room: Conversation) -> str:
    return staff.get(f"{ROOMS}{room.pk}/change/").text


@pytest.mark.parametrize(
    "wrong",
    [
        *({"title": text} for text in UNSEEN),
        {"title": "x" * 201},
        {"title": "a\x07"},
        {"description": "x" * 501},
        {"slug": "new"},
        {"slug": "lobby"},
        {"slug": "not a slug"},
        {"answers": "sometimes"},
        {"assistant": "999"},
    ],
)
def test_what_cannot_be_is_refused(
    staff: Client, kitchen: Conversation, wrong: dict[str, str]
) -> None:
    before = list(Conversation.objects.order_by("pk").values())
    for path, room in ((f"{ROOMS}add/", None), (f"{ROOMS}{kitchen.pk}/change/", kitchen)):
        answer = staff.post(path, sent(room, **wrong))
        assert answer.status_code == 200
        assert "errorlist" in answer.text
    assert list(Conversation.objects.order_by("pk").values()) == before


def test_people_are_given_other_roles_and_links_revoked(
    staff: Client, kitchen: Conversation
) -> None:
    path, link = f"{ROOMS}{kitchen.pk}/change/", kitchen.links.get()
    assert link.get_absolute_url() in _change(staff, kitchen)
    two = sent(kitchen, **{"memberships-1-role": "owner", "memberships-0-role": "owner"})
    assert "A room has one owner." in staff.post(path, two).text
    swapped = {"memberships-0-role": "moderator", "memberships-1-role": "owner"}
    assert staff.post(path, sent(kitchen, **swapped, **{"links-0-revoke": "on"})).status_code == 302
    assert roles(kitchen) == {"alice": "moderator", "bob": "owner"}
    link.refresh_from_db()
    assert link.revoked is not None
    gone = {"memberships-0-DELETE": "on"}
    assert staff.post(path, sent(kitchen, **gone)).status_code == 302
    assert len(roles(kitchen)) == 1


def test_large_room_is_changed_too(staff: Client, kitchen: Conversation) -> None:
    many = [User(username=f"g{n}", is_guest=True) for n in range(300)]
    User.objects.bulk_create(many)
    Membership.objects.bulk_create(Membership(conversation=kitchen, person=it) for it in many)
    path = f"{ROOMS}{kitchen.pk}/change/"
    (shown,) = re.findall(r'name="memberships-TOTAL_FORMS" value="(\d+)"', _change(staff, kitchen))
    assert shown == "100"
    form = {**sent(), "title": "Large kitchen", "slug": "kitchen"}
    assert staff.post(path, form).status_code == 302
    kitchen.refresh_from_db()
    assert (kitchen.title, kitchen.memberships.count()) == ("Large kitchen", 302)


@pytest.mark.parametrize("in_the_list", [True, False])
def test_room_is_deleted_with_all_that_was_said(
    staff: Client,
    kitchen: Conversation,
    in_the_list: bool,
    django_capture_on_commit_callbacks: Any,
) -> None:
    kitchen.messages.create(person=User.objects.get(username="bob"), text="hi", key="1")
    one = f"{ROOMS}{kitchen.pk}/delete/"
    chosen = {"action": "delete_selected", "_selected_action": str(kitchen.pk)}
    asked = staff.post(ROOMS, chosen) if in_the_list else staff.get(one)
    assert "Messages: 1" in asked.text
    with django_capture_on_commit_callbacks(execute=True):
        sure = {"post": "yes"}
        done = staff.post(ROOMS, chosen | sure) if in_the_list else staff.post(one, sure)
    assert done.status_code == 302
    assert not Conversation.objects.filter(pk=kitchen.pk).exists()
    assert not Message.objects.exists()
    assert {user.username for user in User.objects.all()} == {"alice", "bob", "clerk"}


def test_rooms_are_read_among_the_conversations(staff: Client, kitchen: Conversation) -> None:
    kitchen.messages.create(person=User.objects.get(username="bob"), text="Who cooks?", key="1")
    page = staff.get("/admin/chat/conversation/?kind__exact=room&q=cooks").text
    assert "everybody in “Kitchen”" in page
    page = staff.get(f"/admin/chat/conversation/{kitchen.pk}/change/").text
    assert "Who cooks?" in page


def test_person_who_is_deleted_leaves_their_rooms_to_others(
    staff: Client, kitchen: Conversation
) -> None:
    alice = User.objects.get(username="alice")
    bob = User.objects.get(username="bob")
    asked = kitchen.messages.create(person=alice, text="hi", key="1")
    kitchen.messages.create(person=bob, text="hello", key="1", reply_to=asked)
    assert staff.post(f"/admin/chat/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 302
    assert roles(kitchen) == {"bob": "owner"}
    assert [message.text for message in kitchen.messages.all()] == ["hello"]


def test_members_are_no_staff(kitchen: Conversation) -> None:
    alice = at(User.objects.get(username="alice"))
    for path in (ROOMS, f"{ROOMS}{kitchen.pk}/change/"):
        assert alice.get(path).status_code == 302


# --- at a real server --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clerk(server: Server) -> str:
    """Staff at the server; the session."""
    server.account("clerk")
    return logged_in(server.url, "clerk")


async def test_what_staff_change_is_felt_at_once(server: Server, visit: Visit, clerk: str) -> None:
    empty = {
        f"{name}-{total}_FORMS": "0"
        for name in ("memberships", "links")
        for total in ("TOTAL", "INITIAL")
    }
    form = {**FORM, **empty, "title": "Of staff", "slug": "of-staff", "listed": "on"}
    assert fill_in(server.url, clerk, f"{ROOMS}add/", **form)[0] == 302
    cookie = session(server.url)
    async with visit("/ws/rooms/of-staff/") as alice, visit("/ws/rooms/of-staff/", cookie) as bob:
        change = f"{ROOMS}{alice.conversation}/change/"
        form["title"] = "Of all"
        assert fill_in(server.url, clerk, change, **form, is_closed="on")[0] == 302
        await alice.until(lambda f: f["type"] == "room" and f["title"] == "Of all" and f["closed"])
        await bob.send("message.send", text="hi", key="1")
        await bob.until(lambda frame: frame["type"] == "error" and frame["code"] == "conflict")
        await bob.until(lambda f: f["type"] == "ready" and f["conversation"]["closed"])
        fill_in(server.url, clerk, change, **form)
        # All read the room anew, with each change; what bob says meanwhile would come with that.
        await bob.until(lambda _: [f["type"] for f in bob.frames].count("ready") == 3)
        await bob.post("hi")
        whom = bob.ready["you"]["id"]
        deleted = f"/admin/chat/user/{whom}/delete/"
        assert fill_in(server.url, clerk, deleted, post="yes")[0] == 302
        await alice.until(lambda frame: frame["type"] == "message.removed")
        assert await bob.closed() == 4403
        assert (
            fill_in(server.url, clerk, f"{ROOMS}{alice.conversation}/delete/", post="yes")[0] == 302
        )
        assert await alice.closed() == 4404
    assert ask(server.url, cookie, "/rooms/of-staff/", method="GET")[0] == 404


async def test_program_is_cut_off_with_its_key_and_nobody_else(server: Server, clerk: str) -> None:
    keys = [server.account(name) for name in ("robot", "robota")]
    first, second = (
        Socket(server.url, "/ws/rooms/lobby/", authorization=f"Bearer {key}") for key in keys
    )
    async with first, second:
        listed = ask(server.url, clerk, "/admin/chat/apikey/", method="GET")[1]
        row = next(row for row in listed.split("<tr")[1:] if ">robot<" in row)
        (id,) = re.findall(r"/admin/chat/apikey/(\d+)/change/", row)
        assert fill_in(server.url, clerk, f"/admin/chat/apikey/{id}/delete/", post="yes")[0] == 302
        assert await first.closed() == 4401
        whom = second.ready["you"]["id"]
        form = {"username": "robota", "name": "", "email": "", "is_staff": "on"}  # not is_active
        assert fill_in(server.url, clerk, f"/admin/chat/user/{whom}/change/", **form)[0] == 302
        assert await second.closed() == 4403


def test_key_is_known_by_what_came_with_it(db: None) -> None:
    alice = account("alice")
    known = ApiKey.known(ApiKey.issue(alice))
    assert known is not None
    assert known.user == alice
    assert ApiKey.known("sc_none") is None
