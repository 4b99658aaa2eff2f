"""What is measured is told to staff, and to whoever has the token."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from chat.models import User

pytestmark = pytest.mark.django_db

TOKEN = "a token for tests, used nowhere else"


@pytest.fixture
def token(settings: Any) -> str:
    settings.METRICS_TOKEN = TOKEN
    return TOKEN


def asked_with(client: Client, authorization: str) -> HttpResponse:
    return client.get("/metrics", headers={"Authorization": authorization})


def as_staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("dora", is_staff=True))
    return client


def assert_told(answer: HttpResponse) -> None:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "no-store" in answer.headers["Cache-Control"]
    for name in ("chat_provider_errors_total", "chat_first_character_seconds"):
        assert f"\n# TYPE {name} " in answer.text


def test_staff_are_told() -> None:
    assert_told(as_staff().get("/metrics"))


def test_staff_who_were_switched_off_are_not() -> None:
    client = as_staff()
    User.objects.filter(username="dora").update(is_active=False)
    assert client.get("/metrics").status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_who_has_the_token_is_told(client: Client, token: str, scheme: str) -> None:
    assert_told(asked_with(client, f"{scheme} {token}"))
    assert not client.cookies, "and gets no session"


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer ÿ€"]
)
def test_who_has_another_is_asked_for_it(client: Client, token: str, authorization: str) -> None:
    answer = asked_with(client, authorization)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "no-store" in answer.headers["Cache-Control"]
    assert "chat_" not in answer.text
    assert token not in answer.text


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer", "Bearer None"])
def test_without_a_token_in_the_settings_none_fits(
    client: Client, settings: Any, authorization: str
) -> None:
    settings.METRICS_TOKEN = ""
    assert asked_with(client, authorization).status_code == 401


def test_somebody_else_may_not(client: Client, token: str) -> None:
    client.force_login(User.objects.create_user("charlie"))
    assert client.get("/metrics").status_code == 403
    assert_told(asked_with(client, f"Bearer {token}"))


def test_visitor_is_asked_for_the_token(client: Client) -> None:
    client.get("/")
    assert client.get("/metrics").status_code == 401


def test_it_is_only_read() -> None:
    client = as_staff()
    client.handler.enforce_csrf_checks = True  # a token that is missing is not what is wrong
    assert (client.head("/metrics").status_code, client.head("/metrics").content) == (200, b"")
    for method in (client.post, client.put, client.patch, client.delete):
        assert method("/metrics").status_code == 405
