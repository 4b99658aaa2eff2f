"""Stopping a reply keeps exactly what the page showed, everywhere and for good."""

import re
from collections.abc import Callable

import pytest
from playwright.async_api import expect

from tests.browser import Arrive, Tab, in_browser
from tests.client import Frame
from tests.server import Server

pytestmark = in_browser

LONG = "It goes on and on, until somebody has read enough of it. " * 200
FAMILY = "👩‍👩‍👧‍👦"
AT_LEAST_20 = re.compile(".{20}")
# Notes what is shown at the very moment of the key or the click, before the page knows of it.
NOTE_WHAT_IS_SHOWN = """() => {
  window.shown = null;
  const note = () => {
    shown ??= [...document.querySelectorAll("[data-role=text]")].at(-1).textContent;
  };
  for (const event of ["keydown", "click"]) addEventListener(event, note, { capture: true });
}"""


async def by_button(tab: Tab) -> None:
    await tab.role("stop").click()


async def by_escape(tab: Tab) -> None:
    await tab.page.keyboard.press("Escape")


async def stopped(tab: Tab, stop: Callable[[Tab], object]) -> str:
    """Stop the newest reply; return what was shown of it at that moment."""
    await tab.page.evaluate(NOTE_WHAT_IS_SHOWN)
    await stop(tab)  # type: ignore[misc]
    assert await tab.ended(2, "stopped")
    return str(await tab.page.evaluate("shown"))


@pytest.mark.parametrize("stop", [by_button, by_escape])
async def test_text_kept_is_what_the_page_showed(
    arrive: Arrive,
    server: Server,
    scripted: Callable[..., str],
    stop: Callable[[Tab], object],
) -> None:
    scripted("page-stop", LONG, "--speed", "100")
    person = await arrive(server)
    alice = await person.open()
    await alice.online()
    other = await person.open()
    await other.online()
    await alice.page.bring_to_front()
    await alice.write("page-stop")
    await alice.typed(2, length=60)
    shown = await stopped(alice, stop)
    assert LONG.startswith(shown)
    assert 60 <= len(shown) < len(LONG)
    assert await alice.ended(2, "stopped") == shown
    assert await other.ended(2, "stopped") == shown
    await alice.page.reload()
    assert await alice.ended(2, "stopped") == shown
    for tab in (alice, other):
        await expect(tab.reply.locator("[data-role=note]")).to_have_text("Stopped")
        await expect(tab.role("stop")).to_be_hidden()


async def test_other_tab_that_showed_more_goes_back(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-ahead", LONG, "--speed", "100")
    alice = await arrive(server)
    ahead = await alice.open()
    await ahead.online()
    line = await alice.line()
    behind = await alice.open()
    line.hold_down(since=lambda frame: frame.get("at") == 40)
    await behind.write("page-ahead")
    assert await behind.typed(2, length=40) == LONG[:40]
    await ahead.typed(2, length=150)
    await behind.role("stop").click()
    assert await ahead.ended(2, "stopped") == LONG[:40]
    line.let_go()
    assert await behind.ended(2, "stopped") == LONG[:40]


async def test_reply_that_has_not_begun_can_be_stopped(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-early", LONG, "--speed", "10")
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    line.hold_down(since=lambda frame: frame["type"] == "char")
    await alice.write("page-early")
    await expect(alice.replies).to_have_count(2)
    await expect(alice.reply).to_have_attribute("data-status", "waiting")
    await alice.role("stop").click()
    line.let_go()
    assert await alice.ended(2, "stopped") == ""
    await expect(alice.reply.locator("[data-role=note]")).to_have_text("Stopped")


async def test_stop_asked_for_while_offline_counts_from_then(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-tunnel", LONG, "--speed", "30")
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.write("page-tunnel")
    await alice.typed(2, length=20)
    await line.cut()
    await alice.offline()
    await alice.role("stop").click()
    shown = await alice.text(alice.reply).text_content()
    line.mend()
    assert await alice.ended(2, "stopped") == shown


async def test_family_is_never_torn(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-family", FAMILY * 2000, "--speed", "60")
    person = await arrive(server)
    alice = await person.open(recorded=True)
    await alice.write("page-family")
    await alice.typed(2, length=10 * len(FAMILY))
    shown = await stopped(alice, by_escape)
    assert shown == await alice.ended(2, "stopped")
    assert shown == FAMILY * (len(shown.encode()) // len(FAMILY.encode()))
    for _, text in await alice.recorded(shown):
        assert text.replace(FAMILY, "") == "", "half a family was never seen"


@pytest.mark.parametrize("stop", [by_button, by_escape])
async def test_stop_ends_what_is_being_written_and_what_waits_goes_on(
    arrive: Arrive,
    server: Server,
    scripted: Callable[..., str],
    stop: Callable[[Tab], object],
) -> None:
    scripted("page-choir", LONG, "--speed", "60")
    person = await arrive(server)
    alice = await person.open()
    await alice.greeted()
    for _ in range(3):
        await alice.write("page-choir")
    await expect(alice.replies).to_have_count(4)
    first, second, third = (alice.replies.nth(place) for place in (1, 2, 3))
    await expect(alice.text(first)).to_have_text(AT_LEAST_20)
    await stop(alice)  # type: ignore[misc]
    await expect(first).to_have_attribute("data-status", "stopped")
    await expect(alice.text(second)).to_have_text(AT_LEAST_20)
    await expect(third).to_have_attribute("data-status", "waiting")
    await stop(alice)  # type: ignore[misc]
    await expect(second).to_have_attribute("data-status", "stopped")
    await expect(alice.text(third)).to_have_text(AT_LEAST_20)
    await stop(alice)  # type: ignore[misc]
    await expect(third).to_have_attribute("data-status", "stopped")
    await expect(alice.role("stop")).to_be_hidden()
    shown = await alice.said()
    await alice.page.reload()
    await alice.ended(4, "stopped")
    assert await alice.said() == shown, "the server knows it too"


async def test_two_clicks_stop_one_reply(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-twice", LONG, "--speed", "60")
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    for _ in range(2):
        await alice.write("page-twice")
    first, second = alice.replies.nth(1), alice.replies.nth(2)
    await expect(alice.text(first)).to_have_text(AT_LEAST_20)
    line.hold_down()
    await alice.role("stop").dblclick()
    line.let_go()
    await expect(first).to_have_attribute("data-status", "stopped")
    await expect(second).to_have_attribute("data-status", "streaming")
    assert [frame["type"] for frame in line.sent].count("reply.stop") == 1


async def test_stop_that_comes_too_fast_is_asked_for_again(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-hasty", LONG, "--speed", "50")
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    await alice.write("page-hasty")
    await alice.typed(2, length=20)

    def refuse(frame: Frame) -> list[Frame]:
        if frame["type"] != "reply.stop":
            return [frame]
        line.change = lambda frame: [frame]
        why = {"code": "rate_limited", "detail": "Too many requests at once.", "retry_after": 0.2}
        line.say({"type": "error", "reply": frame["reply"], **why})
        return []

    line.change = refuse
    shown = await stopped(alice, by_button)
    assert await alice.ended(2, "stopped") == shown, "meanwhile it was silent"
    await expect(alice.role("notices")).to_be_empty()
