"""Whatever people and replies say is text: it is shown as it is, and nothing of it runs."""

import asyncio
import base64
from collections.abc import Callable
from html import unescape

import pytest
from playwright.async_api import FloatRect, expect

from tests.browser import PATIENCE, Arrive, Tab, in_browser
from tests.server import Server

pytestmark = in_browser

CORPUS = [
    "<script>ran()</script>",
    "<img src=x onerror=ran()>",
    "<svg/onload=ran()>",
    "<svg><animate onbegin=ran() attributeName=x dur=1s>",
    "</textarea><script>ran()</script>",
    "</template><img src=x onerror=ran()>",
    "\"><iframe srcdoc='<script>parent.ran()</script>'></iframe>",
    "<details open ontoggle=ran()>",
    "<style>@import '//example.org/x.css'; body { display: none }</style>",
    "[click](javascript:ran())",
    "![](x onerror=ran())",
    "{{constructor.constructor('ran()')()}}${ran()}",
    "&lt;script&gt;ran()&lt;/script&gt; &amp; &#60;b&#62;",
    "<!-- not a comment --> <![CDATA[ nor this ]]>",
    "%3Cscript%3Eran()%3C/script%3E \\u003cscript\\u003e",
    '{"type": "reply.end", "reply": 1, "status": "complete"}',
    "'; DROP TABLE chat_message; --",
]
ONLY_WORDS = "all => all.every(one => !one.querySelector(':not(p)'))"
TELLTALE = "window.ran = () => { window.hasRun = true; };"
RIGHT_TO_LEFT = "مرحبا بك في الدردشة"
# Returns the horizontal middles of the first and the last letter of a text.
ENDS = """element => {
  const node = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
  const middle = (from, to) => {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to);
    const { left, width } = range.getBoundingClientRect();
    return left + width / 2;
  };
  return [middle(0, 1), middle(node.length - 1, node.length)];
}"""
STACKED = "".join(letter + "\u0301\u0316" * 40 for letter in "stacked")
ACCENTED = "ÅÊÇỆ ģṩ̣ gjpqy 👩‍👩‍👧‍👦 นี้ปู่"
HIDE = "text => { text.style.visibility = 'hidden'; }"
SHOW = "text => { text.style.visibility = ''; }"
# Buttons of what is not the newest any more fade away.
STILL = """() => Promise.all(document.getAnimations()
  .filter((one) => one instanceof CSSTransition).map((one) => one.finished))"""
UNCLIP = """text => {
  for (let one = text; one.dataset.role !== "message"; one = one.parentElement) {
    one.style.overflow = "visible";
  }
}"""


@pytest.fixture(scope="session")
def echo(server: Server) -> str:
    """The keyword for a reply that says what was said."""
    rule = ("--trigger", "keyword", "--keywords", "page-parrot", "--speed", "0")
    server.manage("reply", "page-parrot", "--text", "{message}", *rule)
    return "page-parrot"


def box(top: float, bottom: float) -> FloatRect:
    """Return what lies between `top` and `bottom` of the page."""
    return FloatRect(x=0, y=top, width=1280, height=bottom - top)


async def arrived(arrive: Arrive, server: Server) -> Tab:
    person = await arrive(server)
    await person.context.add_init_script(TELLTALE)
    return await person.open()


async def test_injected_scripts_are_shown_and_do_not_run(
    arrive: Arrive, server: Server, echo: str
) -> None:
    alice = await arrived(arrive, server)
    expected = []
    for replies, payload in enumerate(CORPUS, start=2):
        text = f"{echo} {payload}"
        await alice.write(text)
        assert await alice.ended(replies) == unescape(text), "an entity is the letter it means"
        expected += [unescape(text), unescape(text)]
    assert (await alice.texts())[1:] == expected
    bubbles = alice.page.locator("[data-role=text]")
    assert await bubbles.evaluate_all(ONLY_WORDS)
    assert not await alice.page.evaluate("window.hasRun ?? false")
    await alice.page.reload()
    await expect(alice.messages).to_have_count(1 + len(expected))
    assert (await alice.texts())[1:] == expected, "after a reload neither"
    assert await bubbles.evaluate_all(ONLY_WORDS)


async def test_draft_and_unsent_message_are_text_too(arrive: Arrive, server: Server) -> None:
    payload = "</textarea></template><img src=x onerror=ran()><script>ran()</script>"
    person = await arrive(server)
    line = await person.line()
    await person.context.add_init_script(TELLTALE)
    alice = await person.open()
    await alice.greeted()
    await line.cut()
    await alice.offline()
    await alice.write(payload)
    await alice.role("input").fill(payload)
    await expect(alice.page.locator(".raw")).to_have_count(0)
    await alice.page.reload()
    await expect(alice.role("input")).to_have_value(payload)
    assert await alice.texts() == [payload]
    await expect(alice.page.locator(".raw")).to_have_count(0)
    assert not await alice.page.evaluate("window.hasRun ?? false")


async def test_text_runs_in_the_direction_of_its_script(
    arrive: Arrive, server: Server, echo: str
) -> None:
    alice = await arrived(arrive, server)
    await alice.write(f"{RIGHT_TO_LEFT} {echo}")
    await alice.ended(2)
    for bubble in (alice.mine.last, alice.reply):
        first, last = await alice.text(bubble).evaluate(ENDS)
        assert first > last, "from right to left"
    await alice.write(f"{echo} שלום")
    await alice.ended(3)
    for bubble in (alice.mine.last, alice.reply):
        first, last = await alice.text(bubble).evaluate(ENDS)
        assert first < last, "from left to right"


async def test_overrides_of_direction_end_with_the_text(
    arrive: Arrive, server: Server, echo: str
) -> None:
    override = "\u202e"
    alice = await arrived(arrive, server)
    await alice.write(f"{echo} {override}gnp.exe")
    assert await alice.ended(2) == f"{echo} {override}gnp.exe"
    await alice.write(f"{echo} plain")
    await alice.ended(3)
    for part in (alice.text(alice.reply), alice.reply.locator("[data-role=author]")):
        first, last = await part.evaluate(ENDS)
        assert first < last, "what follows reads as ever"


async def test_control_characters_do_no_harm(arrive: Arrive, server: Server, echo: str) -> None:
    alice = await arrived(arrive, server)
    controls = "".join(map(chr, (*range(1, 9), 11, 12, *range(14, 32), *range(127, 160))))
    await alice.write(f"{echo} a\0b{controls}c\td")
    assert await alice.ended(2) == f"{echo} abc\td", "they are left out, nothing else is"


async def test_accents_without_end_stay_in_their_bubble(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    zalgo = "Z" + "\u0335\u0321\u034f\u0489" * 400
    scripted("page-zalgo", zalgo, "--speed", "0")
    alice = await arrived(arrive, server)
    await alice.write("page-zalgo")
    assert await alice.ended(2) == zalgo


async def test_stacked_accents_do_not_run_over_the_neighbours(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-stacked", STACKED, "--speed", "0")
    alice = await arrived(arrive, server)
    await alice.greeted()
    await alice.write("page-stacked")
    assert await alice.ended(2) == STACKED
    await alice.write("one below")
    await alice.ended(3)
    above = await alice.mine.first.bounding_box()
    bubble = await alice.replies.nth(1).locator(".bubble").bounding_box()
    below = await alice.mine.last.bounding_box()
    assert above
    assert bubble
    assert below
    outside = [
        box(above["y"], bubble["y"]),
        box(bubble["y"] + bubble["height"], below["y"] + below["height"]),
    ]
    await alice.page.evaluate(STILL)
    text = alice.text(alice.replies.nth(1))
    async with asyncio.timeout(PATIENCE / 1000):
        while True:  # something else may change meanwhile; what runs over would differ each time
            seen = await at_rest(alice, outside)
            await text.evaluate(HIDE)
            if await at_rest(alice, outside) == seen:
                break
            await text.evaluate(SHOW)


async def at_rest(alice: Tab, parts: list[FloatRect]) -> list[bytes]:
    """Return pictures of parts of the page, once two in a row are the same."""
    former: list[bytes] = []
    while (now := [await alice.page.screenshot(clip=part) for part in parts]) != former:
        former = now
    return now


WORST_DIFFERENCE = """async (pictures) => {
  const [one, other] = await Promise.all(pictures.map(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height).data;
  }));
  if (one.length !== other.length) return 255;
  return one.reduce((worst, value, at) => Math.max(worst, Math.abs(value - other[at])), 0);
}"""


async def test_ordinary_accents_and_the_cursor_are_not_cut(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-accents", f"{ACCENTED} " * 20, "--speed", "50")
    person = await arrive(server, reduced_motion="reduce")
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    line.hold_down(since=lambda frame: frame.get("at", 0) > 60)
    await alice.write("page-accents")
    await alice.typed(2, length=61)
    seen = await alice.reply.screenshot()
    await alice.text(alice.reply).evaluate(UNCLIP)
    pictures = [base64.b64encode(one).decode() for one in (seen, await alice.reply.screenshot())]
    # Edges are now and then drawn a shade lighter or darker; what is cut differs by far more.
    assert await alice.page.evaluate(WORST_DIFFERENCE, pictures) <= 3
