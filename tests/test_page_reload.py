"""A reload, a second tab or another day: the conversation is there, and goes on."""

import time
from collections.abc import Callable

from playwright.async_api import expect

from tests.browser import Arrive, in_browser
from tests.server import Server

pytestmark = in_browser

TEXT = "Nothing is missing, and nothing comes twice. " * 3 + "👩‍👩‍👧‍👦 That is all."
DAY = 24 * 3600  # seconds


async def test_reload_in_the_middle_of_a_reply_goes_on(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-reload", TEXT, "--speed", "15")
    alice = await (await arrive(server)).open(recorded=True)
    await alice.write("page-reload")
    before = await alice.typed(2, length=30)
    await alice.page.reload()
    after = await alice.typed(2, length=1)
    assert after.startswith(before)
    assert await alice.ended(2) == TEXT
    shown = [text for _, text in await alice.recorded(TEXT) if len(text) >= len(before)]
    assert len(set(shown)) > 10, "it was typed on"
    assert shown == sorted(shown, key=len), "and never went back"
    assert [who for who, _, _ in await alice.said()] == ["Assistant", "me", "Assistant"]


async def test_second_tab_types_in_step(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-tabs", TEXT, "--speed", "60")
    alice = await arrive(server)
    line = await alice.line()
    tab = await alice.open()
    await tab.online()
    other = await alice.open(recorded=True)
    await other.online()
    line.hold_down(since=lambda frame: frame.get("at") == 60)
    await tab.write("page-tabs")
    assert await tab.typed(2, length=60) == await other.typed(2, length=60) == TEXT[:60]
    await expect(other.reply).to_have_attribute("data-status", "streaming")
    line.let_go()
    assert await tab.ended(2) == await other.ended(2) == TEXT
    assert await tab.said() == await other.said(), "and it knows whose the message is"
    assert len(await other.recorded(TEXT)) > 30, "character by character there, too"


async def test_message_of_one_tab_appears_in_the_other_once(arrive: Arrive, server: Server) -> None:
    alice = await arrive(server)
    tab = await alice.open()
    await tab.online()
    other = await alice.open()
    await tab.write("from here")
    await other.ended(2)
    await other.write("from there")
    await tab.ended(3)
    await other.ended(3)
    assert [text for who, _, text in await tab.said() if who == "me"] == ["from here", "from there"]
    assert await tab.said() == await other.said()


async def test_conversation_is_there_tomorrow(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    alice = await person.open()
    await alice.greeted()
    await alice.write("See you tomorrow")
    await alice.ended(2)
    said = await alice.said()
    state = await person.context.storage_state()
    session = next(cookie for cookie in state["cookies"] if cookie["name"] == "sessionid")
    assert session["expires"] > time.time() + 30 * DAY, "a closed browser does not forget it"

    next_day = await (await arrive(server, storage_state=state)).open()
    await expect(next_day.messages).to_have_count(len(said))
    assert await next_day.said() == said
    await next_day.write("Good morning")
    await next_day.ended(3)


async def test_somebody_else_finds_a_conversation_of_their_own(
    arrive: Arrive, server: Server
) -> None:
    alice = await (await arrive(server)).open()
    await alice.greeted()
    await alice.write("Between us")
    await alice.ended(2)
    charlie = await (await arrive(server)).open()
    await charlie.greeted()
    assert len(await charlie.said()) == 1
