"""The chat can be installed, and read where there is no connection; old code never runs again."""

import json
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client as Browser
from playwright.async_api import expect

from tests.browser import Arrive, Tab, in_browser
from tests.client import fetch
from tests.server import ROOT, Server

PASSWORD = "correct horse battery staple"
SLOW = "It goes on and on, until the connection is lost. " * 30
# Settings under which the browser's side comes from a folder that a test can change.
SETTINGS = """
from chatproject.settings import *
STATICFILES_DIRS = [{folder!r}]
"""
GONE = ("ERR_CONNECTION_REFUSED", "WebSocket", "lost:", "Failed to load resource", "service worker")

KEPT = """async () => {
  const requests = await (await caches.open("kept")).keys();
  const texts = requests.map(async (request) => (await caches.match(request))?.text());
  return (await Promise.all(texts)).join();
}"""
# How many milliseconds later what was said is kept, each time that this changes.
PAUSES = """async () => {
  const { Keep } = await import("/static/chat/keep.js");
  const pauses = [];
  window.setTimeout = (_, pause) => pauses.push(pause);
  const keep = new Keep({ messages: [] });
  keep.grow();
  keep.grow();
  keep.receive({ type: "reply.end" });
  keep.grow();
  return pauses;
}"""
# What is to be kept of a reply that grows, is kept when the test says so.
SAVE_WHEN_TOLD = """
window.saves = new Map();
const { setTimeout, clearTimeout } = window;
window.setTimeout = (act, pause) => {
  if (pause !== 2000) return setTimeout(act, pause);
  const id = `save ${saves.size}`;
  saves.set(id, act);
  return id;
};
window.clearTimeout = (id) => (saves.delete(id), clearTimeout(id));
"""
# Which conversation is kept, where it is only one.
WHICH = """async () => {
  const [{ url }] = await (await caches.open("kept")).keys();
  return url.split("/").at(-1);
}"""
DELETE = """async (id) => {
  const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
  await fetch(`/c/${id}/delete/`, { method: "POST", headers: { "X-CSRFToken": token } });
}"""
# Whether a worker serves this page, whose cache is the only one, and not that `before`.
IS_SERVED = """async (before) => {
  const codes = (await caches.keys()).filter((name) => name.startsWith("code-"));
  const done = navigator.serviceWorker.controller && codes.length === 1 && codes[0] !== before;
  return done && codes[0];
}"""


@pytest.fixture
def changeable(tmp_path: Path) -> tuple[Server, Path]:
    """A server, not started yet, and the folder that its static files come from."""
    folder = tmp_path / "source"
    shutil.copytree(ROOT / "static", folder)
    (tmp_path / "elsewhere.py").write_text(SETTINGS.format(folder=str(folder)))
    server = Server(
        tmp_path,
        DJANGO_SETTINGS_MODULE="elsewhere",
        PYTHONPATH=str(tmp_path),
        STATIC_ROOT=str(tmp_path / "collected"),
    )
    return server, folder


async def served(tab: Tab, before: str = "") -> str:
    """Wait until a service worker serves the page, another one than `before`; return which."""
    return str(await tab.settled(IS_SERVED, before))


async def kept(tab: Tab, text: str) -> None:
    """Wait until what is kept has `text` in it."""
    await tab.settled(f"async (text) => (await ({KEPT})()).includes(text)", text)


@in_browser
@pytest.mark.timeout(300)  # seconds: three servers start in it, one after the other
async def test_chat_is_read_without_a_connection_and_old_code_never_runs(
    arrive: Arrive, changeable: tuple[Server, Path]
) -> None:
    server, folder = changeable
    server.manage("migrate", "--verbosity", "0")
    server.start()
    try:
        person = await arrive(server, service_workers="allow")
        person.foresees(*GONE)
        alice = await person.open()
        await alice.greeted()
        await alice.write("keep this")
        said_twice = 'Hello from server!","status":"complete".*' * 2
        await alice.ended(2)
        await kept(alice, "keep this")
        await alice.settled(f"async (text) => (await ({KEPT})()).match(text)", said_twice)
        first = await served(alice)
        said, address = await alice.said(), alice.page.url

        server.stop()
        await alice.page.reload()
        await expect(alice.messages).to_have_count(3)
        assert await alice.said() == said
        await expect(alice.role("entry")).to_have_count(1)
        await alice.offline()
        await alice.write("written without a connection")
        await alice.page.goto(f"{server.url}/accounts/login/")
        heading = alice.page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("There is no connection")

        with (folder / "chat" / "chat.js").open("a") as code:
            code.write('\ndocument.documentElement.dataset.code = "second";\n')
        server.start()
        await alice.page.goto(server.url)
        await expect(alice.page.locator("html[data-code=second]")).to_be_attached()
        await alice.ended(3)
        await expect(alice.mine.last).to_contain_text("written without a connection")
        second = await served(alice, first)
        await kept(alice, "written without a connection")

        server.stop()
        await alice.page.goto(address)
        await expect(alice.mine.last).to_contain_text("written without a connection")
        await expect(alice.page.locator("html[data-code=second]")).to_be_attached()
        server.manage("collectstatic", "--noinput")
        server.start()
        await alice.page.evaluate("dispatchEvent(new Event('online'))")  # or it may take 30 s
        await expect(alice.page.locator("script[src*='chat.']")).to_have_attribute(
            "src", "".join(("/static/", hashed(server, "chat/chat.js")))
        )  # by itself: there is a connection again
        await alice.online()
        await served(alice, second)
        server.stop()
        await alice.page.reload()
        await expect(alice.messages).to_have_count(5)
        await expect(alice.page.locator("html[data-code=second]")).to_be_attached()
    finally:
        server.stop()


def hashed(server: Server, name: str) -> str:
    manifest = Path(server.environment["STATIC_ROOT"]) / "staticfiles.json"
    return str(json.loads(manifest.read_text())["paths"][name])


@in_browser
async def test_what_was_under_way_is_there_without_a_connection(
    arrive: Arrive, own_server: Server
) -> None:
    own_server.manage("reply", "answer", "--text", SLOW, "--speed", "40")
    person = await arrive(own_server, service_workers="allow")
    person.foresees(*GONE)
    alice = await person.open()
    await alice.greeted()
    await served(alice)
    await alice.write("Take your time")
    await alice.typed(2, 160)
    own_server.stop()
    await alice.offline()
    so_far = (await alice.texts())[-1]
    await kept(alice, so_far)
    await alice.write("written without a connection")
    await alice.role("input").fill("and a draft")

    for _ in range(2):
        await alice.page.reload()
        await expect(alice.messages).to_have_count(4)
        await expect(alice.reply).to_have_attribute("data-status", "unfinished")
        assert (await alice.text(alice.reply).text_content() or "").startswith(so_far)
        await expect(alice.reply.locator("[data-role=note]")).to_have_text(
            "The rest comes when the connection is back."
        )
        for role in ("continue", "regenerate", "halt", "delete"):
            await expect(alice.reply.locator(f"[data-role={role}]")).to_be_hidden()
        await expect(alice.messages.last).to_have_attribute("data-status", "sending")
        await expect(alice.messages.last.locator("[data-role=note]")).to_have_text("Waiting…")
        await expect(alice.text(alice.messages.last)).to_have_text("written without a connection")
        await expect(alice.role("input")).to_have_value("and a draft")

    own_server.start()
    await alice.page.evaluate("dispatchEvent(new Event('online'))")  # or it may take 30 s
    await expect(alice.mine.last).not_to_have_attribute("data-status", "sending")
    await expect(alice.text(alice.mine.last)).to_have_text("written without a connection")
    await expect(alice.mine).to_have_count(2)
    await alice.online()


@in_browser
async def test_end_of_a_reply_is_kept_soon_though_it_has_grown(
    arrive: Arrive, server: Server
) -> None:
    tab = await (await arrive(server)).open("/healthz")
    assert await tab.page.evaluate(PAUSES) == [2000, 500]


@in_browser
async def test_nothing_is_kept_by_a_page_that_was_logged_out_elsewhere(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    server.account("keeper")
    scripted("page-keep", SLOW * 10, "--speed", "20")
    person = await arrive(server)
    person.foresees("Failed to load resource")
    bob = await person.open("/accounts/login/")
    await bob.page.get_by_label("Username").fill("keeper")
    await bob.page.get_by_label("Password").fill(PASSWORD)
    await bob.page.get_by_role("button", name="Log in").click()
    await bob.greeted()
    await person.context.add_init_script(SAVE_WHEN_TOLD)
    other = await person.open("/c/new/")
    await other.greeted()
    await other.write("page-keep")
    await other.typed(2, length=10)
    await other.until("() => saves.size > 0")
    await bob.page.get_by_role("button", name="Log out").click()
    await other.offline()
    await bob.greeted()
    await other.page.evaluate("() => saves.forEach((save) => save())")
    await kept(bob, "Hello from server!")  # the guest's
    assert "page-keep" not in await bob.page.evaluate(KEPT)


@in_browser
async def test_nothing_is_kept_for_who_comes_next(arrive: Arrive, own_server: Server) -> None:
    own_server.account("bob")
    person = await arrive(own_server, service_workers="allow")
    person.foresees(*GONE)
    bob = await person.open("/accounts/login/")
    await bob.page.get_by_label("Username").fill("bob")
    await bob.page.get_by_label("Password").fill(PASSWORD)
    await bob.page.get_by_role("button", name="Log in").click()
    await bob.greeted()
    await served(bob)
    await bob.write("for my eyes only")
    await bob.ended(2)
    await kept(bob, "for my eyes only")
    conversation = await bob.page.evaluate(WHICH)
    await bob.page.get_by_role("button", name="Log out").click()
    await bob.greeted()
    assert "for my eyes only" not in await bob.page.evaluate(KEPT)
    await kept(bob, "Hello from server!")  # the guest's

    await bob.page.evaluate(DELETE, await bob.page.evaluate(WHICH))
    await bob.settled(f"async () => !(await ({KEPT})())")
    await bob.page.goto(own_server.url)
    await kept(bob, "Hello from server!")
    await bob.page.goto(f"{own_server.url}/forget-me/")
    await bob.page.get_by_role("button", name="Delete everything").click()
    await expect(bob.page.get_by_role("heading", level=1)).to_have_text("Everything is deleted")
    await bob.settled(f"async () => !(await ({KEPT})())")
    own_server.stop()
    for path in ("/", f"/c/{conversation}/"):
        await bob.page.goto(own_server.url + path)
        heading = bob.page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("There is no connection")


def test_worker_is_fresh_and_names_files_that_are_there(server: Server) -> None:
    status, script = fetch(f"{server.url}/service-worker.js")
    assert status == 200
    shell = json.loads(script.partition("\n")[0].removeprefix("self.SHELL = ").removesuffix(";"))
    for path in (shell["chat"], shell["offline"], *shell["files"]):
        with urllib.request.urlopen(server.url + path) as found:
            assert found.status == 200, path
    assert {"/static/chat/chat.js", "/static/chat/keep.js"} <= set(shell["files"])


@pytest.mark.django_db
def test_what_is_for_everybody_is_from_nobody(client: Browser, admin_client: Browser) -> None:
    for path in ("/offline/", "/offline/chat/", "/service-worker.js", "/manifest.webmanifest"):
        page = admin_client.get(path)
        assert page.text == client.get(path).text
        assert not page.cookies
    assert "no-cache" in client.get("/service-worker.js").headers["Cache-Control"]


@pytest.mark.django_db
def test_chat_can_be_installed(client: Browser, server: Server) -> None:
    assert 'rel="manifest" href="/manifest.webmanifest"' in client.get("/").text
    about = client.get("/manifest.webmanifest")
    assert about.headers["Content-Type"] == "application/manifest+json"
    manifest = about.json()
    assert (manifest["start_url"], manifest["display"]) == ("/", "standalone")
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    assert "maskable" in {icon["purpose"] for icon in manifest["icons"]}
    for icon in manifest["icons"]:
        assert (ROOT / icon["src"].removeprefix("/")).is_file()
