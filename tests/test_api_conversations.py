"""Conversations over HTTP: an account's own, and those of its users; nobody else's."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.api import Program
from tests.server import Server


@pytest.fixture(scope="module")
def alice(server: Server) -> Program:
    return Program(server.url, server.account("alice-of-conversations"))


@pytest.fixture(scope="module")
def bob(server: Server) -> Program:
    return Program(server.url, server.account("bob-of-conversations"))


@pytest.fixture(autouse=True)
def _no_traceback(server: Server) -> Iterator[None]:
    before = server.log.stat().st_size
    yield
    assert "Traceback" not in server.log.read_bytes()[before:].decode()


def all_of(program: Program, path: str) -> list[Any]:
    """Return a whole list, page by page."""
    items, page = [], program.get(path)
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = program.get(f"{path}&cursor={page['next']}")


def test_conversation_from_its_opening_to_its_end(alice: Program) -> None:
    made = alice.do("POST", "/conversations", {"title": "  About \n typewriters "})
    assert (made["title"], made["kind"], made["user_id"]) == ("About typewriters", "private", None)
    path = f"/conversations/{made['id']}"
    assert alice.get(path) == made
    assert made in alice.get("/conversations")["items"]

    changed = alice.do("PATCH", path, {"title": "Ribbons", "pinned": True})
    assert (changed["title"], changed["pinned"], changed["archived"]) == ("Ribbons", True, False)
    away = alice.do("PATCH", path, {"archived": True})
    assert (away["title"], away["pinned"], away["archived"]) == ("Ribbons", False, True)
    assert away not in alice.get("/conversations")["items"]
    assert away in alice.get("/conversations?archived=true")["items"]

    assert alice.ask("DELETE", path).status == 204
    for method in ("GET", "DELETE"):
        assert alice.ask(method, path).problem == (404, "not_found")
    assert alice.do("POST", f"{path}/restore")["id"] == made["id"]
    assert alice.get(path)["title"] == "Ribbons"


def test_users_of_an_account_are_apart(alice: Program, bob: Program) -> None:
    mine = alice.do("POST", "/conversations", {})
    carols = alice.do("POST", "/conversations", {"user_id": "carol"})
    bobs = bob.do("POST", "/conversations", {"user_id": "carol"})
    assert carols["user_id"] == "carol"
    assert alice.get("/conversations?user_id=carol")["items"] == [carols]
    assert bob.get("/conversations?user_id=carol")["items"] == [bobs]
    own = {each["id"] for each in all_of(alice, "/conversations?limit=50")}
    assert mine["id"] in own
    assert carols["id"] not in own
    alice.do("POST", f"/conversations/{carols['id']}/messages", {"text": "Of zinc, or not?"})
    found = alice.get("/conversations/search?q=ZINC&user_id=carol")["items"]
    assert [(each["id"], each["text"]["match"]) for each in found] == [(carols["id"], "zinc")]
    for others in ("", "&user_id=dave"):
        assert alice.get(f"/conversations/search?q=zinc{others}")["items"] == []


def test_list_has_pages(alice: Program) -> None:
    made = [
        alice.do("POST", "/conversations", {"user_id": "erin", "title": f"Number {count}"})["id"]
        for count in range(5)
    ]
    alice.do("PATCH", f"/conversations/{made[1]}", {"pinned": True})
    pages = all_of(alice, "/conversations?user_id=erin&limit=2")
    wanted = [made[1], made[4], made[3], made[2], made[0]]
    assert [each["id"] for each in pages] == wanted
    for bad in ("garbage", "MQ", "%C3%A9", "x" * 201):
        path = f"/conversations?user_id=erin&cursor={bad}"
        assert alice.ask("GET", path).problem == (422, "unprocessable")
    for bad in ("0", "51", "x", "1e9", ""):
        problem = alice.ask("GET", f"/conversations?limit={bad}")
        assert problem.problem == (422, "unprocessable")
        assert problem.json["detail"].startswith("limit: ")


def test_what_is_another_ones_is_as_if_it_were_not(alice: Program, bob: Program) -> None:
    theirs = alice.do("POST", "/conversations", {"user_id": "frank"})["id"]
    for method, rest, given in [
        ("GET", "", None),
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
        ("GET", "/export", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"text": "Hi."}),
    ]:
        foreign = bob.ask(method, f"/conversations/{theirs}{rest}", given)
        none = bob.ask(method, f"/conversations/{uuid4()}{rest}", given)
        assert foreign.problem == (404, "not_found")
        assert (foreign.status, foreign.body) == (none.status, none.body)
    path = f"/conversations?cursor={alice.get('/conversations?limit=1')['next']}"
    assert bob.ask("GET", path).problem == (422, "unprocessable")


def test_what_was_exported_can_be_imported(alice: Program, bob: Program) -> None:
    made = alice.do("POST", "/conversations", {"title": "Ink"})
    path = f"/conversations/{made['id']}"
    posted = alice.do("POST", f"{path}/messages", {"text": "Blue?", "pace": "at_once"})
    alice.ask("POST", f"/replies/{posted['reply']['id']}/stop")  # if it has not ended already
    file = alice.ask("GET", f"{path}/export")
    assert file.headers["Content-Disposition"] == 'attachment; filename="Ink.json"'
    taken = bob.do("POST", "/conversations/import", file.body)
    assert taken["title"] == "Ink"
    messages = bob.get(f"/conversations/{taken['id']}/messages")["items"]
    assert messages[-1]["text"] == "Blue?"
    plain = alice.ask("GET", f"{path}/export?format=markdown")
    assert plain.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert plain.body.decode().startswith("# Ink")

    problem = bob.ask("POST", "/conversations/import", b'{\n"format": "x"}')
    assert problem.problem == (422, "unprocessable")
    assert "line 2" in problem.json["detail"]
    problem = bob.ask("POST", "/conversations/import", b" " * (5 * 1024 * 1024 + 1))
    assert problem.problem == (413, "too_large")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"title": ""}, "title: "),
        ({"title": " \u200b "}, "title: must not be empty or blank"),
        ({"title": "x" * 201}, "title: must have at most 200 characters"),
        ({"title": "a\0b"}, "title: must not contain U+0000"),
        ({"title": 1}, "title: must be a string"),
        ({"user_id": " "}, "user_id: must not be empty or blank"),
        ({"user_id": "x" * 201}, "user_id: must have at most 200 characters"),
        ({"users": "x"}, "users: is not known"),
        ([], "body: must be an object"),
        ("x", "body: must be an object"),
    ],
)
def test_fields_that_are_wrong_are_named(alice: Program, given: Any, said: str) -> None:
    answer = alice.ask("POST", "/conversations", given)
    assert answer.problem == (422, "unprocessable")
    assert answer.json["detail"].startswith(said)
