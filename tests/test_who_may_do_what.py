"""Everybody at every act: what is written in these tables is all that anybody may.

Each pair of a role and an act has a question of its own, asked by that somebody or by zoe (a
member), and answered; where acts are in each other's way, a conversation of its own. The columns
are those of ROLES. `no` is the error `forbidden`, `shut` is `conflict`, and a number is what the
connection is closed with.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client, Frame
from tests.doors import ask, fill_in
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

# What pages and scripts ask for. `done` is what changed something, as it should, `seen` what was
# shown; a number is the status where nothing changed, 302 where one was only led to another page.
DEN_PAGES = """
page        404  seen 404  404  seen seen seen 404  403  seen
about       404  seen 404  404  seen seen seen 404  403  seen
change      404  403  404  404  403  done done 404  403  done
close       404  403  404  404  403  done done 404  403  done
remove-zoe  404  403  404  404  403  done done 404  403  done
ban-zoe     404  403  404  404  403  done done 404  403  done
appoint-zoe 404  403  404  404  403  302  done 404  403  302
make-link   404  403  404  404  403  done done 404  403  done
revoke-link 404  403  404  404  403  done done 404  403  done
links       404  403  404  404  403  seen seen 404  403  seen
share       404  403  404  404  403  done done 404  403  done
unshare     404  403  404  404  403  done done 404  403  done
leave       302  done 302  302  done done done 302  403  302
join        done 302  done done 302  302  302  done 403  done
invited     seen 302  seen seen 302  302  302  seen 403  seen
watch       seen seen seen seen seen seen seen seen seen seen
rename      404  404  404  404  404  404  404  404  404  404
delete      404  404  404  404  404  404  404  404  404  404
export      404  404  404  404  404  404  404  404  404  404
to-markdown 404  404  404  404  404  404  404  404  404  404
"""
HALL_PAGES = """
page        seen seen seen seen seen seen seen seen 403  seen
about       seen seen seen seen seen seen seen seen 403  seen
change      403  403  403  403  403  done done 403  403  done
close       403  403  403  403  403  done done 403  403  done
remove-zoe  403  403  403  403  403  done done 403  403  done
ban-zoe     403  403  403  403  403  done done 403  403  done
appoint-zoe 403  403  403  403  403  302  done 403  403  302
make-link   403  403  403  403  403  done done 403  403  done
revoke-link 403  403  403  403  403  done done 403  403  done
links       403  403  403  403  403  seen seen 403  403  seen
share       403  403  403  403  403  done done 403  403  done
unshare     403  403  403  403  403  done done 403  403  done
leave       302  done 302  302  done done done 302  403  302
join        done 302  done done 302  302  302  done 403  done
invited     seen 302  seen seen 302  302  302  seen 403  seen
watch       seen seen seen seen seen seen seen seen seen seen
rename      404  404  404  404  404  404  404  404  404  404
delete      404  404  404  404  404  404  404  404  404  404
export      404  404  404  404  404  404  404  404  404  404
to-markdown 404  404  404  404  404  404  404  404  404  404
"""
TALK_PAGES = """
page        404  seen 404  404  seen seen seen 404  403  404
links       404  403  404  404  403  seen seen 404  403  404
share       404  403  404  404  403  done done 404  403  404
unshare     404  403  404  404  403  done done 404  403  404
leave       302  done 302  302  done done 302  302  403  302
join        done 302  done done 302  302  302  done 403  done
invited     seen 302  seen seen 302  302  302  seen 403  seen
watch       seen seen seen seen seen seen seen seen seen seen
send-away   404  403  404  404  403  done done 404  403  404
rename      404  404  404  404  404  404  done 404  404  404
pin         404  404  404  404  404  404  done 404  404  404
archive     404  404  404  404  404  404  done 404  404  404
delete      404  404  404  404  404  404  done 404  404  404
restore     404  404  404  404  404  404  200  404  404  404
export      404  404  404  404  404  404  seen 404  404  404
to-markdown 404  404  404  404  404  404  seen 404  404  404
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
PAGES = {"den": DEN_PAGES, "hall": HALL_PAGES, "talk": TALK_PAGES}


def rows(tables: dict[str, str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return, by kind and act, the answers to ROLES."""
    return {
        kind: {line.split()[0]: tuple(line.split()[1:]) for line in table.strip().splitlines()}
        for kind, table in tables.items()
    }


SOCKETS, REQUESTS = rows(KINDS), rows(PAGES)
# In a room each is about its own message; in a private conversation all change what follows.
AT_SOCKETS = {
    kind: {act: [act] for act in acts} if kind == "talk" else {"socket": list(acts)}
    for kind, acts in SOCKETS.items()
}

SET_UP = Path(__file__).with_name("roles.py").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {"GUEST_MESSAGES_PER_MINUTE": "10000", "GUEST_REPLIES_AT_A_TIME": "1000"}
    with running(tmp_path_factory.mktemp("roles"), **limits) as it:
        yield it


@pytest.fixture(scope="module")
def places(server: Server) -> dict[str, Any]:
    """Who they are, and where each pair of a role and an act has its conversation."""
    groups = {
        kind: {**AT_SOCKETS[kind], **{act: [act] for act in REQUESTS.get(kind, ())}}
        for kind in SOCKETS
    }
    given = {"ROLES": ROLES, "GROUPS": groups}
    lines = [f"{name} = {value!r}" for name, value in given.items()]
    printed = server.manage("shell", "-c", "\n".join([*lines, SET_UP]))
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def test_no_pair_is_left_out() -> None:
    first, *others = SOCKETS.values()
    assert all(table.keys() == first.keys() for table in others)
    every = [*SOCKETS.values(), *REQUESTS.values()]
    assert all(len(row) == len(ROLES) for table in every for row in table.values())


@pytest.mark.parametrize(
    ("kind", "group"), [(kind, group) for kind, groups in AT_SOCKETS.items() for group in groups]
)
async def test_at_the_socket(server: Server, places: dict[str, Any], kind: str, group: str) -> None:
    acts = AT_SOCKETS[kind][group]
    everybodys = await asyncio.gather(
        *(_try(server, places, f"{kind} {group} {role}", acts, role) for role in ROLES)
    )
    answers = {act: tuple(answers[act] for answers in everybodys) for act in acts}
    assert answers == {act: SOCKETS[kind][act] for act in acts}


async def _try(
    server: Server, places: dict[str, Any], key: str, acts: list[str], role: str
) -> dict[str, str]:
    """Return how each act of a role is answered: `ok`, an error, or a close code."""
    place = places["places"][key]
    async with _arriving(server, places["cookies"].get(role), place["socket"]) as client:
        if not client.ready:
            return dict.fromkeys(acts, str(await client.closed()))
        return {act: await _act(client, act, *place["pairs"][act]) for act in acts}


async def _act(client: Client, act: str, question: int, reply: int) -> str:
    if act == "connect":
        return "ok"
    makes, sign = ACTS.get(act) or ACTS[act.split("-")[0]]
    before = len(client.frames)

    def is_answer(frame: Frame) -> bool:
        is_new = any(frame is each for each in client.frames[before:])
        named = frame.get("reply") or frame.get("message") or question
        about = named["id"] if isinstance(named, dict) else named
        is_about = about in (question, reply) or sign == "message"
        return is_new and is_about and frame["type"] in (sign, "error")

    await client.send(**makes(question, reply))
    await client.send("ping")
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


BEFORE = {"title": "", "description": "", "listed": False, "answers": "mentioned", "assistant": ""}
STATE = (
    "SELECT title, closed, pinned, archived, deleted FROM chat_conversation WHERE id = ?",
    "SELECT person_id, role FROM chat_membership WHERE conversation_id = ? ORDER BY id",
    "SELECT id, revoked FROM chat_link WHERE conversation_id = ? ORDER BY id",
)


def request(kind: str, act: str, place: dict[str, Any], zoe: str) -> tuple[str, str, Any]:
    """Return how an act is asked for: `get`, `form` or `json`, where, and with what."""
    page, whole = place["page"], f"/c/{place['id']}/"
    was = {**BEFORE, "title": f"{kind} {act}", "listed": kind != "den"}
    settings = {"title": "New", "answers": "mentioned", "was": json.dumps(was)}
    settings["listed"] = "yes" if was["listed"] else "no"
    return {
        "page": ("get", page, None),
        "about": ("get", f"{page}manage/", None),
        "change": ("form", f"{page}manage/", settings),
        "close": ("form", f"{page}close/", {}),
        "remove-zoe": ("form", f"{page}people/{zoe}/", {"act": "remove", "role": "member"}),
        "ban-zoe": ("form", f"{page}people/{zoe}/", {"act": "ban", "role": "member"}),
        "appoint-zoe": ("form", f"{page}people/{zoe}/", {"act": "moderator", "role": "member"}),
        "make-link": ("form", f"{page}links/", {"right": "watch"}),
        "revoke-link": ("form", f"{page}links/{place['link']}/revoke/", {}),
        "links": ("get", f"{whole}links/", None),
        "share": ("json", f"{whole}links/", {"right": "watch"}),
        "unshare": ("json", f"{whole}links/{place['link']}/revoke/", {}),
        "leave": ("form", f"{page}leave/", {}),
        "join": ("form", place["join"], {}),
        "invited": ("get", place["join"], None),
        "watch": ("get", place["watch"], None),
        "send-away": ("json", f"{whole}people/{zoe}/remove/", {}),
        "rename": ("json", f"{whole}rename/", {"title": "New"}),
        "pin": ("json", f"{whole}pin/", {}),
        "archive": ("json", f"{whole}archive/", {}),
        "delete": ("json", f"{whole}delete/", {}),
        "restore": ("json", f"{whole}restore/", {}),
        "export": ("get", f"{whole}export.json", None),
        "to-markdown": ("get", f"{whole}export.md", None),
    }[act]


@pytest.mark.parametrize(
    ("kind", "act"), [(kind, act) for kind, acts in REQUESTS.items() for act in acts]
)
def test_at_the_pages(server: Server, places: dict[str, Any], kind: str, act: str) -> None:
    answers = [_ask(server, places, kind, act, role) for role in ROLES]
    assert dict(zip(ROLES, answers, strict=True)) == dict(
        zip(ROLES, REQUESTS[kind][act], strict=True)
    )


def _ask(server: Server, places: dict[str, Any], kind: str, act: str, role: str) -> str:
    place = places["places"][f"{kind} {act} {role}"]
    how, path, fields = request(kind, act, place, places["zoe"])
    cookie, before = places["cookies"].get(role, ""), _state(server, place["id"])
    if how == "form":
        status, _ = fill_in(server.url, cookie, path, **fields)
    else:
        method = "GET" if how == "get" else "POST"
        status, _ = ask(server.url, cookie, path, fields, method=method)
    if _state(server, place["id"]) != before:
        assert status in (200, 201, 302)
        return "done"
    return "seen" if how == "get" and status == 200 else str(status)


def _state(server: Server, conversation: str) -> list[Any]:
    """Return everything of a conversation that these acts change."""
    with closing(sqlite3.connect(server.database)) as database:
        id = conversation.replace("-", "")
        return [database.execute(query, (id,)).fetchall() for query in STATE]
