"""One is never stuck with a reply: it is had again, or carried on; and one sees how it stands."""

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Locator, expect

from tests.browser import Arrive, Line, Person, Tab, in_browser
from tests.client import Frame
from tests.models import TitledProvider, forget, make_assistants, provider_with_titles
from tests.providers import Held, Said, Status
from tests.server import Server

pytestmark = in_browser

LONG = "It goes on and on, until somebody has read enough of it. " * 200
SHORT = LONG[:120]
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"
WAITS: list[tuple[Frame | None, str]] = [
    ({"code": "place", "place": 1}, "The assistant is busy. You are next."),
    ({"code": "place", "place": 3}, "The assistant is busy. 2 before you."),
    ({"code": "thinking"}, "Thinking…"),
    ({"code": "retrying", "seconds": 60.0}, "No answer yet. Trying again in 60 s."),
    ({"code": "nobody knows"}, ""),
    (None, ""),
]


@pytest.fixture(scope="module")
def models(server: Server) -> Iterator[TitledProvider]:
    """Assistants whose model says what a test wants."""
    with provider_with_titles() as it:
        make_assistants(
            server,
            it,
            {"slug": "page-model", "kind": "ollama"},
            {"slug": "page-careful", "kind": "ollama", "fallback": "page-model"},
        )
        yield it


@pytest.fixture(scope="module", autouse=True)
def replies(server: Server) -> None:
    """Keywords for a reply that goes on for long, and one that is typed and ends."""
    rules = {"page-long": (LONG, "60"), "page-short": (SHORT, "80")}
    for word, (text, speed) in rules.items():
        rule = ("--trigger", "keyword", "--keywords", word, "--speed", speed)
        server.manage("reply", word, "--text", text, *rule)


@pytest.fixture
def model(models: TitledProvider) -> TitledProvider:
    forget(models)
    return models


async def opened(person: Person, assistant: str | None = None) -> Tab:
    tab = await person.open()
    await tab.greeted()
    if assistant is not None:
        await tab.role("assistant").select_option(assistant)
    return tab


def act(bubble: Locator, role: str) -> Locator:
    return bubble.locator(f"[data-role={role}]")


def sent(line: Line, kind: str) -> list[Frame]:
    return [frame for frame in line.sent if frame["type"] == kind]


def drop(line: Line, kind: str, *answer: Frame) -> None:
    """Let the next frame of this kind get lost; the server seems to `answer`."""

    def change(frame: Frame) -> list[Frame]:
        if frame["type"] != kind:
            return [frame]
        line.change = lambda frame: [frame]
        for each in answer:
            line.say({**each, "reply": frame["reply"]})
        return []

    line.change = change


def passing(line: Line, kind: str) -> asyncio.Event:
    """Return what is set when the next frame of this kind goes to the server."""
    seen = asyncio.Event()

    def change(frame: Frame) -> list[Frame]:
        if frame["type"] == kind:
            seen.set()
        return [frame]

    line.change = change
    return seen


# --- again, another, and on


async def test_failed_reply_says_why_and_is_tried_again(
    arrive: Arrive, server: Server, model: TitledProvider
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await opened(person, "page-model")
    model.next(Status(401))
    await alice.write("Are you there?")
    assert await alice.ended(2, "failed") == ""
    await expect(alice.reply.locator("[data-role=note]")).not_to_be_empty()
    await expect(act(alice.reply, "retry")).to_have_text("Try again")
    await expect(act(alice.reply, "continue")).to_be_hidden()
    model.says("I am.")
    await act(alice.reply, "retry").dblclick()
    assert await alice.ended(2) == "I am."
    await expect(alice.reply.locator("[data-role=note]")).to_be_empty()
    await expect(act(alice.reply, "retry")).to_be_hidden()
    await expect(act(alice.reply, "versions")).to_be_hidden()
    assert len(sent(line, "reply.retry")) == 1
    assert sent(line, "reply.retry")[0]["assistant"] == "page-model"


async def test_what_failed_half_way_is_carried_on(
    arrive: Arrive, server: Server, model: TitledProvider
) -> None:
    alice = await opened(await arrive(server), "page-model")
    held = model.next(Held())
    await alice.write("Say something")
    held.give("Half a")
    await alice.typed(2, length=5)  # the last might still become another character
    held.cut()
    assert await alice.ended(2, "failed") == "Half a"
    await expect(act(alice.reply, "continue")).to_have_attribute("data-helps", "")
    await expect(act(alice.reply, "retry")).not_to_have_attribute("data-helps", "")
    model.next(Said(" thought."))
    await act(alice.reply, "continue").click()
    assert await alice.ended(2) == "Half a thought."
    await expect(act(alice.reply, "continue")).to_be_hidden()


async def test_what_the_model_cut_short_is_carried_on(
    arrive: Arrive, server: Server, model: TitledProvider
) -> None:
    alice = await opened(await arrive(server), "page-model")
    model.next(Said("A long", finish="length"))
    await alice.write("Say something")
    assert await alice.ended(2) == "A long"
    await expect(alice.reply.locator("[data-role=note]")).to_have_text(
        "The model stopped here, at its limit."
    )
    model.next(Said(" story."))
    await act(alice.reply, "continue").click()
    await expect(alice.text(alice.reply)).to_have_text("A long story.")
    await alice.ended(2)
    await expect(alice.reply.locator("[data-role=note]")).to_be_empty()


async def test_stopped_reply_goes_on_from_where_it_was_read(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    alice = await person.open(recorded=True)
    await alice.greeted()
    await alice.write("page-long")
    await alice.typed(2, length=40)
    await alice.page.keyboard.press("Escape")
    kept = await alice.ended(2, "stopped")
    await act(alice.reply, "continue").click()
    await alice.typed(2, length=len(kept) + 200)
    await alice.page.keyboard.press("Escape")
    text = await alice.ended(2, "stopped")
    assert LONG.startswith(text)
    shown = [text for _, text in await alice.recorded(text)]
    after = shown[shown.index(kept) :]
    assert after == sorted(after, key=len), "it never went back"
    assert len(set(after)) > 10, "it was typed on"


async def test_another_version_is_written_and_all_are_read_on_every_device(
    arrive: Arrive, server: Server, model: TitledProvider
) -> None:
    person = await arrive(server)
    alice = await opened(person, "page-model")
    model.says("One.")
    await alice.write("Say something")
    await alice.ended(2)
    await alice.write("And now?")
    await alice.ended(3)
    other = await person.open()
    await other.ended(3)
    await alice.page.bring_to_front()
    first = alice.replies.nth(1)
    model.says("Two.")
    await act(first, "regenerate").dblclick()
    assert await alice.ended(2) == "Two."
    assert await other.ended(2) == "Two.", "what followed is not shown any more"
    for tab in (alice, other):
        await expect(act(tab.reply, "version")).to_have_text("2/2")
    await expect(act(alice.reply, "next")).to_have_attribute("aria-disabled", "true")
    await act(alice.reply, "next").click(force=True)
    await act(alice.reply, "previous").click()
    for tab in (alice, other):
        assert await tab.ended(3) == "One."
        assert await tab.texts() == [
            *("Hello from server!", "Say something", "One.", "And now?", "One.")
        ]
        await expect(act(tab.replies.nth(1), "version")).to_have_text("1/2")
    await other.page.reload()
    await other.ended(3)
    await act(other.replies.nth(1), "next").click()
    assert await other.ended(2) == await alice.ended(2) == "Two."
    await expect(other.page.get_by_role("group", name="Version 2 of 2")).to_be_visible()


async def test_nobody_asked_for_a_greeting(arrive: Arrive, server: Server) -> None:
    alice = await opened(await arrive(server))
    await expect(act(alice.reply, "copy")).to_be_visible()
    for role in ("regenerate", "retry", "continue", "edit", "remove", "versions"):
        await expect(act(alice.reply, role)).to_be_hidden()


async def test_while_a_reply_is_written_no_other_is_asked_for(
    arrive: Arrive, server: Server
) -> None:
    alice = await opened(await arrive(server))
    await alice.write("Hi!")
    await alice.ended(2)
    before = alice.replies.nth(1)
    box = await alice.text(before).bounding_box()
    await expect(act(before, "regenerate")).to_be_visible()
    await alice.write("page-long")
    await alice.typed(3, length=5)
    await expect(act(before, "regenerate")).to_be_hidden()
    for bubble in (alice.reply, before, alice.mine.first):
        await expect(act(bubble, "copy")).to_be_visible()
    await expect(act(alice.mine.first, "edit")).to_be_visible()
    await alice.page.keyboard.press("Escape")
    await alice.ended(3, "stopped")
    await expect(act(before, "regenerate")).to_be_visible()
    assert box
    size = await alice.text(before).bounding_box()
    assert size
    assert (size["width"], size["height"]) == (box["width"], box["height"])


async def test_nothing_moves_when_there_is_something_to_do(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await opened(person)
    line.hold_down(since=lambda frame: frame["type"] == "reply.end")
    await alice.write("page-short")
    await alice.typed(2, length=len(SHORT))
    height = "one => one.offsetHeight"
    before = [await alice.messages.nth(place).evaluate(height) for place in range(3)]
    line.let_go()
    await alice.ended(2)
    await alice.reply.hover()
    await expect(act(alice.reply, "regenerate")).to_be_visible()
    assert before == [await alice.messages.nth(place).evaluate(height) for place in range(3)]


async def test_who_stands_in_gives_their_name(
    arrive: Arrive, server: Server, model: TitledProvider
) -> None:
    alice = await opened(await arrive(server), "page-careful")
    model.next(Status(401))
    model.says("It is me.")
    await alice.write("Who is there?")
    assert await alice.ended(2) == "It is me."
    await expect(alice.reply.locator("[data-role=author]")).to_have_text("Page-Model")


# --- refused, lost, by hand


async def test_what_is_refused_is_said_and_offered_again(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await opened(person)
    await alice.write("Hi!")
    await alice.ended(2)
    drop(line, "reply.regenerate", {"type": "error", "code": "conflict", "detail": "Not now."})
    await act(alice.reply, "regenerate").click()
    await expect(alice.role("notices")).to_have_text("Not now.")
    await act(alice.reply, "regenerate").click()
    await expect(act(alice.reply, "version")).to_have_text("2/2")


async def test_what_was_cut_off_is_done_or_offered_again(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    await person.lingers()
    line = await person.line()
    alice = await opened(person)
    await alice.write("Hi!")
    await alice.ended(2)
    line.hold_up()
    await act(alice.reply, "regenerate").click()
    await line.cut()
    await alice.offline()
    await act(alice.reply, "copy").click()
    await expect(act(alice.reply, "copied")).to_be_visible()
    line.mend()
    await alice.online()
    await expect(alice.reply).not_to_have_attribute("data-held", "")
    line.hold_down()
    asked = passing(line, "reply.regenerate")
    await act(alice.reply, "regenerate").click()
    await asked.wait()
    await line.cut()
    await alice.offline()
    line.mend()
    await alice.ended(2)
    await expect(act(alice.reply, "version")).to_have_text("2/2")


async def test_without_a_connection_it_is_said(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await opened(person)
    await alice.write("Hi!")
    await alice.ended(2)
    await line.cut()
    await alice.offline()
    await act(alice.reply, "regenerate").click()
    await expect(alice.role("notices")).to_contain_text("There is no connection right now.")


async def test_reply_is_had_again_without_a_mouse(arrive: Arrive, server: Server) -> None:
    alice = await opened(await arrive(server))
    await alice.write("Hi!")
    await alice.ended(2)
    await act(alice.reply, "regenerate").focus()
    await alice.page.keyboard.press("Enter")
    await expect(act(alice.reply, "version")).to_have_text("2/2")
    await alice.ended(2)
    await expect(alice.reply).to_be_focused()
    await alice.page.keyboard.press("Tab")
    await expect(act(alice.reply, "previous")).to_be_focused()
    await alice.page.keyboard.press("Enter")
    await expect(act(alice.reply, "version")).to_have_text("1/2")
    await expect(act(alice.reply, "previous")).to_be_focused()


@pytest.mark.parametrize("script", ["", NO_CLIPBOARD], ids=["clipboard", "plain http"])
async def test_text_is_copied(arrive: Arrive, server: Server, script: str) -> None:
    person = await arrive(server)
    await person.context.add_init_script(script)
    await person.lingers()
    alice = await opened(person)
    await alice.write("  two\n\n<b>lines</b> 👩‍👩‍👧‍👦")
    await alice.ended(2)
    bubble = alice.mine.first
    await act(bubble, "copy").click()
    await expect(act(bubble, "copied")).to_have_text("Copied")
    await expect(act(bubble, "copied")).to_be_visible()
    await expect(alice.role("status")).to_have_text("Copied")
    await alice.role("input").focus()
    await alice.page.keyboard.press("Control+V")
    await expect(alice.role("input")).to_have_value("  two\n\n<b>lines</b> 👩‍👩‍👧‍👦")


# --- how it stands


async def waiting(
    arrive: Arrive, server: Server, word: str, since: Callable[[Frame], bool]
) -> tuple[Line, Tab]:
    """Somebody whose clock can be turned, and who wrote `word`; what comes then is held."""
    person = await arrive(server)
    await person.context.clock.install()
    line = await person.line()
    alice = await opened(person)
    line.hold_down(since=since)
    await alice.write(word)
    await expect(alice.replies).to_have_count(2)
    return line, alice


async def test_what_is_waited_for_is_said(arrive: Arrive, server: Server) -> None:
    line, alice = await waiting(arrive, server, "page-short", lambda it: it["type"] == "char")
    reply = await alice.reply.get_attribute("data-message")
    state = alice.reply.locator("[data-role=state]")
    await expect(state).to_be_empty()
    for waits, words in WAITS:
        line.say({"type": "reply.waits", "reply": int(reply or 0), "waits": waits})
        await expect(state).to_have_text(words)
    line.say({"type": "reply.waits", "reply": int(reply or 0), "waits": {"code": "thinking"}})
    await expect(state).to_be_visible()
    line.let_go()
    assert await alice.ended(2) == SHORT
    await expect(state).to_be_hidden()


async def test_long_silence_is_counted_but_not_read_out(arrive: Arrive, server: Server) -> None:
    line, alice = await waiting(arrive, server, "page-short", lambda it: it["type"] == "char")
    await alice.page.clock.run_for(12_000)
    state = alice.reply.locator("[data-role=state]")
    await expect(state).to_have_text(re.compile(r"Waiting for (1[2-9]|[2-9]\d) s…"))
    await expect(alice.reply).to_have_attribute("aria-live", "off")
    line.let_go()
    assert await alice.ended(2) == SHORT


async def test_stall_is_said_and_can_be_ended_or_goes_on(arrive: Arrive, server: Server) -> None:
    line, alice = await waiting(arrive, server, "page-long", lambda it: it.get("at") == 30)
    assert await alice.typed(2, length=30) == LONG[:30]
    note, halt = (act(alice.reply, role) for role in ("note", "halt"))
    await expect(halt).to_be_hidden()
    await alice.page.clock.run_for(12_000)
    await expect(note).to_have_text(
        re.compile(r"Nothing has come for (1[2-9]|[2-9]\d) s\. It goes on by itself")
    )
    await expect(halt).to_be_visible()
    line.let_go()
    await alice.typed(2, length=40)
    await expect(note).to_be_empty()
    await expect(halt).to_be_hidden()
    line.hold_down()
    await alice.page.clock.run_for(12_000)
    await expect(halt).to_be_visible()
    await halt.click()
    line.let_go()
    assert LONG.startswith(await alice.ended(2, "stopped"))
    await expect(note).to_have_text("Stopped")


async def test_thoughts_are_folded_away_and_read_when_asked_for(
    arrive: Arrive, server: Server, model: TitledProvider
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await opened(person, "page-model")
    held = model.next(Held())
    await alice.write("Think!")
    held.think("<b>Hm.</b> ")
    await expect(alice.reply.locator("[data-role=state]")).to_have_text("Thinking…")
    held.think("So be it.")
    held.give("Well.")
    held.end()
    assert await alice.ended(2) == "Well."
    for _ in range(2):
        thoughts = act(alice.reply, "thoughts-text")
        await expect(thoughts).to_be_hidden()
        await alice.reply.get_by_text("Thoughts").click()
        await expect(thoughts).to_have_text("<b>Hm.</b> So be it.")
        await alice.reply.get_by_text("Thoughts").click()
        await alice.reply.get_by_text("Thoughts").click()
        await expect(thoughts).to_be_visible()
        await alice.page.reload()
        assert await alice.ended(2) == "Well."
    assert len(sent(line, "reply.thoughts")) == 2, "once for each time that the page was loaded"
