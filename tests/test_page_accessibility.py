"""The page is for everybody: with a screen reader, a keyboard, poor eyes, a small screen."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser import Arrive, Tab, in_browser
from tests.server import Server

pytestmark = in_browser

HELLO = "Hello from server!"
UNBROKEN = "https://example.org/" + "very-long/" * 60
ENOUGH = 4.5  # the contrast that WCAG 2.2 AA wants for text

# Notes everything that a screen reader is given to read in the status line.
RECORD_STATUS = """
window.announced = [];
window.toldAs = new Set(); // how the log was when a message came into it
new MutationObserver((changes) => {
  for (const { target, addedNodes } of changes) {
    const isMessage = [...addedNodes].some((node) => node.dataset?.role === "message");
    if (isMessage) toldAs.add(target.closest("[role=log]").ariaLive);
  }
}).observe(document, { childList: true, subtree: true });
addEventListener("DOMContentLoaded", () => {
  const line = document.querySelector("[data-role=status]");
  const note = (changes) => changes.forEach(() => announced.push(line.textContent));
  new MutationObserver(note).observe(line, { childList: true, characterData: true, subtree: true });
});
"""
# A key's scrolling takes several frames.
NOTE_SCROLLED = """() => {
  const log = document.querySelector("[data-role=messages]");
  window.scrolled = new Promise((end) => log.addEventListener("scrollend", end, { once: true }));
}"""
# Returns the ratio of an element's text colour, or that of a part of it, to what it stands on.
CONTRAST = """(element, part) => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const grounds = ["white"];
  for (let one = element; one; one = one.parentElement) {
    grounds.splice(1, 0, getComputedStyle(one).backgroundColor);
  }
  if (part) grounds.push(getComputedStyle(element, part).backgroundColor);
  const ground = luminance(over(grounds));
  const ink = luminance(over([...grounds, getComputedStyle(element, part).color]));
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}"""
# What the keyboard is at, and how that is seen.
FOCUS = """() => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  return {
    name: one.dataset.role ?? one.tagName.toLowerCase(),
    outline: outlineStyle === "none" ? 0 : parseFloat(outlineWidth),
    border: one.matches("textarea") ? getComputedStyle(one.parentElement).borderColor : null,
  };
}"""
TWICE = "document.documentElement.style.fontSize = '200%', dispatchEvent(new Event('resize'))"
LARGEST = "document.documentElement.dataset.size = 'largest', dispatchEvent(new Event('resize'))"
BORDER = "box => getComputedStyle(box).borderColor"
# What is seen of the page, or of a part of it, and goes beyond the screen.
BEYOND = """part => [...part.querySelectorAll("*")]
  .filter((one) => one.checkVisibility() && !one.closest(".unseen, svg"))
  .filter((one) => {
    const { left, right, width } = one.getBoundingClientRect();
    const text = one.childElementCount === 0 && one.clientWidth > 0;
    const isCut = text && one.scrollWidth > one.clientWidth + 1;
    const isMeantTo = getComputedStyle(one).textOverflow === "ellipsis";
    return (width > 0 && (left < -1 || right > innerWidth + 1)) || (isCut && !isMeantTo);
  })
  .map((one) => one.outerHTML.slice(0, 80))"""
NOTHING_FADES = "() => !document.getAnimations().some((one) => one instanceof CSSTransition)"
INTERACTIVE = """() => {
  const all = document.querySelectorAll("a[href], button, input, textarea, select, [tabindex='0']");
  return [...all]
    .filter((one) => one.checkVisibility() && !one.disabled)
    .map((one) => one.dataset.role ?? one.tagName.toLowerCase());
}"""


async def focused(tab: Tab) -> dict[str, Any]:
    found: dict[str, Any] = await tab.page.evaluate(FOCUS)
    return found


async def test_everything_has_a_name_and_a_part_to_play(arrive: Arrive, server: Server) -> None:
    alice = await (await arrive(server)).open()
    await alice.greeted()
    page = alice.page
    await expect(page.get_by_role("heading", level=1)).to_have_text("Chat Messages")
    await expect(page.get_by_role("banner")).to_have_count(1)
    await expect(page.get_by_role("log", name="Messages")).to_have_count(1)
    await expect(page.get_by_role("article")).to_have_count(1)
    await expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await expect(page.get_by_role("article").get_by_role("img", name="Complete")).to_be_visible()
    assert await page.locator("html").get_attribute("lang") == "en"
    await expect(page).to_have_title("Chat Messages")


async def test_finished_reply_is_announced_once_and_no_single_character(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    await person.context.add_init_script(RECORD_STATUS)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    line.hold_down(since=lambda frame: frame.get("at") == 5)
    await alice.write("Tell me")
    await alice.typed(2, length=5)
    await expect(alice.role("messages")).to_have_attribute("aria-live", "polite")
    await expect(alice.reply).to_have_attribute("aria-live", "off")
    await expect(alice.reply).to_have_attribute("aria-busy", "true")
    announced = await alice.page.evaluate("announced")
    assert announced == [f"Assistant: {HELLO}"], "so far only the greeting"
    line.let_go()
    await alice.ended(2)
    await expect(alice.reply).not_to_have_attribute("aria-busy", "true")
    announced = await alice.page.evaluate("announced")
    assert announced == [f"Assistant: {HELLO}"] * 2
    assert await alice.role("status").get_attribute("role") == "status"


async def test_what_was_said_before_is_not_read_out_again(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    await person.context.add_init_script(RECORD_STATUS)
    alice = await person.open()
    await alice.greeted()
    await alice.page.reload()
    await alice.greeted()
    assert await alice.page.evaluate("announced") == []
    assert await alice.page.evaluate("[...toldAs]") == ["off"]
    await expect(alice.role("messages")).to_have_attribute("aria-live", "polite")


async def test_everything_is_reached_by_keyboard_and_seen_to_be(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-keys", "It can be stopped. " * 30, "--speed", "4")
    alice = await (await arrive(server)).open()
    await alice.greeted()
    await alice.write("page-keys")
    await alice.typed(2, length=3)
    await alice.role("input").fill("a draft, so that it can be sent")
    await alice.page.evaluate("document.activeElement.blur()")
    await expect(alice.role("entry")).to_have_count(1)
    await alice.until(NOTHING_FADES)
    unfocused = await alice.page.locator(".composer-box").evaluate(BORDER)
    wanted = await alice.page.evaluate(INTERACTIVE)
    assert {"messages", "input", "send", "stop"} <= set(wanted)
    await alice.page.mouse.click(1, 1)
    reached = []
    for _ in wanted:
        await alice.page.keyboard.press("Tab")
        await alice.until(NOTHING_FADES)
        focus = await focused(alice)
        reached.append(focus["name"])
        assert focus["outline"] >= 2 or focus["border"] not in (None, unfocused), (
            f"focus of {focus} is not seen"
        )
    assert reached == wanted, "in the order of the page"


async def test_a_reply_is_stopped_and_the_way_back_is_found_without_a_mouse(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-handless", "It can be stopped. " * 900, "--speed", "200")
    alice = await (await arrive(server, viewport={"width": 390, "height": 300})).open()
    await expect(alice.role("input")).to_be_focused()
    await alice.page.keyboard.type("page-handless")
    await alice.page.keyboard.press("Enter")
    await alice.typed(2, length=300)
    await alice.role("messages").focus()
    await alice.page.evaluate(NOTE_SCROLLED)
    await alice.page.keyboard.press("PageUp")
    await alice.page.evaluate("scrolled.then(() => true)")
    await expect(alice.role("jump")).to_be_visible()
    await alice.page.keyboard.press("Tab")
    await expect(alice.role("jump")).to_be_focused()
    await alice.page.keyboard.press("Enter")
    await expect(alice.role("jump")).to_be_hidden()
    await expect(alice.role("messages")).to_be_focused()  # as the button is gone
    await alice.role("stop").focus()
    await alice.page.keyboard.press("Enter")
    await alice.ended(2, "stopped")
    await expect(alice.role("input")).to_be_focused()  # as the button is gone


async def test_without_motion_text_comes_in_steps_and_nothing_blinks(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    text = "Calm, please; this is not an advertisement. " * 3
    scripted("page-calm", text, "--speed", "60")
    person = await arrive(server, reduced_motion="reduce")
    line = await person.line()
    alice = await person.open(recorded=True)
    await alice.greeted()
    line.hold_down(since=lambda frame: frame.get("at") == 100)
    await alice.write("page-calm")
    await alice.typed(2, length=60)
    blinks = "tip => getComputedStyle(tip, '::after').animationIterationCount"
    assert await alice.reply.locator("[data-tip]").evaluate(blinks) == "1"
    line.let_go()
    assert await alice.ended(2) == text
    shown = list(dict.fromkeys(shown for _, shown in await alice.recorded(text)))
    steps = [len(later) - len(earlier) for earlier, later in pairwise(shown)]
    assert sum(steps) / len(steps) > 8, "not character by character"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_enough_contrast(arrive: Arrive, server: Server, scheme: str) -> None:
    person = await arrive(server, color_scheme=scheme)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    await alice.write("Can you read this?")
    await alice.ended(2)
    await alice.write("x" * 32_001)
    parts = [
        (alice.role("header").locator("h1"), None),
        (alice.role("header").locator("a").first, None),
        (alice.text(alice.mine), None),
        (alice.text(alice.reply), None),
        (alice.reply.locator("[data-role=author]"), None),
        (alice.reply.locator("time"), None),
        (alice.role("hint"), None),
        (alice.role("input"), None),
        (alice.role("input"), "::placeholder"),
        (alice.page.locator(".keys"), None),
    ]
    ratios = [(str(part), await part.evaluate(CONTRAST, pseudo)) for part, pseudo in parts]
    await line.cut()
    await alice.offline()
    notice = alice.role("connection-text")
    ratios.append((str(notice), await notice.evaluate(CONTRAST, None)))
    assert all(ratio >= ENOUGH for _, ratio in ratios), ratios
    grounds = "() => getComputedStyle(document.body).backgroundColor"
    red = int(re.findall(r"\d+", await alice.page.evaluate(grounds))[0])
    assert (red > 128) == (scheme == "light"), "it is the scheme that was asked for"


@pytest.mark.parametrize(
    ("viewport", "zoom"),
    [({"width": 320, "height": 568}, 1), ({"width": 320, "height": 256}, 4)],
    ids=["320 pixels", "1280 pixels at 400 %"],
)
async def test_nothing_is_cut_off_on_a_small_screen(
    arrive: Arrive, server: Server, viewport: dict[str, int], zoom: int
) -> None:
    person = await arrive(server, viewport=viewport, device_scale_factor=zoom)
    alice = await person.open()
    await alice.write(UNBROKEN)
    await alice.ended(2)
    for part in (alice.page.locator("html"), alice.role("messages"), alice.role("header")):
        assert await part.evaluate("one => one.scrollWidth <= one.clientWidth"), str(part)
    for part in (alice.role("header"), alice.role("input"), alice.role("send")):
        await expect(part).to_be_in_viewport(ratio=1)
    assert await alice.role("messages").evaluate("log => log.clientHeight") > 60
    await expect(alice.text(alice.reply)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("path", ["/", "/rooms/lobby/"])
@pytest.mark.parametrize(
    ("width", "enlarge"),
    [(390, TWICE), (320, TWICE), (320, LARGEST)],
    ids=["390 pixels at 200 %", "320 pixels at 200 %", "320 pixels, largest"],
)
async def test_large_text_pushes_nothing_off_a_small_screen(
    arrive: Arrive, server: Server, width: int, enlarge: str, path: str
) -> None:
    person = await arrive(server, viewport={"width": width, "height": 700})
    alice = await person.open(path)
    await alice.online()
    await alice.page.evaluate(enlarge)
    settings, heading = alice.role("settings"), alice.role("heading")
    await expect(settings).to_be_in_viewport(ratio=1)
    for part in ("header", "composer"):
        assert await alice.role(part).evaluate(BEYOND) == []
    em = float(
        await heading.evaluate(
            "one => one.clientWidth / parseFloat(getComputedStyle(one).fontSize)"
        )
    )
    assert em > 3, "some of it can be read"

    await settings.click()
    await expect(alice.page.get_by_label("Your name")).to_be_visible()
    assert await alice.role("preferences").evaluate(BEYOND) == []
    await alice.page.keyboard.press("Escape")
    await alice.role("shelf-open").click()
    await expect(alice.role("shelf-close")).to_be_in_viewport(ratio=1)
    assert (
        await alice.role("new-conversation").evaluate("one => one.scrollWidth - one.clientWidth")
        <= 0
    )
    assert await alice.role("shelf").evaluate("one => one.scrollWidth - one.clientWidth") <= 0
