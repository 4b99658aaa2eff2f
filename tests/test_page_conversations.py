"""The conversations at the side of the page: what is going on in each, and what can be done."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.browser import Arrive, Tab, in_browser
from tests.client import session
from tests.doors import ask
from tests.server import Server

pytestmark = in_browser

PHONE = {"width": 390, "height": 844}
HELD = 'Saying "{}"'  # what is written in a conversation that is only talked about


@pytest.fixture
def cookie(server: Server) -> str:
    """The session of a new visitor: Alice."""
    return session(server.url)


@pytest.fixture
def talk(server: Server, cookie: str) -> Callable[..., list[str]]:
    """Make conversations of Alice's with these titles, the newest last; return their paths."""

    def make(*titles: str) -> list[str]:
        paths = []
        for title in titles:
            said = [{"author": "me", "text": HELD.format(title), "created": "2025-01-01T00:00:00Z"}]
            form = {"format": "streaming-chat", "version": 1, "title": title, "messages": said}
            status, made = ask(server.url, cookie, "/c/import/", form)
            assert status == 201, made
            paths.append(f"/c/{made['id']}/")
        return paths

    return make


Talk = Callable[..., list[str]]


def entry(tab: Tab, title: str) -> Locator:
    """Return the entry with this title, in either list."""
    named = tab.page.locator("[data-role=entry-title]").get_by_text(title, exact=True)
    return tab.role("entry").filter(has=named)


def listed(tab: Tab) -> Locator:
    return tab.role("conversations").locator("[data-role=entry-title]")


async def choose(tab: Tab, title: str, act: str) -> None:
    """Choose `act` in the menu of the conversation with this title."""
    await tab.page.bring_to_front()  # or the browser draws it only now and then
    await entry(tab, title).hover()
    await entry(tab, title).locator("[data-role=entry-options]").click()
    await tab.page.locator(f"[data-act='{act}']").click()
    await expect(tab.role("menu")).to_be_hidden()


async def test_reply_elsewhere_is_seen_typing_then_unread_until_it_is_opened(
    arrive: Arrive, server: Server, cookie: str, talk: Talk, scripted: Callable[..., str]
) -> None:
    scripted("page-elsewhere", "You will see that later. " * 4, "--speed", "10")
    stay, other = talk("Stay here", "Other")
    alice = await arrive(server, cookie)
    here, there = await alice.open(stay), await alice.open(other)
    await here.online()
    await there.online()
    await there.write("page-elsewhere")
    await there.typed(1, length=3)
    await there.page.close()
    one = here.role("entry").first
    await expect(one.get_by_role("img", name="a reply is being written")).to_be_visible()
    await expect(one.get_by_role("img", name="new reply")).to_be_visible()
    await expect(one.get_by_role("img", name="a reply is being written")).to_be_hidden()
    await here.page.reload()
    await expect(entry(here, "Other")).to_have_attribute("data-unread", "")
    await entry(here, "Other").locator("a").click()
    assert "later" in await here.ended(1)
    await expect(here.role("heading")).to_have_text("Other")
    await expect(here.page.locator("[aria-current=page]")).to_have_text("Other")
    for name in ("new reply", "a reply is being written"):
        await expect(here.page.get_by_role("img", name=name)).to_have_count(0)


async def test_own_reply_is_seen_typing_and_never_unread(
    arrive: Arrive, server: Server, cookie: str, talk: Talk, scripted: Callable[..., str]
) -> None:
    scripted("page-own", "You see that now. " * 2, "--speed", "60")
    first, _ = talk("First", "Second")
    person = await arrive(server, cookie)
    line = await person.line()
    alice = await person.open(first)
    await alice.online()
    await expect(listed(alice)).to_have_text(["Second", "First"])
    line.hold_down(since=lambda frame: frame["type"] == "reply.end")
    await alice.write("page-own")
    await expect(listed(alice)).to_have_text(["First", "Second"])
    own = entry(alice, "First")
    await expect(own).to_have_attribute("data-typing", "")
    line.let_go()
    await expect(own).not_to_have_attribute("data-typing", "")
    await expect(own).not_to_have_attribute("data-unread", "")


async def test_new_conversation_is_in_all_lists_once_something_was_said(
    arrive: Arrive, server: Server
) -> None:
    alice = await arrive(server)
    other = await alice.open()
    await other.online()
    await expect(other.role("conversations-none")).to_be_visible()
    new = await alice.open("/c/new/")
    await new.greeted()
    await expect(new.page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}/$"))
    await expect(new.role("entry")).to_have_count(0)
    await expect(new.page).to_have_title("Chat Messages")
    await new.write("What is a whale?")
    for page in (new, other):
        await expect(listed(page)).to_have_text(["What is a whale?"])
    await expect(other.role("conversations-none")).to_be_hidden()
    await expect(new.page).to_have_title("What is a whale? | Chat Messages")
    await expect(new.role("heading")).to_have_text("What is a whale?")
    address = new.page.url
    await new.page.reload()
    await new.ended(2)
    assert new.page.url == address
    await new.role("new-conversation").click()
    await new.online()
    await expect(new.page).not_to_have_url(address)


# Plays [method, argument] pairs to the list that the page keeps; returns the two lists after each.
SHELF = """async (steps) => {
  const { Shelf } = await import("/static/chat/shelf.js");
  const entry = ([id, written]) => ({ id, written, pinned: false, archived: false });
  const shelf = new Shelf(["b3", "a1"].map((name) => entry([name[0], name[1]])), true);
  const ids = (archived) => shelf.list(archived).map(({ id }) => id).join("");
  return steps.map(([method, news]) => {
    if (news?.conversations) news.conversations = news.conversations.map(entry);
    shelf[method](news);
    return [ids(false), ids(true), shelf.hasMore(false)];
  });
}"""


async def test_what_is_told_is_put_in_its_place(arrive: Arrive, server: Server) -> None:
    tab = await (await arrive(server)).open("/healthz")
    new = {"pinned": False, "archived": False, "title": ""}
    page = {"archived": False, "after": None, "more": True}
    steps = [
        (["take", {"id": "x", "typing": True}], ["ba", "", True]),  # nobody knows where it stands
        (["take", {"id": "c", "written": "4", **new}], ["cba", "", True]),
        (["take", {"id": "a", "pinned": True}], ["acb", "", True]),
        (["take", {"id": "a", "pinned": False, "archived": True}], ["cb", "a", True]),
        (["take", {"id": "c", "deleted": True}], ["b", "a", True]),
        (["take", {"id": "c", "typing": False}], ["b", "a", True]),
        (["page", {**page, "conversations": [["d", "5"], ["e", "4"]]}], ["deb", "a", True]),
        (["page", {**page, "conversations": [["f", "6"], ["d", "5"]]}], ["fdeb", "a", True]),
        (
            ["page", {**page, "after": "e", "more": False, "conversations": [["g", "2"]]}],
            ["fdeg", "a", False],
        ),
        (["page", {**page, "more": False, "conversations": []}], ["", "a", False]),
        # What is told while pages are on their way is newer than they are.
        (["expect", 2], ["", "a", False]),
        (["take", {"id": "h", "written": "8", **new}], ["h", "a", False]),
        (["take", {"id": "a", "deleted": True}], ["h", "", False]),
        (["page", {**page, "more": False, "conversations": []}], ["h", "", False]),
        (["page", {**page, "archived": True, "conversations": [["a", "1"]]}], ["h", "", False]),
        (["page", {**page, "more": False, "conversations": []}], ["", "", False]),
        # What was told on a former connection may be older.
        (["expect", 1], ["", "", False]),
        (["take", {"id": "i", "written": "9", **new}], ["i", "", False]),
        (["begin", None], ["i", "", False]),
        (["page", {**page, "more": False, "conversations": []}], ["", "", False]),
    ]
    assert await tab.page.evaluate(SHELF, [step for step, _ in steps]) == [
        lists for _, lists in steps
    ]


async def test_rename_by_keyboard(arrive: Arrive, server: Server, cookie: str, talk: Talk) -> None:
    first, second = talk("Before", "Second")
    alice = await arrive(server, cookie)
    here, other = await alice.open(first), await alice.open(second)
    await here.online()
    keyboard = here.page.keyboard
    await entry(here, "Before").locator("[data-role=entry-options]").focus()
    await keyboard.press("Enter")
    await expect(here.page.locator("[data-act=rename]")).to_be_focused()
    await keyboard.press("ArrowDown")
    await expect(here.page.locator("[data-act=pin]")).to_be_focused()
    await keyboard.press("Escape")
    await expect(here.role("menu")).to_be_hidden()
    await expect(entry(here, "Before").locator("[data-role=entry-options]")).to_be_focused()
    await keyboard.press("Enter")
    await keyboard.press("Enter")
    await expect(here.role("rename-title")).to_be_focused()
    await expect(here.role("rename-title")).to_have_value("Before")
    await keyboard.type("<i>שלום</i>")
    await keyboard.press("Enter")
    for page in (here, other):
        await expect(entry(page, "<i>שלום</i>")).to_have_count(1)
    await expect(here.role("heading")).to_have_text("<i>שלום</i>")
    await expect(here.page).to_have_title("<i>שלום</i> | Chat Messages")
    await expect(entry(here, "<i>שלום</i>").locator("a")).to_be_focused()


async def test_rename_that_is_given_up_or_refused(
    arrive: Arrive, server: Server, cookie: str, talk: Talk
) -> None:
    person = await arrive(server, cookie)
    person.foresees("400")
    alice = await person.open(*talk("Before"))
    await alice.online()
    await choose(alice, "Before", "rename")
    await alice.role("rename-title").fill("never mind")
    await alice.role("rename-title").press("Escape")
    await expect(listed(alice)).to_have_text(["Before"])
    await choose(alice, "Before", "rename")
    await alice.role("rename-title").fill("\u200b")
    await alice.role("rename-title").press("Enter")
    await expect(alice.role("shelf-notices")).to_contain_text("must not be empty or blank")
    await expect(alice.role("rename-title")).to_be_focused()
    await alice.role("rename-title").fill("After")
    await alice.role("input").click()  # leaving it saves too
    await expect(listed(alice)).to_have_text(["After"])


async def test_pin_and_archive_are_seen_on_all_pages(
    arrive: Arrive, server: Server, cookie: str, talk: Talk
) -> None:
    alice = await arrive(server, cookie)
    pages = [await alice.open(path) for path in talk("First", "Second", "Third")[:2]]
    for page in pages:
        await page.online()
    await choose(pages[1], "First", "pin")
    for page in pages:
        await expect(listed(page)).to_have_text(["First", "Third", "Second"])
        await expect(entry(page, "First").get_by_role("img", name="Pinned")).to_be_visible()
    await choose(pages[0], "Third", "archive")
    for page in pages:
        await expect(listed(page)).to_have_text(["First", "Second"])
        await expect(entry(page, "Third")).to_be_hidden()  # folded
    await pages[1].page.get_by_text("Archived", exact=True).click()
    await expect(entry(pages[1], "Third")).to_be_visible()
    await choose(pages[1], "Third", "unarchive")
    await choose(pages[1], "First", "unpin")
    for page in pages:
        await expect(listed(page)).to_have_text(["Third", "Second", "First"])
        await expect(page.role("archived-part")).to_be_hidden()


async def test_delete_can_be_undone(
    arrive: Arrive, server: Server, cookie: str, talk: Talk
) -> None:
    alice = await arrive(server, cookie)
    await alice.lingers()
    here, other = [await alice.open(path) for path in talk("Here", "Other")]
    await here.online()
    await other.online()
    await choose(here, "Other", "delete")
    for page in (here, other):
        await expect(listed(page)).to_have_text(["Here"])
    await expect(other.role("connection")).to_contain_text("This conversation is gone")
    await expect(entry(here, "Here").locator("a")).to_be_focused()
    notice = here.role("shelf-notices")
    await expect(notice).to_contain_text("Deleted: Other")
    await notice.get_by_role("button", name="Undo").click()
    await expect(listed(here)).to_have_text(["Other", "Here"])
    await expect(notice).to_be_empty()
    await other.page.reload()
    await expect(other.mine).to_contain_text(HELD.format("Other"))


async def test_who_deletes_what_they_are_in_goes_on_elsewhere_and_can_come_back(
    arrive: Arrive, server: Server, cookie: str, talk: Talk, scripted: Callable[..., str]
) -> None:
    scripted("page-go-on", "It would go on. " * 200, "--speed", "20")
    _, gone = talk("Next", "Gone")
    alice = await (await arrive(server, cookie)).open(gone)
    await alice.online()
    await alice.write("page-go-on")
    await alice.typed(1, length=5)
    await choose(alice, "Gone", "delete")
    await expect(alice.role("heading")).to_have_text("Next")
    assert alice.page.url == f"{server.url}/"
    await alice.role("notices").get_by_role("button", name="Undo").click()
    await expect(alice.page).to_have_url(server.url + gone)
    assert "It would" in await alice.ended(1, "stopped")


async def test_list_that_comes_late_undoes_nothing(
    arrive: Arrive, server: Server, cookie: str
) -> None:
    """It was read before what was told meanwhile."""
    alice, elsewhere = await arrive(server, cookie), await arrive(server, cookie)
    line = await elsewhere.line()
    line.hold_back(lambda frame: frame["type"] == "conversations")
    here, other = await alice.open(), await elsewhere.open("/c/new/")
    await other.greeted()
    await here.write("Newer than the list")
    await here.ended(2)
    await expect(entry(other, "Newer than the list")).to_have_count(1)
    line.let_go()
    line.say({"type": "error", "code": "internal", "detail": "That was all of it."})
    await expect(other.role("notices")).to_contain_text("That was all of it.")
    await expect(entry(other, "Newer than the list")).to_have_count(1)


async def test_page_that_opened_it_opens_no_other_when_it_is_deleted(
    arrive: Arrive, server: Server, cookie: str
) -> None:
    alice = await arrive(server, cookie)
    here, other = await alice.open(), await alice.open("/c/new/")
    await here.greeted()
    await here.write("Delete me")
    await here.ended(2)
    await expect(entry(other, "Delete me")).to_have_count(1)
    await choose(other, "Delete me", "delete")
    await expect(here.role("connection")).to_contain_text("This conversation is gone")
    assert "Delete me" in await here.texts()


async def test_drawer_on_a_phone(arrive: Arrive, server: Server, cookie: str, talk: Talk) -> None:
    person = await arrive(server, cookie, viewport=PHONE, has_touch=True)
    alice = await person.open(*talk("Hello"))
    await alice.online()
    shelf, opener, keyboard = alice.role("shelf"), alice.role("shelf-open"), alice.page.keyboard
    await expect(shelf).to_be_hidden()
    await expect(opener).to_have_attribute("aria-expanded", "false")

    await opener.focus()
    await keyboard.press("Enter")
    await expect(shelf).to_be_in_viewport(ratio=1)
    await expect(opener).to_have_attribute("aria-expanded", "true")
    await expect(alice.role("shelf-close")).to_be_focused()
    inside = "() => document.activeElement.closest('[data-role=shelf]') !== null"
    on_page = "() => document.activeElement !== document.body"
    for key in ("Tab", "Shift+Tab"):
        for _ in range(10):
            await keyboard.press(key)
            if await alice.page.evaluate(on_page):  # else the browser's own bar has it
                assert await alice.page.evaluate(inside), "the focus stays in the drawer"
    await alice.role("search").focus()
    await keyboard.press("Escape")
    await expect(shelf).to_be_hidden()
    await expect(opener).to_be_focused()

    await opener.tap()
    await alice.role("shelf-close").tap()
    await expect(shelf).to_be_hidden()
    await opener.tap()
    await expect(shelf).to_be_in_viewport(ratio=1)
    await alice.page.touchscreen.tap(380, 400)
    await expect(shelf).to_be_hidden()
    await opener.tap()
    await expect(shelf).to_be_in_viewport(ratio=1)
    await alice.page.set_viewport_size({"width": 1280, "height": 800})
    await expect(shelf).to_be_visible()
    await alice.role("input").click()
    await expect(alice.role("input")).to_be_focused()


async def test_escape_in_the_drawer_stops_no_reply(
    arrive: Arrive, server: Server, cookie: str, talk: Talk, scripted: Callable[..., str]
) -> None:
    scripted("page-escape", "Not to be stopped. " * 4, "--speed", "40")
    alice = await (await arrive(server, cookie, viewport=PHONE)).open(*talk("Hello"))
    await alice.online()
    await alice.write("page-escape")
    await alice.typed(1, length=3)
    await alice.role("shelf-open").click()
    await alice.role("entry-options").click()
    await alice.page.keyboard.press("Escape")
    await expect(alice.role("menu")).to_be_hidden()
    await expect(alice.role("shelf")).to_be_visible()
    await alice.page.mouse.click(100, 600)  # where nothing is that takes the focus
    await alice.page.keyboard.press("Escape")
    await expect(alice.role("shelf")).to_be_hidden()
    await alice.ended(1)


async def test_search_shows_where_it_is_and_leads_there(
    arrive: Arrive, server: Server, cookie: str, talk: Talk
) -> None:
    talk("Wie groß ist die Größe?", "Nothing of the kind")
    alice = await (await arrive(server, cookie)).open()
    search = alice.role("search")
    await search.press_sequentially("GRÖßE")
    await expect(alice.role("found").locator("mark")).to_have_text(["Größe", "Größe"])
    await expect(alice.role("found-count")).to_have_text("1 conversation")
    await expect(alice.role("shelf-all")).to_be_hidden()
    await search.fill("<b>nowhere</b>")
    await expect(alice.role("found-count")).to_have_text("Nothing found")
    await search.press("Escape")
    await expect(search).to_have_value("")
    await expect(alice.role("shelf-all")).to_be_visible()
    await expect(alice.role("found-count")).to_be_empty()
    await search.fill("größe")
    await expect(alice.role("found-link")).to_be_visible()
    await search.press("Tab")
    await expect(alice.role("found-link")).to_be_focused()
    await alice.page.keyboard.press("Escape")
    await expect(alice.role("shelf-all")).to_be_visible()
    await expect(search).to_be_focused()
    await expect(search).to_have_value("")
    await search.fill("größe")
    await alice.role("found-link").click()
    await expect(alice.role("heading")).to_have_text("Wie groß ist die Größe?")


async def test_export_and_import(
    arrive: Arrive, server: Server, cookie: str, talk: Talk, tmp_path: Path
) -> None:
    person = await arrive(server, cookie)
    person.foresees("lost: .*/export.json")  # so a download looks to the page
    alice = await person.open(*talk("Take me along"))
    await alice.online()
    await entry(alice, "Take me along").hover()
    await alice.role("entry-options").click()
    async with alice.page.expect_download() as download:
        await alice.page.locator("[data-act='export.json']").click()
    file = tmp_path / (await download.value).suggested_filename
    await (await download.value).save_as(file)
    assert file.name == "Take me along.json"
    address = alice.page.url
    await alice.role("import-file").set_input_files(file)
    await expect(alice.page).not_to_have_url(address)
    await expect(listed(alice)).to_have_text(["Take me along"] * 2)
    await expect(alice.mine).to_contain_text(HELD.format("Take me along"))
    await expect(alice.page.locator("[aria-current=page]")).to_have_count(1)


async def test_file_that_cannot_be_imported(arrive: Arrive, server: Server, tmp_path: Path) -> None:
    person = await arrive(server)
    person.foresees("422")
    alice = await person.open()
    await alice.online()
    file = tmp_path / "bad.json"
    file.write_text(json.dumps({"format": "something else"}, indent=1))
    await alice.role("import-file").set_input_files(file)
    notice = alice.role("shelf-notices")
    await expect(notice).to_contain_text("Not imported. line 2: format: must be 'streaming-chat'")


async def test_more_than_a_page_of_them(
    arrive: Arrive, server: Server, cookie: str, talk: Talk
) -> None:
    alice = await (await arrive(server, cookie)).open()
    await alice.online()
    numbers = [f"No. {n}" for n in range(52)]
    await asyncio.to_thread(talk, *numbers)
    await expect(listed(alice)).to_have_text(numbers[::-1])  # they came while the page was open
    await alice.page.reload()
    await expect(listed(alice)).to_have_text(numbers[:1:-1])
    await alice.online()
    await alice.role("conversations-more").click()
    await expect(listed(alice)).to_have_text(numbers[::-1])
    await expect(alice.role("conversations-more")).to_be_hidden()


async def test_what_was_missed_while_offline_is_in_the_list(
    arrive: Arrive, server: Server, cookie: str, talk: Talk
) -> None:
    first, second = talk("First", "Second")
    person = await arrive(server, cookie)
    line = await person.line()
    alice = await person.open(first)
    await alice.online()
    await line.cut()
    for verb in ("archive", "unarchive", "pin"):
        assert ask(server.url, cookie, f"{second}{verb}/")[0] == 200
    assert ask(server.url, cookie, f"{first}archive/")[0] == 200
    await expect(listed(alice)).to_have_text(["Second", "First"])
    line.mend()
    await expect(listed(alice)).to_have_text(["Second"])
    await expect(entry(alice, "Second")).to_have_attribute("data-pinned", "")
    await expect(entry(alice, "First")).to_have_count(1)


async def test_forget_me(arrive: Arrive, server: Server, cookie: str, talk: Talk) -> None:
    person = await arrive(server, cookie)
    person.foresees("404")
    [path] = talk("A secret")
    alice = await person.open(path)
    await alice.online()
    await alice.role("input").fill("a draft")
    await alice.page.get_by_role("link", name="Delete my data…").click()
    await alice.page.get_by_role("button", name="Delete everything").click()
    await expect(alice.page.get_by_role("heading")).to_have_text("Everything is deleted")
    await alice.until("() => !Object.keys(localStorage).some((name) => name.startsWith('chat:'))")
    await alice.page.goto(server.url + path)
    await expect(alice.page.get_by_text("There is nothing here")).to_be_visible()
    await alice.page.goto(server.url)
    await alice.online()
    await expect(alice.role("entry")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 768, 1280])
async def test_chat_stays_in_the_middle_and_nothing_is_cut_off(
    arrive: Arrive, server: Server, cookie: str, talk: Talk, width: int
) -> None:
    person = await arrive(server, cookie, viewport={"width": width, "height": 800})
    alice = await person.open(*talk("Averyveryverylongword" * 9))
    whole = "one => one.scrollWidth <= one.clientWidth"
    for part in (alice.page.locator("html"), alice.role("header"), alice.role("shelf")):
        assert await part.evaluate(whole), str(part)
    chat = await alice.role("chat").bounding_box()
    composer = await alice.role("composer").bounding_box()
    assert chat
    assert composer
    assert composer["x"] * 2 + composer["width"] == chat["x"] * 2 + chat["width"]
    assert chat["width"] == width - (280 if width == 1280 else 0)


async def test_links_work_without_javascript(
    arrive: Arrive, server: Server, cookie: str, talk: Talk
) -> None:
    first, second = talk("First", "Second")
    person = await arrive(server, cookie, java_script_enabled=False)
    person.foresees(r"lost: .*/static/chat/\w+(/\w+)?\.js$")  # modules are not fetched then
    alice = await person.open(first)
    await expect(listed(alice)).to_have_text(["Second", "First"])
    await entry(alice, "Second").locator("a").click()
    await expect(alice.page).to_have_url(server.url + second)
    await expect(alice.role("search")).to_be_hidden()
