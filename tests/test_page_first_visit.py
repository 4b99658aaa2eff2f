"""Somebody who never came before opens the page, and types at once."""

import re
from itertools import pairwise

from playwright.async_api import Locator, expect

from tests.browser import Arrive, in_browser
from tests.server import Server

pytestmark = in_browser

HELLO = "Hello from server!"
MESSAGE_HOOKS = ("data-message", "data-author", "data-mine", "data-status")


async def ground(bubble: Locator) -> str:
    """Return the colour that the text of `bubble` stands on."""
    colour = "text => getComputedStyle(text.parentElement).backgroundColor"
    return str(await bubble.locator("[data-role=text]").evaluate(colour))


async def cursor(bubble: Locator) -> str:
    """Return the name of the cursor's animation, or "none" where no cursor is."""
    tip = bubble.locator("[data-role=text] [data-tip]")
    if not await tip.count():
        return "none"
    return str(await tip.evaluate("tip => getComputedStyle(tip, '::after').animationName"))


def typed(states: list[tuple[str, str]], text: str) -> None:
    """Check that `text` grew on the page as if somebody typed it."""
    statuses = list(dict.fromkeys(status for status, _ in states))
    assert statuses == ["waiting", "streaming", "complete"]
    texts = list(dict.fromkeys(shown for _, shown in states))
    assert texts[0] == ""
    assert texts[-1] == text
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert len(texts) > len(text) / 3, "in many small steps"
    assert {shown for status, shown in states if status == "complete"} == {text}


async def test_page_has_a_header_a_log_an_input_and_a_button(
    arrive: Arrive, server: Server
) -> None:
    alice = await (await arrive(server)).open()
    await expect(alice.role("header")).to_contain_text("Chat Messages")
    for hook in ("header", "messages", "composer", "input", "send"):
        await expect(alice.role(hook)).to_have_count(1)
        await expect(alice.role(hook)).to_be_visible()
    for hook in ("stop", "jump", "connection", "typing"):
        await expect(alice.role(hook)).to_have_count(1)
    await expect(alice.role("input")).to_be_focused()
    await alice.online()
    await expect(alice.role("connection")).to_be_hidden()


async def test_greeting_is_typed_out_in_a_bubble(arrive: Arrive, server: Server) -> None:
    alice = await (await arrive(server)).open(recorded=True)
    await alice.greeted()
    assert await alice.said() == [("Assistant", "complete", HELLO)]
    typed(await alice.recorded(HELLO), HELLO)
    for hook in MESSAGE_HOOKS:
        await expect(alice.reply).to_have_attribute(hook, re.compile("."))
    await expect(alice.reply.locator("[data-role=author]")).to_be_visible()


async def test_own_message_is_there_before_the_server_knows(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    line.hold_up()
    await alice.write("Is anybody there?")
    assert (await alice.said())[1:] == [("me", "sending", "Is anybody there?")]
    await expect(alice.role("input")).to_have_value("")
    line.let_go()
    await alice.ended(2)
    await expect(alice.mine).to_have_attribute("data-status", "complete")
    assert await alice.texts() == [HELLO, "Is anybody there?", HELLO], "each of them once"


async def test_reply_is_typed_below_in_another_colour(arrive: Arrive, server: Server) -> None:
    alice = await (await arrive(server)).open(recorded=True)
    await alice.greeted()
    await alice.page.evaluate("recorded.length = 0")
    await alice.role("input").fill("Hello yourself!")
    await alice.role("send").click()
    await alice.ended(2)
    typed(await alice.recorded(HELLO), HELLO)
    assert [who for who, _, _ in await alice.said()] == ["Assistant", "me", "Assistant"]
    await expect(alice.reply.locator("[data-role=author]")).to_be_visible()
    mine, answer = await alice.mine.bounding_box(), await alice.reply.bounding_box()
    assert mine
    assert answer
    assert answer["y"] >= mine["y"] + mine["height"]
    assert await ground(alice.reply) != await ground(alice.mine)


async def test_one_sees_that_a_reply_waits_types_and_is_complete(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    dots, mark = alice.reply.locator(".dots"), alice.reply.locator(".check")
    await expect(mark).to_be_visible()
    await expect(alice.role("typing")).to_be_hidden()
    await expect(alice.role("stop")).to_be_hidden()

    line.hold_down(since=lambda frame: frame["type"] == "char")
    await alice.write("Take your time")
    await expect(alice.replies).to_have_count(2)
    await expect(alice.reply).to_have_attribute("data-status", "waiting")
    await expect(dots).to_be_visible()
    await expect(alice.role("typing")).to_be_visible()
    await expect(mark).to_be_hidden()

    line.let_go(until=lambda frame: frame.get("at") == 9)
    await expect(alice.text(alice.reply)).to_have_text(HELLO[:9])
    await expect(alice.reply).to_have_attribute("data-status", "streaming")
    assert await cursor(alice.reply) == "blink"
    await expect(alice.role("stop")).to_be_visible()
    await expect(alice.role("typing")).to_be_hidden()
    await expect(dots).to_be_hidden()
    await expect(mark).to_be_hidden()

    line.let_go()
    await alice.ended(2)
    assert await cursor(alice.reply) == "none"
    await expect(mark).to_be_visible()
    await expect(alice.role("stop")).to_be_hidden()


async def test_cursor_takes_no_room_of_its_own(arrive: Arrive, server: Server) -> None:
    """Else it would go to the next line before the text does, and the bubble would jump."""
    alice = await (await arrive(server)).open()
    await alice.greeted()
    jumps = await alice.reply.evaluate(
        """(message) => {
            const text = message.querySelector("[data-role=text]");
            const height = (status) => {
                message.dataset.status = status;
                return text.offsetHeight;
            };
            const widths = Array.from({ length: 100 }, (_, n) => 80 + n);
            return widths.filter((width) => {
                text.style.width = `${width}px`;
                return height("streaming") !== height("complete");
            });
        }"""
    )
    assert jumps == []
