"""Everybody at every call: what is written in these tables is all that anybody may.

Each call is about things of its own, made for whoever calls. The columns are those of CALLERS; a
number is the status of the answer.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chat.api.v1 import api
from tests.api import Program
from tests.server import Server, running

CALLERS = (
    "owner",
    "member",
    "moderator",
    "other",  # an account that has no seat
    "banned",
    "revoked",  # a key that is no good any more
    "nobody",  # without a key
)

# What is about a private conversation: in it there are no members but the owner.
PRIVATE = """
GET    /conversations/{talk}                 200 404 404 404 404 401 401
PATCH  /conversations/{talk}                 200 404 404 404 404 401 401
GET    /conversations/{talk}/export          200 404 404 404 404 401 401
GET    /conversations/{talk}/messages        200 404 404 404 404 401 401
POST   /conversations/{talk}/messages        201 404 404 404 404 401 401
GET    /messages/{message}                   200 404 404 404 404 401 401
PATCH  /messages/{message}                   200 404 404 404 404 401 401
POST   /messages/{reply}/version             200 404 404 404 404 401 401
GET    /replies/{reply}                      200 404 404 404 404 401 401
POST   /replies/{reply}/stop                 409 404 404 404 404 401 401
POST   /replies/{reply}/retry                409 404 404 404 404 401 401
POST   /replies/{reply}/continue             409 404 404 404 404 401 401
POST   /replies/{reply}/regenerate           202 404 404 404 404 401 401
DELETE /messages/{message}                   204 404 404 404 404 401 401
DELETE /conversations/{talk}                 204 404 404 404 404 401 401
POST   /conversations/{talk}/restore         200 404 404 404 404 401 401
"""
# What is about a room that is not listed; the message there is the owner's.
ROOM = """
GET    /rooms/{room}                         200 200 200 404 403 401 401
GET    /conversations/{den}                  200 200 200 404 403 401 401
PATCH  /conversations/{den}                  404 404 404 404 404 401 401
DELETE /conversations/{den}                  404 404 404 404 404 401 401
GET    /conversations/{den}/export           404 404 404 404 404 401 401
GET    /conversations/{den}/messages         200 200 200 404 403 401 401
POST   /conversations/{den}/messages         201 201 201 404 403 401 401
GET    /messages/{said}                      200 200 200 404 403 401 401
PATCH  /messages/{said}                      200 403 403 404 403 401 401
GET    /rooms/{room}/members                 200 403 200 404 403 401 401
PATCH  /rooms/{room}                         200 403 200 404 403 401 401
PATCH  /rooms/{room}/members/{zoe}           200 403 403 404 403 401 401
POST   /rooms/{room}/join                    200 200 200 404 403 401 401
DELETE /rooms/{room}/members/{zoe}           204 403 204 404 403 401 401
DELETE /messages/{said}                      204 403 204 404 403 401 401
POST   /rooms/{room}/leave                   204 204 204 404 403 401 401
"""
# What is about nothing in particular: every account may, and sees its own. (The owner has so many
# rooms from what is above that nobody may have more.)
ANYTHING = """
GET    /assistants                           200 200 200 200 200 401 401
GET    /conversations                        200 200 200 200 200 401 401
POST   /conversations                        201 201 201 201 201 401 401
GET    /conversations/search?q=well          200 200 200 200 200 401 401
POST   /conversations/import                 201 201 201 201 201 401 401
GET    /rooms                                200 200 200 200 200 401 401
POST   /rooms                                409 201 201 201 201 401 401
"""
GIVEN: dict[str, Any] = {
    "PATCH /conversations/{talk}": {"title": "New"},
    "PATCH /conversations/{den}": {"title": "New"},
    "POST /conversations/{talk}/messages": {"text": "Hi."},
    "POST /conversations/{den}/messages": {"text": "Hi."},
    "PATCH /messages/{message}": {"text": "New."},
    "PATCH /messages/{said}": {"text": "New."},
    "POST /messages/{reply}/version": {"version": 1},
    "PATCH /rooms/{room}": {"title": "New"},
    "PATCH /rooms/{room}/members/{zoe}": {"role": "moderator"},
    "POST /conversations": {},
    "POST /conversations/import": {
        "format": "streaming-chat",
        "version": 1,
        "messages": [{"text": "Hi.", "created": "2026-01-01T00:00:00Z", "author": "me"}],
    },
    "POST /rooms": {"title": "Another"},
}
SET_UP = """
from chat.models import ApiKey, Assistant, Conversation, Membership, User
from django.utils import timezone
from django.db import transaction
import json
people = {who: User.objects.create_user(who) for who in (*%r, "zoe")}
del people["nobody"]
keys = {who: ApiKey.issue(user) for who, user in people.items()}
ApiKey.objects.filter(user__username="revoked").delete()
assistant = Assistant.objects.get(slug="assistant")
there = {}

def make(number):
    talk = Conversation.objects.create(owner=people["owner"], written=timezone.now())
    message = talk.messages.create(person=people["owner"], text="Well?")
    reply = talk.messages.create(assistant=assistant, reply_to=message, text="Yes.")
    den = Conversation.objects.create(kind="room", title="Den", slug=f"den-{number}", listed=False)
    for who in ("owner", "member", "moderator", "banned", "zoe"):
        Membership.objects.create(
            conversation=den, person=people[who], role="member" if who == "zoe" else who
        )
    said = den.messages.create(person=people["owner"], text="Hello, all.")
    there[number] = {"talk": str(talk.pk), "message": message.pk, "reply": reply.pk}
    there[number] |= {"den": str(den.pk), "room": den.slug, "said": said.pk}
    there[number]["zoe"] = str(people["zoe"].pk)

with transaction.atomic():
    for number in range(%d):
        make(number)
print(json.dumps({"keys": keys, "there": there}))
"""


ROWS = [line.split() for line in (PRIVATE + ROOM + ANYTHING).strip().splitlines() if line]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("rights"), API_REQUESTS_PER_MINUTE="0") as it:
        it.manage("reply", "answer", "--text", "!", "--speed", "0", "--priority", "10000")
        yield it


@pytest.fixture(scope="module")
def places(server: Server) -> dict[str, Any]:
    """The keys of all, and what there is for each pair of a call and a caller."""
    made = server.manage("shell", "-c", SET_UP % (CALLERS, len(ROWS) * len(CALLERS)))
    found: dict[str, Any] = json.loads(made.splitlines()[-1])
    return found


def test_no_call_is_left_out() -> None:
    described = {
        f"{method.upper()} {path}"
        for path, methods in api.get_openapi_schema(path_prefix="")["paths"].items()
        for method in methods
        if not path.endswith("/stream")
    }
    assert {re.sub("{.*?}", "{}", call) for call in described} == {
        re.sub("{.*?}", "{}", f"{method} {path.partition('?')[0]}") for method, path, *_ in ROWS
    }
    assert all(len(statuses) == len(CALLERS) for _, _, *statuses in ROWS)


@pytest.mark.parametrize("row", range(len(ROWS)), ids=lambda row: " ".join(ROWS[row][:2]))
def test_who_may_do_what(row: int, server: Server, places: dict[str, Any]) -> None:
    method, path, *statuses = ROWS[row]
    given = GIVEN.get(f"{method} {path}")
    found = []
    for column, caller in enumerate(CALLERS):
        program = Program(server.url, places["keys"].get(caller, ""))
        there = places["there"][str(row * len(CALLERS) + column)]
        found.append(str(program.ask(method, path.format(**there), given).status))
    assert found == statuses
