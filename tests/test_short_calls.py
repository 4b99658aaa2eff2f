"""The calls that one guesses: say something and be answered, and what was said before."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from tests.client import session
from tests.conftest import Visit
from tests.events import Program
from tests.models import make_assistants, provider_with_titles
from tests.providers import Status
from tests.server import Server

Programs = Callable[..., Program]
Scripted = Callable[..., str]
MOUNTS = ("", "/api")


@pytest.fixture(scope="module")
def keys(server: Server) -> dict[str, str]:
    return {name: server.account(f"short-{name}") for name in ("alice", "bob")}


@pytest.fixture
def alice(program: Programs, keys: dict[str, str]) -> Program:
    return program(keys["alice"])


@pytest.fixture
def bob(program: Programs, keys: dict[str, str]) -> Program:
    return program(keys["bob"])


@pytest.mark.parametrize("mount", MOUNTS)
async def test_chat_and_history(alice: Program, bob: Program, mount: str) -> None:
    user = f"carol{mount}"
    status, first = await alice.post(f"{mount}/chat", user_id=user, message="Hi")
    assert status == 200
    assert first.keys() == {"response", "conversation_id", "timestamp"}
    assert first["response"] == "Hello from server!"
    assert str(UUID(first["conversation_id"])) == first["conversation_id"]
    assert datetime.fromisoformat(first["timestamp"]).utcoffset().total_seconds() == 0
    _, second = await alice.post(f"{mount}/chat", user_id=user, message="Again\n👍🏽")
    assert second["conversation_id"] == first["conversation_id"]
    said = [
        {
            "user_message": text,
            "bot_response": "Hello from server!",
            "timestamp": answer["timestamp"],
        }
        for text, answer in (("Again\n👍🏽", second), ("Hi", first))
    ]
    path = f"{mount}/history/{user}"
    assert await alice.get(path) == (200, {"conversations": said})
    assert await alice.get(path, limit=1) == (200, {"conversations": said[:1]})
    assert await alice.get(path, before=second["timestamp"]) == (200, {"conversations": said[1:]})
    assert await bob.get(path) == (200, {"conversations": []})
    # Another account's user of the same name is somebody else.
    _, theirs = await bob.post(f"{mount}/chat", user_id=user, message="Hi")
    assert theirs["conversation_id"] != first["conversation_id"]


async def test_one_conversation_of_several(alice: Program, bob: Program) -> None:
    user = "d/a ve+@例.test"
    _, first = await alice.post("/chat", user_id=user, message="one")
    id = first["conversation_id"]
    chosen = {"user_id": user, "message": "two", "conversation_id": id}
    assert (await alice.post("/chat", **chosen))[1]["conversation_id"] == id
    for whose, user_id, wrong in (
        (bob, user, id),
        (alice, "somebody else", id),
        (alice, user, str(uuid4())),
    ):
        asked = {**chosen, "user_id": user_id, "conversation_id": wrong}
        for path in ("/chat", "/chat/stream"):
            status, problem = await whose.post(path, **asked)
            assert (status, problem["code"]) == (404, "not_found")
        status, problem = await whose.get("/chat-stream", **asked)
        assert (status, problem["code"]) == (404, "not_found")
    history = (await alice.get("/history/d%2Fa%20ve+@例.test"))[1]["conversations"]
    assert [entry["user_message"] for entry in history] == ["two", "one"]


async def test_reply_that_is_being_written_is_in_the_history(
    alice: Program, scripted: Scripted
) -> None:
    word = scripted("slowly", "Slowly " * 20, "--speed", "20")
    async with alice.stream("/chat/stream", {"user_id": "erin", "message": word}) as stream:
        await stream.read(8)
        [entry] = (await alice.get("/history/erin"))[1]["conversations"]
        assert entry["bot_response"].startswith("Slowly S")


async def test_own_page_of_a_visitor(visit: Visit, server: Server, program: Programs) -> None:
    """Without a key their session says who they are, and what they say is on their page."""
    cookie = session(server.url)
    browser = program(Cookie=cookie)
    async with browser.stream("/chat-stream", message="Hi") as stream:
        end = await stream.ended()
    assert stream.text == "Hello from server!"
    async with visit(f"/ws/chat/{end['conversation_id']}/", cookie=cookie) as page:
        assert [message["text"] for message in page.ready["messages"]] == ["Hi", stream.text]


async def test_other_sites_pages_cannot_ask(server: Server, program: Programs) -> None:
    cookie = session(server.url)
    asked = {"user_id": "me", "message": "Hi"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        foreign = program(Cookie=cookie, **headers)
        assert (await foreign.get("/chat-stream", message="Hi"))[0] == 403
    # As a cookie is sent whoever asks, a POST with one must prove that it is the own page's.
    assert (await program(Cookie=cookie).post("/chat", **asked))[0] == 403
    assert (await program().post("/chat", **asked))[0] == 401
    assert (await program("sc_wrong").get("/chat-stream", message="Hi"))[0] == 401


TOO_LONG = "x" * 32_001


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"user_id": "me"}, "message"),
        ({"message": "Hi"}, "user_id"),
        ({"user_id": "me", "message": ""}, "message"),
        ({"user_id": "me", "message": " \n\u200b"}, "message"),
        ({"user_id": "me", "message": TOO_LONG}, "message"),
        ({"user_id": "me", "message": "a\x00b"}, "message"),
        ({"user_id": "me", "message": 5}, "message"),
        ({"user_id": "", "message": "Hi"}, "user_id"),
        ({"user_id": "x" * 201, "message": "Hi"}, "user_id"),
        ({"user_id": "a\x7fb", "message": "Hi"}, "user_id"),
        ({"user_id": "a\nb", "message": "Hi"}, "user_id"),
        ({"user_id": 5, "message": "Hi"}, "user_id"),
        ({"user_id": "me", "message": "Hi", "conversation_id": "x"}, "conversation_id"),
        ({"user_id": "me", "message": "Hi", "colour": "red"}, "colour"),
    ],
)
@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
async def test_bad_input(alice: Program, path: str, said: dict[str, object], field: str) -> None:
    status, problem = await alice.post(path, **said)
    assert (status, problem["code"]) == (422, "unprocessable")
    assert problem["detail"].startswith(f"{field}: ")


async def test_half_a_character(alice: Program) -> None:
    said = rb'{"user_id": "me", "message": "\ud800"}'
    answer = await alice.http.post(
        "/chat", content=said, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")


async def test_bad_queries(alice: Program) -> None:
    for path, query in (
        ("/chat-stream", {}),
        ("/chat-stream", {"message": ""}),
        ("/chat-stream", {"message": "Hi", "user_id": " "}),
        ("/history/me", {"limit": 0}),
        ("/history/me", {"limit": 101}),
        ("/history/me", {"limit": "ten"}),
        ("/history/me", {"before": "yesterday"}),
        ("/history/me", {"before": "2026-13-41T00:00:00Z"}),
        ("/history/me", {"before": "0001-01-01T00:00:00+23:59"}),
        ("/history/me", {"before": "9999-12-31T23:59:59-23:59"}),
        ("/history/%00", {}),
        ("/history/" + "x" * 201, {}),
    ):
        status, problem = await alice.get(path, **query)
        assert (status, problem["code"]) == (422, "unprocessable"), path
    status, problem = await alice.post("/chat", user_id="me", message="Hi", assistant="nobody")
    assert (status, problem["code"]) == (404, "not_found")


async def test_reply_that_fails(server: Server, alice: Program) -> None:
    """Who waits is told why; a stream tells it at its end."""
    with provider_with_titles() as fake:
        make_assistants(server, fake, {"slug": "failing", "kind": "openai"})
        asked = {"user_id": "frank", "message": "Hi", "assistant": "failing"}
        fake.next(Status(401))
        status, problem = await alice.post("/chat", **asked)
        assert (status, problem["code"]) == (503, "unavailable")
        fake.next(Status(401))
        async with alice.stream("/chat/stream", asked) as stream:
            end = await stream.ended()
        assert (end["status"], end["error"]["detail"]) == ("failed", problem["detail"])
    server.manage("assistant", "failing", "--off")


async def test_nobody_answers(own_server: Server) -> None:
    own_server.manage("reply", "answer", "--text", "x", "--off")
    async with Program(own_server.url, own_server.account("alice")) as alice:
        status, problem = await alice.post("/chat", user_id="me", message="Hi")
        assert (status, problem["code"]) == (503, "unavailable")
        [entry] = (await alice.get("/history/me"))[1]["conversations"]
        assert (entry["user_message"], entry["bot_response"]) == ("Hi", None)
