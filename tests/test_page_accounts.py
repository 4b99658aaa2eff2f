"""From guest to account and back, in real browsers: nothing is lost, and nothing is left behind."""

import re

from playwright.async_api import Page, expect

from chat.names import LONGEST
from tests.browser import Arrive, Tab, in_browser
from tests.server import Server
from tests.test_page_axe import look

pytestmark = in_browser

HELLO = "Hello from server!"
PASSWORD = "correct horse battery staple"
NARROW = {"width": 320, "height": 480}
KEPT = "Object.keys(localStorage).filter((name) => name !== 'chat:reader')"


async def fill_in(page: Page, **fields: str) -> None:
    """Fill in a form by the keyboard alone, from its first field on, and send it."""
    first = page.locator(f"#id_{next(iter(fields))}")
    await first.focus()
    for value in fields.values():
        await page.keyboard.press("ControlOrMeta+A")
        await page.keyboard.type(value)
        await page.keyboard.press("Tab")
    async with page.expect_event("load"):
        await page.keyboard.press("Enter")


async def fits(page: Page) -> None:
    """Nothing has to be scrolled to from the side, as at 400 % zoom."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def fits_large(page: Page) -> None:
    """Not even where somebody has all text twice as large."""
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    await fits(page)
    await page.evaluate("document.documentElement.style.fontSize = ''")


async def choose_name(alice: Tab) -> None:
    """Choose a name in the settings; first one that is refused."""
    page = alice.page
    await alice.role("settings").click()
    field = page.get_by_label("Your name")
    await expect(field).to_have_value(re.compile(r"^Guest \d+$"))
    await expect(field).to_have_attribute("maxlength", str(LONGEST))
    await field.fill("Adm1n")
    await field.press("Enter")
    await expect(alice.role("name-fault")).to_contain_text("reserved")
    await expect(field).to_have_value("Adm1n")
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await field.fill("Alice of the page")
    await field.press("Enter")
    await expect(alice.role("name-saved")).to_contain_text("Saved")
    await expect(alice.role("name-fault")).to_be_hidden()
    await page.keyboard.press("Escape")


async def make_key(page: Page) -> list[str]:
    """Make an API key, and revoke it; return what is wrong with the pages."""
    await fill_in(page, name="Shop")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Is it you?")
    await fill_in(page, password=PASSWORD)
    await expect(page.get_by_label("The key")).to_have_value(re.compile("^sc_.{43}$"))
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    wrong = await look(page, "new key")
    await fits(page)
    await page.get_by_role("link", name="All your keys").click()
    await expect(page.get_by_text("never used")).to_be_visible()
    wrong += await look(page, "keys")
    await fits(page)
    await page.get_by_role("link", name="Revoke “Shop”…").click()
    wrong += await look(page, "revoke a key")
    await page.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("You have none yet.")).to_be_visible()
    return wrong


async def test_from_guest_to_account_and_back(arrive: Arrive, server: Server) -> None:
    person = await arrive(server, viewport=NARROW)
    person.foresees(r"^422: .*/name/$", "status of 422", r"^404: .*/c/", "status of 404")
    alice = await person.open()
    await alice.greeted()
    await alice.write("I am only a guest")
    await alice.ended(2)
    other = await person.open()
    await other.online()
    await choose_name(alice)
    await expect(other.role("your-name").first).to_have_text("Alice of the page")

    page = alice.page
    await page.get_by_role("link", name="Log in").click()
    await page.get_by_role("link", name="Sign up").click()
    await fits(page)
    await fill_in(page, username="page-alice", email="nonsense@x", password1="short", password2="x")
    for field in ("email", "password1"):
        await expect(page.locator(f"#id_{field}")).to_have_attribute("aria-invalid", "true")
        await expect(page.locator(f"#id_{field}_error")).to_be_visible()
    await expect(page.get_by_label("Username")).to_have_value("page-alice")
    wrong = await look(page, "sign-up that failed")
    await fits(page)
    form = {"username": "page-alice", "email": "page@example.org"}
    await fill_in(page, **form, password1=PASSWORD, password2=PASSWORD)
    await alice.ended(2)
    assert await alice.texts() == [HELLO, "I am only a guest", HELLO]
    await expect(alice.mine).to_have_count(1)
    await expect(alice.role("your-name").first).to_have_text("Alice of the page")
    await fits(page)
    await expect(other.role("connection")).to_contain_text("You are logged out")
    await other.page.get_by_role("link", name="Reload the page").click()
    await other.online()

    await alice.role("your-name").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
    await page.get_by_role("link", name="Manage keys").click()
    wrong += await make_key(page)
    await page.goto(f"{server.url}/forget-me/")
    await fits_large(page)
    for path in ("", "email/", "password/change/", "logout/"):
        await page.goto(f"{server.url}/accounts/{path}")
        await fits(page)
        await fits_large(page)
        if path != "logout/":
            wrong += await look(page, path or "account")

    await other.role("input").fill("half a thought")
    assert await other.page.evaluate(KEPT) != []
    await page.get_by_role("button", name="Log out").click()
    await expect(other.role("connection")).to_contain_text("You are logged out")
    await expect(other.role("input")).to_have_value("")
    await expect(other.role("input")).to_be_disabled()
    await alice.greeted()
    assert await alice.texts() == [HELLO], "somebody new"
    assert await page.evaluate(KEPT) == []

    elsewhere = await arrive(server)
    alice = await elsewhere.open("/accounts/login/")
    await fill_in(alice.page, login="page@example.org", password=PASSWORD)
    await alice.ended(2)
    assert await alice.texts() == [HELLO, "I am only a guest", HELLO]
    assert not wrong, "\n".join(wrong)
