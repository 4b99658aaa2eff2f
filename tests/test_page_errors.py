"""What goes wrong is said on a page in plain words, in the look of all the others."""

import pytest
from django.template.loader import get_template
from playwright.async_api import Route, expect

from tests.browser import Arrive, in_browser
from tests.server import Server

pytestmark = in_browser

PAGES = [
    ("400.html", 400, "That did not work"),
    ("403.html", 403, "You may not see this"),
    ("403_csrf.html", 403, "Please try that again"),
    ("404.html", 404, "There is nothing here"),
    ("500.html", 500, "Something went wrong"),
    ("503.html", 503, "Back in a moment"),
]


@pytest.mark.parametrize(("template", "status", "heading"), PAGES)
async def test_page_needs_nothing_but_itself(
    arrive: Arrive, server: Server, template: str, status: int, heading: str
) -> None:
    """A broken server has neither a request nor a database to make it from."""
    body = get_template(template).render()
    person = await arrive(server)
    person.foresees(rf"^{status}: .*/broken$", rf"status of {status}")

    async def answer(route: Route) -> None:
        await route.fulfill(status=status, content_type="text/html", body=body)

    await person.context.route("**/broken", answer)
    page = (await person.open("/broken")).page
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    await expect(page.get_by_text(str(status), exact=True)).to_be_visible()
    await expect(page.locator(".card")).not_to_have_css("border-radius", "0px")
    assert await page.title() != "Chat Messages"
    await expect(page.get_by_role("link")).to_have_count(1)


async def test_unavailable_page_is_tried_again(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    person.foresees(r"^503: .*/$", "status of 503")
    body = get_template("503.html").render()
    answers = [503]

    async def answer(route: Route) -> None:
        if answers:
            await route.fulfill(status=answers.pop(), content_type="text/html", body=body)
        else:
            await route.continue_()

    await person.context.route(f"{server.url}/", answer)
    alice = await person.open()
    await expect(alice.page.get_by_text("Nothing is lost")).to_be_visible()
    await alice.page.get_by_role("link", name="Try again").click()
    await alice.greeted()


async def test_form_without_its_cookie_says_what_to_do(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    person.foresees("^403: .*/accounts/login/$", "status of 403")
    page = (await person.open("/accounts/login/")).page
    await person.context.clear_cookies()
    await page.get_by_label("Username").fill("alice")
    await page.get_by_label("Password").fill("correct horse battery staple")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Please try that again")
    await page.go_back()
    await page.reload()
    await page.get_by_label("Username").fill("alice")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("correct username and password")
