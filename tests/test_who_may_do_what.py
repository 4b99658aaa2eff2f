"""Everybody at every act: what is written in these tables is all that anybody may.

Each pair of a role and an act has a conversation of its own, in which one question was asked (by
that somebody, or by zoe, a member) and answered. The columns are those of ROLES; `no` is the error
`forbidden`, `shut` is `conflict`, a number what the connection is closed with.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client, Frame
from tests.server import Server, running

ROLES = (
    "anonymous",  # neither a session nor a key
    "guest",  # with a seat
    "stranger",  # a guest without one
    "watcher",  # a guest with a link to watch
    "member",
    "moderator",
    "owner",
    "removed",  # an account that had a seat
    "banned",
    "staff",  # without a seat
)

# In a room that is not listed.
DEN = """
connect         4401  ok    4404  ok    ok    ok    ok    4404  4403  ok
send            4401  ok    4404  no    ok    ok    ok    4404  4403  ok
typing          4401  ok    4404  ok    ok    ok    ok    4404  4403  ok
earlier         4401  ok    4404  ok    ok    ok    ok    4404  4403  ok
sync            4401  ok    4404  ok    ok    ok    ok    4404  4403  ok
thoughts        4401  ok    4404  ok    ok    ok    ok    4404  4403  ok
list            4401  ok    4404  ok    ok    ok    ok    4404  4403  ok
edit-own        4401  ok    4404  no    ok    ok    ok    4404  4403  ok
edit-zoes       4401  no    4404  no    no    no    no    4404  4403  no
delete-own      4401  ok    4404  no    ok    ok    ok    4404  4403  ok
delete-zoes     4401  no    4404  no    no    ok    ok    4404  4403  ok
delete-reply    4401  no    4404  no    no    ok    ok    4404  4403  ok
version-own     4401  ok    4404  no    ok    ok    ok    4404  4403  ok
version-zoes    4401  no    4404  no    no    ok    ok    4404  4403  ok
stop-own        4401  ok    4404  no    ok    ok    ok    4404  4403  ok
stop-zoes       4401  no    4404  no    no    ok    ok    4404  4403  ok
retry-own       4401  ok    4404  no    ok    ok    ok    4404  4403  ok
retry-zoes      4401  no    4404  no    no    ok    ok    4404  4403  ok
regenerate-own  4401  ok    4404  no    ok    ok    ok    4404  4403  ok
regenerate-zoes 4401  no    4404  no    no    ok    ok    4404  4403  ok
continue-own    4401  ok    4404  no    ok    ok    ok    4404  4403  ok
continue-zoes   4401  no    4404  no    no    ok    ok    4404  4403  ok
"""
# In a listed room anyone may write who is not banned.
HALL = """
connect         4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
send            4401  ok    ok    no    ok    ok    ok    ok    4403  ok
typing          4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
earlier         4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
sync            4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
thoughts        4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
list            4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
edit-own        4401  ok    ok    no    ok    ok    ok    ok    4403  ok
edit-zoes       4401  no    no    no    no    no    no    no    4403  no
delete-own      4401  ok    ok    no    ok    ok    ok    ok    4403  ok
delete-zoes     4401  no    no    no    no    ok    ok    no    4403  ok
delete-reply    4401  no    no    no    no    ok    ok    no    4403  ok
version-own     4401  ok    ok    no    ok    ok    ok    ok    4403  ok
version-zoes    4401  no    no    no    no    ok    ok    no    4403  ok
stop-own        4401  ok    ok    no    ok    ok    ok    ok    4403  ok
stop-zoes       4401  no    no    no    no    ok    ok    no    4403  ok
retry-own       4401  ok    ok    no    ok    ok    ok    ok    4403  ok
retry-zoes      4401  no    no    no    no    ok    ok    no    4403  ok
regenerate-own  4401  ok    ok    no    ok    ok    ok    ok    4403  ok
regenerate-zoes 4401  no    no    no    no    ok    ok    no    4403  ok
continue-own    4401  ok    ok    no    ok    ok    ok    ok    4403  ok
continue-zoes   4401  no    no    no    no    ok    ok    no    4403  ok
"""
# In a closed room everybody reads, and the moderators put in order what is there.
CLOSED = """
connect         4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
send            4401  shut  shut  no    shut  shut  shut  shut  4403  shut
typing          4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
earlier         4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
sync            4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
thoughts        4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
list            4401  ok    ok    ok    ok    ok    ok    ok    4403  ok
edit-own        4401  shut  shut  no    shut  shut  shut  shut  4403  shut
edit-zoes       4401  shut  shut  no    shut  shut  shut  shut  4403  shut
delete-own      4401  ok    ok    no    ok    ok    ok    ok    4403  ok
delete-zoes     4401  no    no    no    no    ok    ok    no    4403  ok
delete-reply    4401  no    no    no    no    ok    ok    no    4403  ok
version-own     4401  shut  shut  no    shut  shut  shut  shut  4403  shut
version-zoes    4401  shut  shut  no    shut  shut  shut  shut  4403  shut
stop-own        4401  ok    ok    no    ok    ok    ok    ok    4403  ok
stop-zoes       4401  no    no    no    no    ok    ok    no    4403  ok
retry-own       4401  shut  shut  no    shut  shut  shut  shut  4403  shut
retry-zoes      4401  shut  shut  no    shut  shut  shut  shut  4403  shut
regenerate-own  4401  shut  shut  no    shut  shut  shut  shut  4403  shut
regenerate-zoes 4401  shut  shut  no    shut  shut  shut  shut  4403  shut
continue-own    4401  shut  shut  no    shut  shut  shut  shut  4403  shut
continue-zoes   4401  shut  shut  no    shut  shut  shut  shut  4403  shut
"""
# In a private conversation that is shared there are no moderators, and nobody is banned; who has
# such a seat all the same is as good as a member, or as nobody. Staff are nobody there.
TALK = """
connect         4401  ok    4404  ok    ok    ok    ok    4404  4403  4404
send            4401  ok    4404  no    ok    ok    ok    4404  4403  4404
typing          4401  ok    4404  ok    ok    ok    ok    4404  4403  4404
earlier         4401  ok    4404  ok    ok    ok    ok    4404  4403  4404
sync            4401  ok    4404  ok    ok    ok    ok    4404  4403  4404
thoughts        4401  ok    4404  ok    ok    ok    ok    4404  4403  4404
list            4401  ok    4404  ok    ok    ok    ok    4404  4403  4404
edit-own        4401  ok    4404  no    ok    ok    ok    4404  4403  4404
edit-zoes       4401  no    4404  no    no    no    no    4404  4403  4404
delete-own      4401  ok    4404  no    ok    ok    ok    4404  4403  4404
delete-zoes     4401  no    4404  no    no    no    no    4404  4403  4404
delete-reply    4401  no    4404  no    no    no    no    4404  4403  4404
version-own     4401  ok    4404  no    ok    ok    ok    4404  4403  4404
version-zoes    4401  no    4404  no    no    ok    ok    4404  4403  4404
stop-own        4401  ok    4404  no    ok    ok    ok    4404  4403  4404
stop-zoes       4401  no    4404  no    no    ok    ok    4404  4403  4404
retry-own       4401  ok    4404  no    ok    ok    ok    4404  4403  4404
retry-zoes      4401  no    4404  no    no    ok    ok    4404  4403  4404
regenerate-own  4401  ok    4404  no    ok    ok    ok    4404  4403  4404
regenerate-zoes 4401  no    4404  no    no    ok    ok    4404  4403  4404
continue-own    4401  ok    4404  no    ok    ok    ok    4404  4403  4404
continue-zoes   4401  no    4404  no    no    ok    ok    4404  4403  4404
"""

# act -> what is sent (about the question, or the reply), and the frame that shows it is done
ACTS: dict[str, tuple[Callable[[int, int], Frame], str]] = {
    "send": (lambda q, r: {"type": "message.send", "text": "Hello.", "key": "k"}, "message"),
    "typing": (lambda q, r: {"type": "typing"}, "pong"),
    "earlier": (lambda q, r: {"type": "earlier", "before": r}, "earlier"),
    "sync": (lambda q, r: {"type": "sync", "reply": r, "at": 0}, "reply.text"),
    "thoughts": (lambda q, r: {"type": "reply.thoughts", "reply": r}, "reply.thoughts"),
    "list": (lambda q, r: {"type": "conversations"}, "conversations"),
    "edit": (
        lambda q, r: {"type": "message.edit", "message": q, "text": "New."},
        "message.changed",
    ),
    "delete": (lambda q, r: {"type": "message.remove", "message": q}, "message.removed"),
    "delete-reply": (lambda q, r: {"type": "message.remove", "message": r}, "message.removed"),
    "version": (lambda q, r: {"type": "message.version", "message": r, "version": 1}, "ready"),
    "stop": (lambda q, r: {"type": "reply.stop", "reply": r}, "reply.end"),
    "retry": (lambda q, r: {"type": "reply.retry", "reply": r}, "message.changed"),
    "regenerate": (lambda q, r: {"type": "reply.regenerate", "reply": r}, "message.changed"),
    "continue": (lambda q, r: {"type": "reply.continue", "reply": r}, "message.changed"),
}

KINDS = {"den": DEN, "hall": HALL, "closed": CLOSED, "talk": TALK}
TABLES = {
    kind: {line.split()[0]: tuple(line.split()[1:]) for line in table.strip().splitlines()}
    for kind, table in KINDS.items()
}

SET_UP = Path(__file__).with_name("roles.py").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("roles"), GUEST_MESSAGES_PER_MINUTE="10000") as it:
        yield it


@pytest.fixture(scope="module")
def places(server: Server) -> dict[str, Any]:
    """Who they are, and where each pair of a role and an act has its conversation."""
    acts = {kind: list(table) for kind, table in TABLES.items()}
    given = {"ROLES": ROLES, "ACTS": acts}
    lines = [f"{name} = {value!r}" for name, value in given.items()]
    printed = server.manage("shell", "-c", "\n".join([*lines, SET_UP]))
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def test_no_pair_is_left_out() -> None:
    first, *others = TABLES.values()
    assert all(table.keys() == first.keys() for table in others)
    assert all(len(row) == len(ROLES) for table in TABLES.values() for row in table.values())


@pytest.mark.parametrize("act", TABLES["den"])
@pytest.mark.parametrize("kind", TABLES)
async def test_at_the_socket(server: Server, places: dict[str, Any], kind: str, act: str) -> None:
    answers = await asyncio.gather(*(_try(server, places, kind, act, role) for role in ROLES))
    assert dict(zip(ROLES, answers, strict=True)) == dict(
        zip(ROLES, TABLES[kind][act], strict=True)
    )


async def _try(server: Server, places: dict[str, Any], kind: str, act: str, role: str) -> str:
    """Return how the act of that role is answered: `ok`, an error's code, or a close code."""
    place = places["places"][f"{kind} {act} {role}"]
    async with _arriving(server, places["cookies"].get(role), place["path"]) as client:
        if not client.ready:
            return str(await client.closed())
        if act == "connect":
            return "ok"
        makes, sign = ACTS.get(act) or ACTS[act.split("-")[0]]
        before = len(client.frames)
        await client.send(**makes(place["question"], place["reply"]))
        await client.send("ping")
        return await _answer(client, before, sign, place["reply"])


async def _answer(client: Client, before: int, sign: str, reply: int) -> str:
    def is_answer(frame: Frame) -> bool:
        is_new = client.frames.index(frame) >= before
        return is_new and frame["type"] in (sign, "error")

    found = await client.until(is_answer)
    assert found is not None
    if found["type"] == sign:
        return "ok"
    return {"forbidden": "no", "conflict": "shut"}.get(found["code"], found["code"])


@asynccontextmanager
async def _arriving(server: Server, cookie: str | None, path: str) -> AsyncIterator[Client]:
    headers = {"origin": server.url, "cookie": cookie} if cookie else {}
    async with Client(server.url, path, **headers) as client:
        yield client
