"""What a browser is told that pages from here may do: nothing that they do not need."""

import urllib.error
import urllib.request
from collections.abc import Mapping

import pytest
from django.test import Client as Browser
from django.test import override_settings
from playwright.async_api import Locator, expect

from chat.models import Assistant, Conversation
from tests.browser import Arrive, in_browser
from tests.conftest import Visit
from tests.server import Server

PASSWORD = "correct horse battery staple"
PATIENCE = 20.0  # seconds

EVERYWHERE = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
TRUSTED_TYPES = {"require-trusted-types-for": "'script'", "trusted-types": "service-worker"}


def policy(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the directives of an answer's policy."""
    parts = (part.partition(" ") for part in headers["Content-Security-Policy"].split("; "))
    return {name: sources for name, _, sources in parts}


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/", 200, {}),
        ("/accounts/login/", 200, {}),
        ("/forgotten/", 200, {}),
        ("/healthz", 200, {}),
        ("/metrics", 401, {}),
        ("/c/search/?q=hi", 200, {}),
        ("/nowhere", 404, {}),
        ("/admin", 301, {}),
        ("/", 400, {"Host": "evil.example"}),
        ("/static/chat/chat.js", 200, {}),
        ("/static/chat/icon.svg", 200, {}),
    ],
)
def test_every_answer_bears_the_policy(
    server: Server, path: str, status: int, told: dict[str, str]
) -> None:
    class Still(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    request = urllib.request.Request(server.url + path, headers=told)
    try:
        answer = urllib.request.build_opener(Still).open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        assert answer.status == status
        assert policy(answer.headers) == EVERYWHERE | TRUSTED_TYPES
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]


@pytest.mark.django_db
def test_what_breaks_bears_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.listing.entries", lambda _: 1 / 0)
    answer = Browser(raise_request_exception=False).get("/")
    assert answer.status_code == 500
    assert policy(answer.headers) == EVERYWHERE | TRUSTED_TYPES


@pytest.mark.django_db
def test_admin_has_it_without_trusted_types(admin_client: Browser) -> None:
    for path in ("/admin/", "/admin/chat/scriptedreply/try/"):
        assert policy(admin_client.get(path).headers) == EVERYWHERE


@pytest.mark.django_db
@override_settings(DEBUG=True)
def test_djangos_own_page_for_developers_can_be_read(client: Browser) -> None:
    assert "Content-Security-Policy" not in client.get("/nowhere").headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trusted", "on", "sources"),
    [
        (False, True, "'self' data:"),
        (True, False, "'self' data:"),
        (True, True, "'self' data: https:"),
    ],
)
def test_foreign_pictures_are_for_trusted_assistants(
    client: Browser, trusted: bool, on: bool, sources: str
) -> None:
    Assistant.objects.create(slug="painter", name="Painter", shows_images=trusted, on=on)
    client.get("/")
    conversation = Conversation.objects.create(owner_id=client.session["visitor"])
    for path in ("/", "/c/new/", conversation.get_absolute_url()):
        assert policy(client.get(path).headers)["img-src"] == sources
    assert policy(client.get("/accounts/login/").headers)["img-src"] == "'self' data:"


async def test_messages_tell_whose_pictures_are_loaded(server: Server, visit: Visit) -> None:
    server.manage("assistant", "painter", "--kind", "scripted", "--images")
    async with visit() as alice:
        painted = await alice.post("hi", assistant="painter")
        await alice.end(painted)
        plain = await alice.post("hi", assistant="assistant")
        await alice.end(plain)
    authors = {id: alice.messages[id]["author"] for id in (painted, plain)}
    assert authors[painted]["images"] is True
    assert "images" not in authors[plain]
    server.manage("assistant", "painter", "--off")


@in_browser
async def test_chat_makes_no_script_of_a_text(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    alice = await person.open()
    await alice.greeted()
    person.foresees(
        "Trusted(HTML|Script)", "Content [Ss]ecurity [Pp]olicy", "EvalError", "seen.png"
    )
    for attempt in (
        "document.body.innerHTML = '<b>hi</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>hi</b>')",
        "setTimeout('window.ran = true')",
        "trustedTypes.createPolicy('another', {})",
    ):
        assert await alice.page.evaluate(
            f"(() => {{ try {{ {attempt}; return ''; }} catch (e) {{ return e.name; }} }})()"
        ), attempt
    await alice.page.evaluate("""() => {
        const script = document.createElement("script");
        script.append("window.ran = true");
        const image = document.createElement("img");
        image.src = "http://127.0.0.1:9/seen.png";
        document.body.append(script, image);
    }""")
    assert await alice.page.evaluate("window.ran") is None


@in_browser
async def test_admin_works_under_the_policy(arrive: Arrive, server: Server) -> None:
    """Whatever the policy forbids there is on the console, and so fails the test."""
    server.account("fay")
    page = (await (await arrive(server)).open("/admin/chat/scriptedreply/")).page
    await page.get_by_label("Username").fill("fay")
    await page.get_by_label("Password").fill(PASSWORD)
    await follow(page.get_by_role("button", name="Log in"))
    await follow(page.locator("#changelist-filter").get_by_role("link", name="any message"))
    await follow(page.get_by_role("link", name="answer", exact=True))
    await page.get_by_text("From and until").click()
    await page.get_by_role("link", name="Today").first.click()
    await expect(page.locator("#id_starts_0")).not_to_have_value("")
    await page.locator("#calendarlink0").click()
    await expect(page.locator("#calendarbox0")).to_be_visible()
    await page.goto(f"{server.url}/admin/chat/apikey/add/")
    await page.locator(".select2-selection").click()
    await expect(page.locator(".select2-results__option").first).to_be_visible()
    await page.goto(f"{server.url}/admin/chat/assistant/add/")
    await page.get_by_label("Name").press_sequentially("The painter")
    await expect(page.get_by_label("Slug")).to_have_value("the-painter")
    await page.get_by_role("button", name="Toggle theme").click()


async def follow(what: Locator) -> None:
    """Click what leads to another page, and wait until all of that page is there."""
    async with what.page.expect_event("load"):
        await what.click()
