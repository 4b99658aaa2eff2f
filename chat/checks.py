"""What `check` says of settings that can be read and yet harm: each with an id, and how to mend it.

What Django itself looks at (the length of SECRET_KEY, DEBUG, HTTPS) it says itself.
"""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning
from django.db import connection

SHORTEST_TOKEN = 20  # characters
OLDEST_SQLITE = (3, 35)  # it tells which rows a statement has changed
OWN_MACHINE = ("http://localhost", "http://127.0.0.1", "http://[::1]")

Found = Iterator[CheckMessage]


def several_without_redis() -> Found:
    if settings.WEB_CONCURRENCY > 1 and not settings.REDIS_URLS:
        yield Warning(
            f"{settings.WEB_CONCURRENCY} processes (WEB_CONCURRENCY) without Redis: who is at one "
            "of them sees nothing of what happens at the others until they load the page anew.",
            hint="Set REDIS_URL, or run one process.",
            id="chat.W001",
        )


def several_on_sqlite() -> Found:
    is_several = settings.WEB_CONCURRENCY > 1 or settings.REDIS_URLS
    if is_several and connection.vendor == "sqlite":
        yield Warning(
            "Several processes (REDIS_URL, or WEB_CONCURRENCY) on SQLite, which lets one write at "
            "a time, and only on one machine.",
            hint="Set DATABASE_URL to a PostgreSQL: postgres://user@host/name.",
            id="chat.W002",
        )


def no_proxy() -> Found:
    if not settings.SECURE_PROXY and not settings.DEBUG:
        yield Warning(
            "Nothing is said to be in front that ends TLS: cookies go over plain HTTP too, and "
            "nobody knows where people behind a proxy come from.",
            hint="Let a proxy end TLS, set X-Forwarded-Proto and add to X-Forwarded-For "
            "(deploy/nginx); then set SECURE_PROXY=1.",
            id="chat.W003",
        )


def any_host() -> Found:
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS has *: pages of every other site may open WebSockets here, and links in "
            "mails lead wherever a request says.",
            hint="Name the hosts: ALLOWED_HOSTS=chat.example.org.",
            id="chat.W004",
        )


def short_token() -> Found:
    if 0 < len(settings.METRICS_TOKEN) < SHORTEST_TOKEN:
        yield Warning(
            f"METRICS_TOKEN has less than {SHORTEST_TOKEN} characters, and can be guessed.",
            hint="Take the output of: openssl rand -hex 32",
            id="chat.W005",
        )


def plain_origins() -> Found:
    for name in ("CORS_ALLOWED_ORIGINS", "CSRF_TRUSTED_ORIGINS"):
        for origin in getattr(settings, name):
            if origin.startswith("http://") and not _is_own_machine(origin):
                yield Warning(
                    f"{name} has {origin}: whoever is on the line between may change its pages, "
                    "and act as their visitors here.",
                    hint=f"Serve it over HTTPS, and write https:// in {name}.",
                    id="chat.W006",
                )


def nothing_collected() -> Found:
    if settings.STATIC_ROOT != settings.OWN_STATIC_ROOT and not _has_files():
        yield Warning(
            f"STATIC_ROOT, {settings.STATIC_ROOT}, is empty: a proxy that serves /static/ from "
            "there finds nothing.",
            hint="Run: python manage.py collectstatic --noinput",
            id="chat.W007",
        )


def public_key() -> Found:
    if settings.SECRET_KEY == settings.DEVELOPMENT_KEY:
        yield Error(
            "SECRET_KEY is the one for development, which everybody knows: with it one can log in "
            "as anyone.",
            hint="Set SECRET_KEY_FILE to a file with the output of: openssl rand -base64 48",
            id="chat.E001",
        )


def old_sqlite() -> Found:
    if connection.vendor == "sqlite" and sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        yield Error(
            f"SQLite {sqlite3.sqlite_version} is too old: no reply could be saved.",
            hint=f"Use a Python with SQLite {oldest} or later, or set DATABASE_URL to PostgreSQL.",
            id="chat.E002",
        )


def no_mail() -> Found:
    is_console = settings.EMAIL_BACKEND.endswith("console.EmailBackend")
    if is_console and not settings.EMBEDDED_DATABASE:  # whoever only tries the chat needs none
        yield Info(
            "Mail is only written to the console: nobody can reset a forgotten password, and who "
            "reads the log can do it for them.",
            hint="Set EMAIL_URL=smtp://user:password@host:587/?tls=1 and DEFAULT_FROM_EMAIL.",
            id="chat.I001",
        )


def _is_own_machine(origin: str) -> bool:
    return any(origin == own or origin.startswith(f"{own}:") for own in OWN_MACHINE)


def _has_files() -> bool:
    return settings.STATIC_ROOT.is_dir() and any(settings.STATIC_ROOT.iterdir())


ALWAYS = (several_without_redis, old_sqlite)
WHERE_IT_IS_SERVED = (  # only `check --deploy` looks at these
    *(several_on_sqlite, no_proxy, any_host, short_token, plain_origins, nothing_collected),
    *(public_key, no_mail),
)


def as_django_asks(check: Callable[[], Found]) -> Callable[..., list[CheckMessage]]:
    def asked(app_configs: Any, **more: Any) -> list[CheckMessage]:
        return list(check())

    return asked
