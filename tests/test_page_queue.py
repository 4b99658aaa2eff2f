"""What is written while a reply is on its way waits for its turn, and can be taken back."""

import pytest
from playwright.async_api import Locator, expect

from tests.browser import Arrive, Person, Tab, in_browser
from tests.client import Frame
from tests.server import Server

pytestmark = in_browser

LONG = "It goes on and on, until somebody has read enough of it. " * 20
TURN = "Waits until the reply above has ended"


@pytest.fixture(scope="module")
def talk(server: Server) -> str:
    """The keyword for a reply that takes its time."""
    rule = ("--trigger", "keyword", "--keywords", "page-queue", "--speed", "12")
    server.manage("reply", "page-queue", "--text", LONG, *rule)
    return "page-queue"


async def queued(person: Person, word: str, *texts: str) -> Tab:
    """A page where a reply is being written, and what follows waits."""
    tab = await person.open()
    await tab.greeted()
    await tab.write(word)
    await tab.typed(2, length=3)
    for text in texts:
        await tab.write(text)
    await expect(tab.replies).to_have_count(2 + len(texts))
    return tab


def state(bubble: Locator) -> Locator:
    return bubble.locator("[data-role=state]")


def take_back(bubble: Locator) -> Locator:
    return bubble.locator("[data-role=remove]")


async def test_whoever_waits_sees_it_and_gets_their_turn(
    arrive: Arrive, server: Server, talk: str
) -> None:
    person = await arrive(server)
    alice = await queued(person, talk, "second", "third")
    other = await person.open()
    await expect(other.replies).to_have_count(4)
    for tab in (alice, other):
        await expect(state(tab.replies.nth(1))).to_be_hidden()
        for place in (2, 3):
            await expect(state(tab.replies.nth(place))).to_have_text(TURN)
            await expect(state(tab.replies.nth(place))).to_be_visible()
        for place, is_waiting in enumerate((False, True, True)):
            bubble = tab.mine.nth(place)
            await expect(take_back(bubble)).to_be_visible(visible=is_waiting)
            await expect(bubble.locator("[data-role=edit]")).to_be_visible(visible=not is_waiting)
    await other.role("stop").click()
    for tab in (alice, other):
        await expect(tab.replies.nth(1)).to_have_attribute("data-status", "stopped")
        await tab.ended(4)
        await expect(take_back(tab.mine.last)).to_be_hidden()
        assert [status for _, status, _ in await tab.said()] == [
            *("complete", "complete", "stopped", "complete", "complete", "complete", "complete")
        ]


async def test_taken_back_is_gone_everywhere_and_its_text_is_given_back(
    arrive: Arrive, server: Server, talk: str
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await queued(person, talk, "second\nthought", "third")
    other = await person.open()
    await expect(other.replies).to_have_count(4)
    await alice.page.bring_to_front()
    await take_back(alice.mine.nth(1)).dblclick()
    await expect(alice.role("input")).to_have_value("second\nthought")
    await expect(alice.role("input")).to_be_focused()
    for tab in (alice, other):
        await expect(tab.mine).to_have_count(2)
        await expect(tab.replies).to_have_count(3)
    await expect(other.role("input")).to_have_value("")
    await take_back(alice.mine.last).click()
    await expect(alice.mine).to_have_count(1)
    await expect(alice.role("input")).to_have_value("second\nthought")
    assert [frame["type"] for frame in line.sent].count("message.remove") == 2
    await expect(alice.reply).to_have_attribute("data-status", "streaming")
    await alice.page.reload()
    await expect(alice.mine).to_have_count(1)


async def test_what_cannot_be_taken_back_any_more_stays(
    arrive: Arrive, server: Server, talk: str
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await queued(person, talk, f"{talk} again")

    def late(frame: Frame) -> list[Frame]:
        if frame["type"] == "message.remove":
            why = {"code": "conflict", "detail": "It is being answered already."}
            line.say({"type": "error", "message": frame["message"], **why})
            return []
        return [frame]

    line.change = late
    await take_back(alice.mine.last).click()
    await expect(alice.role("notices")).to_have_text("It is being answered already.")
    await expect(alice.mine).to_have_count(2)
    await expect(alice.role("input")).to_have_value("")
    line.change = lambda frame: [frame]
    await take_back(alice.mine.last).click()
    await expect(alice.mine).to_have_count(1)


async def test_taken_back_while_the_line_is_cut_is_offered_again(
    arrive: Arrive, server: Server, talk: str
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await queued(person, talk, "second")
    line.hold_up()
    await take_back(alice.mine.last).click()
    await line.cut()
    await alice.offline()
    line.mend()
    await alice.online()
    await expect(alice.mine.last).not_to_have_attribute("data-held", "")
    await take_back(alice.mine.last).click()
    await expect(alice.mine).to_have_count(1)
    await expect(alice.role("input")).to_have_value("second")
