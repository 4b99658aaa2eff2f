"""What the API says of itself: beside each call's own, what is true of all of them."""

from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from chat.api.doors import Problem
from chat.portable.schema import Document
from chat.requests import STATUSES

READING = (400, 401, 403, 404, 422, 429, 500, 503)
WRITING = (*READING, 409, 413)
CODES = {status: code for code, status in STATUSES.items()}

# What each refusal may look like: something that is really said.
SAID = {
    400: "This is not JSON: Expecting value (line 1, column 11).",
    401: "This API key is not known, or it was revoked.",
    403: "You cannot come into this room any more.",
    404: "There is no such conversation.",
    409: "This reply has ended already.",
    413: "At most 512 KiB can be sent.",
    422: "text: is missing",
    429: "Too many requests.",
    500: "Something went wrong here.",
    503: "The server cannot do this right now. Try again.",
}

SECURITY = {
    "ApiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of an account: `Authorization: Bearer sc_…`.",
    },
    "Session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The session of somebody's browser. What changes something needs the header"
        " `X-CSRFToken` too.",
    },
}
ALLOWANCE = {
    "RateLimit-Limit": "Requests that the account may make in a minute.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "In how many seconds there are as many as ever.",
}


# What conversations are exported and imported as; under names of its own, as it is not all that has
# messages.
_FILE = Document.model_json_schema(ref_template="#/components/schemas/File{model}")
FILE_PARTS = {f"File{name}": part for name, part in _FILE.pop("$defs").items()}
FILE = {"schema": {"$ref": "#/components/schemas/File"}}


class Api(NinjaAPI):
    """A NinjaAPI whose document names the ways to sign in, all refusals, and the rate limit."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        module = operation.view_func.__module__.rpartition(".")[2]
        return f"{module}_{operation.view_func.__name__}"

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**where)
        parts = document["components"]
        parts["securitySchemes"] = SECURITY
        parts["schemas"] |= {"Problem": Problem.json_schema(), "File": _FILE, **FILE_PARTS}
        parts["headers"] = {name: _header(said) for name, said in ALLOWANCE.items()}
        parts["responses"] = {_name(status): _refusal(status) for status in WRITING}
        document["security"] = [{name: []} for name in SECURITY]
        for operations in document["paths"].values():
            for method, operation in operations.items():
                _complete(operation, READING if method == "get" else WRITING)
        return document


def _complete(operation: dict[str, Any], refusals: tuple[int, ...]) -> None:
    for parameter in operation["parameters"]:
        _leave_out_null(parameter)
        parameter.pop("examples", None)  # a list of a schema's, of which ninja makes a parameter's
    answers = operation["responses"]
    for answer in answers.values():
        answer.setdefault("headers", {}).update(_told(ALLOWANCE))
    for status in refusals:
        answers.setdefault(status, {"$ref": f"#/components/responses/{_name(status)}"})


def _leave_out_null(parameter: dict[str, Any]) -> None:
    """What is optional in an address may not be there; but it has no way to be null."""
    schema = parameter["schema"]
    if "anyOf" in schema:
        kinds = [kind for kind in schema.pop("anyOf") if kind != {"type": "null"}]
        schema |= kinds[0]
        parameter.setdefault("description", schema.get("description", ""))


def _refusal(status: int) -> dict[str, Any]:
    problem = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": {"code": CODES[status], "detail": SAID[status]},
    }
    more = {"Retry-After": _header("Try again after so many seconds.")}
    return {
        "description": f"{HTTPStatus(status).phrase}: `{CODES[status]}`",
        "content": {"application/json": problem},
        "headers": _told(ALLOWANCE) | (more if status in (429, 503) else {}),
    }


def _told(headers: dict[str, str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer", "minimum": 0}}


def _name(status: int) -> str:
    return "".join(word.title() for word in CODES[status].split("_"))
