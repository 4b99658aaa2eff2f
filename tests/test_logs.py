"""The log says which connection did what; never what was written, who by, or how they came in."""

import json
import logging
import sys
from collections.abc import Iterator
from contextvars import copy_context
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from daphne.access import AccessLogGenerator
from websockets.exceptions import InvalidStatus

from chat import logs
from tests.client import PATIENCE, Client, session
from tests.models import KINDS, TitledProvider, make_assistants, provider_with_titles
from tests.providers import Events, Status
from tests.server import Server, running

SECRET = "xyzzyplugh"
PASSWORD = "correct horse battery staple"  # of every account of a Server

Line = dict[str, Any]


@pytest.fixture(scope="module")
def provider() -> Iterator[TitledProvider]:
    with provider_with_titles() as it:
        yield it


@pytest.fixture(scope="module")
def talkative(
    provider: TitledProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that logs all there is, as JSON."""
    told = {"LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG", "EMAIL_URL": "smtp://127.0.0.1:1"}
    with running(tmp_path_factory.mktemp("talkative"), **told) as it:
        make_assistants(it, provider, *({"slug": kind, "kind": kind} for kind in KINDS))
        yield it


def lines(server: Server) -> list[Line]:
    """Return what `server` has logged: nothing but JSON, one object a line."""
    return [json.loads(line) for line in server.log.read_text().splitlines()]


async def at_the_socket(server: Server, provider: TitledProvider) -> str:
    """Say it over a WebSocket, in right and in wrong ways; return the conversation."""
    async with Client(server.url, origin=server.url, cookie=session(server.url)) as bob:
        await bob.end(await bob.post(SECRET))
        provider.next(Status(400, {"error": {"message": f"I refuse: {SECRET}"}}))
        await bob.end(await bob.post(SECRET, assistant="anthropic"))
        provider.next(Events(f"data: {{{SECRET}\n\n".encode()))
        await bob.end(await bob.post(SECRET, assistant="openai"))
        await bob.socket.send(SECRET)
        await bob.send(SECRET)
        await bob.send("message.send", text=SECRET, key=SECRET, assistant=SECRET)
        await bob.until(lambda frame: frame.get("key") == SECRET)
    for path in (f"/ws/shared/{SECRET}/", f"/ws/chat/?{SECRET}", f"/ws/rooms/lobby/?q={SECRET}"):
        async with Client(server.url, path, origin=server.url):
            pass
    with pytest.raises(InvalidStatus):
        await Client(server.url, origin=f"http://{SECRET}.example.org").__aenter__()
    return bob.conversation


async def at_the_api(http: httpx.AsyncClient, key: str) -> None:
    bearer = {"Authorization": f"Bearer {key}"}
    said = {"user_id": SECRET, "message": SECRET}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/chat", {"json": said}),
        ("POST", "/chat/stream", {"json": said}),
        ("GET", "/chat-stream", {"params": said}),
        ("GET", f"/history/{SECRET}", {}),
        ("GET", f"/api/history/{SECRET}", {"params": {"before": SECRET}}),
        ("POST", "/api/v1/conversations", {"json": {"title": SECRET}}),
        ("POST", "/api/v1/conversations", {"content": f'{{"title": "{SECRET}'}),
        ("GET", "/api/v1/conversations", {"params": {"cursor": SECRET}}),
    ]
    for method, path, more in asked:
        await http.request(method, path, headers=bearer, **more)
    await http.post("/chat", json=said, headers={"Authorization": f"Bearer {SECRET}"})


async def on_the_pages(http: httpx.AsyncClient) -> None:
    for path in (
        *("/nowhere", "/c/search/", "/chat-stream", "/metrics", f"/s/{SECRET}/"),
        *(f"/accounts/confirm-email/{SECRET}/", f"/accounts/password/reset/key/1-{SECRET}/"),
    ):
        await http.get(path, params={"q": SECRET, "message": SECRET})
    address = f"{SECRET}@example.org"
    signing_up = {"username": SECRET, "email": address, "password1": SECRET, "password2": SECRET}
    await submit(http, "/accounts/signup/", signing_up)
    await submit(http, "/accounts/password/reset/", {"email": address})
    await submit(http, "/accounts/login/", {"login": SECRET, "password": SECRET})


async def in_the_admin(http: httpx.AsyncClient) -> None:
    await submit(http, "/accounts/login/", {"login": "alice", "password": PASSWORD})
    adding = "/admin/chat/scriptedreply/add/"
    assert (await http.get(adding)).url.path == adding, "alice is in"
    await submit(http, adding, {"name": SECRET, "text": f"{SECRET} {{nothing}}"})
    await http.get("/admin/chat/conversation/", params={"q": SECRET})


async def submit(http: httpx.AsyncClient, path: str, form: dict[str, str]) -> None:
    await http.get(path)
    token = http.cookies["csrftoken"]
    await http.post(path, data={**form, "csrfmiddlewaretoken": token})


async def test_what_people_write_is_in_no_line(talkative: Server, provider: TitledProvider) -> None:
    key = talkative.account("alice")
    conversation = await at_the_socket(talkative, provider)
    client = httpx.AsyncClient(base_url=talkative.url, timeout=PATIENCE, trust_env=False)
    async with client as http:
        http.follow_redirects = True
        await at_the_api(http, key)
        await on_the_pages(http)
        await in_the_admin(http)
        cookies = [cookie.value for cookie in http.cookies.jar if cookie.value]
    told = lines(talkative)
    log = talkative.log.read_text()
    for secret in (SECRET, key, *cookies):
        assert secret not in log, [line for line in told if secret in str(line)]
    assert {"time", "level", "logger", "message", "process"} <= set.intersection(*map(set, told))
    assert "Traceback" not in log
    check_connection(told, conversation)


def check_connection(told: list[Line], conversation: str) -> None:
    """What was done over one connection, and for the replies there, can be followed."""
    here = [line for line in told if line.get("conversation") == conversation]
    opened, closed = (line for line in here if line["logger"] == "chat.consumers")
    assert opened["message"] == "opened"
    assert closed["message"].startswith("closed with 1000 after ")
    assert opened["connection"] == closed["connection"]
    written = [line["message"] for line in here if line["logger"] == "chat.reply.run"]
    assert sum("is being written" in message for message in written) == 4
    assert sum("ended: complete" in message for message in written) == 2
    assert sum("ended: failed" in message for message in written) == 2
    assert all(line["reply"] for line in here if line["logger"].startswith("chat.reply."))
    (refused,) = (line for line in here if line["message"].endswith("does not answer: refused"))
    assert refused["level"] == "WARNING"
    requests = [line for line in told if line["logger"] == "access" and line.get("status")]
    ids = {line["connection"] for line in requests}
    assert len(ids) == len(requests), "each has its own"
    assert opened["connection"] not in ids
    assert any(line["message"] == "GET /history/…" and line["status"] == 200 for line in requests)


# --- the form of a line ------------------------------------------------------------------------


def record(message: str = "it is so", failure: Exception | None = None) -> logging.LogRecord:
    told = (failure and (type(failure), failure, failure.__traceback__)) or None
    made = logging.LogRecord("chat.test", logging.ERROR, __file__, 1, message, (), told)
    vars(made).update(logs.about(UUID(int=1), 7))
    return made


def failed() -> Exception:
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise LookupError(SECRET) from error
    except LookupError as error:
        return error


def test_line_names_the_connection() -> None:
    def told() -> tuple[str, str]:
        return logs.begin_connection(), logs.Line().format(record())

    assert logs.Line().format(record()).endswith(" ERROR chat.test: it is so")
    id, line = copy_context().run(told)
    assert line.endswith(f" ERROR chat.test [{id}]: it is so")


def test_access_line_names_the_connection() -> None:
    stream = StringIO()

    def told() -> str:
        id = logs.begin_connection()
        access = AccessLogGenerator(stream)
        logs.write_entry(access, "127.0.0.1:5", datetime.now(UTC), "GET /s/open-sesame/?a=b", 200)
        return id

    id = copy_context().run(told)
    assert stream.getvalue().startswith(f"127.0.0.1:5 {id} - [")
    assert stream.getvalue().endswith('] "GET /s/…/" 200 -\n')


def test_json_is_one_line_with_what_it_is_about() -> None:
    line = logs.Json().format(record("two\nlines", failed()))
    assert "\n" not in line
    told = json.loads(line)
    assert told["time"].endswith("Z")
    assert (told["level"], told["logger"]) == ("ERROR", "chat.test")
    assert (told["message"], told["reply"]) == ("two\nlines", 7)
    assert told["conversation"] == str(UUID(int=1))
    assert told["exception"].startswith("Traceback (most recent call last):\n")


@pytest.mark.parametrize("form", [logs.Line, logs.Json])
def test_what_an_error_says_is_for_developers(form: type[logs.Line]) -> None:
    told = form().format(record(failure=failed()))
    assert "ValueError" in told
    assert "LookupError" in told
    assert sys._getframe().f_code.co_filename in told
    assert SECRET not in told
    assert SECRET in form(tells_all=True).format(record(failure=failed()))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("GET /s/open-sesame/join/", "GET /s/…/join/"),
        ("WSCONNECT /ws/shared/open-sesame/", "WSCONNECT /ws/shared/…/"),
        ("Not Found: /history/bob@example.org", "Not Found: /history/…"),
        ("/accounts/password/reset/key/4-abc/", "/accounts/password/reset/key/…/"),
        ("/accounts/password/reset/key/done/", "/accounts/password/reset/key/done/"),
        ("/c/40402da3/ /rooms/lobby/", "/c/40402da3/ /rooms/lobby/"),
    ],
)
def test_paths_that_open_a_door_are_not_told(path: str, told: str) -> None:
    assert logs.discreet(path) == told
