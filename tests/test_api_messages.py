"""Messages and replies over HTTP: posted once, told as they stand, stopped and had anew."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import Program
from tests.client import Client
from tests.server import Server

FIELDS = [
    *("id", "author", "text", "status", "created", "reply_to", "version", "versions"),
    *("key", "error"),
]


@pytest.fixture(scope="module")
def alice(server: Server) -> Program:
    return Program(server.url, server.account("alice-of-messages"))


@pytest.fixture(scope="module")
def bob(server: Server) -> Program:
    return Program(server.url, server.account("bob-of-messages"))


@pytest.fixture
def talk(alice: Program) -> str:
    """The path of a new conversation."""
    return f"/conversations/{alice.do('POST', '/conversations', {})['id']}"


@pytest.fixture(autouse=True)
def _no_traceback(server: Server) -> Iterator[None]:
    before = server.log.stat().st_size
    yield
    assert "Traceback" not in server.log.read_bytes()[before:].decode()


@pytest.fixture(scope="module")
def _rules(server: Server) -> None:
    for keyword, text, speed in (("apis", "It is typed. " * 300, "50"), ("brief", "Yes.", "0")):
        rule = ("--trigger", "keyword", "--keywords", keyword, "--priority", "5000")
        server.manage("reply", keyword, "--text", text, *rule, "--speed", speed)


@pytest.mark.usefixtures("_rules")
def test_message_is_told_as_the_contract_says(alice: Program, talk: str) -> None:
    answer = alice.ask("POST", f"{talk}/messages", {"text": "apis", "key": "one"})
    assert answer.status == 201
    message, reply = answer.json["message"], answer.json["reply"]
    assert list(message) == list(reply) == FIELDS
    assert (message["text"], message["status"], message["key"]) == ("apis", "complete", "one")
    assert (reply["author"]["kind"], reply["reply_to"]) == ("assistant", message["id"])
    assert reply["status"] in ("waiting", "streaming")
    assert alice.get(f"/messages/{message['id']}") == message

    again = alice.ask("POST", f"{talk}/messages", {"text": "other", "key": "one"})
    assert (again.status, again.json["message"]) == (200, message)
    assert again.json["reply"]["id"] == reply["id"]
    header = alice.ask("POST", f"{talk}/messages", {"text": "other"}, Idempotency_Key="one")
    assert (header.status, header.json["message"]) == (200, message)
    assert len(alice.get(f"{talk}/messages")["items"]) == 2
    alice.do("POST", f"/replies/{reply['id']}/stop")


@pytest.mark.usefixtures("_rules")
async def test_program_and_page_see_the_same_reply(alice: Program, talk: str) -> None:
    """Whoever watches sees it typed; stopping it over HTTP stops it for them, where they say."""
    path = talk.replace("/conversations", "/ws/chat") + "/"
    async with Client(alice.url, path, authorization=f"Bearer {alice.key}") as watching:
        posted = await asyncio.to_thread(alice.do, "POST", f"{talk}/messages", {"text": "apis"})
        reply = posted["reply"]["id"]
        await watching.until(lambda _: len(watching.texts.get(reply, "")) > 5)
        now = await asyncio.to_thread(alice.get, f"/replies/{reply}")
        assert now["status"] == "streaming"
        assert len(now["text"]) > 5
        stopped = await asyncio.to_thread(alice.do, "POST", f"/replies/{reply}/stop", {"at": 5})
        assert (stopped["status"], stopped["text"]) == ("stopped", "It is")
        assert (await watching.until(lambda frame: frame["type"] == "reply.end")) is not None
        again = await asyncio.to_thread(alice.ask, "POST", f"/replies/{reply}/stop")
        assert again.problem == (409, "conflict")


@pytest.mark.usefixtures("_rules")
def test_replies_are_had_anew(alice: Program, talk: str) -> None:
    posted = alice.do("POST", f"{talk}/messages", {"text": "apis"})
    reply = f"/replies/{posted['reply']['id']}"
    assert alice.ask("POST", f"{reply}/regenerate").problem == (409, "conflict")
    alice.do("POST", f"{reply}/stop", {"at": 0})
    assert alice.ask("POST", f"{reply}/retry").problem == (409, "conflict")
    carried = alice.ask("POST", f"{reply}/continue")
    assert (carried.status, carried.json["version"]) == (202, 1)
    alice.do("POST", f"{reply}/stop")
    anew = alice.do("POST", f"{reply}/regenerate", {"assistant": "assistant"})
    assert (anew["version"], anew["versions"]) == (2, 2)
    assert alice.ask("POST", f"{reply}/regenerate", {"assistant": "zoe"}).problem[0] in (404, 409)
    alice.do("POST", f"{reply}/stop")
    before = alice.do("POST", f"/messages/{anew['id']}/version", {"version": 1})
    assert (before["version"], before["versions"]) == (1, 2)
    none = alice.ask("POST", f"/messages/{anew['id']}/version", {"version": 3})
    assert none.problem == (404, "not_found")


def rest(who: Program, reply: str) -> None:
    """Wait until nothing of the reply is written any more."""
    while who.get(reply)["status"] in ("waiting", "streaming"):
        pass  # each answer takes its time


@pytest.mark.usefixtures("_rules")
def test_messages_are_changed_and_deleted(alice: Program, talk: str) -> None:
    posted = alice.do("POST", f"{talk}/messages", {"text": "brief"})
    message, reply = (f"/messages/{posted[each]['id']}" for each in ("message", "reply"))
    rest(alice, reply)
    changed = alice.do("PATCH", message, {"text": "brief, please"})
    assert (changed["message"]["text"], changed["message"]["version"]) == ("brief, please", 2)
    assert changed["reply"]["reply_to"] == posted["message"]["id"]
    assert alice.ask("GET", reply).problem == (404, "not_found")  # it belongs to the other version
    assert alice.ask("PATCH", message, {"text": " "}).problem == (422, "unprocessable")
    rest(alice, f"/messages/{changed['reply']['id']}")
    assert alice.ask("DELETE", message).status == 204
    assert alice.ask("GET", message).problem == (404, "not_found")
    assert alice.get(f"{talk}/messages")["items"] == []


@pytest.mark.usefixtures("_rules")
def test_messages_are_listed_newest_first(alice: Program, talk: str) -> None:
    posted = []
    for count in range(3):
        done = alice.do("POST", f"{talk}/messages", {"text": f"brief {count}"})
        posted += [done["message"]["id"], done["reply"]["id"]]
    first = alice.get(f"{talk}/messages?limit=4")
    second = alice.get(f"{talk}/messages?limit=4&cursor={first['next']}")
    assert [each["id"] for each in first["items"] + second["items"]] == posted[::-1]
    assert second["next"] is None
    for bad in ("garbage", "LTE", "MA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"):
        path = f"{talk}/messages?cursor={bad}"
        assert alice.ask("GET", path).problem == (422, "unprocessable")


@pytest.mark.usefixtures("_rules")
def test_what_is_another_ones_is_as_if_it_were_not(alice: Program, bob: Program, talk: str) -> None:
    posted = alice.do("POST", f"{talk}/messages", {"text": "brief"})
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/messages/{}", None),
        ("PATCH", "/messages/{}", {"text": "Mine."}),
        ("DELETE", "/messages/{}", None),
        ("POST", "/messages/{}/version", {"version": 1}),
        ("GET", "/replies/{}", None),
        *(("POST", f"/replies/{{}}/{act}", None) for act in ("stop", "retry", "regenerate")),
        ("POST", "/replies/{}/continue", None),
    ]
    for method, path, given in calls:
        for theirs in (posted["message"]["id"], posted["reply"]["id"]):
            foreign = bob.ask(method, path.format(theirs), given)
            none = bob.ask(method, path.format(2**40), given)
            assert foreign.problem == (404, "not_found")
            assert foreign.body == none.body
    mine = posted["message"]["id"]
    assert alice.ask("GET", f"/replies/{mine}").problem == (404, "not_found")


@pytest.mark.parametrize("id", ["0", "-1", "9223372036854775808", "1e3", "x", "1%00", "٣a"])
def test_what_is_no_id_is_refused(alice: Program, id: str) -> None:
    path = f"/messages/{id}".encode().decode("latin1") if id.isascii() else "/messages/%D9%A3a"
    assert alice.ask("GET", path).problem == (422, "unprocessable")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n\u200b"}, "text"),
        ({"text": "x" * 32_001}, "text"),
        ({"text": "\x07"}, "text"),
        ({"text": None}, "text"),
        ({"text": ["x"]}, "text"),
        ({"text": "x", "key": ""}, "key"),
        ({"text": "x", "key": "k" * 65}, "key"),
        ({"text": "x", "assistant": "not a slug"}, "assistant"),
        ({"text": "x", "pace": "slower"}, "pace"),
        ({"text": "x", "to": "y"}, "to"),
    ],
)
def test_fields_that_are_wrong_are_named(alice: Program, talk: str, given: Any, field: str) -> None:
    answer = alice.ask("POST", f"{talk}/messages", given)
    assert answer.problem == (422, "unprocessable")
    assert answer.json["detail"].startswith(f"{field}: ")
    assert alice.get(f"{talk}/messages")["items"] == []


def test_unknown_assistant_is_not_found(alice: Program, talk: str) -> None:
    given = {"text": "Hi.", "assistant": "zoe"}
    assert alice.ask("POST", f"{talk}/messages", given).problem == (404, "not_found")
