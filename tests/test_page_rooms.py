"""Several people at their browsers in one room: all see the same, each what is theirs to do."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.browser import Arrive, Person, Tab, in_browser
from tests.server import Server

pytestmark = [in_browser, pytest.mark.timeout(180)]

PHONE = {"width": 390, "height": 844}
LONG = "It goes on and on, until somebody has read enough of it. " * 30
HUE = "bubble => bubble.style.getPropertyValue('--hue')"
PINNED = """log => log.scrollHeight - log.scrollTop - log.clientHeight < 3"""
# What a browser paints of the names by which somebody is called.
CALLED = """name => [...CSS.highlights.get(name)].map(
  ({ startContainer: { data }, startOffset, endOffset }) => data.slice(startOffset, endOffset))"""
# How far what one can do with a message lies on what is said in it, or in the next; not at all if
# that is less than nothing.
LIES_ON = """message => {
  const box = (one) => one.getBoundingClientRect();
  const onIt = (one, other) => Math.min(
    Math.min(box(one).right, box(other).right) - Math.max(box(one).left, box(other).left),
    Math.min(box(one).bottom, box(other).bottom) - Math.max(box(one).top, box(other).top));
  const ways = [...message.querySelectorAll(".foot, [data-role=copied]:not([hidden])")];
  const said = [message, message.nextElementSibling].filter(Boolean);
  const bubbles = said.map((one) => one.querySelector("[data-role=bubble]"));
  return Math.max(...ways.flatMap((way) => bubbles.map((bubble) => onIt(way, bubble))));
}"""
# Tells the list of rooms of a room "r", step by step; returns how many messages it says are new.
COUNT = """async (steps) => {
  const { Joined } = await import("/static/chat/joined.js");
  const list = document.createElement("ul");
  const template = document.createElement("template");
  const entry = template.content.appendChild(document.createElement("li"));
  for (const role of ["room-link", "room-title", "room-unread"]) {
    const { dataset } = entry.appendChild(document.createElement("a"));
    Object.assign(dataset, { role, one: "", label: "" });
  }
  const joined = new Joined(list, template);
  return steps.map((step) => {
    const room = { id: "r", title: "R", ...step };
    const listed = { type: "conversations", rooms: [room] };
    joined.receive("upto" in step ? listed : { type: "conversation", ...room });
    return list.querySelector("[data-role=room-unread]").textContent;
  });
}"""
# Guests with names, a room of Alice's in which the others have a seat, and one that nobody sees.
MAKE = """
import json, uuid
from importlib import import_module
from django.conf import settings
from chat.models import Conversation, User
from chat.names import skeleton
Store = import_module(settings.SESSION_ENGINE).SessionStore
names, slug = json.loads({!r})
about = dict(title="Photo club", slug=slug, description="Old and new")
room = Conversation.objects.create(kind="room", **about)
made = {{"room": str(room.pk)}}
for name in names:
    User.objects.filter(name_key=skeleton(name)).update(name_key="")  # of an earlier test
    user = User.objects.guest(uuid.uuid4(), name)
    store = Store()
    store["visitor"] = str(user.pk)
    store.save()
    made[name] = settings.SESSION_COOKIE_NAME + "=" + store.session_key
    room.memberships.create(person=user, role="owner" if name == names[0] else "member")
    if name == names[0]:
        own = Conversation.objects.create(owner=user, title="Her own")
        link = own.links.create(token=f"watch-{{slug}}", right="watch", creator=user)
        made |= {{"own": f"/c/{{own.pk}}/", "link": link.get_absolute_url()}}
print(json.dumps(made))
"""
# Somebody else, in another process: a link is revoked, a person banned, another one appointed.
CHANGE = """
from django.utils import timezone
from chat.models import Link, Membership
Link.objects.filter(token="watch-{slug}").update(revoked=timezone.now())
seats = Membership.objects.filter(conversation__slug="{slug}")
seats.filter(person__name="Bob").update(role="banned")
seats.filter(person__name="Charlie").update(role="moderator")
"""


@dataclass
class Club:
    """A room, and the cookies of those who are in it."""

    server: Server
    slug: str
    made: dict[str, str]

    @property
    def path(self) -> str:
        return f"/rooms/{self.slug}/"

    async def come(self, arrive: Arrive, name: str, **options: Any) -> Person:
        return await arrive(self.server, self.made[name], **options)


def club(server: Server, slug: str, *names: str) -> Club:
    printed = server.manage("shell", "-c", MAKE.format(json.dumps([names, slug])))
    return Club(server, slug, json.loads(printed.splitlines()[-1]))


@pytest.fixture(scope="module")
def slow(server: Server) -> str:
    """The keyword for a reply that takes its time."""
    rule = ("--trigger", "keyword", "--keywords", "page-rooms", "--speed", "25")
    server.manage("reply", "page-rooms", "--text", LONG, *rule)
    return "page-rooms"


def act(bubble: Locator, role: str) -> Locator:
    return bubble.locator(f"[data-role={role}]")


async def counted(tab: Tab, count: int) -> None:
    await expect(tab.role("people-count")).to_have_text(str(count))


async def test_three_people_and_two_replies_at_a_time(
    arrive: Arrive, server: Server, slow: str
) -> None:
    photo = club(server, "photo", "Alice", "Bob", "Charlie")
    bob_person = await photo.come(arrive, "Bob", viewport=PHONE)
    bob_person.foresees("WebSocket connection")
    line = await bob_person.line()
    alice_person = await photo.come(arrive, "Alice")
    await alice_person.lingers()
    alice = await alice_person.open(photo.path)
    bob = await bob_person.open(photo.path)
    for tab in (alice, bob):
        await counted(tab, 2)
    await expect(alice.role("heading")).to_have_text("Photo club")
    await expect(alice.role("description")).to_have_text("Old and new")

    # Sides, names, colours, and who is typing.
    await bob.role("input").press_sequentially("He")
    await expect(alice.role("typist")).to_have_text("Bob is typing…")
    await bob.write("Hello")
    await expect(alice.role("typist")).to_be_hidden()
    await expect(alice.messages).to_have_count(1)
    await expect(alice.messages.first).to_have_attribute("data-mine", "false")
    await expect(bob.messages.first).to_have_attribute("data-mine", "true")
    for text in (f"@Assistant {slow} for Alice", "and more"):
        await alice.write(text)
    await expect(alice.mine).to_have_count(2)
    await expect(alice.mine.last).to_have_attribute("data-status", "complete")
    await bob.write(f"@Assistant {slow} for Bob")

    # Side by side, each in a bubble of its own that says to whom; the newest stays in view.
    for tab in (alice, bob):
        await expect(tab.replies).to_have_count(2)
        for reply in (tab.replies.first, tab.replies.last):
            await expect(reply).to_have_attribute("data-status", "streaming")
            await expect(tab.text(reply)).to_contain_text("It goes on")
    quote = bob.role("quote")
    await expect(quote.first).to_have_text(f"To Alice: @Assistant {slow} for Alice")
    await expect(quote.last).to_have_text(f"To you: @Assistant {slow} for Bob")
    log = await bob.role("messages").element_handle()
    await bob.until(PINNED, log)
    await expect(act(alice.replies.first, "halt")).to_be_visible()
    await expect(act(alice.replies.last, "halt")).to_be_visible()  # it is her room
    await expect(act(bob.replies.first, "halt")).to_be_hidden()
    await expect(act(bob.replies.last, "halt")).to_be_visible()

    # One comes in the middle of it, one loses the network and comes back.
    await line.cut()
    await bob.offline()
    charlie = await (await photo.come(arrive, "Charlie")).open(photo.path)
    await expect(charlie.replies).to_have_count(2)
    await counted(alice, 2)  # Bob is not
    line.mend()
    await bob.page.evaluate("dispatchEvent(new Event('online'))")  # it need not wait any more
    await counted(alice, 3)
    hues = [await tab.messages.nth(1).evaluate(HUE) for tab in (bob, charlie)]
    assert hues[0]
    assert hues[0] == hues[1]
    await expect(act(charlie.replies.last, "halt")).to_be_hidden()
    await expect(charlie.role("stop")).to_be_hidden()

    # Each stops their own; who moderates may stop any, where it stands.
    await bob.role("stop").click()
    await expect(alice.replies.last).to_have_attribute("data-status", "stopped")
    await expect(alice.replies.first).to_have_attribute("data-status", "streaming")
    await act(alice.replies.first, "halt").click()
    for tab in (alice, bob, charlie):
        await expect(tab.replies.first).to_have_attribute("data-status", "stopped")
        await expect(tab.replies.last).to_have_attribute("data-status", "stopped")
    texts = await alice.texts()
    assert len(texts) == 6
    assert await bob.texts() == texts
    assert await charlie.texts() == texts
    await expect(act(charlie.replies.last, "continue")).to_be_hidden()
    await expect(act(bob.replies.last, "continue")).to_be_visible()

    # What is changed, or deleted, is so for all.
    await bob.mine.first.hover()
    await act(bob.mine.first, "edit").click()
    await bob.role("edit-input").fill("Hello there")
    await bob.page.keyboard.press("Enter")
    for tab in (alice, bob, charlie):
        await expect(tab.text(tab.messages.first)).to_have_text("Hello there")
        await expect(act(tab.messages.first, "edited")).to_be_visible()
    await bob.mine.first.hover()
    await act(bob.mine.first, "delete").click()
    await act(bob.mine.first, "unsure").click()
    await expect(act(bob.mine.first, "delete")).to_be_focused()
    await expect(act(bob.messages.nth(1), "delete")).to_be_hidden()
    await bob.page.keyboard.press("Enter")
    await act(bob.mine.first, "surely").click()
    await expect(alice.messages).to_have_count(5)
    await expect(act(bob.replies.last, "delete")).to_be_hidden()
    await alice.replies.first.hover()
    await act(alice.replies.first, "delete").click()
    await act(alice.replies.first, "surely").click()
    for tab in (alice, bob, charlie):
        await expect(tab.messages).to_have_count(4)
    await expect(bob.role("input")).to_have_value("")

    # To the question, and who is here.
    await bob.role("quote").last.click()
    await expect(bob.mine.last).to_be_focused()
    await bob.role("people").click()
    await expect(bob.role("people-list").locator("li")).to_have_text(["Bobyou", "Alice", "Charlie"])
    await expect(bob.role("manage")).to_be_hidden()
    await alice.role("people").click()
    await expect(alice.role("manage")).to_have_attribute("href", f"{photo.path}manage/")


async def test_calling_somebody(arrive: Arrive, server: Server) -> None:
    choir = club(server, "choir", "Alice", "Bób Ærlig", "عمر الفاروق")
    alice = await (await choir.come(arrive, "Alice", viewport=PHONE)).open(choir.path)
    omar = await (await choir.come(arrive, "عمر الفاروق")).open(choir.path)
    bob_person = await choir.come(arrive, "Bób Ærlig")
    bob = await bob_person.open(choir.path)
    away = await bob_person.open("/")
    await counted(alice, 3)
    field, listbox = alice.role("input"), alice.role("callable")
    options = listbox.get_by_role("option")

    await field.press_sequentially("Salut @")
    await expect(options.filter(has_text="here now")).to_have_count(2)
    await expect(options.filter(has_text="Assistant").first).to_be_visible()
    await expect(field).to_have_attribute("aria-activedescendant", "callable-0")
    await field.press_sequentially("BO")
    await expect(options).to_have_text(["Bób Ærlighere now"])
    box = await listbox.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    await field.press("Escape")
    await expect(listbox).to_be_hidden()
    await field.press("Backspace")
    await field.press("Tab")
    await expect(field).to_have_value("Salut @Bób Ærlig ")
    await field.press_sequentially("@ass")
    await field.press("Enter")
    await expect(field).to_have_value("Salut @Bób Ærlig @Assistant ")
    await field.press_sequentially("@عم")
    await options.first.click()
    await expect(field).to_be_focused()
    await field.press("Enter")
    await expect(field).to_have_value("")

    for tab in (bob, omar):
        await expect(tab.messages.first).to_have_attribute("data-called", "")
        await expect(tab.role("called")).to_have_text("You are mentioned:")
    await expect(alice.role("called")).to_have_count(0)
    assert await bob.page.evaluate(CALLED, "call-you") == ["@Bób Ærlig"]
    assert await bob.page.evaluate(CALLED, "call") == ["@Assistant", "@عمر الفاروق"]

    # What comes while one is elsewhere is counted there, until one reads it, wherever that is.
    unread = away.role("room").filter(has_text="Photo club").locator("[data-role=room-unread]")
    await expect(unread).to_be_hidden()
    await bob.page.close()
    await counted(alice, 2)
    for text in ("one", "two"):
        await alice.write(text)
    await expect(unread).to_have_text("2")
    there = await bob_person.open(choir.path)
    await expect(unread).to_be_hidden()
    await expect(there.role("room-link")).to_have_attribute("aria-current", "page")


async def test_each_new_message_is_counted_once(arrive: Arrive, server: Server) -> None:
    tab = await (await arrive(server)).open("/healthz")
    steps: list[tuple[dict[str, Any], str]] = [
        ({"upto": 5, "unread": 2}, "2"),
        ({"unread": True, "new": [4, 5]}, "2"),  # it came later than the list that counted it
        ({"unread": True, "new": [5, 6, 7]}, "4"),
        ({"upto": 6, "unread": 3}, "4"),  # and the other way round
        ({"upto": 7, "unread": 4}, "4"),
        ({"unread": True, "new": [8]}, "5"),
        ({"unread": False}, "0"),
        ({"unread": True, "new": [8, 9]}, "1"),
        ({"unread": True, "new": [*range(10, 200)]}, "99+"),
        ({"upto": 199, "unread": 0}, "0"),
    ]
    assert await tab.page.evaluate(COUNT, [step for step, _ in steps]) == [
        words for _, words in steps
    ]


@pytest.mark.parametrize("width", [390, 1280])
async def test_what_one_can_do_with_a_message_lies_on_no_words(
    arrive: Arrive, server: Server, width: int
) -> None:
    rowing = club(server, f"rowing-{width}", "Alice", "Bob")
    size = {"width": width, "height": 844}
    person = await rowing.come(arrive, "Alice", viewport=size)
    await person.lingers()
    alice = await person.open(rowing.path)
    bob = await (await rowing.come(arrive, "Bob")).open(rowing.path)
    for tab in (bob, alice):
        await counted(tab, 2)
    for tab in (bob, alice):
        for text in ("hi", "ok", LONG[:200]):
            await tab.write(text)
    await expect(alice.messages).to_have_count(6)
    for message in await alice.messages.all():
        await expect(message).to_have_attribute("data-status", "complete")
        await message.hover()
        assert await message.evaluate(LIES_ON) <= 0
        await act(message, "copy").click()
        await expect(act(message, "copied")).to_be_visible()
        assert await message.evaluate(LIES_ON) <= 0
    shown = "() => document.querySelector('[data-role=messages]').scrollWidth"
    assert await alice.page.evaluate(shown) <= width


async def test_who_is_called_otherwise_is_so_everywhere_at_once(
    arrive: Arrive, server: Server
) -> None:
    garden = club(server, "garden", "Alice", "Bob")
    person = await garden.come(arrive, "Alice")
    await person.lingers()
    alice = await person.open(garden.path)
    bob = await (await garden.come(arrive, "Bob")).open(garden.path)
    await counted(alice, 2)
    await bob.write("I am Bob, and soon @Zoe")
    await expect(alice.messages.first.locator("[data-role=author]")).to_have_text("Bob")

    await bob.role("settings").click()
    await bob.page.get_by_label("Your name").fill("Zoe")
    await bob.page.get_by_label("Your name").press("Enter")
    await expect(bob.role("name-saved")).not_to_be_empty()
    await bob.page.keyboard.press("Escape")
    await expect(alice.messages.first.locator("[data-role=author]")).to_have_text("Zoe")
    for tab, names in ((alice, ["Aliceyou", "Zoe"]), (bob, ["Zoeyou", "Alice"])):
        await tab.role("people").click()
        await expect(tab.role("people-list").locator("li")).to_have_text(names)
        await tab.page.keyboard.press("Escape")
    assert await alice.page.evaluate(CALLED, "call") == ["@Zoe"]
    assert await bob.page.evaluate(CALLED, "call-you") == ["@Zoe"]

    # At a pace at which it is told again, although it was told of the message just now.
    await bob.role("input").press_sequentially("Now I am Zoe, and say so.", delay=150)
    await expect(alice.role("typist")).to_have_text("Zoe is typing…")
    await alice.role("input").press_sequentially("Hello @zo")
    await expect(alice.role("callable").get_by_role("option")).to_have_text(["Zoehere now"])
    await alice.page.keyboard.press("Tab")
    await alice.page.keyboard.press("Enter")
    await expect(bob.messages.last).to_have_attribute("data-called", "")


async def test_who_watches_and_who_may_not_any_more(
    arrive: Arrive, server: Server, slow: str
) -> None:
    chess = club(server, "chess", "Alice", "Bob", "Charlie")
    alice_person = await chess.come(arrive, "Alice")
    own = await alice_person.open(chess.made["own"])
    await own.online()
    await expect(own.role("share-open")).to_be_visible()
    watcher = await arrive(server, viewport=PHONE)
    line = await watcher.line()
    dora = await watcher.open(chess.made["link"])
    await dora.online()
    await own.write(f"Look, {slow}")
    await dora.typed(1, length=20)
    await expect(dora.role("shared-by")).to_have_text("Alice lets you watch")
    await expect(dora.role("composer")).to_be_hidden()
    await expect(dora.role("shut")).to_contain_text("Only the people in it can write.")
    for role in ("share-open", "people", "halt", "stop", "edit", "delete"):
        await expect(dora.page.locator(f".chat [data-role={role}]:visible")).to_have_count(0)

    # A private conversation too: one's own goes, and its answer with it.
    await own.role("stop").click()
    await expect(own.reply).to_have_attribute("data-status", "stopped")
    await own.mine.hover()
    await act(own.mine, "delete").click()
    await own.role("surely").click()
    for tab in (own, dora):
        await expect(tab.messages).to_have_count(0)

    # The room is closed, and opened again: what was being written is still there.
    charlie_person = await chess.come(arrive, "Charlie")
    wire = await charlie_person.line()
    charlie = await charlie_person.open(chess.path)
    bob = await (await chess.come(arrive, "Bob")).open(chess.path)
    await counted(charlie, 2)
    await bob.write("Hello")
    await charlie.role("input").fill("I was just")
    for closed in (True, False):
        room = {"slug": "chess", "description": "", "listed": True, "answers": "mentioned"}
        wire.say({"type": "room", "title": f"Closed {closed}", "closed": closed, **room})
        await expect(charlie.role("heading")).to_have_text(f"Closed {closed}")
        await expect(charlie.role("composer")).to_be_visible(visible=not closed)
        await expect(charlie.page.get_by_text("This room is closed.")).to_be_visible(visible=closed)
    await expect(charlie.role("input")).to_have_value("I was just")

    # A link is revoked, one is banned, and one may do more now.
    await expect(act(charlie.messages.first, "delete")).to_be_hidden()
    await asyncio.to_thread(server.manage, "shell", "-c", CHANGE.format(slug="chess"))
    await expect(dora.role("gone")).to_be_visible()
    await expect(bob.role("gone")).to_be_visible()
    await expect(dora.role("gone")).to_contain_text("This link does not work any more")
    await expect(bob.role("gone")).to_contain_text("You are no longer in this room")
    for tab in (dora, bob):
        await expect(tab.page.locator("[data-role=message]:visible")).to_have_count(0)
        await expect(tab.role("input")).to_be_hidden()
        await expect(tab.role("gone")).to_be_focused()
    await charlie.messages.first.hover()
    await expect(act(charlie.messages.first, "delete")).to_be_visible()
    await expect(charlie.role("input")).to_have_value("I was just")
    assert line.attempts == 1
