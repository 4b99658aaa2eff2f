"""`check` says what harms, with an id and how to mend it; of what is fine it says nothing."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks

from chat import checks
from tests.test_settings import CHECK, LONG_SECRET, run

FINE: dict[str, Any] = {  # as deploy/environment.example has it
    "DEBUG": False,
    "SECRET_KEY": LONG_SECRET,
    "ALLOWED_HOSTS": ["chat.example.org"],
    "CORS_ALLOWED_ORIGINS": ["https://shop.example.org", "http://localhost:3000"],
    "CSRF_TRUSTED_ORIGINS": ["https://chat.example.org"],
    "EMBEDDED_DATABASE": False,
    "EMAIL_BACKEND": "chat.mail.Outgoing",
    "METRICS_TOKEN": "a token that is long enough",
    "REDIS_URLS": ["redis://localhost:6379/0"],
    "SECURE_PROXY": True,
    "WEB_CONCURRENCY": 4,
}
DEVELOPMENT_KEY = "for-development-only-" + "0123456789" * 5

# (what is otherwise) -> which checks say something, and part of how to mend it
HARMFUL: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {}),
    ({"REDIS_URLS": []}, {"W001": "Set REDIS_URL"}),
    ({"REDIS_URLS": [], "WEB_CONCURRENCY": 1}, {}),
    ({"vendor": "sqlite"}, {"W002": "postgres://"}),
    ({"vendor": "sqlite", "WEB_CONCURRENCY": 1}, {"W002": "postgres://"}),
    ({"vendor": "sqlite", "WEB_CONCURRENCY": 1, "REDIS_URLS": []}, {}),
    ({"SECURE_PROXY": False}, {"W003": "SECURE_PROXY=1"}),
    ({"SECURE_PROXY": False, "DEBUG": True}, {}),
    ({"ALLOWED_HOSTS": ["chat.example.org", "*"]}, {"W004": "ALLOWED_HOSTS="}),
    ({"METRICS_TOKEN": "short"}, {"W005": "openssl rand"}),
    ({"METRICS_TOKEN": ""}, {}),
    ({"CORS_ALLOWED_ORIGINS": ["http://shop.example.org"]}, {"W006": "CORS_ALLOWED_ORIGINS"}),
    ({"CSRF_TRUSTED_ORIGINS": ["http://localhost.evil.org"]}, {"W006": "CSRF_TRUSTED_ORIGINS"}),
    ({"SECRET_KEY": DEVELOPMENT_KEY}, {"E001": "SECRET_KEY_FILE"}),
    ({"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}, {"I001": "EMAIL_URL"}),
]

Checked = Callable[..., list[CheckMessage]]


@pytest.fixture
def checked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Checked:
    def check(
        deploy: bool = True, vendor: str = "postgresql", **otherwise: Any
    ) -> list[CheckMessage]:
        monkeypatch.setattr(checks, "connection", SimpleNamespace(vendor=vendor))
        for name, value in (FINE | otherwise).items():
            setattr(settings, name, value)
        return run_checks(tags=["chat"], include_deployment_checks=deploy)

    return check


@pytest.mark.parametrize(("otherwise", "wanted"), HARMFUL)
def test_it_says_what_harms(
    checked: Checked, otherwise: dict[str, Any], wanted: dict[str, str]
) -> None:
    found = {str(each.id).removeprefix("chat."): str(each.hint) for each in checked(**otherwise)}
    assert found.keys() == wanted.keys()
    assert all(mend in found[id] for id, mend in wanted.items())


@pytest.mark.parametrize("otherwise", [otherwise for otherwise, _ in HARMFUL])
def test_only_that_processes_cannot_hear_each_other_matters_everywhere(
    checked: Checked, otherwise: dict[str, Any]
) -> None:
    found = {each.id for each in checked(deploy=False, **otherwise)}
    assert found <= {"chat.W001"}


def test_sqlite_that_is_too_old(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {"WEB_CONCURRENCY": 1, "REDIS_URLS": []}
    for version, found in (((3, 34, 1), ["chat.E002"]), ((3, 35, 0), [])):
        monkeypatch.setattr(checks.sqlite3, "sqlite_version_info", version)
        ids = [each.id for each in checked(deploy=False, vendor="sqlite", **alone)]
        assert ids == found
        assert checked() == [], "PostgreSQL does without"


def test_folder_of_static_files_that_nobody_filled(checked: Checked, tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        (found,) = checked(STATIC_ROOT=folder)
        assert (found.id, "collectstatic" in str(found.hint)) == ("chat.W007", True)
    (tmp_path / "chat.css").touch()
    assert checked(STATIC_ROOT=tmp_path) == []


def test_deployment_that_is_fine_is_told_nothing(tmp_path: Path) -> None:
    done = run(
        (*CHECK, "--deploy", "--fail-level", "WARNING"),
        SECRET_KEY=LONG_SECRET,
        ALLOWED_HOSTS="chat.example.org",
        CSRF_TRUSTED_ORIGINS="https://chat.example.org",
        DATABASE_URL="postgres://chat@localhost/chat",
        REDIS_URL="redis://localhost:6379/0",
        SECURE_PROXY="1",
        WEB_CONCURRENCY="4",
        EMAIL_URL="smtp://localhost",
        METRICS_TOKEN="a token that is long enough",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


def test_careless_deployment_is_told_everything_at_once(tmp_path: Path) -> None:
    done = run(
        (*CHECK, "--deploy", "--fail-level", "WARNING"),
        SECRET_KEY=DEVELOPMENT_KEY,
        ALLOWED_HOSTS="*",
        CORS_ALLOWED_ORIGINS="http://shop.example.org",
        DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}",
        WEB_CONCURRENCY="2",
        METRICS_TOKEN="short",
        STATIC_ROOT=str(tmp_path / "static"),
    )
    assert done.returncode == 1
    for id in (*(f"W00{number}" for number in range(1, 8)), "E001", "I001"):
        assert done.stderr.count(f"(chat.{id})") == 1, done.stderr
