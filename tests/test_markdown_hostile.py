"""Whatever people, models and staff write, and however they are called: nothing of it runs."""

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import pytest
from playwright.async_api import Request, expect

from tests.browser import Arrive, Person, Tab, in_browser
from tests.client import Client, Frame, session
from tests.doors import ask
from tests.hostile import CONTROLS, NAMES, TEXTS
from tests.server import Server

pytestmark = [in_browser, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery staple"
GUARD = (Path(__file__).parent / "guard.js").read_text()
ALL_THERE = """count => {
  const all = [...document.querySelectorAll("[data-role=message]")];
  return all.length === count && all.every((one) => one.dataset.status === "complete");
}"""
# Goes back to what was said before. Returns how much there was until now.
BACK = """() => {
  const log = document.querySelector("[data-role=messages]");
  log.scrollTop = 1;
  log.dispatchEvent(new WheelEvent("wheel", { deltaY: -1 }));
  log.scrollTop = 0;
  return log.querySelectorAll("[data-role=message]").length;
}"""
MORE = "count => document.querySelectorAll('[data-role=message]').length > count"
ASSISTANTS = """
import json
from django.core.management import call_command
for number, name in enumerate(json.loads({!r})):
    call_command("assistant", f"page-rogue-{{number}}", kind="scripted", name=name)
"""

GONE = """
from chat.models import Assistant
Assistant.objects.filter(slug__startswith="page-rogue-").update(on=False)
"""

Come = Callable[..., Awaitable[Person]]


@pytest.fixture(scope="module")
def echo(server: Server) -> str:
    """The keyword for a reply that says what was said."""
    rule = ("--trigger", "keyword", "--keywords", "page-mirror", "--speed", "0")
    server.manage("reply", "page-mirror", "--text", "{message}", *rule)
    return "page-mirror"


@pytest.fixture
def rogues(server: Server) -> Iterator[None]:
    """Assistants with such names; they are not offered to anybody in the tests that follow."""
    server.manage("shell", "-c", ASSISTANTS.format(json.dumps(NAMES)))
    yield
    server.manage("shell", "-c", GONE)


@pytest.fixture
def come(arrive: Arrive, server: Server) -> Come:
    """Let somebody come whose pages are watched; they may ask nobody but the server."""

    async def guarded(cookie: str | None = None) -> Person:
        person = await arrive(server, cookie)

        def note(request: Request) -> None:
            if urlsplit(request.url).netloc != urlsplit(server.url).netloc:
                person.troubles.append(f"asked for {request.url}")

        person.context.on("request", note)
        await person.context.add_init_script(GUARD)
        return person

    return guarded


async def safe(tab: Tab) -> None:
    """Nothing was on this page that must not be."""
    faults = await tab.page.evaluate("faults")
    assert faults == [], f"{len(faults)} faults: {json.dumps(faults[:20], indent=1)}"


async def everything(tab: Tab, count: int) -> None:
    """Scroll back until all messages are on the page."""
    while (seen := await tab.page.evaluate(BACK)) < count:
        await tab.until(MORE, seen)


def from_server(id: int, text: str, status: str) -> Frame:
    """A reply that no server of ours would send: it takes out what is in there."""
    author = {"kind": "assistant", "id": "1", "name": "Mallory"}
    message = {"id": id, "author": author, "text": text, "status": status, "reply_to": None}
    more = {"created": "2025-01-01T00:00:00Z", "version": 1, "versions": 1, "key": None}
    return {"type": "message", "message": {**message, **more, "error": None}}


async def test_nothing_that_is_said_runs(come: Come, server: Server, echo: str) -> None:
    """Live, as each character comes, and whole, after a reload: of oneself and of others."""
    cookie = session(server.url)
    person = await come(cookie)
    said = [f"{echo}\n\n{text}" for text in TEXTS]
    count = 1 + 2 * len(said)
    async with Client(server.url, origin=server.url, cookie=cookie) as client:
        alice = await person.open(f"/c/{client.conversation}/")
        await alice.greeted()
        for text in said:
            reply = await client.post(text)
            await client.end(reply)
            assert client.texts[reply] == text
        await alice.until(ALL_THERE, count)
        await safe(alice)
    await alice.page.reload()
    await expect(alice.messages.first).to_be_visible()
    await everything(alice, count)
    await alice.until(ALL_THERE, count)
    await safe(alice)


async def test_control_characters_hide_nothing(come: Come, server: Server) -> None:
    """A server that lets them through is another line that has fallen."""
    person = await come()
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    for id, text in enumerate(CONTROLS, start=10**6):
        line.say(from_server(2 * id, text, "complete"))
        line.say(from_server(2 * id + 1, "", "streaming"))
        for at, character in enumerate(text):
            line.say({"type": "char", "reply": 2 * id + 1, "at": at, "char": character})
        end = {"status": "complete", "length": len(text), "crc32": crc32(text.encode())}
        line.say({"type": "reply.end", "reply": 2 * id + 1, "error": None, **end})
    await alice.until(ALL_THERE, 1 + 2 * len(CONTROLS))
    await safe(alice)


async def renamed(person: Person, username: str, name: str) -> str:
    """Let somebody log in and call themselves something else. Return their session."""
    page = (await person.open(f"/admin/login/?next=/admin/chat/user/%3Fq%3D{username}")).page
    await page.get_by_label("Username").fill(username)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("link", name=username, exact=True).click()
    await page.locator("#id_name").fill(name)
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator(".success")).to_contain_text(name)
    assert "it ran" not in await page.evaluate("faults")
    cookies = await person.context.cookies()
    return "; ".join(f"{it['name']}={it['value']}" for it in cookies if it["name"] == "sessionid")


@pytest.mark.usefixtures("rogues")
async def test_no_name_and_no_title_runs(come: Come, server: Server, echo: str) -> None:
    """Of people, of assistants, of conversations: wherever they stand."""
    server.account("mallory")
    person = await come()
    called = f"{NAMES[1]} too"  # nobody is called as an assistant is
    cookie = await renamed(person, "mallory", called)
    async with Client(server.url, origin=server.url, cookie=cookie) as client:
        alice = await person.open(f"/c/{client.conversation}/")
        await expect(alice.role("header")).to_contain_text(called)
        for number, name in enumerate(NAMES):
            await client.end(await client.post(f"{echo} {name}", assistant=f"page-rogue-{number}"))
        await alice.until(ALL_THERE, 1 + 2 * len(NAMES))
        authors = alice.replies.locator("[data-role=author]")
        assert (await authors.all_text_contents())[1:] == NAMES
        offered = await alice.role("assistant").locator("option").all_text_contents()
        assert set(NAMES) <= set(offered)
        for name in NAMES:
            path = f"/c/{client.conversation}/rename/"
            assert ask(server.url, cookie, path, {"title": name})[0] == 200
            await expect(alice.role("heading")).to_have_text(name)
            await expect(alice.role("entry-title").first).to_have_text(name)
    await alice.role("search").fill("ran")
    await expect(alice.role("found-link").first).to_be_visible()
    await safe(alice)
    await alice.page.reload()
    await alice.until(ALL_THERE, 1 + 2 * len(NAMES))
    await expect(alice.role("heading")).to_have_text(NAMES[-1])
    await safe(alice)
