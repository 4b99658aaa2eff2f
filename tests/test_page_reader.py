"""Readers choose how the page is for them, go by keyboard, and are told what they missed."""

from collections.abc import Callable

import pytest
from playwright.async_api import Locator, expect

from tests.browser import Arrive, Line, Tab, in_browser
from tests.server import Server

pytestmark = in_browser

LONG = "It goes on and on, until somebody has read enough of it. " * 30
WISHES = {"theme": "dark", "size": "largest", "pace": "at_once", "motion": "calm"}
DRESS = "() => ({ ...document.documentElement.dataset })"
GROUND = "() => getComputedStyle(document.body).backgroundColor"
SIZE = "one => parseFloat(getComputedStyle(one).fontSize)"
BAR = """() => [...document.querySelectorAll("meta[name=theme-color]")]
  .filter((meta) => matchMedia(meta.media).matches).map((meta) => meta.dataset.usual)"""
# Somebody may look away, and whatever the browser would show them is noted.
LOOK_AWAY = """
window.away = false;
window.told = [];
Object.defineProperty(document, "hidden", { get: () => away });
window.look = (there) => (away = !there, document.dispatchEvent(new Event("visibilitychange")));
window.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    told.push([title, options.body]);
  }
};
if (globalThis.ServiceWorkerRegistration) {
  const show = async (title, { body }) => told.push([title, body]);
  ServiceWorkerRegistration.prototype.showNotification = show;
}
"""


@pytest.fixture
def lasting(scripted: Callable[..., str]) -> str:
    """The keyword for a reply that goes on for long."""
    return scripted("page-lasting", LONG, "--speed", "30")


def dialog(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("dialog", name=name)


def paces(line: Line) -> list[str | None]:
    return [frame.get("pace") for frame in line.sent if frame["type"] == "message.send"]


async def test_what_one_chooses_holds_at_once_in_every_tab_and_after_a_reload(
    arrive: Arrive, server: Server, lasting: str
) -> None:
    person = await arrive(server, color_scheme="light")
    line = await person.line()
    alice = await person.open()
    other = await person.open()
    await alice.page.bring_to_front()
    await alice.greeted()
    usual = await alice.text(alice.reply).evaluate(SIZE)
    light = await alice.page.evaluate(GROUND)
    await alice.write(lasting)
    await alice.typed(2, length=3)
    await alice.role("settings").click()
    settings = dialog(alice, "Settings")
    for choice in ("Dark", "Largest", "At once"):
        await settings.get_by_role("radio", name=choice).check(force=True)
    for choice in ("Stay at the start of a reply", "Less motion"):
        await settings.get_by_role("switch", name=choice).check()
    await alice.page.keyboard.press("Escape")
    await expect(settings).to_be_hidden()
    await expect(alice.role("settings")).to_be_focused()
    await expect(alice.reply).to_have_attribute("data-status", "streaming")
    await alice.page.keyboard.press("Escape")
    await alice.ended(2, "stopped")
    await alice.write("And now?")
    await alice.ended(3)
    assert paces(line) == [None, "at_once"]
    for tab in (alice, other):
        assert await tab.page.evaluate(DRESS) == WISHES
        assert await tab.page.evaluate(GROUND) != light
        assert await tab.text(tab.replies.first).evaluate(SIZE) == pytest.approx(usual * 1.32)
        assert "dark" in (await tab.page.evaluate(BAR))[0], "the browser's own bars, too"
    await alice.page.reload()
    assert await alice.page.evaluate(DRESS) == WISHES
    await alice.role("settings").click()
    for choice in ("Dark", "Largest", "At once"):
        await expect(settings.get_by_role("radio", name=choice)).to_be_checked()
    await expect(settings.get_by_role("switch", name="Stay at the start")).to_be_checked()
    await settings.get_by_role("radio", name="As sent").check(force=True)
    await settings.get_by_role("radio", name="As the system").check(force=True)
    assert await alice.page.evaluate(GROUND) == light
    await settings.get_by_role("button", name="Close").click()
    await alice.write("At ease")
    await alice.ended(4)
    assert paces(line)[-1] is None


async def test_keys_lead_everywhere_and_leave_who_is_writing_alone(
    arrive: Arrive, server: Server
) -> None:
    alice = await (await arrive(server)).open()
    await alice.greeted()
    keyboard = alice.page.keyboard
    shortcuts = dialog(alice, "Keyboard shortcuts")
    await alice.role("input").press_sequentially("why? and/or")
    await expect(alice.role("input")).to_have_value("why? and/or")
    await keyboard.press("Enter")
    await alice.ended(2)
    await alice.role("messages").focus()
    await keyboard.press("?")
    await expect(shortcuts).to_be_visible()
    await keyboard.press("/")
    await keyboard.press("Escape")
    await expect(shortcuts).to_be_hidden()
    await expect(alice.role("messages")).to_be_focused()
    await keyboard.press("/")
    await expect(alice.role("input")).to_be_focused()
    await keyboard.press("Alt+ArrowUp")
    await expect(alice.reply).to_be_focused()
    await keyboard.press("Alt+ArrowUp")
    await expect(alice.mine).to_be_focused()
    await keyboard.press("Control+k")
    await expect(alice.role("search")).to_be_focused()
    await alice.role("settings").click()
    await dialog(alice, "Settings").get_by_role("button", name="Keyboard shortcuts").click()
    await expect(dialog(alice, "Settings")).to_be_hidden()
    await expect(shortcuts).to_be_visible()
    await alice.page.mouse.click(3, 3)  # beside it
    await expect(shortcuts).to_be_hidden()
    await keyboard.press("Control+Shift+O")
    await alice.page.wait_for_url("**/c/new/")


@pytest.mark.whole_browser  # it notifies
async def test_what_came_in_meanwhile_is_counted_and_told_to_who_wants_it(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    await person.context.add_init_script(LOOK_AWAY)
    alice = await person.open()
    await alice.greeted()
    await alice.role("settings").click()
    notify = dialog(alice, "Settings").get_by_role("switch", name="Notify me")
    await notify.click(force=True)
    await expect(alice.role("notify-refused")).to_be_visible()
    await expect(notify).not_to_be_checked()
    await person.context.grant_permissions(["notifications"])
    await notify.check()
    await expect(alice.role("notify-refused")).to_be_hidden()
    await alice.page.keyboard.press("Escape")
    await alice.write("first")
    await alice.ended(2)
    await expect(alice.page).to_have_title("first | Chat Messages")  # it was seen
    await alice.page.evaluate("look(false)")
    await alice.write("second")
    await alice.ended(3)
    await expect(alice.page).to_have_title("(1) first | Chat Messages")
    await alice.write("third")
    await expect(alice.page).to_have_title("(2) first | Chat Messages")
    told = [["Assistant", "Hello from server!"]] * 2
    await alice.until("count => told.length === count", len(told))
    assert await alice.page.evaluate("told") == told
    await alice.page.evaluate("look(true)")
    await expect(alice.page).to_have_title("first | Chat Messages")
