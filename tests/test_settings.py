"""Settings come from the environment; a value that cannot be parsed stops the start with one line.

The line names the variable and the mend. Here the real entry points run, as processes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server import ROOT

ASGI = (sys.executable, "-c", "import chatproject.asgi")
CHECK = (sys.executable, "manage.py", "check")
RUNSERVER = (sys.executable, "manage.py", "runserver")
DAPHNE = (sys.executable, "-m", "daphne", "chatproject.asgi:application")

SECRET = "a key for tests, used nowhere else"
LONG_SECRET = "mnbvcxzlkjhgfdsapoiuytrewq-0987654321-MNBVCXZLKJHGFDSA"

PRINT = (
    "import json, chatproject.asgi; from django.conf import settings as s;"
    "print(json.dumps({name: getattr(s, name, None) for name in %r}))"
)
DEFAULTS = {
    "DEBUG": False,
    "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
    "CSRF_TRUSTED_ORIGINS": [],
    "CORS_ALLOWED_ORIGINS": [],
    "REDIS_URLS": [],
    "SECURE_SSL_REDIRECT": False,
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "line",
    "WEB_CONCURRENCY": 1,
    "TIME_ZONE": "UTC",
    "API_REQUESTS_PER_MINUTE": 600,
    "REPLIES_AT_A_TIME": 100,
    "GUEST_CONNECTIONS": 50,
    "NEW_GUESTS_PER_MINUTE": 60,
    "GUEST_REPLIES_AT_A_TIME": 5,
    "GUEST_MESSAGES_PER_MINUTE": 30,
    "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    "DEFAULT_FROM_EMAIL": "Chat <chat@localhost>",
}

BAD = [
    ("DEBUG", "yes", "'yes' is neither 1 nor 0"),
    ("DEBUG", "True", "'True' is neither 1 nor 0"),
    ("SECURE_PROXY", "on", "'on' is neither 1 nor 0"),
    ("ALLOWED_HOSTS", "localhost,https://chat.example.org", "without scheme"),
    ("ALLOWED_HOSTS", "chat.example.org/path", "without scheme"),
    ("ALLOWED_HOSTS", "chat.example.org shop.example.org", "is not a host name"),
    ("ALLOWED_HOSTS", ",", "names no host"),
    ("CSRF_TRUSTED_ORIGINS", "chat.example.org", "write it like https://chat.example.org"),
    ("CSRF_TRUSTED_ORIGINS", "https://", "write it like https://chat.example.org"),
    ("CSRF_TRUSTED_ORIGINS", "http://[bad", "write it like https://chat.example.org"),
    ("CORS_ALLOWED_ORIGINS", "https://chat.example.org/", "write it like https://"),
    ("CORS_ALLOWED_ORIGINS", "https://chat.example.org?page", "write it like https://"),
    ("CORS_ALLOWED_ORIGINS", "https://chat.example.org:port", "write it like https://"),
    ("CORS_ALLOWED_ORIGINS", "https://me@chat.example.org", "write it like https://"),
    ("CORS_ALLOWED_ORIGINS", "https://fine.example.org,*", "'*' is not an origin"),
    ("DATABASE_URL", "db.sqlite3", "write sqlite:///path or postgres://"),
    ("DATABASE_URL", "postgres://user:word@host:port/name", "write sqlite:///path or postgres://"),
    ("DATABASE_URL", "sqlite://:memory:", "names no database"),
    ("DATABASE_URL", "sqlite:////nowhere/db.sqlite3", "there is no folder '/nowhere'"),
    ("DATABASE_URL", "mysql://host/name", "only sqlite:// and postgres:// are supported"),
    ("REDIS_URL", "localhost:6379", "write redis://host:6379/0"),
    ("REDIS_URL", "redis://one:6379,http://two:6379", "'http://two:6379' is not a Redis address"),
    ("REDIS_URL", "redis://localhost:port/0", "write redis://host:6379/0"),
    ("REDIS_URL", "redis://[bad", "write redis://host:6379/0"),
    ("REDIS_URL", "redis://localhost/first", "'redis://localhost/first' is not a Redis address"),
    ("REDIS_URL", "redis://me:secret@localhost?socket_timeout=soon", "'localhost?socket_timeout="),
    ("REDIS_URL", "redis://localhost/0?colour=red", "is not a Redis address"),
    ("DATABASE_URL", "sqlite:////tmp", "'/tmp' is a folder; name a file in it"),
    ("CORS_ALLOWED_ORIGINS", "https://:443", "write it like https://"),
    ("LOG_LEVEL", "loud", "is none of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ("LOG_FORMAT", "xml", "'xml' is neither line nor json"),
    ("WEB_CONCURRENCY", "auto", "'auto' is not a whole number"),
    ("WEB_CONCURRENCY", "0", "'0' is less than 1"),
    ("NEW_GUESTS_PER_MINUTE", "few", "'few' is not a whole number"),
    ("GUEST_CONNECTIONS", "many", "'many' is not a whole number"),
    ("GUEST_REPLIES_AT_A_TIME", "-1", "'-1' is not a whole number"),
    ("GUEST_MESSAGES_PER_MINUTE", "1.5", "'1.5' is not a whole number"),
    ("GUEST_MESSAGES_PER_MINUTE", "٣", "is not a whole number"),
    ("API_REQUESTS_PER_MINUTE", "all", "'all' is not a whole number"),
    ("REPLIES_AT_A_TIME", "-1", "'-1' is not a whole number"),
    ("LONGEST_REPLY", "long", "'long' is not a whole number"),
    ("PROVIDER_ADDRESSES", "localhost", "write addresses or networks like 169.254.10.0/24"),
    ("SECRET_KEY", "", "give a long random text, or a file of it in SECRET_KEY_FILE"),
    ("SECRET_KEY", " ", "give a long random text, or a file of it in SECRET_KEY_FILE"),
    ("EMAIL_URL", "mail.example.org", "write smtp://user:password@host:587/?tls=1"),
    ("EMAIL_URL", "http://mail.example.org", "write smtp://user:password@host:587/?tls=1"),
    ("EMAIL_URL", "smtp://", "write smtp://user:password@host:587/?tls=1"),
    ("EMAIL_URL", "smtp://host:port", "write smtp://user:password@host:587/?tls=1"),
    ("EMAIL_URL", "smtp://host/inbox", "has more than a server"),
    ("EMAIL_URL", "smtp://host/?tls=yes", "has more than a server"),
    ("EMAIL_URL", "smtp://host/?tls=1&timeout=9", "has more than a server"),
    ("EMAIL_URL", "smtps://host/?tls=1", "leave out ?tls"),
    ("DEFAULT_FROM_EMAIL", "the chat", "write chat@example.org or Chat <chat@example.org>"),
    ("DEFAULT_FROM_EMAIL", "a <b@c.org>\nBcc: x@y.org", "write chat@example.org or Chat"),
    ("TIME_ZONE", "Middle-earth", "'Middle-earth' is unknown"),
    ("SECRET_KEY_FILE", "/nowhere/secret", "'/nowhere/secret' cannot be read"),
    ("SECRET_KEY_FILE", str(ROOT), "cannot be read"),
    ("SECRET_KEY_FILE", os.devnull, "is empty"),
]


def run(command: tuple[str, ...], **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `command` with nothing in the environment but `environment`."""
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def settings(*names: str, **environment: str) -> dict[str, Any]:
    """Return what the settings `names` are when the server starts in `environment`."""
    done = run((sys.executable, "-c", PRINT % (names,)), **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_stopped(done: "subprocess.CompletedProcess[str]", name: str, mend: str) -> None:
    """`done` ended with nothing but one line, which names the variable and the mend."""
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"{name}: "), done.stderr
    assert mend in done.stderr


@pytest.mark.parametrize(("name", "value", "mend"), BAD, ids=[f"{n}={v}" for n, v, _ in BAD])
def test_bad_value_stops_the_start_with_one_line(name: str, value: str, mend: str) -> None:
    assert_stopped(run(ASGI, **{"SECRET_KEY": SECRET, name: value}), name, mend)


@pytest.mark.parametrize(
    "command", [CHECK, RUNSERVER, DAPHNE], ids=["check", "runserver", "daphne"]
)
def test_every_entry_point_stops_with_that_line(command: tuple[str, ...]) -> None:
    done = run(command, SECRET_KEY=SECRET, DEBUG="perhaps")
    assert_stopped(done, "DEBUG", "'perhaps' is neither 1 nor 0")


@pytest.mark.parametrize("command", [CHECK, DAPHNE], ids=["check", "daphne"])
def test_secret_key_is_required(command: tuple[str, ...]) -> None:
    assert_stopped(run(command), "SECRET_KEY", "not set; give a long random text")


def test_secret_key_is_required_for_a_configured_database(tmp_path: Path) -> None:
    migrate = (sys.executable, "manage.py", "migrate")
    done = run(migrate, DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    assert_stopped(done, "SECRET_KEY", "not set")


def test_defaults() -> None:
    assert settings(*DEFAULTS, SECRET_KEY=SECRET) == DEFAULTS


def test_empty_value_is_as_none() -> None:
    empty = dict.fromkeys({name for name, _, _ in BAD} - {"SECRET_KEY"}, "")
    assert settings(*DEFAULTS, SECRET_KEY=SECRET, **empty) == DEFAULTS


def test_every_value_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{LONG_SECRET}\n")
    wanted = {
        "SECRET_KEY": LONG_SECRET,
        "DEBUG": True,
        "ALLOWED_HOSTS": ["chat.example.org", ".example.com"],
        "CSRF_TRUSTED_ORIGINS": ["https://chat.example.org", "https://*.example.com"],
        "CORS_ALLOWED_ORIGINS": ["http://localhost:3000", "https://shop.example.org"],
        "REDIS_URLS": ["redis://one:6379/0", "rediss://two:6380/1"],
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "json",
        "WEB_CONCURRENCY": 4,
        "TIME_ZONE": "Europe/Vienna",
        "API_REQUESTS_PER_MINUTE": 0,
        "REPLIES_AT_A_TIME": 7,
        "GUEST_CONNECTIONS": 3,
        "NEW_GUESTS_PER_MINUTE": 0,
        "GUEST_REPLIES_AT_A_TIME": 0,
        "GUEST_MESSAGES_PER_MINUTE": 1000000,
    }
    found = settings(
        *wanted,
        "DATABASES",
        "CHANNEL_LAYERS",
        SECRET_KEY="the file wins",
        SECRET_KEY_FILE=str(file),
        DEBUG="1",
        ALLOWED_HOSTS="chat.example.org, .example.com,",
        CSRF_TRUSTED_ORIGINS="https://chat.example.org,https://*.example.com",
        CORS_ALLOWED_ORIGINS="http://localhost:3000,https://shop.example.org",
        DATABASE_URL="postgres://alice:word@db.example.org:5433/chat",
        REDIS_URL="redis://one:6379/0,rediss://two:6380/1",
        LOG_LEVEL="warning",
        LOG_FORMAT="JSON",
        WEB_CONCURRENCY="4",
        TIME_ZONE="Europe/Vienna",
        API_REQUESTS_PER_MINUTE="0",
        REPLIES_AT_A_TIME="7",
        GUEST_CONNECTIONS="3",
        NEW_GUESTS_PER_MINUTE="0",
        GUEST_REPLIES_AT_A_TIME="0",
        GUEST_MESSAGES_PER_MINUTE="1000000",
    )
    database = found.pop("DATABASES")["default"]
    layer = found.pop("CHANNEL_LAYERS")["default"]
    assert found == wanted
    assert database["ENGINE"] == "django.db.backends.postgresql"
    address = {key: database[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")}
    assert list(address.values()) == ["alice", "word", "db.example.org", 5433, "chat"]
    assert layer["CONFIG"] == {"hosts": wanted["REDIS_URLS"]}


MAIL = ("HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL")


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 25, "", "", False, False)),
        ("smtp://me:w%40rd@host:2525/?tls=1", ("host", 2525, "me", "w@rd", True, False)),
        ("smtp://host?tls=1", ("host", 587, "", "", True, False)),
        ("smtps://me@host", ("host", 465, "me", "", False, True)),
    ],
)
def test_mail_goes_where_it_is_said(url: str, wanted: tuple[object, ...]) -> None:
    names = [f"EMAIL_{name}" for name in MAIL]
    found = settings(*names, "EMAIL_BACKEND", SECRET_KEY=SECRET, EMAIL_URL=url)
    assert found.pop("EMAIL_BACKEND") == "chat.mail.Outgoing"
    assert tuple(found.values()) == wanted


def test_who_sends_mail(tmp_path: Path) -> None:
    for sender in ("chat@example.org", "The Chat <chat@example.org>"):
        found = settings("DEFAULT_FROM_EMAIL", SECRET_KEY=SECRET, DEFAULT_FROM_EMAIL=sender)
        assert found == {"DEFAULT_FROM_EMAIL": sender}


def test_only_a_proxy_says_whom_a_limit_is_for() -> None:
    name = "ALLAUTH_TRUSTED_PROXY_COUNT"
    assert settings(name, SECRET_KEY=SECRET) == {name: None}
    assert settings(name, SECRET_KEY=SECRET, SECURE_PROXY="1") == {name: 1}


def test_sqlite_lets_many_read_and_one_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    database = settings("DATABASES", SECRET_KEY=SECRET, DATABASE_URL=url)["DATABASES"]["default"]
    assert database["NAME"] == str(tmp_path / "db.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert database["OPTIONS"]["timeout"] > 0
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_check_has_no_complaint() -> None:
    done = run(CHECK, SECRET_KEY=SECRET)
    assert (done.returncode, done.stderr) == (0, "")


def test_deployment_behind_a_secure_proxy_has_no_warning() -> None:
    command = (*CHECK, "--deploy", "--fail-level", "WARNING")
    done = run(command, SECRET_KEY=LONG_SECRET, SECURE_PROXY="1")
    assert (done.returncode, done.stderr) == (0, "")
    careless = run(command, SECRET_KEY=LONG_SECRET)
    assert careless.returncode != 0, "the check would notice"


def test_debug_is_off_beside_runserver() -> None:
    shell = (sys.executable, "manage.py", "shell", "--verbosity", "0", "-c")
    show = "from django.conf import settings; print(settings.DEBUG)"
    assert run((*shell, show)).stdout == "False\n"
    assert run((*shell, show), DEBUG="1").stdout == "True\n"
