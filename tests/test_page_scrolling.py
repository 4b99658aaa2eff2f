"""The newest message is in view, unless the reader has scrolled up: then nothing moves them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import ViewportSize, expect

from tests.browser import Arrive, Tab, in_browser
from tests.client import Client, session
from tests.server import Server

pytestmark = in_browser

SMALL = ViewportSize(width=390, height=480)
LONG = "A calm sentence that wraps, so that the text grows line by line. " * 12
UNBROKEN = "W" * 900

BELOW = """log => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight)"""
AT_NEWEST = """() => {
  const log = document.querySelector("[data-role=messages]");
  return log.scrollHeight - log.scrollTop - log.clientHeight <= 2;
}"""
# Whatever moves in the log, this is the last to look at it before it is painted.
WATCH_BELOW = """log => {
  window.worst = 0;
  const look = () => {
    worst = Math.max(worst, log.scrollHeight - log.scrollTop - log.clientHeight);
  };
  new ResizeObserver(look).observe(document.querySelector("[data-role=thread]"));
}"""
# Resolves when nothing has scrolled for ten frames.
SETTLED = """async log => {
  for (let still = 0, last = null; still < 10; still++) {
    await new Promise(requestAnimationFrame);
    if (log.scrollTop !== last) still = 0;
    last = log.scrollTop;
  }
}"""
TOP_OF = "(log, id) => document.querySelector(`[data-message='${id}']`).getBoundingClientRect().top"
FIRST_IN_VIEW = """log => [...log.querySelectorAll("[data-role=message]")]
  .find(one => one.getBoundingClientRect().bottom > log.getBoundingClientRect().top + 20)
  .dataset.message"""

# What stands in the log, in its order; days begin with a dash.
STANDS = """expected => {
  const saysDay = (one) => one.dataset.role === "day" && `- ${one.textContent}`;
  const says = (one) => saysDay(one) || one.querySelector("[data-role=text]").textContent;
  const stands = [...document.querySelector("[data-role=thread]").children].map(says);
  return JSON.stringify(stands) === JSON.stringify(expected);
}"""
FROM_THE_START = """
if (location.protocol === "http:") localStorage.setItem("chat:reader", '{ "stay": "start" }');
"""


async def settled(tab: Tab) -> None:
    await tab.role("messages").evaluate(SETTLED)


async def below(tab: Tab) -> int:
    """Return how many pixels of the log are below what is in view."""
    return int(await tab.role("messages").evaluate(BELOW))


async def wheel(tab: Tab, pixels: int) -> None:
    await tab.role("messages").hover()
    await tab.page.mouse.wheel(0, pixels)


async def reading(tab: Tab) -> tuple[str, float]:
    """Return the first message in view, and where it is."""
    log = tab.role("messages")
    first = await log.evaluate(FIRST_IN_VIEW)
    return first, await log.evaluate(TOP_OF, first)


@pytest.fixture
def wall(scripted: Callable[..., str]) -> str:
    """The keyword for a long reply that is there at once."""
    return scripted("page-wall", LONG, "--speed", "0")


@pytest.fixture
def talkative(scripted: Callable[..., str]) -> str:
    """The keyword for a long reply that is typed."""
    return scripted("page-long", LONG, "--speed", "600")


async def test_newest_stays_in_view_while_it_is_typed(
    arrive: Arrive, server: Server, talkative: str
) -> None:
    alice = await (await arrive(server, viewport=SMALL)).open()
    await alice.role("messages").evaluate(WATCH_BELOW)
    await alice.write(talkative)
    assert await alice.ended(2) == LONG
    assert await alice.page.evaluate("worst") <= 2, "not in a single frame it was out of view"
    log = alice.role("messages")
    assert await log.evaluate("log => log.scrollHeight > log.clientHeight"), "it did not fit in"
    await expect(alice.role("jump")).to_be_hidden()


async def test_scrolled_up_nothing_moves_and_a_button_leads_back(
    arrive: Arrive, server: Server, talkative: str
) -> None:
    person = await arrive(server, viewport=SMALL)
    line = await person.line()
    alice = await person.open()
    line.hold_down(since=lambda frame: frame.get("at") == 500)
    await alice.write(talkative)
    await alice.typed(2, length=500)
    await wheel(alice, -120)
    await expect(alice.role("jump")).to_be_visible()
    await settled(alice)
    before, far = await reading(alice), await below(alice)
    assert far > 50
    line.let_go()
    await alice.ended(2)
    await settled(alice)
    assert await reading(alice) == before, "they were left in peace"
    assert await below(alice) > far, "though the text grew"
    await alice.role("jump").click()
    await alice.until(AT_NEWEST)
    await expect(alice.role("jump")).to_be_hidden()
    await alice.write(talkative)
    await alice.ended(3)
    assert await below(alice) <= 2, "and from then on they follow again"


async def test_keyboard_scrolls_up_and_back(arrive: Arrive, server: Server, wall: str) -> None:
    alice = await (await arrive(server, viewport=SMALL)).open()
    await alice.write(wall)
    await alice.ended(2)
    await alice.role("messages").focus()
    await alice.page.keyboard.press("PageUp")
    await expect(alice.role("jump")).to_be_visible()
    await settled(alice)
    assert await below(alice) > 50
    await alice.page.keyboard.press("End")
    await alice.until(AT_NEWEST)
    await expect(alice.role("jump")).to_be_hidden()


async def test_one_key_leads_to_the_end_of_a_reply_that_is_fast(
    arrive: Arrive, server: Server, wall: str, scripted: Callable[..., str]
) -> None:
    fast = scripted("page-fast", LONG * 8, "--speed", "1000")
    person = await arrive(server, viewport=SMALL)
    line = await person.line()
    alice = await person.open()
    for replies in (2, 3, 4):
        await alice.write(wall)
        await alice.ended(replies)
    line.hold_down(since=lambda frame: frame.get("at") == 500)
    await alice.write(fast)
    await alice.typed(5, length=500)
    await alice.role("messages").focus()
    await alice.page.keyboard.press("Home")
    await expect(alice.role("jump")).to_be_visible()
    await settled(alice)
    assert await below(alice) > 1000
    line.let_go()
    await alice.page.keyboard.press("End")
    await alice.role("messages").evaluate(WATCH_BELOW)
    assert await alice.ended(5) == LONG * 8
    await expect(alice.role("jump")).to_be_hidden()
    assert await alice.page.evaluate("worst") <= 2, "it was followed from then on"


async def test_writing_leads_back_to_the_newest(arrive: Arrive, server: Server, wall: str) -> None:
    alice = await (await arrive(server, viewport=SMALL)).open()
    await alice.write(wall)
    await alice.ended(2)
    await wheel(alice, -200)
    await expect(alice.role("jump")).to_be_visible()
    await settled(alice)
    await alice.write("Here I am again")
    await alice.until(AT_NEWEST)
    await expect(alice.role("jump")).to_be_hidden()
    await expect(alice.text(alice.mine.last)).to_be_in_viewport()


async def test_smaller_window_and_bigger_input_keep_the_newest_in_view(
    arrive: Arrive, server: Server, wall: str
) -> None:
    alice = await (await arrive(server)).open()
    await alice.write(wall)
    await alice.ended(2)
    await alice.page.set_viewport_size(SMALL)
    await settled(alice)
    assert await below(alice) <= 2
    await alice.role("input").fill("one\ntwo\nthree\nfour\nfive")
    await settled(alice)
    assert await below(alice) <= 2


async def test_older_messages_come_without_a_jump(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-echo", "{message} indeed", "--speed", "0")
    cookie = session(server.url)
    async with Client(server.url, origin=server.url, cookie=cookie) as client:
        posted = [f"page-echo {number}" for number in range(38)]
        for text in posted:
            await client.end(await client.post(text))
    person = await arrive(server, cookie, viewport=SMALL)
    line = await person.line()
    alice = await person.open()
    await expect(alice.messages).to_have_count(50)
    await settled(alice)
    assert await below(alice) <= 2

    line.hold_down()
    await alice.role("messages").focus()
    await alice.page.keyboard.press("Home")
    await settled(alice)
    assert await alice.role("messages").evaluate("log => log.scrollTop") == 0
    first, top = await reading(alice)
    line.let_go()
    await expect(alice.messages).to_have_count(77)
    await settled(alice)
    now = await alice.role("messages").evaluate(TOP_OF, first)
    assert abs(now - top) <= 1, "what they read stays where it is"
    await expect(alice.role("jump")).to_be_visible()
    expected = ["Hello from server!"]
    for text in posted:
        expected += [text, f"{text} indeed"]
    assert await alice.texts() == expected, "in order, and nothing twice"


async def test_between_messages_of_different_days_stands_the_day(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server, timezone_id="UTC")
    line = await person.line()
    await person.context.clock.set_fixed_time(datetime(2026, 3, 14, 22))
    alice = await person.open()
    await alice.greeted()
    line.hold_down()

    def message(id: int, created: str, text: str) -> dict[str, Any]:
        author = {"kind": "assistant", "id": 1, "name": "Assistant"}
        rest = {"status": "complete", "reply_to": None, "version": 1, "versions": 1, "key": None}
        return {"id": id, "author": author, "text": text, "created": created, "error": None, **rest}

    async def stands(*expected: str) -> None:
        await alice.until(STANDS, expected)

    messages = [
        message(3, "2025-12-31T10:00:00Z", "long ago"),
        message(4, "2026-03-12T10:00:00Z", "on Thursday"),
        message(5, "2026-03-13T23:58:00Z", "late"),
        message(6, "2026-03-14T00:01:00Z", "early"),
    ]
    you = {"id": "2", "name": "Guest", "guest": True}
    ready = {"type": "ready", "you": you, "assistants": [], "has_earlier": True}
    conversation = {"id": "another", "kind": "private", "title": ""}
    line.say({**ready, "conversation": conversation, "messages": messages})
    year, then = "Wednesday, December 31, 2025", "Thursday, March 12"
    days = [f"- {year}", "long ago", f"- {then}", "on Thursday", "- Yesterday", "late"]
    await stands(*days, "- Today", "early")
    await expect(alice.messages.last).not_to_have_attribute("data-follows", "")
    line.say({"type": "message.removed", "messages": [4]})
    earlier = [message(1, "2025-12-31T08:00:00Z", "before")]
    line.say({"type": "earlier", "messages": earlier, "has_earlier": False})
    await stands(f"- {year}", "before", *days[1:2], *days[4:], "- Today", "early")
    await person.context.clock.set_fixed_time(datetime(2026, 3, 15, 1))
    late = ["- Friday, March 13", "late", "- Yesterday", "early"]
    await stands(f"- {year}", "before", "long ago", *late)
    await alice.write("now")
    await stands(f"- {year}", "before", "long ago", *late, "- Today", "now")


async def test_who_reads_from_the_start_is_left_there(
    arrive: Arrive, server: Server, talkative: str
) -> None:
    person = await arrive(server, viewport=SMALL)
    await person.context.add_init_script(FROM_THE_START)
    alice = await person.open()
    await alice.greeted()
    await alice.write(talkative)
    await alice.ended(2)
    await settled(alice)
    start = await alice.reply.bounding_box()
    log = await alice.role("messages").bounding_box()
    assert start
    assert log
    assert 0 <= start["y"] - log["y"] < 40
    assert await below(alice) > 50
    await alice.role("jump").click()
    await alice.until(AT_NEWEST)
    await settled(alice)
    assert await below(alice) <= 2, "who wants to go there, may"


@pytest.mark.parametrize("width", [390, 1280])
async def test_long_unbroken_text_does_not_scroll_sideways(
    arrive: Arrive, server: Server, scripted: Callable[..., str], width: int
) -> None:
    scripted("page-wide", UNBROKEN, "--speed", "0")
    alice = await (await arrive(server, viewport={"width": width, "height": 700})).open()
    await alice.write(f"page-wide {UNBROKEN}")
    assert await alice.ended(2) == UNBROKEN
    fits = "element => element.scrollWidth <= element.clientWidth"
    assert await alice.page.locator("html").evaluate(fits)
    assert await alice.role("messages").evaluate(fits)
    for bubble in (alice.mine.last, alice.reply):
        box = await alice.text(bubble).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
