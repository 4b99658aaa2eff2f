"""How every call of the API is let in, and how it is answered when it is refused."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from chat.callers import caller
from chat.database import in_database
from chat.people import Person
from chat.protocol import Refused
from chat.requests import answer


class Problem(Schema):
    """Why a call was refused: `code` is for programs, `detail` for people."""

    code: str
    detail: str


PROBLEMS = {(401, 403, 404, 422, 429, 503): Problem}


class Call(HttpRequest):
    """A request that was let in."""

    auth: Person


async def let_in(request: HttpRequest) -> Person:
    return await in_database(caller, request)


def open_for(api: NinjaAPI) -> None:
    """Let `api` answer what is refused in the one form of the contract."""

    @api.exception_handler(Refused)
    def refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
        return answer(refused)

    @api.exception_handler(ValidationError)
    def refuse_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return answer(Refused("unprocessable", "; ".join(map(_said, error.errors))))

    @api.exception_handler(HttpError)
    def refuse_body(request: HttpRequest, error: HttpError) -> HttpResponse:
        return answer(Refused("bad_request", str(error)))


def _said(error: dict[str, Any]) -> str:
    where = ".".join(str(step) for step in error["loc"][1:] if step != "payload")
    return f"{where or error['loc'][0]}: {error['msg']}"
