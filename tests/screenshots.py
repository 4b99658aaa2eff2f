"""Makes the README's pictures anew: `python -m tests.screenshots`.

They are of the real thing, on three sizes of screen, in light and in dark, into tests/screenshots.
"""

import asyncio
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from playwright.async_api import Browser, async_playwright, expect

from tests.browser import ARGUMENTS, Person, Tab, chromium
from tests.client import session
from tests.doors import ask
from tests.server import Server, running

FOLDER = Path(__file__).resolve().parent / "screenshots"
LARGEST = 150 * 1024  # bytes of a picture, which everybody who clones this fetches
SIGNATURE = b"\x89PNG\r\n\x1a\n"

QUESTION = "How do I keep a backup of my photos that I can trust?"
ANSWER = """\
Keep **three copies**, on *two kinds* of storage, one of them somewhere else. That sounds like much,
and is done in an evening:

1. Copy everything to an external disk, and label it with the date.
2. Let a second copy go to a place outside your home every night.
3. On the first Sunday of each month, **open ten photos** from each copy.

| Copy | Where | How often | Costs a year |
| :--- | :--- | :--- | ---: |
| Working copy | your computer | always | 0 |
| Disk | the drawer | weekly | 15 |
| Elsewhere | a rented server | nightly | 36 |

The nightly copy is one line:

```sh
restic --repo sftp:backup@example.org:photos backup ~/Photos
```

> A backup that nobody has ever restored is a hope, not a backup.

Which computer do you have? Then I can tell you where to put that line.
"""
HELD = "the drawer"  # so far has come what is being typed
EARLIER = [
    "Backup of the photos",
    "A name for the boat",
    "Bread without an oven",
    "Rhymes on orange",
    "Tickets to Trieste",
    "Why is the sky dark at night?",
    "Letter to the landlord",
]
STANDS_STILL = "() => !document.getAnimations().some((one) => one instanceof CSSTransition)"


class Picture(NamedTuple):
    name: str
    width: int
    height: int
    scheme: str
    prepare: Callable[[Tab], Awaitable[None]]


async def typing(tab: Tab) -> None:
    """A reply is being typed."""
    await tab.write(QUESTION)
    await expect(tab.text(tab.reply)).to_contain_text(HELD)


async def read(tab: Tab) -> None:
    """All of it is there."""
    await tab.write(QUESTION)
    await tab.ended(2)


async def listed(tab: Tab) -> None:
    """One looks for what was said before."""
    await read(tab)
    await tab.role("shelf-open").click()
    await expect(tab.role("shelf-close")).to_be_visible()


PICTURES = [
    Picture("desk-light", 1440, 900, "light", typing),
    Picture("desk-dark", 1440, 900, "dark", read),
    Picture("tablet-light", 820, 1100, "light", read),
    Picture("tablet-dark", 820, 1100, "dark", typing),
    Picture("phone-light", 390, 844, "light", typing),
    Picture("phone-dark", 390, 844, "dark", listed),
]


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, running(Path(folder)) as server:
        rule = ("--trigger", "message", "--priority", "1000", "--speed", "0")
        server.manage("reply", "picture", "--text", ANSWER, *rule)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            for picture in PICTURES:
                await take(browser, server, picture)
            await browser.close()


async def take(browser: Browser, server: Server, picture: Picture) -> None:
    cookie = session(server.url)
    remember(server, cookie)
    context = await browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        reduced_motion="reduce",
    )
    name, _, value = cookie.partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": server.url}])
    person = Person(context, server.url)
    line = await person.line()
    if picture.prepare is typing:
        held = ANSWER.index(HELD) + len(HELD)
        line.hold_down(since=lambda frame: frame.get("at", 0) >= held)
    tab = await person.open("/c/new/")
    await tab.greeted()
    await picture.prepare(tab)
    await tab.until(STANDS_STILL)
    save(picture.name, await tab.page.screenshot())
    await context.close()


def remember(server: Server, cookie: str) -> None:
    """Let there be conversations of earlier days."""
    for day, title in enumerate(reversed(EARLIER), start=1):
        said = [{"author": "me", "text": title, "created": f"2025-01-{day:02}T12:00:00Z"}]
        form = {"format": "streaming-chat", "version": 1, "title": title, "messages": said}
        status, made = ask(server.url, cookie, "/c/import/", form)
        assert status == 201, made


def save(name: str, png: bytes) -> None:
    file = FOLDER / f"{name}.png"
    file.write_bytes(pressed(png))
    size = file.stat().st_size
    assert size <= LARGEST, f"{file.name} has {size:,} bytes"
    print(f"{file.name}: {size:,} bytes")


def pressed(png: bytes) -> bytes:
    """Pack a picture as tightly as can be: a browser packs it quickly."""
    parts = list(chunks(png))
    pixels = zlib.decompress(b"".join(data for kind, data in parts if kind == b"IDAT"))
    header, end = parts[0], parts[-1]
    return SIGNATURE + b"".join(
        chunk(*part) for part in (header, (b"IDAT", zlib.compress(pixels, 9)), end)
    )


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += length + 12


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


if __name__ == "__main__":
    asyncio.run(main())
