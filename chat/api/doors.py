"""How every call of the API is let in, and how it is answered when it is refused."""

import json
import logging
from traceback import format_tb
from typing import Any, NoReturn

from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from pydantic import Field
from redis.exceptions import RedisError

from chat import limits
from chat.callers import caller
from chat.database import in_database
from chat.people import Person
from chat.portable import load
from chat.portable.schema import WORDS
from chat.protocol import Refused
from chat.requests import LARGEST_BODY, STATUSES, answer, body

MOST_TOLD = 5  # of the fields that are wrong
LONGEST_TOLD = 40  # characters of a field's name

# pydantic's names of what is wrong -> what to say
SAID = {
    **WORDS,
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must have at least {min_length} characters",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "int_parsing": "must be a whole number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "uuid_parsing": "must be an id like 40402da3-0705-43d6-9016-1d1ed57bfd52",
}

logger = logging.getLogger(__name__)


class Problem(Schema):
    """Why a call was refused: `code` is for programs, `detail` for people."""

    code: str = Field(examples=["not_found"])
    detail: str = Field(examples=["There is no such conversation."])


class Call(HttpRequest):
    """A request that was let in."""

    auth: Person


async def let_in(request: HttpRequest) -> Person:
    return await in_database(_let_in, request, LARGEST_BODY)


async def let_in_with_file(request: HttpRequest) -> Person:
    return await in_database(_let_in, request, load.LARGEST)


def _let_in(request: HttpRequest, limit: int) -> Person:
    # Read here, with a limit: what comes in chunks has no length that could be looked at before.
    request._body = body(request, limit)
    person = caller(request)
    if allowance := limits.count_request(person):
        request.allowance = allowance  # type: ignore[attr-defined]  # told in the answer's headers
        allowance.check()
    return person


class Unreadable(Refused):
    """What is wrong with a body before anybody looks at its fields."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_request", detail)


class Strict(Parser):
    """JSON, called so; what is wrong with it is told with its line and column."""

    def parse_body(self, request: HttpRequest) -> Any:
        check_json(request)
        try:
            return json.loads(request.body, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise Unreadable(f"This is not JSON: {error.msg} ({where}).") from None
        except UnicodeDecodeError as error:
            raise Unreadable(f"This is not UTF-8: byte {error.start}.") from None
        except RecursionError:
            raise Unreadable("There is too much in each other in this JSON.") from None
        except ValueError:
            raise Unreadable("A number in this JSON has too many digits.") from None


def check_json(request: HttpRequest) -> None:
    """Raise Refused if what the request brings is called anything but JSON."""
    if request.content_type != "application/json":
        raise Unreadable("Send JSON, with the header Content-Type: application/json.")


def _no_constant(name: str) -> NoReturn:
    raise Unreadable(f"This is not JSON: {name} is none of its numbers.")


def open_for(api: NinjaAPI) -> None:
    """Let `api` read strictly, and answer what is refused in the one form of the contract."""
    api.parser = Strict()

    @api.exception_handler(Refused)
    def refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
        if refused.code == "bad_request":  # the verbs' word for a field that is wrong
            refused = Refused("unprocessable", refused.detail, **refused.more)
        return _answer(refused)

    @api.exception_handler(Unreadable)
    def refuse_body(request: HttpRequest, unreadable: Unreadable) -> HttpResponse:
        return _answer(unreadable)

    @api.exception_handler(ValidationError)
    def refuse_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return _answer(Refused("unprocessable", "; ".join(map(_said, error.errors[:MOST_TOLD]))))

    @api.exception_handler(HttpError)
    def refuse_parsed(request: HttpRequest, error: HttpError) -> HttpResponse:
        cause = error.__cause__  # ninja makes one error of all that a parser raises
        return _answer(cause if isinstance(cause, Refused) else Unreadable(str(error)))

    @api.exception_handler(SuspiciousOperation)
    @api.exception_handler(MultiPartParserError)
    def refuse_form(request: HttpRequest, error: Exception) -> HttpResponse:
        return _answer(Unreadable("This is no form that could be read. Send JSON."))

    @api.exception_handler(Http404)
    def refuse_path(request: HttpRequest, error: Http404) -> HttpResponse:
        return _answer(Refused("not_found", "There is nothing at this address."))

    @api.exception_handler(DatabaseError)
    @api.exception_handler(RedisError)
    def be_unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
        logger.error("%s cannot be answered: %s", request.path, error)
        detail = "The server cannot do this right now. Try again."
        return _answer(Refused("unavailable", detail, retry_after=2))

    @api.exception_handler(Exception)
    def fail(request: HttpRequest, error: Exception) -> HttpResponse:
        # Without what the error says: it may quote what somebody wrote.
        where = "".join(format_tb(error.__traceback__))
        logger.error("%s failed: %s\n%s", request.path, type(error).__name__, where)
        return _answer(Refused("internal", "Something went wrong here."))


def _answer(refused: Refused) -> HttpResponse:
    response = answer(refused, plain=True)
    if STATUSES[refused.code] == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _said(error: dict[str, Any]) -> str:
    """Return where a call is wrong, and what is wrong there."""
    source, *steps = error["loc"]
    where = ".".join(str(step)[:LONGEST_TOLD] for step in steps if step != "given")
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return f"{where or source}: {context['error']}"
    words = SAID.get(error["type"])
    return f"{where or source}: {words.format(**context) if words else error['msg']}"
