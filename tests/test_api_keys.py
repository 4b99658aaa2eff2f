"""API keys on the account page: made, shown once, known again, and revoked at once."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from chat import keys
from chat.models import ApiKey, User
from tests.client import Client as Socket
from tests.doors import PASSWORD, fill_in, logged_in
from tests.server import Server

PAGE = "/accounts/keys/"
KEY = r"sc_[\w-]{43}"


@pytest.fixture(autouse=True)
def _begin_anew(settings: Any) -> None:
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password=PASSWORD)


@pytest.fixture
def browser(alice: User) -> Client:
    """Alice's, in which she has typed her password just now."""
    client = Client()
    client.force_login(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def made(browser: Client, name: str = "shop") -> str:
    """Make a key on the page; return it."""
    page = browser.post(PAGE, {"name": name})
    assert page.status_code == 200, page.text
    (key,) = set(re.findall(KEY, page.text))
    return str(key)


def test_key_is_made_and_shown_once(browser: Client, alice: User) -> None:
    assert "You have none yet." in browser.get(PAGE).text
    page = browser.post(PAGE, {"name": " shop "})
    (key,) = re.findall(KEY, page.text)
    assert ApiKey.holder(key) == alice
    assert "no-store" in page.headers["Cache-Control"]
    assert key not in str(page.cookies)
    listed = browser.get(PAGE).text
    assert key not in listed
    assert f"{key[:7]}…" in listed
    assert ">shop<" in listed
    assert ApiKey.objects.get().digest not in listed
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    assert not any(key in each or "shop" in each for each in kept)
    assert "1 key" in browser.get("/accounts/").text


def test_list_tells_when_a_key_was_used(browser: Client) -> None:
    key = made(browser)
    assert "never used" in browser.get(PAGE).text
    assert ApiKey.known(key)
    assert "used within the last hour" in browser.get(PAGE).text
    ApiKey.objects.update(last_used=timezone.now() - timedelta(days=2))
    assert "last used 2\xa0days ago" in browser.get(PAGE).text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "This field is required."),
        (" \t", "This field is required."),
        ("x" * 81, "at most 80 characters"),
        ("a\x00b", "Null characters"),
        ("<b>", "You have a key of this name"),
    ],
)
def test_name_that_does_not_fit(browser: Client, alice: User, name: str, said: str) -> None:
    ApiKey.issue(alice, "<b>")
    page = browser.post(PAGE, {"name": name}).text
    (error,) = re.findall(r'id="id_name_error">([^<]+)', page)
    assert said in error
    assert 'aria-invalid="true"' in page
    assert "<b>" not in page
    assert ApiKey.objects.count() == 1


def test_what_was_typed_is_kept(browser: Client) -> None:
    assert f'value="{"x" * 81}"' in browser.post(PAGE, {"name": "x" * 81}).text


def test_keys_are_bounded(browser: Client, alice: User) -> None:
    for number in range(keys.MOST_KEYS):
        ApiKey.issue(alice, f"key {number}")
    page = browser.post(PAGE, {"name": "one more"})
    assert page.status_code == 409
    assert "You have 50 keys. Revoke one first." in page.text
    assert ApiKey.objects.count() == keys.MOST_KEYS


def test_reloading_the_page_with_the_key_makes_no_other(browser: Client) -> None:
    key = made(browser)
    again = browser.post(PAGE, {"name": "shop"})
    assert again.status_code == 409
    assert key not in again.text
    assert ApiKey.objects.count() == 1


def test_password_is_asked_for_first(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    old = ApiKey.issue(alice, "old")
    revoke = f"{PAGE}{ApiKey.objects.get().pk}/revoke/"
    for path, form in ((PAGE, {"name": "new"}), (revoke, {})):
        asked = client.post(path, form)
        assert unquote(asked.headers["Location"]) == f"/accounts/reauthenticate/?next={path}"
    assert ApiKey.holder(old) == alice
    assert ApiKey.objects.count() == 1
    asked = client.post(PAGE, {"name": "new"})
    page = client.post(asked.headers["Location"], {"password": PASSWORD})
    assert re.findall(KEY, page.text), "as if nothing had been asked"
    assert "no-store" in page.headers["Cache-Control"]


def test_revoking_is_asked_and_done(browser: Client, alice: User) -> None:
    key = made(browser)
    path = f"{PAGE}{ApiKey.objects.get().pk}/revoke/"
    asked = browser.get(path).text
    assert "Revoke “shop”?" in asked
    assert ApiKey.holder(key) == alice, "to be asked is not to do it"
    done = browser.post(path, follow=True).text
    assert "The key is revoked." in done
    assert ApiKey.holder(key) is None
    assert browser.post(path).status_code == 404


def test_key_of_somebody_else_is_no_key(browser: Client) -> None:
    bob = User.objects.create_user("bob")
    key = ApiKey.issue(bob, "of bob")
    of_bob = f"{PAGE}{ApiKey.objects.get().pk}/revoke/"
    assert "of bob" not in browser.get(PAGE).text
    pages = [
        ask(path) for path in (of_bob, f"{PAGE}999/revoke/") for ask in (browser.get, browser.post)
    ]
    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    assert ApiKey.holder(key) == bob


def test_guest_is_sent_to_log_in(client: Client, db: None) -> None:
    client.get("/")
    for answer in (client.get(PAGE), client.post(PAGE, {"name": "shop"})):
        assert answer.headers["Location"] == f"/accounts/login/?next={PAGE}"
    assert "Sign up" in client.get(f"/accounts/login/?next={PAGE}").text


async def test_what_a_key_has_open_ends_with_it(server: Server) -> None:
    other = server.account("keyholder")
    cookie = logged_in(server.url, "keyholder")
    asked = fill_in(server.url, cookie, PAGE, name="shop")[1]
    status, page = fill_in(server.url, cookie, asked, password=PASSWORD)
    assert status == 200
    (key,) = re.findall(KEY, page)
    listed = fill_in(server.url, cookie, PAGE, name="")[1]
    newest = re.findall(rf"{PAGE}\d+/revoke/", listed)[0]
    first, second = (
        Socket(server.url, "/ws/rooms/lobby/", authorization=f"Bearer {each}")
        for each in (key, other)
    )
    async with first, second:
        assert fill_in(server.url, cookie, newest)[0] == 302
        assert await first.closed() == 4401
        await second.send("ping")
        assert await second.until(lambda frame: frame["type"] == "pong")
