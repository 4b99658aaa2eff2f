"""Whatever the API's own description allows, and whatever it does not, it answers as it says.

schemathesis makes calls of the description, good and bad ones, and holds every answer against it.
To try longer, with another seed each time: `EXAMPLES=1000 tests/run tests/test_api_schema.py`.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from chat.api.fields import to_cursor
from chat.api.v1 import api
from tests.api import Program
from tests.server import running

EXAMPLES = int(os.environ.get("EXAMPLES", "5"))


# What a pattern alone cannot say, or from which it takes long to make texts.
written = st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=20).map("x{}".format)
for name in ("message", "title"):
    schemathesis.openapi.format(name, written)
schemathesis.openapi.format("cursor", st.integers(1, 2**63 - 1).map(to_cursor))
schemathesis.openapi.format("assistant", st.just("assistant"))

schema = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))
for name in ("NewMessage", "NewText"):  # it takes long to make what is so long of their pattern
    text = schema.raw_schema["components"]["schemas"][name]["properties"]["text"]
    text["format"] = "message"
    del text["pattern"]
if "EXAMPLES" not in os.environ:
    schema.config.seed = 1


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Program]]:
    """One of alice and one of bob."""
    with running(tmp_path_factory.mktemp("schema"), API_REQUESTS_PER_MINUTE="0") as server:
        server.manage("reply", "answer", "--text", "!", "--speed", "0")
        yield (
            Program(server.url, server.account("alice")),
            Program(server.url, server.account("bob")),
        )
        assert "Traceback" not in server.log.read_text()
        assert " ERROR " not in server.log.read_text()


@pytest.fixture
def there(programs: tuple[Program, Program]) -> dict[str, dict[str, Any]]:
    """What there is to call for, by the noun that stands before its name in a path."""
    alice, bob = programs
    conversation = alice.do("POST", "/conversations", {})["id"]
    posted = alice.do("POST", f"/conversations/{conversation}/messages", {"text": "Hi."})
    room = alice.do("POST", "/rooms", {"title": "Typewriters"})["slug"]
    bob.do("POST", f"/rooms/{room}/join")
    members = alice.get(f"/rooms/{room}/members")["items"]
    return {
        "conversations": {"id": conversation},
        "messages": {"id": posted["message"]["id"]},
        "replies": {"id": posted["reply"]["id"]},
        "rooms": {"slug": room, "person": members[1]["id"]},
    }


def cannot_be_known(case: Any, response: Any) -> bool:
    """Whether what is refused obeys the description, which cannot tell all.

    Only a list knows where its cursors lead, only a reply how long it is, and only who reads a file
    whether its parts agree. How
    many bytes a body may have is said of no field: these are counted in characters.
    """
    if response.status_code == 413:
        return True
    if case.operation.path.endswith("/import"):
        return True
    refused = response.json()["detail"] if response.status_code == 422 else ""
    return "cursor: leads" in refused or "is past the end" in refused


@pytest.mark.parametrize(
    "label",
    [
        f"{method.upper()} {path}"
        for path, methods in schema.raw_schema["paths"].items()
        for method in methods
    ],
)
def test_every_call(
    label: str, programs: tuple[Program, Program], there: dict[str, dict[str, Any]]
) -> None:
    alice, key = programs[0], {"Authorization": f"Bearer {programs[0].key}"}

    def call(case: Any) -> None:
        if case.path_parameters and case.meta.generation.mode.is_positive:
            noun = case.operation.path.split("/")[3]
            case.path_parameters = {name: there[noun][name] for name in case.path_parameters}
        response = case.call(base_url=alice.url, headers=key)
        about_data = [positive_data_acceptance, negative_data_rejection]
        excluded = about_data if cannot_be_known(case, response) else []
        case.validate_response(response, excluded_checks=excluded, headers=key)

    method, path = label.split()
    built(schema[path][method], call)()


def built(operation: Any, call: Callable[[Any], None]) -> Callable[[], None]:
    """Return the test of one operation.

    What `schema.parametrize()` makes of all of them at once takes seconds, and is made anew by
    each worker of pytest-xdist.
    """
    return build_operation_test(
        config=schema.config,
        operation=operation,
        test_func=call,
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck)),
    )
