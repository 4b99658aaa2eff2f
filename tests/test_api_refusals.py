"""Whatever is wrong with a call, a program reads JSON: the contract's code, and why, to people."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import RequestFactory

from chat.api import v1
from chat.requests import LARGEST_BODY
from chat.sockets import LARGEST_HEAD
from tests.api import Answer, Program
from tests.client import PATIENCE
from tests.doors import PASSWORD, _token, logged_in
from tests.server import Server, running
from tests.test_saving import locked

KEY = "sc_a_key_that_nobody_has"


@pytest.fixture(scope="module")
def alice(server: Server) -> Program:
    return Program(server.url, server.account("alice-of-refusals"))


@pytest.fixture(autouse=True)
def _no_traceback(server: Server) -> Iterator[None]:
    before = server.log.stat().st_size
    yield
    assert "Traceback" not in server.log.read_bytes()[before:].decode()


def test_who_is_not_signed_in_is_told_how(server: Server, alice: Program) -> None:
    for program in (Program(server.url), Program(server.url, KEY)):
        for method, path in (("GET", "/conversations"), ("POST", "/rooms"), ("GET", "/replies/1")):
            answer = program.ask(method, path, {} if method == "POST" else None)
            assert answer.problem == (401, "not_signed_in")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert alice.ask("GET", "/assistants").status == 200
    revoke = "from chat.models import ApiKey; ApiKey.objects.filter(user__username=%r).delete()"
    key = server.account("bob-of-refusals")
    server.manage("shell", "-c", revoke % "bob-of-refusals")
    assert Program(server.url, key).ask("GET", "/assistants").problem == (401, "not_signed_in")


def test_session_counts_with_its_token(server: Server) -> None:
    server.account("charlie-of-refusals")
    cookie = logged_in(server.url, "charlie-of-refusals", PASSWORD)
    page = Program(server.url)
    assert page.ask("GET", "/conversations", Cookie=cookie).status == 200
    assert page.ask("POST", "/conversations", {}, Cookie=cookie).problem == (403, "forbidden")
    token = _token(server.url, cookie)
    cookies = f"{cookie}; csrftoken={token}"
    made = page.ask("POST", "/conversations", {}, Cookie=cookies, X_CSRFToken=token)
    assert made.status == 201
    form = b"csrfmiddlewaretoken=" + b"&a=1" * 2000  # more fields than Django takes
    kind = "application/x-www-form-urlencoded"
    sent = page.ask("POST", "/conversations", form, Cookie=cookies, Content_Type=kind)
    assert sent.problem == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"title": nope}', "(line 1, column 11)"),
        (b'{"title":\n "x",\n}', "(line 3, column 1)"),
        (b'{"title": "x"', "(line 1, column 14)"),
        (b"[" * 60_000, "too much in each other"),
        (b'{"title": "\xff"}', "not UTF-8"),
        (b'{"title": NaN}', "NaN"),
        (b'{"title": -Infinity}', "-Infinity"),
        (b'{"title": ' + b"9" * 5000 + b"}", "too many digits"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(alice: Program, body: bytes, said: str) -> None:
    answer = alice.ask("POST", "/conversations", body)
    assert answer.problem == (400, "bad_request")
    assert said in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"title": 1e400}',
        b'{"title": "\\ud800"}',
        b'{"ti\\ud800tle": "x"}',
        b"null",
        b"",
        json.dumps({f"field {count}": 1 for count in range(3000)}).encode(),
        json.dumps({"x" * 60_000: 1}).encode(),
        b'{"title": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_what_is_odd_json_is_refused_in_few_words(alice: Program, body: bytes) -> None:
    answer = alice.ask("POST", "/conversations", body)
    assert answer.problem == (422, "unprocessable")
    assert len(answer.json["detail"]) < 1000


def test_the_same_field_twice_is_no_harm(alice: Program) -> None:
    made = alice.do("POST", "/conversations", b'{"title": "One", "title": "Two"}')
    assert made["title"] == "Two"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_other_content_types_are_refused(alice: Program, kind: str) -> None:
    for path in ("/conversations", "/conversations/import"):
        answer = alice.ask("POST", path, b'{"title": "x"}', Content_Type=kind)
        assert answer.problem == (400, "bad_request")
        assert "application/json" in answer.json["detail"]


def test_body_is_limited(alice: Program) -> None:
    body = json.dumps({"title": "x", "user_id": "y" * LARGEST_BODY}).encode()
    assert alice.ask("POST", "/conversations", body).problem == (413, "too_large")
    assert alice.ask("POST", "/conversations", body[:LARGEST_BODY]).problem == (400, "bad_request")
    line = http.client.HTTPConnection(alice.url.removeprefix("http://"), timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {alice.key}", "Content-Type": "application/json"}
    pieces = (b" " * 1000 for _ in range(LARGEST_BODY // 1000 + 1))
    with contextlib.closing(line):
        line.request("POST", "/api/v1/conversations", pieces, headers, encode_chunked=True)
        answer = line.getresponse()
        assert Answer(answer.status, answer.headers, answer.read()).problem == (413, "too_large")


@pytest.mark.parametrize("character", ["字", "😀"])
def test_longest_message_is_taken_however_it_is_written(alice: Program, character: str) -> None:
    """As JSON that escapes each character; and by an address, as far as one goes."""
    conversation = alice.do("POST", "/conversations", {})["id"]
    path = f"/conversations/{conversation}/messages"
    assert alice.ask("POST", path, {"text": character * 32_000}).status == 201
    assert alice.ask("POST", path, {"text": character * 32_001}).problem == (422, "unprocessable")


def asked(url: str, request: bytes) -> Answer:
    """Return what is answered to exactly these bytes."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as line:
        line.sendall(request)
        with contextlib.closing(http.client.HTTPResponse(line)) as answer:
            answer.begin()
            return Answer(answer.status, answer.headers, answer.read())


def test_long_address_is_refused_as_anything_else(server: Server, alice: Program) -> None:
    short = Program(server.url, alice.key, base="")
    path = "/chat-stream?message=" + "x" * 32_001
    assert short.ask("GET", path).problem == (422, "unprocessable")
    longer = b"GET /chat-stream?message=%b HTTP/1.1\r\nHost: localhost\r\n" % (b"x" * LARGEST_HEAD)
    for request in (longer, longer + b"\r\n"):
        assert asked(server.url, request).problem == (413, "too_large")
    many = b"GET /chat-stream HTTP/1.1\r\n" + b"X-More: %b\r\n" % (b"x" * 1000) * 70
    assert asked(server.url, many + b"\r\n").problem == (413, "too_large")


def test_what_is_no_request_is_refused(server: Server) -> None:
    for request in (b"Hello?\r\n\r\n", b"GET / HTTP/1.1\r\nno header\r\n\r\n"):
        assert asked(server.url, request).problem == (400, "bad_request")


def test_what_has_no_content_says_nothing_of_it(alice: Program) -> None:
    conversation = alice.do("POST", "/conversations", {})["id"]
    for method, path in (("DELETE", f"/conversations/{conversation}"), ("OPTIONS", "/rooms")):
        answer = alice.ask(method, path)
        assert answer.status == 204
        assert not {"Content-Length", "Content-Type"} & {*answer.headers}


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/x", "/api/v2", "/history/", "/chat/x"]
)
def test_unknown_paths_are_told_in_json(server: Server, path: str) -> None:
    for program in (Program(server.url, base=""), Program(server.url, KEY, base="")):
        assert program.ask("GET", path).problem == (404, "not_found")


def test_methods_are_told(alice: Program) -> None:
    refused = alice.ask("PUT", "/conversations", {})
    assert refused.problem == (405, "method_not_allowed")
    assert {*refused.headers["Allow"].split(", ")} == {"GET", "POST"}
    asked = Program(alice.url).ask("OPTIONS", "/conversations")
    assert (asked.status, asked.body) == (204, b"")
    assert {*asked.headers["Allow"].split(", ")} == {"GET", "OPTIONS", "POST"}
    head, whole = (alice.ask(method, "/assistants") for method in ("HEAD", "GET"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))


def test_foreign_host_is_refused(alice: Program) -> None:
    answer = alice.ask("GET", "/assistants", Host="evil.example.org")
    assert answer.problem == (400, "bad_request")


def test_nobody_keeps_what_was_answered(alice: Program) -> None:
    for path in ("/assistants", "/nothing"):
        assert alice.ask("GET", path).headers["Cache-Control"] == "no-store"


def test_while_the_database_is_locked_it_says_so(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        alice = Program(server.url, server.account("alice"))
        talk = alice.do("POST", "/conversations", {})["id"]
        with locked(server.database):
            answer = alice.ask("POST", f"/conversations/{talk}/messages", {"text": "Hi."})
            assert answer.problem == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert alice.ask("GET", f"/conversations/{talk}").status == 200
        assert alice.ask("GET", f"/conversations/{talk}/messages").json["items"] == []
        assert "Traceback" not in server.log.read_text()


def test_what_nobody_foresaw_is_logged_without_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    request = RequestFactory().get("/api/v1/conversations")
    said_by_alice = "secret".upper()
    try:
        raise LookupError(said_by_alice)
    except LookupError as error:
        answer = v1.api.on_exception(request, error)
    said: Any = json.loads(answer.content)
    assert (answer.status_code, said["code"]) == (500, "internal")
    assert "SECRET" not in caplog.text + answer.content.decode()
    assert "LookupError" in caplog.text
