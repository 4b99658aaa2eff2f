"""Every page, in every state, in light and in dark: axe finds nothing that keeps anybody out."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import get_template
from playwright.async_api import Page, Route, expect

from tests.browser import Arrive, Person, in_browser
from tests.client import session
from tests.doors import ask
from tests.markdown import package
from tests.server import Server

pytestmark = [in_browser, pytest.mark.timeout(240)]

AXE = package("axe-core/axe.min.js")
PASSWORD = "correct horse battery staple"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
EVERYTHING = (Path(__file__).parent / "everything.md").read_text()
# Looks at all of the page; of its other colours only whether they can be read.
LOOK = """async (isAgain) => {
  await Promise.all(document.getAnimations().filter((one) => one instanceof CSSTransition)
    .map((one) => one.finished.catch(() => {})));
  const only = isAgain ? { runOnly: ["color-contrast"] } : {};
  const options = { resultTypes: ["violations"], preload: false, ...only };
  // Django's own field that completes what is typed has no name for its two parts.
  const context = { exclude: [[".select2-container"]] };
  const { violations } = await axe.run(context, options);
  return violations.map(({ id, help, nodes }) => ({
    rule: `${id}: ${help}`,
    where: nodes.map(({ html, failureSummary }) => [html.slice(0, 200), failureSummary]),
  }));
}"""
SPENT = ("400.html", "403.html", "403_csrf.html", "404.html", "500.html", "503.html")
FAILED = {"code": "provider_error", "detail": "The model does not answer."}
SAID: list[dict[str, Any]] = [
    {"author": "me", "text": "Show me **all** of it, with `code` and https://example.org/."},
    {"author": "assistant", "text": EVERYTHING, "thoughts": "Let me see."},
    {"author": "me", "text": "And then?"},
    {"author": "assistant", "text": "It was stop", "status": "stopped"},
    {"author": "me", "text": "And then?"},
    {"author": "assistant", "text": "", "status": "failed", "error": FAILED},
    {"author": "me", "text": "And then?"},
    {"author": "assistant", "text": "It was inter", "status": "interrupted"},
    {"author": "me", "text": "مرحبا بك"},
    {
        "author": "assistant",
        "text": "Another version.",
        "version": 2,
        "others": [{"text": "One version.", "created": "2025-01-01T00:00:00Z"}],
    },
]
EMPTY = {
    "type": "ready",
    "protocol": 1,
    "you": {"id": "me", "name": "Guest", "guest": True},
    "conversation": {"id": "another", "kind": "private", "title": ""},
    "assistants": [],
    "messages": [],
    "has_earlier": False,
}


ALICE, BOB = {"id": "alice", "name": "Alice"}, {"id": "bob", "name": "Bob"}
ROOM = {"slug": "lobby", "description": "Old and new", "listed": True, "answers": "mentioned"}
ASSISTANT = {"slug": "assistant", "name": "Assistant", "default": True}


def message(id: int, author: dict[str, str], text: str, **fields: Any) -> dict[str, Any]:
    kind = "assistant" if author == ASSISTANT else "person"
    by = {"kind": kind, "id": author.get("id", "1"), "name": author["name"]}
    usual = {"status": "complete", "created": "2025-01-01T00:00:00Z", "reply_to": None}
    versions = {"version": 1, "versions": 1, "key": None, "error": None}
    return {"id": id, "author": by, "text": text, **usual, **versions, **fields}


IN_A_ROOM = {
    "type": "ready",
    "protocol": 1,
    "you": {**ALICE, "guest": True, "role": "moderator"},
    "conversation": {"id": "room", "kind": "room", "title": "Lobby", "closed": False, **ROOM},
    "assistants": [ASSISTANT],
    "has_earlier": False,
    "messages": [
        message(1, BOB, "Hello @Alice", mentions=["alice"]),
        message(2, ALICE, "Hello @Bob, and @Assistant!", edited=True, version=2, versions=2),
        message(3, ASSISTANT, "To **both** of you.", reply_to=2, asked_by=ALICE),
        message(4, BOB, "And to `me`?", edited=True),
        message(5, ASSISTANT, "It is being ty", status="streaming", reply_to=4, asked_by=BOB),
        message(6, {"id": "omar", "name": "عمر"}, "مرحبا"),
    ],
}


# What still fades in or moves counts as hidden; a caret blinks without end.
SETTLED = """() => Promise.allSettled(document.getAnimations()
    .filter((it) => it.effect.getComputedTiming().endTime < Infinity).map((it) => it.finished))
    .then(() => null)"""


async def look(page: Page, state: str) -> list[str]:
    """Return what is wrong, in light and in dark."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.evaluate(SETTLED)
        faults = await page.evaluate(LOOK, scheme == "dark")
        found += [f"{state}, {scheme}: {json.dumps(fault, indent=1)}" for fault in faults]
    return found


def talked(server: Server, cookie: str, title: str) -> str:
    """Make a conversation with messages of every kind; return its path."""
    moment = {"created": "2025-01-01T00:00:00Z"}
    said = [{**moment, **message} for message in SAID]
    form = {"format": "streaming-chat", "version": 1, "title": title, "messages": said}
    status, made = ask(server.url, cookie, "/c/import/", form)
    assert status == 201, made
    return f"/c/{made['id']}/"


async def test_chat_page(arrive: Arrive, server: Server) -> None:
    cookie = session(server.url)
    for title in ("One talk", "Another talk"):
        path = talked(server, cookie, title)
    rule = ("--trigger", "keyword", "--keywords", "page-axe", "--speed", "50")
    server.manage("reply", "page-axe", "--text", EVERYTHING, *rule)
    person = await arrive(server, cookie)
    person.foresees("WebSocket connection")
    line = await person.line()
    alice = await person.open(path)
    page = alice.page
    await expect(alice.messages).to_have_count(len(SAID))
    wrong = await look(page, "all kinds of messages")

    await alice.mine.first.locator("[data-role=edit]").click()
    wrong += await look(page, "editing")
    await page.keyboard.press("Escape")
    await alice.replies.first.locator("[data-role=thoughts] summary").click()
    await alice.role("entry-options").first.click()
    wrong += await look(page, "thoughts and menu open")
    await page.locator("[data-act=rename]").click()
    wrong += await look(page, "renaming")
    await page.keyboard.press("Escape")
    await alice.role("search").fill("talk")
    await expect(alice.role("found-link").first).to_be_visible()
    wrong += await look(page, "found")
    await alice.role("search").fill("")

    await alice.write("page-axe")
    await alice.write("Wait for it")
    await expect(alice.replies).to_have_count(7)
    line.hold_down(since=lambda frame: frame.get("at", 0) > 40)
    await expect(alice.replies.nth(5)).to_have_attribute("data-status", "streaming")
    await expect(alice.text(alice.replies.nth(5))).to_contain_text("A para")
    wrong += await look(page, "typing, with one that waits")
    await page.set_viewport_size(PHONE)
    wrong += await look(page, "phone")
    await alice.role("shelf-open").click()
    wrong += await look(page, "drawer")
    await alice.role("shelf-close").click()
    await page.set_viewport_size(DESK)
    await line.cut()
    await alice.offline()
    await alice.write("Not sent")
    wrong += await look(page, "offline, with a message that is not sent")
    assert not wrong, "\n".join(wrong)


async def test_chat_page_where_nothing_was_said(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    line.hold_down()
    alice = await person.open()
    line.say(EMPTY)
    await expect(alice.role("empty")).to_be_visible()
    wrong = await look(alice.page, "empty")
    assert not wrong, "\n".join(wrong)


async def test_room(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    person.foresees("WebSocket connection")
    await person.lingers()
    line = await person.line()
    line.hold_down()
    alice = await person.open("/rooms/lobby/")
    page = alice.page
    line.say(IN_A_ROOM)
    line.say({"type": "people", "present": [ALICE, BOB], "count": 1900})
    line.say({"type": "typing", "who": BOB})
    await expect(alice.role("typist")).to_be_visible()
    wrong = await look(page, "several people")
    await alice.role("people").click()
    await expect(alice.role("people-more")).to_have_text("and 1,898 more")
    wrong += await look(page, "who is here")
    await page.keyboard.press("Escape")
    await expect(alice.role("people-panel")).to_be_hidden()
    await alice.messages.first.hover()
    await alice.messages.first.locator("[data-role=delete]").click()
    await expect(alice.role("surely")).to_be_focused()
    await alice.role("input").press_sequentially("@")
    await expect(alice.role("callable")).to_be_visible()
    wrong += await look(page, "to be deleted, and whom one calls")
    await page.set_viewport_size(PHONE)
    wrong += await look(page, "phone")
    line.say({"type": "room", "title": "Lobby", **ROOM, "closed": True})
    await expect(alice.role("composer")).to_be_hidden()
    wrong += await look(page, "closed")
    await line.cut(4403)
    await expect(alice.role("gone")).to_be_visible()
    wrong += await look(page, "gone")
    assert not wrong, "\n".join(wrong)


async def test_pages_beside_the_chat(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    page = (await person.open("/accounts/login/")).page
    wrong = await look(page, "login")
    await page.get_by_label("Username").fill("nobody")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    wrong += await look(page, "login that failed")
    for path in ("/forget-me/", "/forgotten/"):
        await page.goto(server.url + path)
        wrong += await look(page, path)
    wrong += await spent(person, page)
    assert not wrong, "\n".join(wrong)


async def spent(person: Person, page: Page) -> list[str]:
    """Look at the pages that say what went wrong."""

    async def answer(route: Route) -> None:
        body = get_template(route.request.url.rpartition("/")[2]).render()
        await route.fulfill(content_type="text/html", body=body)

    await person.context.route("**/spent/*", answer)
    wrong = []
    for name in SPENT:
        await page.goto(f"{person.url}/spent/{name}")
        wrong += await look(page, name)
    return wrong


async def test_admin(arrive: Arrive, server: Server) -> None:
    server.account("frances")
    person = await arrive(server)
    page = (await person.open("/admin/login/?next=/admin/")).page
    wrong = await look(page, "login")
    await page.get_by_label("Username").fill("frances")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("link", name="Scripted replies").first).to_be_visible()
    wrong += await look(page, "index")
    [cookie] = [it for it in await person.context.cookies() if it["name"] == "sessionid"]
    path = talked(server, f"sessionid={cookie['value']}", "In the admin")
    id = path.strip("/").rpartition("/")[2]
    for path in (
        "scriptedreply/",
        "scriptedreply/add/",
        "assistant/",
        "assistant/1/change/",
        "assistant/1/test/",
        "conversation/",
        f"conversation/{id}/change/",
        "message/",
        "user/",
        "apikey/add/",
        "scriptedreply/try/",
    ):
        response = await page.goto(f"{server.url}/admin/chat/{path}")
        assert response
        assert response.ok, path
        wrong += await look(page, path)
    await page.get_by_label("Message").fill("Hello")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator(".try-bubble")).to_be_visible()
    wrong += await look(page, "tried")
    assert not wrong, "\n".join(wrong)
