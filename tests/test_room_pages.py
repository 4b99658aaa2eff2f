"""The pages around rooms: the list, a new one, who is in it and what it is like, and leaving."""

import html
import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from playwright.async_api import expect

from chat import room_views
from chat.models import Assistant, Conversation, Membership, User
from tests.browser import Arrive, in_browser
from tests.client import session
from tests.conftest import Visit
from tests.doors import ask, fill_in
from tests.server import Server
from tests.test_page_axe import look

OWNER, MODERATOR, MEMBER, BANNED = "owner", "moderator", "member", "banned"
NEW = {"title": "Kitchen", "description": "", "listed": "yes", "answers": "mentioned"}
UNSEEN = ["", "   ", "\t\n", "\u200b\u2060", "\u3164", "\u2800\u2800", "\u00ad"]
KITCHEN = "/rooms/kitchen/manage/"


def account(username: str, **fields: Any) -> User:
    return User.objects.create_user(username, **fields)


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice(db: None) -> User:
    return account("alice")


@pytest.fixture
def bob(db: None) -> User:
    return account("bob")


@pytest.fixture
def kitchen(alice: User, bob: User) -> Conversation:
    """A room that Alice owns, and in which Bob is."""
    room = Conversation.objects.create(kind="room", slug="kitchen", title="Kitchen")
    room.memberships.create(person=alice, role=OWNER)
    room.memberships.create(person=bob, role=MEMBER)
    return room


def roles(room: Conversation) -> dict[str, str]:
    return dict(room.memberships.values_list("person__username", "role"))


def form_of(page: str) -> dict[str, str]:
    """Return what the fields of the settings hold."""
    form = page[page.index('<form class="panel"') :].partition("</form>")[0]
    named = {
        (re.search(r'name="(\w+)"', tag) or [""])[0]: tag
        for tag in re.findall(r"<(?:input|textarea|select)[^>]*>", form)
        if "type=" not in tag or 'type="radio"' not in tag
    }
    found = {
        name.partition('"')[2].rstrip('"'): html.unescape(
            (re.search(r'value="([^"]*)"', tag) or ["", ""])[1]
        )
        for name, tag in named.items()
        if name
    }
    for tag in re.findall(r'<input type="radio"[^>]*checked[^>]*>', form):
        name, value = re.findall(r'(?:name|value)="(\w+)"', tag)
        found[name] = value
    found["description"] = html.unescape(
        re.findall(r"(?s)<textarea[^>]*>\n?(.*?)</textarea>", form)[0]
    )
    chosen = re.findall(r'<option value="([^"]*)" selected', form)
    found["assistant"] = chosen[0] if chosen else ""
    return found


def faults(page: str) -> list[str]:
    found = re.findall(r'(?:class="errorlist"[^>]*><li>|class="form-error"[^>]*>)(.*?)<', page)
    return [html.unescape(fault) for fault in found]


def notes(client: Client, path: str) -> list[str]:
    return [
        html.unescape(note)
        for note in re.findall(r'<li class="rooms-note[^>]*>(.*?)</li>', client.get(path).text)
    ]


# --- the list ----------------------------------------------------------------------------------


def test_list_shows_what_anyone_may_find(client: Client, alice: User) -> None:
    rooms, now = Conversation.objects, timezone.now()
    rooms.create(kind="room", slug="a", title="Quiet <b>", description="Hush & calm")
    rooms.create(kind="room", slug="b", title="Old", closed=now, written=now)
    rooms.create(kind="room", slug="c", title="Secret", listed=False)
    rooms.create(kind="room", slug="d", title="Gone", deleted=now)
    rooms.create(kind="room", slug="e", title="Busy", written=now, answers="never")
    rooms.create(owner=alice, title="Private")
    page = client.get("/rooms/").text
    titles = [html.unescape(it) for it in re.findall(r'<a href="/rooms/\w+/"[^>]*>(.*?)</a>', page)]
    assert titles == ["Busy", "Lobby", "Quiet <b>", "Old"], "the closed one at the end"
    assert "Hush &amp; calm" in page
    assert "the assistant never answers" in page
    assert page.count(">Closed<") == 1
    assert "Your rooms" not in page
    assert 'href="/rooms/new/"' in page


def test_list_shows_ones_own_rooms_and_what_is_new_there(
    bob: User, alice: User, kitchen: Conversation
) -> None:
    shared = Conversation.objects.create(owner=alice, title="A talk", written=timezone.now())
    shared.memberships.create(person=bob)
    Conversation.objects.filter(pk=kitchen.pk).update(listed=False)
    for key in "123":
        kitchen.messages.create(person=alice, text="hi", key=key)
    page = at(bob).get("/rooms/").text
    own = page[page.index("Your rooms") : page.index("Open to everyone")]
    assert re.findall(r'href="([^"]+)"', own) == [f"/c/{shared.pk}/", "/rooms/kitchen/"]
    assert ("3 new" in own, "Only by a link" in own, "Shared with you" in own) == (True,) * 3
    Membership.objects.filter(person=bob).update(role=BANNED)
    assert "Your rooms" not in at(bob).get("/rooms/").text


def test_many_rooms_are_listed_by_pages(client: Client, db: None) -> None:
    many = range(room_views.ROOMS_A_PAGE)
    Conversation.objects.bulk_create(
        Conversation(kind="room", slug=f"r{n}", title=f"No. {n:02}") for n in many
    )
    first, second = client.get("/rooms/").text, client.get("/rooms/?page=2").text
    assert first.count('class="room-entry"') == room_views.ROOMS_A_PAGE
    assert second.count('class="room-entry"') == 1
    assert "Page 1 of 2" in first
    for wrong in ("x", "-1", "99", "1e9", "%00"):
        assert client.get(f"/rooms/?page={wrong}").status_code == 200


# --- a new room --------------------------------------------------------------------------------


def test_room_is_opened(alice: User) -> None:
    poet = Assistant.objects.create(slug="poet", name="The Poet")
    wishes = {"title": "  Study   group ", "description": "On\nMondays", "listed": "no"}
    answer = at(alice).post(
        "/rooms/new/", {**NEW, **wishes, "answers": "always", "assistant": "poet"}
    )
    room = Conversation.objects.get(title="Study group")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/rooms/{room.slug}/")
    assert (room.description, room.listed, room.answers) == ("On Mondays", False, "always")
    assert (room.assistant, roles(room)) == (poet, {"alice": OWNER})
    assert re.fullmatch("study-group-[0-9a-f]{8}", room.slug or ""), "hard to guess"


def test_form_sent_twice_opens_one_room(alice: User) -> None:
    client = at(alice)
    (key,) = re.findall(r'name="key" value="(\w+)"', client.get("/rooms/new/").text)
    sent = [client.post("/rooms/new/", {**NEW, "key": key}).headers["Location"] for _ in range(2)]
    assert sent == ["/rooms/kitchen/"] * 2
    other = client.post("/rooms/new/", {**NEW, "key": "another"}).headers["Location"]
    assert other != sent[0]
    theirs = at(account("charlie")).post("/rooms/new/", {**NEW, "key": key}).headers["Location"]
    assert theirs not in (other, sent[0]), "the same key of somebody else is another room"


def test_guest_opens_a_room(client: Client, db: None) -> None:
    client.get("/rooms/")
    assert client.post("/rooms/new/", NEW).status_code == 302
    assert Membership.objects.get().person.is_guest


WRONG: list[tuple[str, str | None, str]] = [
    *(("title", text, "Must not be empty or blank.") for text in UNSEEN),
    ("title", "x" * 201, "Must have at most 200 characters."),
    ("title", "a\x07b", "Must not contain U+0007."),
    ("description", "x" * 501, "Must have at most 500 characters."),
    ("description", "a\x1bb", "Must not contain U+001B."),
    ("listed", "perhaps", "Select a valid choice"),
    ("listed", None, "This field is required."),
    ("answers", "sometimes", "Select a valid choice"),
    ("answers", None, "This field is required."),
    ("assistant", "nobody", "Select a valid choice"),
    ("assistant", "of-staff", "Select a valid choice"),
    ("key", "x" * 65, "Ensure this value has at most 64 characters"),
]


@pytest.mark.parametrize(("field", "value", "fault"), WRONG)
def test_what_cannot_be_is_said_at_its_field(
    alice: User, kitchen: Conversation, field: str, value: str | None, fault: str
) -> None:
    Assistant.objects.create(slug="of-staff", name="Clerk", audience="staff")
    client, count = at(alice), Conversation.objects.count()
    kept = {**NEW, "title": "Still here", "description": "and this", field: value}
    sent = {name: it for name, it in kept.items() if it is not None}
    before = Conversation.objects.values().get(pk=kitchen.pk)
    was = form_of(client.get(KITCHEN).text)["was"]
    for path, more in (("/rooms/new/", {}), (KITCHEN, {"was": was})):
        answer = client.post(path, {**sent, **more})
        assert answer.status_code == 400
        (said,) = faults(answer.text)
        assert said.startswith(fault)
        assert ("Still here" in answer.text) is (field != "title")
        assert ("and this" in answer.text) is (field != "description")
        assert "<title>Error: " in answer.text
    assert Conversation.objects.count() == count
    assert Conversation.objects.values().get(pk=kitchen.pk) == before


def test_too_many_rooms_are_refused_on_the_form(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.rooms.MOST_ROOMS", 0)
    answer = at(alice).post("/rooms/new/", NEW)
    assert (answer.status_code, faults(answer.text)) == (
        409,
        ["You have 0 rooms. Close or leave one first."],
    )


def test_forms_need_the_csrf_token(alice: User, kitchen: Conversation) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    for path in ("/rooms/new/", KITCHEN, "/rooms/kitchen/leave/", "/rooms/kitchen/close/"):
        assert client.post(path, NEW).status_code == 403
    assert roles(kitchen)["alice"] == OWNER


# --- what a room is like -----------------------------------------------------------------------


def test_settings_are_changed(alice: User, kitchen: Conversation) -> None:
    client = at(alice)
    form = form_of(client.get(KITCHEN).text)
    assert {name: form[name] for name in NEW} == NEW
    answer = client.post(KITCHEN, {**form, "title": "Bakery", "answers": "always"})
    assert (answer.status_code, answer.headers["Location"]) == (302, KITCHEN)
    assert notes(client, KITCHEN) == ["Saved."]
    kitchen.refresh_from_db()
    assert (kitchen.title, kitchen.answers, kitchen.slug) == ("Bakery", "always", "kitchen")


def test_form_sent_twice_is_saved_once(alice: User, kitchen: Conversation) -> None:
    client = at(alice)
    form = {**form_of(client.get(KITCHEN).text), "title": "Bakery"}
    assert [client.post(KITCHEN, form).status_code for _ in range(2)] == [302, 302]


def test_stale_form_undoes_nothing_and_keeps_what_was_typed(
    alice: User, bob: User, kitchen: Conversation
) -> None:
    kitchen.memberships.filter(person=bob).update(role=MODERATOR)
    client = at(alice)
    stale = form_of(client.get(KITCHEN).text)
    Conversation.objects.update(title="Bakery", answers="never")
    answer = client.post(KITCHEN, {**stale, "title": "Canteen", "description": "Soup"})
    assert answer.status_code == 409
    assert "Somebody else has changed this room meanwhile" in answer.text
    told = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", answer.text)
    assert told == [("Title", "Bakery"), ("The assistant answers", "Never")]
    kitchen.refresh_from_db()
    assert (kitchen.title, kitchen.description) == ("Bakery", "")
    form = form_of(answer.text)
    assert (form["title"], form["description"]) == ("Canteen", "Soup"), "as typed"
    assert form["answers"] == "never", "as it is now, as nothing else was chosen"
    assert client.post(KITCHEN, form).status_code == 302
    kitchen.refresh_from_db()
    assert (kitchen.title, kitchen.description, kitchen.answers) == ("Canteen", "Soup", "never")


@pytest.mark.parametrize(
    "was", ["", "{", "[]", "null", '"x"', '{"title": 1}', "[" * 100_000, json.dumps({"title": "x"})]
)
def test_form_that_is_not_whole_is_refused(alice: User, kitchen: Conversation, was: str) -> None:
    answer = at(alice).post(KITCHEN, {**NEW, "title": "Bakery", "was": was})
    assert answer.status_code == 400
    assert faults(answer.text) == ["The form was not whole. Reload the page, please."]
    kitchen.refresh_from_db()
    assert kitchen.title == "Kitchen"


def test_assistant_that_one_may_not_choose_stays(alice: User, kitchen: Conversation) -> None:
    clerk = Assistant.objects.create(slug="of-staff", name="Clerk", audience="staff")
    Conversation.objects.filter(pk=kitchen.pk).update(assistant=clerk)
    client = at(alice)
    form = form_of(client.get(KITCHEN).text)
    assert form["assistant"] == "of-staff"
    assert client.post(KITCHEN, {**form, "title": "Bakery"}).status_code == 302
    kitchen.refresh_from_db()
    assert (kitchen.title, kitchen.assistant) == ("Bakery", clerk)


def test_room_is_closed_and_opened(alice: User, kitchen: Conversation) -> None:
    client = at(alice)
    for _ in range(2):
        assert client.post("/rooms/kitchen/close/").headers["Location"] == KITCHEN
        kitchen.refresh_from_db()
        assert kitchen.closed is not None
    assert "Open the room again" in client.get(KITCHEN).text
    client.post("/rooms/kitchen/open/")
    kitchen.refresh_from_db()
    assert kitchen.closed is None
    assert client.get("/rooms/kitchen/close/").status_code == 405


def test_members_read_about_it_and_change_nothing(
    bob: User, client: Client, kitchen: Conversation
) -> None:
    client.get("/")
    for who, has_seat in ((at(bob), True), (client, False)):
        page = who.get(KITCHEN)
        assert page.status_code == 200
        assert 'name="title"' not in page.text
        assert ("leave/" in page.text) is has_seat
        for path in (
            *(KITCHEN, "/rooms/kitchen/close/", "/rooms/kitchen/open/", "/rooms/kitchen/links/"),
            f"/rooms/kitchen/people/{bob.pk}/",
        ):
            more = {"act": "ban", "role": MEMBER, "right": "join"}
            assert who.post(path, {**NEW, **more}).status_code == 403
    assert (roles(kitchen)["bob"], kitchen.links.count()) == (MEMBER, 0)


def test_room_is_nobody_elses_business(bob: User, kitchen: Conversation) -> None:
    Conversation.objects.filter(pk=kitchen.pk).update(listed=False)
    paths = (KITCHEN, "/rooms/kitchen/leave/", "/rooms/kitchen/", "/rooms/nowhere/manage/")
    charlie = at(account("charlie"))
    assert [charlie.get(path).status_code for path in paths] == [404] * 4
    kitchen.memberships.filter(person=bob).update(role=BANNED)
    answers = [at(bob).get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 404]
    assert "You cannot come into this room any more." in answers[0].text
    Conversation.objects.filter(pk=kitchen.pk).update(deleted=timezone.now())
    assert at(User.objects.get(username="alice")).post(KITCHEN, NEW).status_code == 404


# --- the people in it --------------------------------------------------------------------------


def act(client: Client, whom: Any, act: str, role: str, **more: str) -> tuple[int, list[str]]:
    """Do something with somebody; return the status, and what is said then."""
    sent = {"act": act, "role": role, **more}
    answer = client.post(f"/rooms/kitchen/people/{getattr(whom, 'pk', whom)}/", sent)
    return answer.status_code, notes(client, KITCHEN) if answer.status_code == 302 else []


def test_people_are_appointed_removed_and_banned(
    alice: User, bob: User, kitchen: Conversation
) -> None:
    client = at(alice)
    assert act(client, bob, MODERATOR, MEMBER) == (302, ["bob is a moderator now."])
    assert act(client, bob, MODERATOR, MEMBER) == (302, ["bob is a moderator now."]), "sent twice"
    assert act(client, bob, MEMBER, MODERATOR) == (302, ["bob is a member now."])
    assert act(client, bob, "remove", MEMBER) == (302, ["bob was removed."])
    assert roles(kitchen) == {"alice": OWNER}
    said = ["bob has no seat here any more. Nothing was changed."]
    assert act(client, bob, "ban", MEMBER) == (302, said)
    assert act(client, bob, "ban", "") == (302, ["bob cannot come in any more."])
    assert ">Banned<" in client.get(KITCHEN).text
    assert act(client, bob, "unban", BANNED) == (302, ["bob may come in again."])
    assert act(client, bob, "unban", BANNED) == (302, ["bob may come in again."]), "sent twice"
    assert roles(kitchen) == {"alice": OWNER}


def test_owner_hands_over_only_when_sure(alice: User, bob: User, kitchen: Conversation) -> None:
    client = at(alice)
    answer = client.post(f"/rooms/kitchen/people/{bob.pk}/", {"act": OWNER, "role": MEMBER})
    assert answer.status_code == 200
    assert "Make bob the owner?" in answer.text
    assert roles(kitchen)["bob"] == MEMBER
    assert act(client, bob, OWNER, MEMBER, sure="yes") == (302, ["bob is the owner now."])
    assert roles(kitchen) == {"alice": MODERATOR, "bob": OWNER}
    said = ["Only the owner and the moderators may do this."]
    dora = account("dora")
    kitchen.memberships.create(person=dora)
    assert act(client, dora, OWNER, MEMBER, sure="yes") == (302, said)
    assert roles(kitchen)["bob"] == OWNER


def test_stale_page_changes_nobody(alice: User, bob: User, kitchen: Conversation) -> None:
    client = at(alice)
    kitchen.memberships.filter(person=bob).update(role=MODERATOR)
    said = ["bob is a moderator now. Nothing was changed."]
    assert act(client, bob, "remove", MEMBER) == (302, said)
    assert roles(kitchen)["bob"] == MODERATOR
    id = bob.pk
    bob.delete()
    assert act(client, id, "remove", MEMBER)[1] == [
        "Somebody has no seat here any more. Nothing was changed."
    ]


@pytest.mark.parametrize(
    ("whom", "wanted", "said"),
    [
        ("bob", "promote", "Choose what is to be done."),
        ("bob", "", "Choose what is to be done."),
        ("alice", "remove", "They have as many rights here as you."),
        ("alice", MODERATOR, "Make somebody else the owner first."),
        ("nobody", "ban", "There is nobody of that name here."),
        ("nobody", MODERATOR, "There is nobody of that name here."),
        ("nobody", "remove", "They have left already. Nothing was changed."),
    ],
)
def test_what_cannot_be_done_is_said(
    alice: User, bob: User, kitchen: Conversation, whom: str, wanted: str, said: str
) -> None:
    before = roles(kitchen)
    id = {"alice": alice.pk, "bob": bob.pk}.get(whom, uuid4())
    assert act(at(alice), id, wanted, before.get(whom, "")) == (302, [said])
    assert roles(kitchen) == before


def test_moderator_does_not_change_equals(alice: User, bob: User, kitchen: Conversation) -> None:
    kitchen.memberships.filter(person=bob).update(role=MODERATOR)
    dora = account("dora")
    kitchen.memberships.create(person=dora, role=MODERATOR)
    page = at(bob).get(KITCHEN).text
    assert "<summary" not in page, "nothing is offered that may not be"
    for whom, role in ((alice, OWNER), (dora, MODERATOR)):
        assert act(at(bob), whom, "ban", role)[1] == ["They have as many rights here as you."]


def test_many_people_are_searched_and_paged(alice: User, kitchen: Conversation) -> None:
    many = [User(username=f"g{n}", name=f"Guest {n:03}", is_guest=True) for n in range(120)]
    User.objects.bulk_create(many)
    Membership.objects.bulk_create(Membership(conversation=kitchen, person=it) for it in many)
    client = at(alice)
    page = client.get(KITCHEN).text
    assert page.count('<li class="seat">') == room_views.PEOPLE_A_PAGE
    assert "Page 1 of 3" in page
    assert client.get(f"{KITCHEN}?page=3").text.count('<li class="seat">') == 22
    found = client.get(f"{KITCHEN}?q=guest 01").text
    assert found.count('<li class="seat">') == 10
    assert 'value="guest 01"' in found
    assert client.get(f"{KITCHEN}?q=%00").text.count('<li class="seat">') == 50
    for words in ("x" * 500, "<b>", "%25", "_"):
        assert "Nobody of that name has a seat here." in client.get(f"{KITCHEN}?q={words}").text


# --- leaving -----------------------------------------------------------------------------------


def test_who_leaves_is_asked_first(bob: User, alice: User, kitchen: Conversation) -> None:
    client = at(bob)
    assert "Leave “Kitchen”?" in client.get("/rooms/kitchen/leave/").text
    assert "bob" in roles(kitchen)
    for said in ("You have left “Kitchen”.", "You have no seat there any more."):
        assert client.post("/rooms/kitchen/leave/").headers["Location"] == "/rooms/"
        assert notes(client, "/rooms/") == [said]
    assert roles(kitchen) == {"alice": OWNER}
    assert client.get("/rooms/kitchen/leave/").headers["Location"] == "/rooms/kitchen/"
    shared = Conversation.objects.create(owner=alice, title="A talk")
    shared.memberships.create(person=bob)
    assert client.get(f"/c/{shared.pk}/leave/").status_code == 200
    assert client.post(f"/c/{shared.pk}/leave/").status_code == 302
    assert not shared.memberships.exists()


def test_owner_who_leaves_is_told_who_takes_over(
    alice: User, bob: User, kitchen: Conversation
) -> None:
    client, now = at(alice), timezone.now()
    dora = account("dora")
    kitchen.memberships.create(person=dora, joined=now - timedelta(days=1))
    assert "You are its owner." in client.get("/rooms/kitchen/leave/").text
    client.post("/rooms/kitchen/leave/")
    assert roles(kitchen) == {"bob": MEMBER, "dora": OWNER}


# --- at a real server --------------------------------------------------------------------------


async def test_who_is_removed_is_cut_off_and_who_is_here_is_shown(
    server: Server, visit: Visit
) -> None:
    cookie, theirs = session(server.url), session(server.url)
    status, path = fill_in(server.url, cookie, "/rooms/new/", **{**NEW, "title": "Pages"})
    assert status == 302
    async with visit(f"/ws{path}", theirs) as bob, visit(f"/ws{path}", cookie) as alice:
        await alice.until(lambda frame: frame["type"] == "people" and frame["count"] == 2)
        whom = bob.ready["you"]["id"]
        page = ask(server.url, cookie, f"{path}manage/", method="GET")[1]
        assert "2 here now" in page
        assert "Here without a seat" in page
        acts = f"{path}people/{whom}/"
        assert fill_in(server.url, cookie, acts, act="ban", role="")[0] == 302
        assert await bob.closed() == 4403
        form = {**NEW, "title": "Pages, renamed", "was": form_of(page)["was"]}
        assert fill_in(server.url, cookie, f"{path}manage/", **form)[0] == 302
        await alice.until(lambda f: f["type"] == "room" and f["title"] == "Pages, renamed")
    assert ask(server.url, theirs, path, method="GET")[0] == 403


@in_browser
async def test_people_open_a_room_share_it_and_come_in(arrive: Arrive, server: Server) -> None:
    alice = await arrive(server)
    page = (await alice.open("/rooms/")).page
    await page.get_by_role("link", name="New room").click()
    await page.get_by_label("Title").fill("Shared kitchen")
    await page.get_by_label("Only by a link").check()
    wrong = await look(page, "a new room")
    await page.get_by_role("button", name="Open the room").click()
    await expect(page).to_have_url(re.compile("/rooms/shared-kitchen-"))
    path = page.url.removeprefix(server.url)
    await page.evaluate(
        """() => import("/static/chat/share.js").then(({ openShare }) =>
          openShare(document.querySelector("[data-role=chat]").dataset.conversation))"""
    )
    dialog = page.get_by_role("dialog", name="Share by a link")
    await expect(dialog.get_by_text("There is no link now.")).to_be_visible()
    await dialog.get_by_role("button", name="…to take part").click()
    await expect(dialog.get_by_role("status")).to_have_text("Here is the new link.")
    address = await dialog.get_by_label("Address of the link").input_value()
    wrong += await look(page, "sharing")

    bob = await arrive(server)
    theirs = (await bob.open(address.removeprefix(server.url))).page
    await expect(theirs.get_by_role("heading", name="Shared kitchen")).to_be_visible()
    wrong += await look(theirs, "an invitation")
    await theirs.get_by_role("button", name="Join").click()
    await expect(theirs).to_have_url(page.url)

    await dialog.get_by_role("button", name="Revoke").click()
    await expect(dialog.get_by_role("status")).to_have_text("The link does not work any more.")
    await expect(dialog.get_by_role("button", name="Create a link to watch")).to_be_focused()
    await page.goto(f"{server.url}{path}manage/")
    await page.set_viewport_size({"width": 320, "height": 480})
    await page.get_by_label(re.compile("^Change Guest")).click()
    wrong += await look(page, "managing a room")
    root = "document.documentElement"
    assert await page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), "at 400 %"
    bob.foresees("^403: .*", "status of 403")
    await page.get_by_role("button", name="Ban").click()
    await expect(page.get_by_role("status").first).to_contain_text("cannot come in any more.")
    assert not wrong, "\n".join(wrong)
