"""Markdown on a page of the server's: the standard's examples, and a page that compares."""

import re
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, Page

from tests.server import Server

TESTS = Path(__file__).resolve().parent
PACKAGES = TESTS / "node_modules"
EXAMPLE = re.compile(
    r"^`{32} example\n(?P<markdown>.*?)^\.\n(?P<html>.*?)^`{32}$", re.MULTILINE | re.DOTALL
)


class Example(NamedTuple):
    number: int
    markdown: str
    html: str


def package(path: str) -> str:
    """Return the text of a file that tests/package.json brings."""
    return (PACKAGES / path).read_text()


def specification() -> str:
    """Return the text of CommonMark's specification; its arrows are tabs."""
    return package("commonmark-spec/spec.txt").replace("→", "\t")


def examples() -> list[Example]:
    """Return all examples of the specification, numbered as it numbers them."""
    text, _, _ = specification().partition("<!-- END TESTS -->")
    found = enumerate(EXAMPLE.finditer(text), start=1)
    return [Example(number, match["markdown"], match["html"]) for number, match in found]


async def comparing(browser: Browser, server: Server) -> Page:
    """Return the chat page, with what tests/sheets.js has in `sheets`."""
    # The parser's own HTML becomes elements there, which the page's policy lets nobody do.
    page = await browser.new_page(bypass_csp=True)
    await page.goto(server.url)
    await page.evaluate(package("markdown-it/dist/browser/markdown-it.umd.min.js"))
    await page.evaluate((TESTS / "sheets.js").read_text())
    return page
