"""The page of the HTTP API: readable, runnable as whoever is there or with a key, all from here."""

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.async_api import Locator, Page, Response, expect

from tests.browser import Arrive, in_browser
from tests.server import Server
from tests.test_page_accounts import NARROW, fits, fits_large
from tests.test_page_axe import look
from tests.test_policy import EVERYWHERE, TRUSTED_TYPES, policy

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# Tables that are all called the same; a link in a button; a button of two names; a hasty heading.
OF_SWAGGER_UI = "landmark-unique|nested-interactive|label-content-name-mismatch|heading-order"
SAID = "Hello from server!"


@pytest.mark.django_db
def test_only_elements_may_be_made_of_texts(client: Client) -> None:
    """No script within the page, and no policy but the one for what Swagger UI has cleaned."""
    page = client.get("/docs")
    trusted = {"trusted-types": "service-worker default dompurify"}
    assert policy(page.headers) == EVERYWHERE | TRUSTED_TYPES | trusted
    assert not re.search(r"<script(?![^>]* src=)|style=|https?://(?!testserver)", page.text)
    assert "no-store" in page.headers["Cache-Control"]


@pytest.mark.django_db
def test_page_is_for_everybody(client: Client, admin_client: Client) -> None:
    assert "/accounts/login/?next=/docs" in client.get("/docs").text
    assert "/accounts/keys/" in admin_client.get("/docs").text
    assert client.post("/docs").status_code == 405


def call(page: Page, path: str, method: str) -> Locator:
    """Return what the page tells of one call."""
    named = page.locator(f"[data-path='{path}']")
    return page.locator(f".opblock-{method}").filter(has=named)


async def run(page: Page, path: str, method: str) -> Response:
    """Execute a call as it stands there; return its answer, which the page shows."""
    shown = call(page, path, method)
    if not await shown.locator(".execute").is_visible():
        await shown.locator(".opblock-summary-control").click()
    async with page.expect_response(lambda answer: urlsplit(answer.url).path == path) as answer:
        await shown.locator(".execute").click()
    answered = await answer.value
    status = shown.locator(".live-responses-table .response-col_status").last
    await expect(status).to_contain_text(str(answered.status))
    return answered


@in_browser
async def test_api_is_read_and_tried(arrive: Arrive, server: Server) -> None:
    key = server.account("docs-reader")
    person = await arrive(server, viewport=DESK)
    hosts = set()
    person.context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page = (await person.open("/docs")).page
    for path, method in (("/chat", "post"), ("/history/{user_id}", "get")):
        await expect(call(page, path, method)).to_be_visible()

    answer = await run(page, "/chat", "post")
    assert answer.status == 200, "by the session and its token"
    assert (await answer.json())["response"] == SAID
    await expect(call(page, "/chat", "post").locator(".curl")).to_contain_text("/chat")
    answer = await run(page, "/chat/stream", "post")
    assert (answer.status, "text/event-stream" in answer.headers["content-type"]) == (200, True)

    await page.get_by_role("button", name="Authorize").first.click()
    asked = page.locator(".modal-ux")
    await asked.get_by_role("textbox").fill(key)
    await asked.get_by_role("button", name="Apply").click()
    await asked.locator(".btn-done").click()
    answer = await run(page, "/api/v1/conversations", "get")
    sent = await answer.request.all_headers()
    assert (answer.status, sent["authorization"]) == (200, f"Bearer {key}")
    await page.get_by_role("button", name="Authorize").first.click()
    await expect(asked).to_be_visible()
    wrong = await look(page, "tried, with a key")
    await asked.locator(".btn-done").click()

    await page.set_viewport_size(PHONE)
    await fits(page)
    await fits_large(page)
    await page.set_viewport_size(NARROW)
    await fits(page)
    await page.get_by_role("link", name="Back to the chat").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Chat Messages")
    assert hosts - {urlsplit(server.url).netloc, ""} == set(), "nobody else is asked"
    faults = [fault for fault in wrong if not re.search(OF_SWAGGER_UI, fault)]
    assert not faults, "\n".join(faults)
