"""People at real browsers: Chromium, driven as somebody with eyes and hands would use it.

`arrive` gives a test somebody with a browser of their own. Whatever goes wrong in one of their
pages (an error on the console, an exception, a request that fails, a dialog that pops up) fails
the test at its end, unless the test has said that it `foresees` it.

Most of them sit at Chromium's headless shell where it is installed: the same engine without what is
around a page, at two thirds of the processor's time. A test that needs what it has not, such as
notifications, is marked `whole_browser`.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Response,
    WebSocketRoute,
    async_playwright,
    expect,
)

from tests.client import Frame
from tests.server import Server

PATIENCE = 20_000  # milliseconds until a test gives up waiting; never an assertion on speed
NAMES = ("chromium", "chromium-browser", "google-chrome")
SHELL = "chromium-headless-shell"
# Chromium heeds only the last list of features to leave out: Playwright's own, which comes first,
PLAYWRIGHTS_OWN = (
    *("AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades"),
    *("LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints"),
    *("PaintHolding", "PreconnectToSearch", "TcpPortRandomizationWin"),
    "ThirdPartyStoragePartitioning",
)
# is therefore said again, with what costs each new profile more than the chat's page does, and is
# none of a page's: the lists below the address bar, each a page itself, and a process in reserve.
UNSEEN = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess")
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    f"--disable-features={','.join(PLAYWRIGHTS_OWN + UNSEEN)}",
)
UNWANTED = "Service Worker registration blocked by Playwright"
CANNOT_CONNECT = r"WebSocket connection to '.*' failed"

WHOLE = "whole_browser"

in_browser = pytest.mark.asyncio(loop_scope="session")  # as one browser serves all tests

expect.set_options(timeout=PATIENCE)

# Notes every state of every bubble that is ever on the page, in order, in `recorded`.
RECORDER = """
(() => {
  window.recorded = [];
  const last = new WeakMap();
  const look = () => {
    for (const bubble of document.querySelectorAll("[data-role=message]")) {
      const { author, status } = bubble.dataset;
      const text = bubble.querySelector("[data-role=text]").textContent;
      const state = JSON.stringify([status, text]);
      if (last.get(bubble) === state) continue;
      last.set(bubble, state);
      recorded.push({ author, status, text });
    }
  };
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(document, all);
})();
"""

# What a page shows for so many milliseconds, it goes on showing.
LINGER = """
(() => {
  const passing = new Set([1500, 2000, 4000, 8000, 10000]);
  const { setTimeout } = window;
  window.setTimeout = (act, delay) => setTimeout(act, passing.has(delay) ? 2 ** 30 : delay);
})();
"""

SAID = """bubbles => bubbles.map(bubble => [
  bubble.dataset.mine === "true" ? "me" : bubble.querySelector("[data-role=author]").textContent,
  bubble.dataset.status,
  bubble.querySelector("[data-role=text]").textContent,
])"""

Said = tuple[str, str, str]  # who ("me" is oneself), status, text


class Tab:
    """One page, with the hooks that the contract names."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def role(self, name: str) -> Locator:
        return self.page.locator(f"[data-role={name}]")

    @property
    def messages(self) -> Locator:
        return self.role("message")

    @property
    def mine(self) -> Locator:
        return self.page.locator("[data-role=message][data-mine=true]")

    @property
    def replies(self) -> Locator:
        return self.page.locator("[data-role=message][data-author=assistant]")

    @property
    def reply(self) -> Locator:
        """The newest reply."""
        return self.replies.last

    def text(self, bubble: Locator) -> Locator:
        return bubble.locator("[data-role=text]")

    async def write(self, text: str) -> None:
        """Type `text` and press Enter."""
        await self.role("input").fill(text)
        await self.role("input").press("Enter")

    async def said(self) -> list[Said]:
        """Everything on the page, as it stands there."""
        return [tuple(one) for one in await self.messages.evaluate_all(SAID)]

    async def texts(self) -> list[str]:
        return [text for _, _, text in await self.said()]

    async def greeted(self) -> None:
        """Wait until the greeting is complete, so that what comes next is about the test."""
        await self.ended(1)

    async def ended(self, replies: int, status: str = "complete") -> str:
        """Wait until there are `replies`, and the newest ended with `status`; return its text."""
        await expect(self.replies).to_have_count(replies)
        await expect(self.reply).to_have_attribute("data-status", status)
        return str(await self.text(self.reply).text_content())

    async def typed(self, replies: int, length: int) -> str:
        """Wait until there are `replies`, and the newest has `length` UTF-16 units or more.

        Return its text of that moment.
        """
        is_there = """([replies, length]) => {
          const all = document.querySelectorAll("[data-role=message][data-author=assistant]");
          if (all.length !== replies) return false;
          const text = [...all].at(-1).querySelector("[data-role=text]").textContent;
          return text.length >= length && [text];
        }"""
        return str((await self.until(is_there, [replies, length]))[0])

    async def until(self, function: str, argument: Any = None) -> Any:
        """Wait until the JavaScript `function` returns something true; return that."""
        found = await self.page.wait_for_function(function, arg=argument, timeout=PATIENCE)
        return await found.json_value()

    async def settled(self, function: str, argument: Any = None) -> Any:
        """As `until`, of an asynchronous function, for which that does not wait."""
        again = """async (argument) => {
          for (;;) {
            const found = await (%s)(argument);
            if (found) return found;
            await new Promise(requestAnimationFrame);
          }
        }"""
        async with asyncio.timeout(PATIENCE / 1000):
            return await self.page.evaluate(again % function, argument)

    async def online(self) -> None:
        await expect(self.role("connection")).to_have_attribute("data-state", "online")

    async def offline(self) -> None:
        await expect(self.role("connection")).to_have_attribute("data-state", "offline")

    async def recorded(self, text: str) -> list[tuple[str, str]]:
        """What the reply that ended as `text` looked like over time: pairs of status and text."""
        states = [
            (state["status"], state["text"])
            for state in await self.page.evaluate("recorded")
            if state["author"] == "assistant" and text.startswith(state["text"])
        ]
        assert states, "it was on the page"
        return states


class Line:
    """The wire between somebody's pages and the server: it can be held, cut and mended."""

    def __init__(self) -> None:
        self.attempts = 0
        self.sent: list[Frame] = []  # what the pages have sent
        self.change: Callable[[Frame], list[Frame]] = lambda frame: [frame]  # what becomes of it
        self._holds_up = self._is_cut = False
        self._code: int | None = None
        self._hold_since: Callable[[Frame], bool] = lambda _: False
        self._hold_back: Callable[[Frame], bool] = lambda _: False
        self._holding: set[WebSocketRoute] = set()
        self._held: list[Callable[[], None]] = []
        self._sockets: list[WebSocketRoute] = []
        self._said_early: list[Frame] = []

    async def lay(self, context: BrowserContext) -> None:
        await context.route_web_socket(re.compile("/ws/"), self._connect)

    def hold_up(self) -> None:
        """Keep what the pages send."""
        self._holds_up = True

    def hold_down(self, since: Callable[[Frame], bool] = lambda _: True) -> None:
        """Keep what the server sends to each page, from the first frame on that is `since`."""
        self._hold_since = since

    def hold_back(self, which: Callable[[Frame], bool]) -> None:
        """Keep of what the server sends the frames that are `which`; what comes later overtakes."""
        self._hold_back = which

    def let_go(self, until: Callable[[Frame], bool] = lambda _: False) -> None:
        """Pass on what was held, in its order, and hold no more.

        Or go on holding what the server sends, from the first frame on that is `until`.
        """
        self._free()
        self._hold_since = until
        held, self._held = self._held, []
        for take in held:
            take()

    def say(self, frame: Frame) -> None:
        """Send `frame` to the pages as the server would; one that loads gets it on connecting."""
        if not self._sockets:
            self._said_early.append(frame)
        for socket in self._sockets:
            socket.send(json.dumps(frame))

    async def cut(self, code: int | None = None) -> None:
        """Nothing comes through any more, and what was held is lost.

        With a `code` it is the server who closes each connection, and says why.
        """
        self._is_cut, self._code = True, code
        self._held.clear()
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket.close(code=code)

    def mend(self) -> None:
        self._is_cut = False
        self._free()

    def _free(self) -> None:
        self._holds_up = False
        self._hold_since = self._hold_back = lambda _: False
        self._holding.clear()

    async def _connect(self, socket: WebSocketRoute) -> None:
        self.attempts += 1
        if self._is_cut:
            await socket.close(code=self._code)
            return
        server = socket.connect_to_server()
        self._sockets.append(socket)
        early, self._said_early = self._said_early, []

        def up(data: str | bytes) -> None:
            for frame in self.change(json.loads(data)):
                self.sent.append(frame)
                pass_on = partial(server.send, json.dumps(frame))
                if self._holds_up:
                    self._held.append(pass_on)
                else:
                    pass_on()

        def down(data: str | bytes) -> None:
            frame = json.loads(data)
            if self._hold_since(frame):
                self._holding.add(socket)
            if socket in self._holding or self._hold_back(frame):
                self._held.append(partial(down, data))
            else:
                socket.send(data)

        socket.on_message(up)
        server.on_message(down)
        for frame in early:
            self.say(frame)


class Person:
    """Somebody with a browser of their own; they may open several pages."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.troubles: list[str] = []
        self._foreseen: list[str] = []
        self._dismissals: set[asyncio.Task[None]] = set()
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.troubles.append(f"exception: {error.error}"))
        context.on("requestfailed", lambda request: self.troubles.append(f"lost: {request.url}"))
        context.on("response", self._note_response)
        context.on("dialog", self._note_dialog)

    async def open(self, path: str = "/", *, recorded: bool = False) -> Tab:
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE)
        if recorded:
            await page.add_init_script(RECORDER)
        await page.goto(self.url + path)
        return Tab(page)

    async def lingers(self) -> None:
        """Have the pages that are opened from now on go on showing what would soon be hidden."""
        await self.context.add_init_script(LINGER)

    async def line(self) -> Line:
        """Lay the wire for the pages that are opened from now on."""
        line = Line()
        await line.lay(self.context)
        return line

    def foresees(self, *patterns: str) -> None:
        """Some trouble belongs to the story: what matches one of `patterns`."""
        self._foreseen.extend(patterns)

    @property
    def unforeseen(self) -> list[str]:
        return [
            trouble
            for trouble in self.troubles
            if not any(re.search(pattern, trouble) for pattern in self._foreseen)
        ]

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert") and message.text != UNWANTED:
            self.troubles.append(f"{message.type}: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")

    def _note_dialog(self, dialog: Dialog) -> None:
        self.troubles.append(f"{dialog.type}: {dialog.message}")
        task = asyncio.ensure_future(dialog.dismiss())
        self._dismissals.add(task)
        task.add_done_callback(self._dismissals.discard)


Arrive = Callable[..., Awaitable[Person]]


def chromium() -> str:
    """Return where Chromium is."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"the tests need Chromium: name it in CHROMIUM, or install one of {NAMES}"
    return path


def shell() -> str:
    """Return where Chromium without a window is; where there is none, it is Chromium itself."""
    return os.environ.get("CHROMIUM_SHELL") or shutil.which(SHELL) or chromium()


Launch = Callable[[str], Awaitable[Browser]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launch() -> AsyncIterator[Launch]:
    """Return the browser that is at a path: one for all tests; a person is a profile of it."""
    browsers: dict[str, Browser] = {}
    async with async_playwright() as playwright:

        async def launched(path: str) -> Browser:
            if path not in browsers:
                browsers[path] = await playwright.chromium.launch(
                    executable_path=path, args=ARGUMENTS, ignore_default_args=["--hide-scrollbars"]
                )
            return browsers[path]

        yield launched
        for browser in browsers.values():
            await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(launch: Launch) -> Browser:
    """The one that nearly all tests are content with."""
    return await launch(shell())


@pytest_asyncio.fixture(loop_scope="session")
async def arrive(launch: Launch, request: pytest.FixtureRequest) -> AsyncIterator[Arrive]:
    """Let somebody come to a server with a new browser: `await arrive(server, **options)`."""
    browser = await launch(chromium() if request.node.get_closest_marker(WHOLE) else shell())
    people = []
    for name in request.fixturenames:
        if name.endswith("server"):
            request.getfixturevalue(name)  # started before this, it ends after everybody has left

    async def come(server: Server, cookie: str | None = None, **options: Any) -> Person:
        """`cookie` is a session that they come with; `options` are those of the browser."""
        # A service worker comes between the pages and what a test routes: it has tests of its own.
        context = await browser.new_context(**{"service_workers": "block", **options})
        person = Person(context, server.url)
        people.append(person)
        if cookie is not None:
            name, _, value = cookie.partition("=")
            await context.add_cookies([{"name": name, "value": value, "url": server.url}])
        return person

    yield come
    for person in people:
        await person.context.close()
    troubles = [trouble for person in people for trouble in person.unforeseen]
    assert not troubles, troubles
