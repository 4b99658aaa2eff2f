"""One's own message is changed in its place, and answered anew; nothing that was typed is lost."""

import asyncio

import pytest
from playwright.async_api import Locator, expect

from tests.browser import Arrive, Line, Person, Tab, in_browser
from tests.client import Frame
from tests.server import Server

pytestmark = in_browser

HELLO = "Hello from server!"
LONG = "It goes on and on, until somebody has read enough of it. " * 200


@pytest.fixture(scope="module", autouse=True)
def replies(server: Server) -> None:
    """Keywords for a reply that goes on for long, and one that is there at once."""
    rules = {"page-hush": (LONG, "40"), "page-edited": ("That is better.", "0")}
    for word, (text, speed) in rules.items():
        rule = ("--trigger", "keyword", "--keywords", word, "--speed", speed)
        server.manage("reply", word, "--text", text, *rule)


async def said(person: Person, *texts: str) -> Tab:
    """A page where this was said, and answered."""
    tab = await person.open()
    await tab.greeted()
    for count, text in enumerate(texts, start=2):
        await tab.write(text)
        await tab.ended(count)
    return tab


def field(tab: Tab) -> Locator:
    return tab.page.get_by_role("textbox", name="Edit the message")


async def edit(tab: Tab, place: int, text: str) -> None:
    """Write `text` over one of one's messages, and save nothing yet."""
    await tab.mine.nth(place).locator("[data-role=edit]").click()
    await field(tab).fill(text)


def acts(line: Line) -> list[str]:
    return [each["type"] for each in line.sent if each["type"] in ("reply.stop", "message.edit")]


async def test_message_is_changed_and_answered_anew_on_every_device(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    alice = await said(person, "first", "second")
    other = await person.open()
    await other.ended(3)
    await alice.page.bring_to_front()
    await alice.role("input").fill("a draft")
    await alice.mine.first.locator("[data-role=edit]").click()
    await expect(field(alice)).to_be_focused()
    await expect(field(alice)).to_have_value("first")
    await alice.page.keyboard.type(" <b>page-edited</b>")
    await alice.page.keyboard.press("Enter")
    for tab in (alice, other):
        assert await tab.ended(2) == "That is better."
        assert await tab.texts() == [HELLO, "first <b>page-edited</b>", "That is better."]
        await expect(tab.mine.locator("[data-role=version]")).to_have_text("2/2")
    await expect(field(alice)).to_have_count(0)
    await expect(alice.role("input")).to_have_value("a draft")
    await other.mine.locator("[data-role=previous]").click()
    for tab in (alice, other):
        await tab.ended(3)
        assert await tab.texts() == [HELLO, "first", HELLO, "second", HELLO]


async def test_shift_enter_breaks_the_line_and_escape_gives_up_before_it_stops(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await said(person)
    await alice.write("page-hush")
    await alice.typed(2, length=5)
    await alice.mine.locator("[data-role=edit]").click()
    await expect(field(alice)).to_be_focused()
    await alice.page.keyboard.type("!")
    await alice.page.keyboard.press("Shift+Enter")
    await alice.page.keyboard.type("?")
    await expect(field(alice)).to_have_value("page-hush!\n?")
    await alice.page.keyboard.press("Escape")
    await expect(field(alice)).to_have_count(0)
    await expect(alice.mine.locator("[data-role=edit]")).to_be_focused()
    await expect(alice.text(alice.mine)).to_have_text("page-hush")
    await expect(alice.reply).to_have_attribute("data-status", "streaming")
    assert acts(line) == []
    await alice.page.keyboard.press("Escape")
    await alice.ended(2, "stopped")


async def test_arrow_up_leads_to_the_last_one_and_what_is_typed_there_outlives_a_reload(
    arrive: Arrive, server: Server
) -> None:
    alice = await said(await arrive(server), "first", "second")
    keyboard = alice.page.keyboard
    await alice.role("input").fill("a draft")
    await keyboard.press("ArrowUp")
    await expect(field(alice)).to_have_count(0)
    await alice.role("input").fill("")
    await keyboard.press("ArrowUp")
    await expect(field(alice)).to_be_focused()
    await expect(field(alice)).to_have_value("second")
    await keyboard.press("Escape")
    await expect(alice.role("input")).to_be_focused()
    await keyboard.press("ArrowUp")
    await keyboard.type(" thought")
    await alice.page.reload()
    await expect(field(alice)).to_have_value("second thought")
    await expect(alice.role("input")).to_be_focused()
    await keyboard.press("ArrowUp")
    await expect(field(alice)).to_be_focused()
    await keyboard.press("Enter")
    await expect(field(alice)).to_have_count(0)
    await alice.ended(3)
    await expect(alice.role("input")).to_be_focused()
    await alice.page.reload()
    await alice.ended(3)
    assert await alice.texts() == [HELLO, "first", HELLO, "second thought", HELLO]
    await expect(field(alice)).to_have_count(0)


async def test_what_did_not_change_is_not_sent(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await said(person, "as it was")
    await edit(alice, 0, "as it was")
    await alice.page.get_by_role("button", name="Save").click()
    await expect(field(alice)).to_have_count(0)
    await edit(alice, 0, "something else")
    await alice.page.get_by_role("button", name="Cancel").click()
    await expect(field(alice)).to_have_count(0)
    assert acts(line) == []
    assert await alice.texts() == [HELLO, "as it was", HELLO]


async def test_replies_on_their_way_are_stopped_first(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await said(person)
    await alice.write("page-hush")
    await alice.write("page-hush, too")
    await expect(alice.replies).to_have_count(3)
    await alice.until("() => document.querySelectorAll('[data-status=streaming]').length")
    await edit(alice, 0, "Never mind")
    await alice.page.keyboard.press("Enter")
    assert await alice.ended(2) == HELLO
    assert await alice.texts() == [HELLO, "Never mind", HELLO]
    assert acts(line) == ["reply.stop", "reply.stop", "message.edit"]
    await alice.mine.locator("[data-role=previous]").click()
    await expect(alice.replies).to_have_count(3)
    await expect(alice.page.locator("[data-status=stopped]")).to_have_count(2)


async def test_what_is_refused_stays_there_to_be_saved_again(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await said(person, "first")

    def spoil(frame: Frame) -> list[Frame]:
        return [{**frame, "text": "\0"} if frame["type"] == "message.edit" else frame]

    line.change = spoil
    await edit(alice, 0, "second")
    line.hold_down()
    await alice.page.keyboard.press("Enter")
    await alice.page.keyboard.press("Enter")
    line.let_go()
    await expect(alice.role("notices")).to_contain_text("must not contain U+0000")
    await expect(field(alice)).to_have_value("second")
    await expect(field(alice)).to_be_editable()
    assert acts(line) == ["message.edit"], "it was asked for once"
    line.change = lambda frame: [frame]
    await alice.page.keyboard.press("Enter")
    await expect(alice.text(alice.mine)).to_have_text("second")
    await expect(field(alice)).to_have_count(0)


async def test_what_was_cut_off_is_saved_or_stays_there(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await said(person, "first")
    line.hold_up()
    await edit(alice, 0, "second")
    await alice.page.keyboard.press("Enter")
    await expect(field(alice)).not_to_be_editable()
    await line.cut()
    await alice.offline()
    line.mend()
    await expect(field(alice)).to_be_editable()
    await expect(field(alice)).to_have_value("second")
    arrived = asyncio.Event()

    def note(frame: Frame) -> list[Frame]:
        if frame["type"] == "message.edit":
            arrived.set()
        return [frame]

    line.change = note
    line.hold_down()
    await alice.page.keyboard.press("Enter")
    await arrived.wait()
    await line.cut()
    await alice.offline()
    line.mend()
    await expect(field(alice)).to_have_count(0)
    await alice.ended(2)
    assert await alice.texts() == [HELLO, "second", HELLO]
    await expect(alice.mine.locator("[data-role=version]")).to_have_text("2/2")


async def test_without_a_connection_nothing_is_stopped_and_nothing_lost(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await said(person, "first")
    await line.cut()
    await alice.offline()
    await edit(alice, 0, "second")
    await alice.page.keyboard.press("Enter")
    await expect(alice.role("notices")).to_contain_text("There is no connection right now.")
    await expect(field(alice)).to_have_value("second")
    line.mend()
    await alice.online()
    await alice.page.keyboard.press("Enter")
    await expect(alice.text(alice.mine)).to_have_text("second")


async def test_same_limits_as_for_a_new_message(arrive: Arrive, server: Server) -> None:
    alice = await said(await arrive(server), "first")
    save = alice.page.get_by_role("button", name="Save")
    await edit(alice, 0, "x" * 32_001)
    await expect(alice.role("edit-hint")).to_contain_text("32,001 characters are too many")
    await expect(save).to_be_disabled()
    await alice.page.keyboard.press("Enter")
    await field(alice).fill(" \n ")
    await expect(save).to_be_disabled()
    await alice.page.keyboard.press("Enter")
    await field(alice).fill("short")
    await expect(save).to_be_enabled()
    await expect(alice.text(alice.mine)).to_have_text("first")


async def test_what_is_typed_in_a_message_that_goes_away_is_kept(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    alice = await said(person, "first", "second")
    other = await person.open()
    await other.ended(3)
    await edit(other, 1, "a better second")
    await alice.page.bring_to_front()
    await edit(alice, 0, "another first")
    await alice.page.keyboard.press("Enter")
    await other.ended(2)
    assert await other.texts() == [HELLO, "another first", HELLO]
    await expect(other.role("input")).to_have_value("a better second")
