"""Rooms over HTTP: found, opened, changed, and who is in them."""

from collections.abc import Iterator

import pytest

from tests.api import Program
from tests.server import Server


@pytest.fixture(scope="module")
def alice(server: Server) -> Program:
    return Program(server.url, account(server, "alice-of-rooms"))


@pytest.fixture(scope="module")
def bob(server: Server) -> Program:
    return Program(server.url, account(server, "bob-of-rooms"))


@pytest.fixture(autouse=True)
def _no_traceback(server: Server) -> Iterator[None]:
    before = server.log.stat().st_size
    yield
    assert "Traceback" not in server.log.read_bytes()[before:].decode()


def account(server: Server, name: str) -> str:
    """Make an account that is not of the staff; return a key of it."""
    server.manage(
        "shell", "-c", f"from chat.models import User; User.objects.create_user({name!r})"
    )
    return server.manage("apikey", name)


def test_room_from_its_opening_to_its_close(alice: Program, bob: Program) -> None:
    given = {"title": "Typewriters", "description": "All of them", "key": "once"}
    room = alice.do("POST", "/rooms", given)
    told = {name: room[name] for name in ("title", "description", "listed", "answers", "closed")}
    assert told == {
        "title": "Typewriters",
        "description": "All of them",
        "listed": True,
        "answers": "mentioned",
        "closed": False,
    }
    assert (room["role"], room["assistant"]) == ("owner", None)
    assert alice.do("POST", "/rooms", {"title": "Other"}, Idempotency_Key="once") == room
    path = f"/rooms/{room['slug']}"
    assert bob.get(path) == {**room, "role": None}

    talk = f"/conversations/{room['id']}/messages"
    posted = bob.do("POST", talk, {"text": "Hello, all."})
    assert posted["reply"] is None  # nobody mentioned an assistant
    assert bob.get(path)["role"] == "member"
    assert [each["text"] for each in alice.get(talk)["items"]] == ["Hello, all."]

    changed = alice.do("PATCH", path, {"title": "Ribbons", "assistant": "assistant"})
    assert (changed["title"], changed["assistant"]) == ("Ribbons", "assistant")
    assert alice.do("PATCH", path, {"assistant": None})["assistant"] is None
    assert alice.do("PATCH", path, {"closed": True})["closed"]
    assert bob.ask("POST", talk, {"text": "Still?"}).problem == (409, "conflict")
    assert not alice.do("PATCH", path, {"closed": False})["closed"]
    assert alice.ask("PATCH", path, {"assistant": "zoe"}).problem == (404, "not_found")
    assert alice.ask("PATCH", path, {"answers": "often"}).problem == (422, "unprocessable")
    assert bob.ask("PATCH", path, {"title": "Mine"}).problem == (403, "forbidden")


def test_people_come_and_go(alice: Program, bob: Program) -> None:
    path = f"/rooms/{alice.do('POST', '/rooms', {'title': 'Keys'})['slug']}"
    assert bob.do("POST", f"{path}/join")["role"] == "member"
    assert bob.do("POST", f"{path}/join")["role"] == "member"
    first = alice.get(f"{path}/members?limit=1")
    second = alice.get(f"{path}/members?limit=1&cursor={first['next']}")
    assert [each["role"] for each in first["items"] + second["items"]] == ["owner", "member"]
    assert second["next"] is None
    assert bob.ask("GET", f"{path}/members").problem == (403, "forbidden")
    seat = f"{path}/members/{second['items'][0]['id']}"
    assert alice.do("PATCH", seat, {"role": "moderator"})["role"] == "moderator"
    assert bob.get(f"{path}/members")["items"][1]["name"] == "bob-of-rooms"
    assert bob.ask("POST", f"{path}/leave").status == 204
    assert bob.ask("POST", f"{path}/leave").problem == (409, "conflict")
    assert alice.ask("DELETE", seat).problem == (404, "not_found")
    assert alice.do("PATCH", seat, {"role": "banned"})["role"] == "banned"
    assert bob.ask("POST", f"{path}/join").problem == (403, "forbidden")
    assert bob.ask("GET", path).problem == (403, "forbidden")
    assert path.removeprefix("/rooms/") not in slugs(bob)
    assert alice.ask("PATCH", seat, {"role": "member"}).problem == (404, "not_found")
    assert alice.ask("DELETE", seat).status == 204
    assert bob.do("POST", f"{path}/join")["role"] == "member"
    assert alice.ask("DELETE", seat).status == 204
    assert bob.get(path)["role"] is None
    alice.do("POST", f"{path}/leave")


def test_hidden_room_is_as_if_it_were_not(alice: Program, bob: Program) -> None:
    room = alice.do("POST", "/rooms", {"title": "Den", "listed": False})
    assert room["slug"] in slugs(alice)
    assert room["slug"] not in slugs(bob)
    for method, rest in [("GET", ""), ("POST", "/join"), ("POST", "/leave"), ("GET", "/members")]:
        foreign = bob.ask(method, f"/rooms/{room['slug']}{rest}")
        assert foreign.problem == (404, "not_found")
        assert foreign.body == bob.ask(method, f"/rooms/den-00000000{rest}").body
    talk = bob.ask("GET", f"/conversations/{room['id']}/messages")
    assert talk.problem == (404, "not_found")


def slugs(program: Program) -> list[str]:
    """Return the addresses of all rooms that it may see, page by page."""
    page = program.get("/rooms?limit=2")
    found = page["items"]
    while page["next"]:
        page = program.get(f"/rooms?limit=2&cursor={page['next']}")
        found += page["items"]
    addresses = [each["slug"] for each in found]
    assert addresses == sorted(addresses)
    return addresses
