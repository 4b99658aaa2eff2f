"""Pages of other sites: those that are allowed may call the API, and nobody else notices."""

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from chat.models import ApiKey, User
from tests.server import running

SHOP = "https://shop.example.org"
CALLS = ("/api/v1/assistants", "/chat", "/chat/stream", "/chat-stream", "/history/bob", "/api/chat")
PATIENCE = 20.0  # seconds


@pytest.fixture(autouse=True)
def _allow_the_shop(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]


@pytest.fixture
def bearer(db: None) -> dict[str, str]:
    key = ApiKey.issue(User.objects.create_user("alice"))
    return {"Authorization": f"Bearer {key}"}


def preflight(path: str, origin: str = SHOP) -> Any:
    """Ask as a browser does before it lets a page send a key; it sends no identity with that."""
    wanted = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return Client().options(path, headers=wanted)


def told(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what an answer says of other sites."""
    return {
        name.lower(): said for name, said in headers.items() if "access-control" in name.lower()
    }


def words(said: str) -> set[str]:
    return {word.strip().lower() for word in said.split(",")}


@pytest.mark.parametrize("path", CALLS)
def test_allowed_page_may_ask(path: str) -> None:
    answer = preflight(path)
    said = told(answer.headers)
    assert answer.status_code == 200
    assert said["access-control-allow-origin"] == SHOP
    assert said["access-control-allow-credentials"] == "true"
    assert said["access-control-max-age"] == "7200"
    assert words(said["access-control-allow-methods"]) >= {"get", "post", "patch", "delete"}
    assert words(said["access-control-allow-headers"]) >= {
        *("authorization", "content-type", "idempotency-key", "last-event-id", "x-csrftoken"),
    }
    assert "origin" in words(answer.headers["Vary"])


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.org",
        "http://shop.example.org",
        "https://shop.example.org:8443",
        "https://shop.example.org.evil.example",
        "https://evil-shop.example.org",
        "null",
        "*",
        "http://[",
        "",
    ],
)
def test_other_page_is_told_nothing(bearer: dict[str, str], origin: str) -> None:
    answer = Client().get("/api/v1/assistants", headers={**bearer, "Origin": origin})
    assert answer.status_code == 200, "it is the browser that keeps it from the page"
    for each in (answer, preflight("/api/v1/assistants", origin)):
        assert told(each.headers) == {}
        assert "origin" in words(each.headers["Vary"]), "no cache gives one the other's"


def test_allowed_page_reads_the_answer_and_its_headers(bearer: dict[str, str]) -> None:
    for headers, status in ((bearer, 200), ({}, 401)):
        answer = Client().get("/api/v1/assistants", headers={**headers, "Origin": SHOP})
        said = told(answer.headers)
        assert answer.status_code == status
        assert said["access-control-allow-origin"] == SHOP
        assert words(said["access-control-expose-headers"]) >= {
            *("retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
        }


@pytest.mark.parametrize("allowed", [True, False])
def test_key_does_not_need_a_page(settings: Any, bearer: dict[str, str], allowed: bool) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP] if allowed else []
    answer = Client().get("/api/v1/assistants", headers=bearer)
    assert answer.status_code == 200
    assert told(answer.headers) == {}


@pytest.mark.parametrize("path", CALLS)
def test_nobody_is_allowed_by_itself(settings: Any, path: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = []
    assert told(preflight(path).headers) == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/accounts/keys/", "/accounts/login/", "/docs", "/admin/", "/chatter", "/healthz"]
)
def test_pages_are_for_no_other_site(path: str) -> None:
    assert told(preflight(path).headers) == {}
    assert told(Client().get(path, headers={"Origin": SHOP}).headers) == {}


def test_streams_are_read_by_allowed_pages(tmp_path: Path) -> None:
    with running(tmp_path, CORS_ALLOWED_ORIGINS=SHOP) as server:
        headers = {"Authorization": f"Bearer {server.account('alice')}"}
        url = f"{server.url}/chat-stream?message=hi"
        for origin, wanted in ((SHOP, SHOP), ("https://evil.example.org", None)):
            request = urllib.request.Request(url, headers={**headers, "Origin": origin})
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                assert answer.headers["Access-Control-Allow-Origin"] == wanted
                assert "origin" in words(answer.headers["Vary"])
                assert "done" in answer.read().decode()
