"""What a page asks for beside its socket: who asks, what they give, how they are answered."""

import json
import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.cache import never_cache

from chat.database import in_database
from chat.people import in_session
from chat.protocol import Refused, bad_request

LARGEST_BODY = 512 * 1024  # bytes: the longest message, even if JSON escapes each character of it

# why a request is refused -> the status that says so
STATUSES = {
    "bad_request": 400,
    "not_signed_in": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "unprocessable": 422,
    "rate_limited": 429,
    "internal": 500,
    "unavailable": 503,
}

View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]

logger = logging.getLogger(__name__)


def door(view: View) -> View:
    """Let `view(request, person, **path)` be asked; where it raises Refused, that is the answer."""

    @never_cache
    @wraps(view)
    async def opened(request: HttpRequest, **path: Any) -> HttpResponseBase:
        try:
            return await view(request, await in_database(in_session, request), **path)
        except Refused as refused:
            return answer(refused)
        except DatabaseError as error:
            logger.error("%s cannot be answered: %s", request.path, error)
            return answer(Refused("unavailable", "The server cannot do this right now. Try again."))

    return opened


def answer(refused: Refused, *, plain: bool = False) -> HttpResponse:
    """Return the answer that says why a request was refused; if `plain`, and nothing beside."""
    # A text that was given may be quoted in it, whatever is in that.
    detail = refused.detail.encode(errors="replace").decode()
    response = JsonResponse(
        {"code": refused.code, "detail": detail, **({} if plain else refused.more)},
        status=STATUSES[refused.code],
    )
    if "retry_after" in refused.more:
        response["Retry-After"] = str(int(refused.more["retry_after"]) + 1)
    return response


def body(request: HttpRequest, limit: int) -> bytes:
    """Return what `request` brings. Raises Refused (`too_large`) for more than `limit` bytes."""
    try:
        data = request.read(limit + 1)
    except (RawPostDataException, UnreadablePostError):
        raise bad_request("it did not arrive as a whole") from None
    if len(data) > limit:
        raise Refused("too_large", f"At most {limit // 1024:,} KiB can be sent.")
    return data


def fields(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that `request` brings. Raises Refused if it brings none."""
    try:
        found = json.loads(body(request, LARGEST_BODY))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise bad_request("the body must be one JSON object")
    return found
