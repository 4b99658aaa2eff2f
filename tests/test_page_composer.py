"""Where one writes: nothing is sent by accident, nothing that was typed is lost."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.browser import Arrive, Tab, in_browser
from tests.client import Frame
from tests.server import Server, running
from tests.test_saving import locked

pytestmark = in_browser

HELLO = "Hello from server!"
IS_OPENED = """async () => {
  const page = await (await fetch("/")).text();
  return /data-conversation="[0-9a-f]/.test(page);
}"""
FIRST_SAYS_WHY_AND_THE_OTHERS_WAIT = """() => {
  const all = [...document.querySelectorAll("[data-status=sending] [data-role=note]")];
  const [first, ...others] = all.filter((note) => note.checkVisibility());
  return first?.textContent.includes("It will be sent again in") && others.length > 0
    && others.every((other) => other.textContent === "Waiting…");
}"""
INVISIBLE = ("\u200b\u200b", "\u00ad", "\u2060\ufeff", "\u3000\u2028", "\u202e \U000e0020")


@pytest.fixture
def strict_server(tmp_path: Path) -> Iterator[Server]:
    """A server where a guest may post one message a minute."""
    with running(tmp_path, GUEST_MESSAGES_PER_MINUTE="1") as server:
        yield server


@pytest.fixture
def patient_server(tmp_path: Path) -> Iterator[Server]:
    """A server where a guest gets one reply at a time."""
    with running(tmp_path, GUEST_REPLIES_AT_A_TIME="1") as server:
        yield server


async def arrived(arrive: Arrive, server: Server) -> Tab:
    return await (await arrive(server)).open()


async def mine(tab: Tab) -> list[str]:
    return [text for who, _, text in await tab.said() if who == "me"]


async def test_enter_sends_and_shift_enter_breaks_the_line(arrive: Arrive, server: Server) -> None:
    alice = await arrived(arrive, server)
    await alice.role("input").press_sequentially("one")
    await alice.role("input").press("Shift+Enter")
    await alice.role("input").press_sequentially("two")
    await expect(alice.role("input")).to_have_value("one\ntwo")
    assert await mine(alice) == []
    await alice.role("input").press("Enter")
    await alice.ended(2)
    assert await mine(alice) == ["one\ntwo"]
    await expect(alice.role("input")).to_have_value("")
    await expect(alice.role("input")).to_be_focused()


async def test_enter_that_ends_a_composition_does_not_send(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    alice = await person.open()
    devices = await person.context.new_cdp_session(alice.page)
    await alice.role("input").focus()
    composition = {"text": "にほん", "selectionStart": 3, "selectionEnd": 3}
    await devices.send("Input.imeSetComposition", composition)
    await alice.page.keyboard.press("Enter")
    await expect(alice.role("input")).to_have_value(re.compile("^にほん"))
    assert await mine(alice) == []


async def test_enter_of_a_browser_that_reports_it_late_does_not_send(
    arrive: Arrive, server: Server
) -> None:
    """Some browsers end the composition first; all that is left of it is the key code 229."""
    alice = await arrived(arrive, server)
    await alice.role("input").fill("にほん")
    late = {"key": "Enter", "keyCode": 229, "bubbles": True, "cancelable": True}
    await alice.role("input").dispatch_event("keydown", late)
    assert await mine(alice) == []
    await expect(alice.role("input")).to_have_value("にほん")


async def test_blank_is_not_sent(arrive: Arrive, server: Server) -> None:
    alice = await arrived(arrive, server)
    for text in ("", "   ", "\n \n\t", *INVISIBLE):
        await alice.write(text)
        assert await mine(alice) == [], ascii(text)
        await expect(alice.role("send")).to_be_disabled()
        assert await alice.role("input").input_value() == text
    for text in INVISIBLE:
        await alice.role("input").fill(f"{text}!{text}")
        await expect(alice.role("send")).to_be_enabled()


async def test_too_long_is_refused_with_the_reason_and_kept(arrive: Arrive, server: Server) -> None:
    alice = await arrived(arrive, server)
    await alice.write("x" * 32_001)
    assert await mine(alice) == []
    hint = alice.role("hint")
    await expect(hint).to_contain_text("32,001 characters are too many, 32,000 fit")
    await expect(alice.role("send")).to_be_disabled()
    assert len(await alice.role("input").input_value()) == 32_001
    await alice.role("input").press("Backspace")
    await expect(hint).to_be_hidden()
    await alice.role("input").press("Enter")
    await alice.ended(2)
    assert await mine(alice) == ["x" * 32_000], "the longest that fits is sent"


async def test_larger_than_a_frame_is_refused_before_it_is_sent(
    arrive: Arrive, server: Server
) -> None:
    alice = await arrived(arrive, server)
    await alice.write("漢" * 30_000)
    assert await mine(alice) == []
    await expect(alice.role("hint")).to_contain_text("Too large")
    await alice.write("漢" * 20_000)
    await alice.ended(2)
    assert await mine(alice) == ["漢" * 20_000]


async def test_draft_survives_a_reload(arrive: Arrive, server: Server) -> None:
    alice = await arrived(arrive, server)
    await alice.role("input").fill("half a\nthought")
    await alice.page.reload()
    await expect(alice.role("input")).to_have_value("half a\nthought")
    await alice.online()
    await alice.role("input").press("Enter")
    await alice.ended(2)
    assert await mine(alice) == ["half a\nthought"]
    await expect(alice.page.locator(".raw")).to_have_count(0)  # what sets it is not on its way
    await alice.page.reload()
    await expect(alice.messages).to_have_count(3)
    await expect(alice.role("input")).to_have_value("")


async def test_what_was_typed_before_the_page_has_its_script_is_there(
    arrive: Arrive, server: Server
) -> None:
    person, has_typed = await arrive(server), asyncio.Event()

    async def answer(route: Route) -> None:
        await has_typed.wait()
        await route.continue_()

    await person.context.route("**/chat/chat.js", answer)
    alice = Tab(await person.context.new_page())
    await alice.page.goto(server.url, wait_until="commit")
    await alice.role("input").fill("quicker than the script")
    has_typed.set()
    await alice.online()
    await expect(alice.role("input")).to_have_value("quicker than the script")
    await alice.role("input").press("Enter")
    await alice.ended(2)
    assert await mine(alice) == ["quicker than the script"]


async def test_what_was_written_before_the_conversation_had_an_address_is_there(
    arrive: Arrive, server: Server
) -> None:
    """The server knows the conversation already, the page has not heard of it, and is reloaded."""
    person = await arrive(server)
    line = await person.line()
    line.hold_down()
    alice = await person.open()
    await alice.write("sent in a hurry")
    await alice.role("input").fill("half a thought")
    await alice.settled(IS_OPENED)
    line.mend()
    await alice.page.reload()
    await alice.ended(2)
    assert await mine(alice) == ["sent in a hurry"]
    await expect(alice.role("input")).to_have_value("half a thought")
    await alice.page.reload()
    await alice.ended(2)
    await expect(alice.role("input")).to_have_value("half a thought")


async def test_input_grows_with_the_text_and_stays_on_the_page(
    arrive: Arrive, server: Server
) -> None:
    alice = await arrived(arrive, server)
    low = await alice.role("input").evaluate("input => input.clientHeight")
    await alice.role("input").fill("one\ntwo\nthree")
    assert await alice.role("input").evaluate("input => input.clientHeight") > low * 2
    await alice.role("input").fill("line\n" * 200)
    await expect(alice.role("send")).to_be_in_viewport()
    await expect(alice.role("header")).to_be_in_viewport()


async def test_input_fits_whatever_size_the_text_has(arrive: Arrive, server: Server) -> None:
    alice = await (await arrive(server)).open()
    field = alice.role("input")
    for size in ("Largest", "Small", "Usual"):
        await alice.role("settings").click()
        await alice.page.get_by_role("radio", name=size).check(force=True)
        await alice.page.keyboard.press("Escape")
        assert await field.evaluate("field => field.scrollHeight - field.clientHeight") <= 0
        fitted = await field.evaluate(
            "field => field.offsetHeight - 1.5 * parseFloat(getComputedStyle(field).fontSize)"
        )
        assert fitted < 24, "one line, and what is around it"


async def test_too_many_messages_are_said_at_the_message_and_kept(
    arrive: Arrive, strict_server: Server
) -> None:
    alice = await arrived(arrive, strict_server)
    texts = ["first", "second", "third"]  # of three, one is too many, even if a minute begins now
    for text in texts:
        await alice.write(text)
    note = alice.page.locator("[data-status=sending] [data-role=note]").first
    await expect(note).to_contain_text("At most 1 message a minute.")
    await alice.until(FIRST_SAYS_WHY_AND_THE_OTHERS_WAIT)
    assert await mine(alice) == texts, "nothing is lost"
    await alice.page.reload()
    await expect(note).to_contain_text("At most 1 message a minute.")
    await alice.until(FIRST_SAYS_WHY_AND_THE_OTHERS_WAIT)
    assert await mine(alice) == texts, "not by a reload either"


async def test_what_had_to_wait_is_sent_by_itself(arrive: Arrive, patient_server: Server) -> None:
    patient_server.manage("reply", "answer", "--text", "Hold on. " * 400, "--speed", "20")
    alice = await arrived(arrive, patient_server)
    await alice.write("first")
    await alice.typed(2, length=5)
    await alice.write("second")
    note = alice.mine.last.locator("[data-role=note]")
    await expect(note).to_contain_text("Wait until one of your replies has ended.")
    await expect(alice.mine.last).to_have_attribute("data-status", "sending")
    await alice.role("stop").click()
    await expect(alice.replies).to_have_count(3)
    await expect(alice.mine.last).to_have_attribute("data-status", "complete")
    await expect(note).to_be_hidden()
    assert await mine(alice) == ["first", "second"]


async def test_what_cannot_be_saved_now_is_sent_when_it_can(
    arrive: Arrive, own_server: Server
) -> None:
    alice = await arrived(arrive, own_server)
    await alice.ended(1)
    note = alice.mine.last.locator("[data-role=note]")
    with locked(own_server.database):
        await alice.write("Well meant")
        await expect(note).to_have_text(re.compile("cannot save.*It will be sent again in"))
    await expect(alice.mine.last).to_have_attribute("data-status", "complete")
    await alice.ended(2)
    assert await mine(alice) == ["Well meant"]


async def test_refused_message_can_be_sent_again_or_taken_back(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()

    def spoil(frame: Frame) -> list[Frame]:
        return [{**frame, "text": "\0"} if frame["type"] == "message.send" else frame]

    line.change = spoil
    await alice.write("Well meant")
    await expect(alice.mine).to_have_attribute("data-status", "unsent")
    note = alice.mine.locator("[data-role=note]")
    await expect(note).to_have_text("Not sent: text: must not contain U+0000")
    await alice.page.reload()
    await expect(alice.mine).to_have_attribute("data-status", "unsent")
    await expect(note).to_contain_text("must not contain U+0000")
    await alice.online()
    await alice.mine.locator("[data-role=resend]").click()
    await expect(alice.mine).to_have_attribute("data-status", "unsent")
    await alice.mine.locator("[data-role=discard]").click()
    await expect(alice.mine).to_have_count(0)
    await expect(alice.role("input")).to_have_value("Well meant")
    line.change = lambda frame: [frame]
    await alice.role("input").press("Enter")
    await alice.ended(2)
    assert await alice.texts() == [HELLO, "Well meant", HELLO]
