"""Staff change what the chat says, live, try it before anybody sees it, and read what was said."""

from collections.abc import Callable

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser import Arrive, in_browser
from tests.server import Server

pytestmark = in_browser

PASSWORD = "correct horse battery staple"
# Notes every length that the tried reply has while it is typed.
RECORD_TRIED = """
window.lengths = [];
addEventListener("DOMContentLoaded", () => {
  const paper = document.querySelector("[data-role=try]");
  const note = () => lengths.push(paper.textContent.length);
  const all = { childList: true, characterData: true, subtree: true };
  if (paper) new MutationObserver(note).observe(paper, all);
});
"""


@pytest.fixture(scope="session")
def staff(server: Server) -> str:
    """The name of somebody who may do everything in the admin."""
    server.account("dora")
    return "dora"


@pytest_asyncio.fixture(loop_scope="session")
async def admin(arrive: Arrive, server: Server, staff: str) -> Page:
    """The admin's list of scripted replies, where dora has just logged in."""
    dora = await arrive(server)
    page = (await dora.open("/admin/chat/scriptedreply/")).page
    await page.get_by_label("Username").fill(staff)
    await page.get_by_label("Password").fill(PASSWORD)
    await follow(page.get_by_role("button", name="Log in"))
    await expect(page.get_by_role("heading", name="Select scripted reply")).to_be_visible()
    return page


async def follow(what: Locator) -> None:
    """Click what leads to another page, and wait until all of that page is there."""
    async with what.page.expect_event("load"):
        await what.click()


async def save(page: Page, text: str) -> None:
    await page.get_by_label("Text", exact=False).first.fill(text)
    await follow(page.get_by_role("button", name="Save", exact=True))


async def test_changed_text_is_what_the_next_reply_says(
    arrive: Arrive, server: Server, admin: Page, scripted: Callable[..., str]
) -> None:
    scripted("page-opening", "We are open until five.", "--speed", "200")
    alice = await (await arrive(server)).open()
    await alice.write("page-opening, please")
    assert await alice.ended(2) == "We are open until five."
    await admin.reload()
    await follow(admin.get_by_role("link", name="page-opening", exact=True))
    await save(admin, "We are open until {name} goes home.")
    await expect(admin.locator(".messagelist")).to_contain_text("was changed successfully")
    await alice.write("page-opening, again")
    assert (await alice.ended(3)).startswith("We are open until Guest ")


async def test_misspelt_variable_is_refused_when_it_is_saved(
    arrive: Arrive, server: Server, admin: Page, scripted: Callable[..., str]
) -> None:
    scripted("page-typo", "It is {time}.", "--speed", "200")
    await admin.reload()
    await follow(admin.get_by_role("link", name="page-typo", exact=True))
    await save(admin, "It is {tiem}.")
    await expect(admin.locator(".errorlist").last).to_contain_text("There is no variable {tiem}")
    await expect(admin.get_by_label("Text", exact=False).first).to_have_value("It is {tiem}.")
    alice = await (await arrive(server)).open()
    await alice.write("page-typo")
    assert (await alice.ended(2)).startswith("It is "), "and people get what they got before"


async def test_reply_is_tried_typed_and_explained(
    admin: Page, scripted: Callable[..., str]
) -> None:
    scripted("page-price", "{name}, “{message}” costs nothing at all.", "--speed", "60")
    await admin.context.add_init_script(RECORD_TRIED)
    await follow(admin.get_by_role("link", name="Try it"))
    await admin.get_by_label("Message").fill("What is the page-price?")
    await admin.get_by_label("Name").fill("Bob")
    await follow(admin.get_by_role("button", name="Try it"))
    text = "Bob, “What is the page-price?” costs nothing at all."
    await expect(admin.locator("[data-role=try]")).to_have_text(text)
    lengths = await admin.evaluate("lengths")
    assert lengths == sorted(set(lengths)), "it grew"
    assert len(lengths) > len(text) / 3, "in many small steps"
    chosen = admin.get_by_role("row", name="page-price")
    await expect(chosen).to_contain_text("answers: has “page-price”")
    other = admin.get_by_role("row").filter(
        has=admin.get_by_role("link", name="answer", exact=True)
    )
    await expect(other).to_contain_text("one above comes first")


async def test_tried_reply_is_set_as_readers_get_it(
    admin: Page, scripted: Callable[..., str]
) -> None:
    scripted("page-set", "# Prices\n\n- **none** at `all`", "--speed", "0")
    await follow(admin.get_by_role("link", name="Try it"))
    await admin.get_by_label("Message").fill("page-set")
    await follow(admin.get_by_role("button", name="Try it"))
    seen = admin.locator("[data-role=try]")
    await expect(seen.get_by_role("heading", name="Prices")).to_be_visible()
    await expect(seen.locator("li > strong")).to_have_text("none")
    await expect(seen.locator("code")).to_have_text("all")


async def test_longest_message_is_tried(admin: Page, scripted: Callable[..., str]) -> None:
    scripted("page-long", "That is long.", "--speed", "0")
    await follow(admin.get_by_role("link", name="Try it"))
    await admin.get_by_label("Message").fill("page-long ".ljust(32_000, "я"))
    await follow(admin.get_by_role("button", name="Try it"))
    await expect(admin.locator("[data-role=try]")).to_have_text("That is long.")


async def test_message_that_nothing_answers_is_explained_too(admin: Page) -> None:
    await follow(admin.get_by_role("link", name="Try it"))
    await admin.get_by_label("Occasion").select_option(label="they have been there for a while")
    await follow(admin.get_by_role("button", name="Try it"))
    await expect(admin.locator(".try-bubble")).to_contain_text("no reply matches")
    row = admin.get_by_role("row").filter(
        has=admin.get_by_role("link", name="greeting", exact=True)
    )
    await expect(row).to_contain_text("is for another occasion")


async def test_long_word_pushes_nothing_out_of_sight(
    arrive: Arrive, server: Server, admin: Page
) -> None:
    alice = await (await arrive(server)).open()
    await alice.greeted()
    await alice.write("W" * 900)
    await alice.ended(2)
    overhang = "it => it.scrollWidth - it.clientWidth"
    for path in ("conversation", "message"):
        await admin.goto(f"{server.url}/admin/chat/{path}/?q={'W' * 20}")
        assert await admin.locator(".results").evaluate(overhang) == 0
        await follow(admin.get_by_role("link", name="WWW").first)
        await expect(admin.get_by_role("heading", name=f"View {path}")).to_be_visible()
        await admin.set_viewport_size({"width": 390, "height": 844})
        assert await admin.locator("html").evaluate(overhang) == 0
        await admin.set_viewport_size({"width": 1280, "height": 800})


async def test_lists_show_all_their_columns(
    server: Server, admin: Page, scripted: Callable[..., str]
) -> None:
    scripted("page-" + "W" * 60, f"https://example.org/{'w' * 200}", "--speed", "0")
    for path in ("scriptedreply", "room", "assistant"):
        await admin.goto(f"{server.url}/admin/chat/{path}/")
        for width in (1280, 1440):
            await admin.set_viewport_size({"width": width, "height": 800})
            wider = "its => its.filter(it => it.scrollWidth > it.clientWidth).length"
            assert await admin.locator(".results, #changelist-form").evaluate_all(wider) == 0
    await admin.goto(f"{server.url}/admin/chat/scriptedreply/")
    await admin.set_viewport_size({"width": 820, "height": 1180})
    below = await admin.get_by_role("link", name="Try it").bounding_box()
    heading = await admin.get_by_role("heading", level=1).bounding_box()
    assert below is not None
    assert heading is not None
    assert below["y"] >= heading["y"] + heading["height"]
    assert await admin.locator(".actions").evaluate("it => it.scrollWidth <= it.clientWidth")


async def test_assistant_has_only_the_fields_of_its_kind(server: Server, admin: Page) -> None:
    await admin.goto(f"{server.url}/admin/chat/assistant/add/")
    for kind, shown in (("ollama", True), ("scripted", False), ("anthropic", True)):
        await admin.get_by_label("Kind").select_option(kind)
        for field in ("Base URL", "System prompt", "Seconds to connect"):
            await expect(admin.get_by_label(field)).to_be_visible(visible=shown)


async def test_connection_is_tested_once_at_a_time(server: Server, admin: Page) -> None:
    await admin.goto(f"{server.url}/admin/chat/assistant/1/change/")
    hold = "it => it.form.addEventListener('submit', event => event.preventDefault())"
    button = admin.get_by_role("button", name="Test connection")
    await button.evaluate(hold)
    await button.click()
    await expect(admin.get_by_role("button", name="Testing…")).to_be_disabled()


async def test_somebody_who_is_not_staff_tries_nothing(arrive: Arrive, server: Server) -> None:
    charlie = await (await arrive(server)).open("/admin/chat/scriptedreply/try/")
    await expect(charlie.page.get_by_label("Password")).to_be_visible()
    await expect(charlie.page.locator(".try")).to_have_count(0)
