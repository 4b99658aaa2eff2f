"""Where there is a choice, one says who is to answer."""

from collections.abc import Callable

import pytest
from playwright.async_api import expect

from tests.browser import Arrive, Line, in_browser
from tests.client import Frame
from tests.server import Server

pytestmark = in_browser

ONE = [{"slug": "assistant", "name": "Assistant", "default": True}]
TWO = [{"slug": "page-expert", "name": "Expert", "default": False}, *ONE]


@pytest.fixture(scope="module")
def expert(server: Server) -> None:
    """Somebody else who answers."""
    server.manage(
        "shell",
        "-c",
        "from chat.models import Assistant\n"
        "Assistant.objects.create(slug='page-expert', name='Expert')",
    )


def offered(line: Line, assistants: list[Frame], **conversation: str) -> None:
    """Let the page believe that these are there."""
    of = {"id": "another", "kind": "private", "title": "", **conversation}
    you = {"id": "me", "name": "Guest", "guest": True}
    ready = {"type": "ready", "protocol": 1, "you": you, "conversation": of}
    line.say({**ready, "assistants": assistants, "messages": [], "has_earlier": False})


async def test_it_is_there_when_there_is_a_choice(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    picker = alice.role("assistant")
    offered(line, ONE)
    await expect(picker).to_be_hidden()
    offered(line, TWO)
    await expect(picker).to_be_visible()
    await expect(picker).to_have_value("assistant")
    offered(line, TWO, assistant="page-expert")
    await expect(picker).to_have_value("page-expert")
    await picker.select_option("assistant")
    offered(line, TWO, assistant="page-expert")
    await expect(picker).to_have_value("assistant")
    offered(line, TWO[:1])
    await expect(picker).to_be_hidden()
    offered(line, [])
    await expect(picker).to_be_hidden()
    await expect(alice.page.get_by_role("combobox", name="Who answers")).to_have_count(0)


@pytest.mark.usefixtures("expert")
async def test_who_was_chosen_answers_and_is_remembered(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    await alice.role("assistant").select_option("page-expert")
    await alice.page.reload()
    await alice.greeted()
    await alice.write("Hi!")
    await alice.ended(2)
    author = alice.reply.locator("[data-role=author]")
    await expect(author).to_have_text("Expert")
    await alice.page.reload()
    await alice.ended(2)
    await expect(alice.role("assistant")).to_have_value("page-expert")
    await alice.role("assistant").select_option("assistant")
    await alice.reply.locator("[data-role=regenerate]").click()
    await expect(alice.reply.locator("[data-role=version]")).to_have_text("2/2")
    await expect(author).to_have_text("Assistant")
    asked = [frame for frame in line.sent if "assistant" in frame]
    assert [(frame["type"], frame["assistant"]) for frame in asked] == [
        ("message.send", "page-expert"),
        ("reply.regenerate", "assistant"),
    ]


@pytest.mark.usefixtures("expert")
async def test_what_was_for_somebody_who_left_can_be_sent_to_another(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()

    def gone(frame: Frame) -> list[Frame]:
        chosen = frame.get("assistant")
        return [{**frame, "assistant": "page-nobody"} if chosen == "page-expert" else frame]

    line.change = gone
    await alice.role("assistant").select_option("page-expert")
    await alice.write("Are you there?")
    await expect(alice.mine).to_have_attribute("data-status", "unsent")
    await expect(alice.mine.locator("[data-role=note]")).to_contain_text("no such assistant")
    await alice.role("assistant").select_option("assistant")
    await alice.mine.locator("[data-role=resend]").click()
    await alice.ended(2)
    assert [text for who, _, text in await alice.said() if who == "me"] == ["Are you there?"]
