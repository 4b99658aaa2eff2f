"""What stands between the server and the pages."""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
)
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.loader import render_to_string

from chat.proxies import PROBES

API = re.compile(settings.API_PATHS)
# Where a GET only reads, and ends.
REST = re.compile("/api/v1/(?!.*/stream$)|(/api)?/history/")

# a status that comes from further below than the API's own doors -> what it says to programs
SAID = {
    400: ("bad_request", "The server cannot take this request."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not know this method."),
    413: ("too_large", "The request is too large."),
    503: ("unavailable", "The server cannot do this right now. Try again."),
}
INTERNAL = ("internal", "Something went wrong here.")

logger = logging.getLogger(__name__)


async def _in_the_loop(self: Any, request: HttpRequest) -> HttpResponseBase:
    """Do what MiddlewareMixin does, but without two visits to a thread, which cost far more."""
    response: Any = self.process_request(request) if hasattr(self, "process_request") else None
    response = response or await self.get_response(request)
    if hasattr(self, "process_response"):
        response = self.process_response(request, response)
    return cast(HttpResponseBase, response)


# These only look at headers, and wait for nothing.
LOOKERS: tuple[Any, ...] = (
    *(SecurityMiddleware, CommonMiddleware, CsrfViewMiddleware, AuthenticationMiddleware),
    XFrameOptionsMiddleware,
)
for each in LOOKERS:
    each.__acall__ = _in_the_loop


class PolicyMiddleware(CSPMiddleware):
    """Says in every answer what the browser may let it do."""

    __acall__ = _in_the_loop

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        abilities = ", ".join(f"{name}=()" for name in settings.UNUSED_ABILITIES)
        response.headers.setdefault("Permissions-Policy", abilities)
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.resolver_match and request.resolver_match.app_name == "admin":
            # The scripts of Django's admin make elements of texts, with jQuery.
            parts.replace = {"require-trusted-types-for": None, "trusted-types": None}
        return parts


class ApiMiddleware:
    """Lets programs read JSON whatever happens to their requests, and how many they have left."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        assert iscoroutinefunction(get_response), "Daphne is asynchronous"
        self._get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not API.match(request.path):
            return await self._get_response(request)
        if request.method == "HEAD" and REST.match(request.path):
            request.method = "GET"  # the server leaves the body out
        response = await self._get_response(request)
        if request.method == "OPTIONS" and response.status_code == 405:
            response = _allowing(response)
        if isinstance(response, HttpResponse) and not _is_read_by_programs(response):
            _say(response, *SAID.get(response.status_code, INTERNAL))
        if response.status_code == 204:  # which has none (RFC 9110, 8.6)
            del response.headers["Content-Type"], response.headers["Content-Length"]
        if allowance := getattr(request, "allowance", None):
            for name, value in allowance.as_headers().items():
                response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class UnavailableMiddleware(SessionMiddleware):
    """Sessions; and where the database does not answer, a page that says so: 503.

    Both in one, as a session is saved after everything else, where no other middleware hears of it.
    """

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        response = await cast(Awaitable[HttpResponse], self.get_response(request))
        if request.session.modified:  # else there is nothing to save
            return await sync_to_async(self.process_response)(request, response)
        return self.process_response(request, response)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except DatabaseError as error:
            return _unavailable(request, error)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return _unavailable(request, error) if isinstance(error, DatabaseError) else None


class NoticesMiddleware(MessageMiddleware):
    """Django's messages for whoever acted; where there are none, no thread is visited for them."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        response = await cast(Awaitable[HttpResponse], self.get_response(request))
        kept = request._messages  # type: ignore[attr-defined]
        if kept.used or kept.added_new:
            return await sync_to_async(self.process_response)(request, response)
        return response


class HostMiddleware(CommonMiddleware):
    """Refuses foreign Host headers; but not of probes, which ask by address."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path in PROBES else super().process_request(request)


def _is_read_by_programs(response: HttpResponse) -> bool:
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return is_json or response.status_code < 400


def _say(response: HttpResponse, code: str, detail: str) -> None:
    response.content = json.dumps({"code": code, "detail": detail}).encode()
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Length"] = str(len(response.content))


def _allowing(response: HttpResponseBase) -> HttpResponse:
    allowed = {*response.headers["Allow"].split(", "), "OPTIONS"}
    return HttpResponse(status=204, headers={"Allow": ", ".join(sorted(allowed))})


def _unavailable(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    logger.error("%s cannot be answered: %s", request.path, error)
    page = render_to_string("503.html")  # without the request: who asks is in the database
    return HttpResponse(page, status=503, headers={"Retry-After": "5"})
