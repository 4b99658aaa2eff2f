"""Who calls over HTTP: a program with an API key, a page with its session, or a developer here."""

from ipaddress import ip_address
from typing import NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from chat.models import User
from chat.people import Person, holder, key_in, known_in_session
from chat.protocol import Refused

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def caller(request: HttpRequest) -> Person:
    """Return who calls; the account that answers for it.

    An API key counts, else the session's cookie, else with DEBUG a program on this machine is one
    shared account. Raises Refused (`not_signed_in`; `forbidden` where the cookie alone is no proof
    that its owner's page calls).
    """
    if key := key_in(request.headers.get("Authorization", "")):
        person = holder(key)
        if person is None:
            raise Refused("not_signed_in", "This API key is not known, or it was revoked.")
        return person
    if person := known_in_session(request):
        _check_own_page(request)
        return person
    if settings.DEBUG and _is_from_here(request):
        return Person.account(User.objects.local())
    raise Refused(
        "not_signed_in",
        "Send an API key (Authorization: Bearer …), or the cookie of a session.",
    )


class _Check(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> NoReturn:
        raise Refused("forbidden", reason)


def _check_own_page(request: HttpRequest) -> None:
    """A browser sends the cookie whoever's page asks: only our own pages may act by it."""
    check = _Check(lambda _: HttpResponse())
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    check.process_view(request, lambda: HttpResponse(), (), {})


def check_no_foreign_page(request: HttpRequest) -> None:
    """Raise Refused (`forbidden`) if a page of another site has its visitor's browser ask.

    For what changes something though it is a GET, as all that an EventSource can send.
    """
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") or (
        "Origin" in request.headers and not _is_of_this_host(request)
    ):
        origin = request.headers.get("Origin")
        if origin not in settings.CORS_ALLOWED_ORIGINS:
            raise Refused("forbidden", "Another site's page may not ask for this.")


def _is_from_here(request: HttpRequest) -> bool:
    """Whether a program on this machine calls itself; no proxy, and no page of another site."""
    if any(header in request.META for header in FORWARDED):
        return False
    try:
        check_no_foreign_page(request)
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except (Refused, ValueError):
        return False


def _is_of_this_host(request: HttpRequest) -> bool:
    return urlsplit(request.headers["Origin"]).netloc == request.get_host()
