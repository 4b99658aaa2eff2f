"""What stands between the server and the pages."""

import logging

from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.template.loader import render_to_string

PROBES = ("/healthz", "/readyz")

logger = logging.getLogger(__name__)


class UnavailableMiddleware(SessionMiddleware):
    """Sessions; and where the database does not answer, a page that says so: 503.

    Both in one, as a session is saved after everything else, where no other middleware hears of it.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except DatabaseError as error:
            return _unavailable(request, error)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return _unavailable(request, error) if isinstance(error, DatabaseError) else None


class HostMiddleware(CommonMiddleware):
    """Refuses foreign Host headers; but not of probes, which ask by address."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path in PROBES else super().process_request(request)


def _unavailable(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    logger.error("%s cannot be answered: %s", request.path, error)
    page = render_to_string("503.html")  # without the request: who asks is in the database
    return HttpResponse(page, status=503, headers={"Retry-After": "5"})
