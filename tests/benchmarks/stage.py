"""A page in Chromium on which somebody draws a text, and what that cost the page's main thread."""

import json
import mimetypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, Page, Route, sync_playwright

from ..browser import ARGUMENTS, chromium
from .servers import ROOT, ServerError

PEERS = Path(__file__).parent / "peers" / "rendering"
ORIGIN = "http://page.example"
# A frame comes as soon as the last one is drawn: what is measured is work, not waiting.
AT_ONCE = "--disable-frame-rate-limit"
MILLISECONDS = {"ScriptDuration": "script_ms", "TaskDuration": "task_ms"}

OPEN = """async (subject) => {
  const { open } = await import(`/peers/${subject}.js`);
  const { Driver } = await import("/peers/driver.js");
  const element = document.querySelector("main");
  window.driver = new Driver(await open(element), element);
}"""
WRITE = "([text, options]) => driver.write(text, options)"


@dataclass
class Stage:
    """Where the subjects draw, each on a page of its own."""

    browser: Browser
    folder: Path

    def draw(self, subject: str, text: str, step: int, patience: float) -> dict[str, Any]:
        """Let `subject` draw `text`; return what it cost, and how far it came in `patience`."""
        with self.page(subject) as page:
            devtools = page.context.new_cdp_session(page)
            # The time that the thread works, not that which passes while others have the processor.
            devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
            before = metrics(devtools.send("Performance.getMetrics"))
            seen = write(page, text, step, patience, watched=False)
            after = metrics(devtools.send("Performance.getMetrics"))
        costs = {
            name: round((after[key] - before[key]) * 1000, 2) for key, name in MILLISECONDS.items()
        }
        return seen | costs

    def count(self, subject: str, text: str, step: int, patience: float) -> dict[str, Any]:
        """The same in a run of its own, as counting nodes costs time too."""
        with self.page(subject) as page:
            return write(page, text, step, patience, watched=True)

    @contextmanager
    def page(self, subject: str) -> Iterator[Page]:
        context = self.browser.new_context()
        try:
            context.route("**/*", self.answer)
            page = context.new_page()
            page.goto(ORIGIN)
            page.evaluate(OPEN, subject)
            yield page
        except Error as error:
            raise ServerError(f"{subject} could not draw: {error.message}") from error
        finally:
            context.close()

    def answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/":
            route.fulfill(content_type="text/html", body="<!doctype html><main></main>")
            return
        folder = ROOT if path.startswith("/static/") else self.folder
        file = folder / path.lstrip("/")
        if not file.is_file():
            route.fulfill(status=404)
            return
        kind = mimetypes.guess_type(file.name)[0]
        route.fulfill(content_type=kind, body=file.read_bytes())


@contextmanager
def stage() -> Iterator[Stage]:
    with TemporaryDirectory(prefix="benchmark-") as folder, sync_playwright() as playwright:
        bundle(Path(folder) / "peers")
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, AT_ONCE])
        try:
            yield Stage(browser, Path(folder))
        finally:
            browser.close()


def write(page: Page, text: str, step: int, patience: float, *, watched: bool) -> dict[str, Any]:
    options = {"step": step, "patience": patience * 1000, "watched": watched}
    seen: dict[str, Any] = page.evaluate(WRITE, [text, options])
    return seen


def metrics(answer: Any) -> dict[str, float]:
    return {one["name"]: one["value"] for one in answer["metrics"]}


def bundle(folder: Path) -> None:
    """Make of the peers what one puts on a site: one small file each, for production."""
    install()
    shutil.copytree(
        PEERS, folder, ignore=shutil.ignore_patterns("node_modules", "*.jsx", "marked.js")
    )
    npm(
        "exec", "--offline", "--", "esbuild", "react.jsx", "marked.js", "--bundle", "--minify",
        "--format=esm", "--jsx=automatic", "--define:process.env.NODE_ENV=\"production\"",
        "--log-level=error", f"--outdir={folder}",
    )  # fmt: skip


def install() -> None:
    """Install what the peers are made of, unless it is there."""
    wanted = sha256((PEERS / "package-lock.json").read_bytes()).hexdigest()
    made_of = PEERS / "node_modules" / "made-of"
    if not made_of.exists() or made_of.read_text() != wanted:
        npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
        made_of.write_text(wanted)


def npm(*arguments: str) -> None:
    try:
        done = subprocess.run(
            ["npm", *arguments],
            cwd=PEERS, env=os.environ, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ServerError("there is no npm: it comes with tests/requirements.txt") from error
    if done.returncode:
        raise ServerError(f"npm {arguments[0]} failed\n{done.stderr[-2000:]}")


def versions() -> dict[str, str]:
    """Which versions the peers are made of."""
    names = json.loads((PEERS / "package.json").read_text())["dependencies"]
    return {str(name): str(number) for name, number in names.items()}
