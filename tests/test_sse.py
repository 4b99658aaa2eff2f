"""A program reads a reply while it is written, from any offset, whatever happens to the line."""

import asyncio
from collections.abc import Callable
from itertools import accumulate
from zlib import crc32

import pytest

from chat.characters import split
from tests.client import session
from tests.conftest import Visit
from tests.events import Program, end_of
from tests.server import Server

# Characters of many code points, and all that JSON, or a stream of events, takes for something.
HARD = (
    "👩‍👩‍👧‍👦 e\u0301\n\n 🇩🇪🇫🇷  \u1112\u1161\u11ab क्षि\u2028data: id:\n:👍🏽 z\u0335\u0321\u034f "
    'مرحبا\n\t𐐷 "quoted" \\n {}!\n'
)
CHARACTERS = split(HARD)
ENDS = [*accumulate(map(len, CHARACTERS))]
SPEEDS = {"in one piece": "0", "character by character": "300"}

Scripted = Callable[..., str]
Programs = Callable[..., Program]


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.account("sse")


@pytest.fixture(scope="module", autouse=True)
def _bob(server: Server) -> None:
    server.account("sse-bob")


@pytest.fixture
def alice(program: Programs, key: str) -> Program:
    return program(key)


@pytest.fixture(params=SPEEDS.values(), ids=SPEEDS.keys())
def hard(request: pytest.FixtureRequest, scripted: Scripted) -> dict[str, str]:
    """What one says to get the hard text."""
    speed = request.param
    text = HARD.replace("{", "{{").replace("}", "}}")
    word = scripted(f"hard{speed}", text, "--speed", speed)
    return {"user_id": f"hard {speed}", "message": word}


def count(scripted: Scripted, speed: str = "60") -> dict[str, str]:
    """What one says to get a reply that takes a while."""
    word = scripted(f"count{speed}", COUNTED, "--speed", speed)
    return {"user_id": f"count {speed}", "message": word}


COUNTED = "".join(f"{number} " for number in range(50))


async def test_one_event_for_each_character(alice: Program, hard: dict[str, str]) -> None:
    async with alice.stream("/chat/stream", hard) as stream:
        assert stream.response.status_code == 200
        headers = stream.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["x-accel-buffering"] == "no"
        assert "no-store" in headers["cache-control"]
        await stream.read()
    *characters, end = stream.events
    assert [event.json for event in characters] == [
        {"chunk": each, "delta": each, "done": False} for each in CHARACTERS
    ]
    reply = end.id.partition(":")[0]
    assert [event.id for event in characters] == [f"{reply}:{at}" for at in ENDS]
    assert end.json == {"chunk": "", "delta": "", "done": True, **end_of(HARD)}


async def test_event_source(alice: Program, hard: dict[str, str]) -> None:
    async with alice.stream("/api/chat-stream", **hard) as stream:
        await stream.read()
    *characters, end = stream.events
    assert [event.data for event in characters] == CHARACTERS
    reply = end.id.partition(":")[0]
    assert [event.id for event in characters] == [f"{reply}:{at}" for at in ENDS]
    assert end.type == "done"
    assert end_of(HARD).items() <= end.json.items()
    assert await alice.get("/chat-stream", last=end.id, **hard) == (204, None)


async def test_from_any_offset(alice: Program, hard: dict[str, str]) -> None:
    async with alice.stream("/chat/stream", hard) as stream:
        await stream.read()
    reply = stream.last.partition(":")[0]
    path = f"/api/v1/replies/{reply}/stream"
    for at in [0, *ENDS[:-1]]:
        last = f"{reply}:{at}"
        for going_on in (
            alice.stream(path, last=last),
            alice.stream(path, last_event_id=last),
            alice.stream(path, at=at),
            alice.stream("/chat-stream", last=last, **hard),
            alice.stream("/chat/stream", hard, last=last),
        ):
            async with going_on as rest:
                assert end_of(HARD).items() <= (await rest.ended()).items()
            assert rest.text == HARD[at:]
    assert await alice.get(path, last=f"{reply}:{len(HARD)}") == (204, None)
    assert await alice.get(path, last_event_id=f"{reply}:{len(HARD)}") == (204, None)
    async with alice.stream(path, at=len(HARD)) as rest:
        assert (await rest.ended()) == {"delta": "", "done": True, **end_of(HARD)}


async def test_cut_connections(alice: Program, scripted: Scripted) -> None:
    """Each time a little is taken in, whatever came with it."""
    said = count(scripted)
    async with alice.stream("/chat-stream", **said) as stream:
        taken = (await stream.read(1))[:1]
    while taken[-1].type == "message":
        async with alice.stream("/chat-stream", last=taken[-1].id, **said) as stream:
            more = (await stream.read(20))[:20]
        if not more:  # cut behind the last character: 204
            break
        taken += more
    assert "".join(event.data for event in taken if event.type == "message") == COUNTED
    assert len((await alice.get(f"/history/{said['user_id']}"))[1]["conversations"]) == 1


async def test_line_that_is_lost_before_any_text_came(alice: Program, scripted: Scripted) -> None:
    """The id is told before the first character, and who comes again says nothing twice."""
    said = count(scripted, "50")
    async with alice.stream("/chat-stream", **said) as stream:
        first = await anext(stream.response.aiter_raw())
    assert b"retry: " in first
    [last] = [line[4:] for line in first.decode().splitlines() if line.startswith("id: ")]
    assert last.endswith(":0")
    async with alice.stream("/chat-stream", last=last, **said) as stream:
        await stream.ended()
    assert stream.text == COUNTED
    assert len((await alice.get(f"/history/{said['user_id']}"))[1]["conversations"]) == 1


async def test_many_readers_and_a_page(
    visit: Visit, server: Server, scripted: Scripted, program: Programs, key: str
) -> None:
    """The visitor's own page and their browser's streams show the same reply."""
    word = scripted("together", COUNTED, "--speed", "100")
    cookie = session(server.url)
    async with visit(cookie=cookie) as page:
        reply = await page.post(word)
        path = f"/api/v1/replies/{reply}/stream"
        browser = program(Cookie=cookie)
        async with browser.stream(path) as one, browser.stream(path, at=10) as other:
            assert (await one.ended())["crc32"] == (await other.ended())["crc32"]
            assert [one.text, other.text] == [COUNTED, COUNTED[10:]]
            await page.end(reply)
        assert await program().get(path) == (
            401,
            {
                "code": "not_signed_in",
                "detail": "Send an API key (Authorization: Bearer …), or the cookie of a session.",
            },
        )
        status, problem = await program(key).get(path)
        assert (status, problem["code"]) == (404, "not_found")


async def test_reply_that_is_stopped(
    visit: Visit, server: Server, scripted: Scripted, program: Programs
) -> None:
    """What the reader has beyond its end is not part of it: the end tells its length."""
    word = scripted("stopped", COUNTED * 20, "--speed", "40")
    cookie = session(server.url)
    async with visit(cookie=cookie) as page:
        reply = await page.post(word)
        browser = program(Cookie=cookie)
        async with browser.stream(f"/api/v1/replies/{reply}/stream") as stream:
            await stream.read(12)
            await page.send("reply.stop", reply=reply, at=5)
            end = await stream.ended()
        assert end == {"delta": "", "done": True, **end_of(COUNTED[:5], "stopped")}
        assert stream.events[-1].id == f"{reply}:5"
        path = f"/api/v1/replies/{reply}/stream"
        async with browser.stream(path, last=f"{reply}:12") as stream:
            assert await stream.ended() == end
        assert await browser.get(path, last=f"{reply}:5") == (204, None)


async def test_reply_that_is_written_anew(
    visit: Visit, server: Server, scripted: Scripted, program: Programs
) -> None:
    word = scripted("anew", COUNTED, "--speed", "100")
    cookie = session(server.url)
    async with visit(cookie=cookie) as page:
        reply = await page.post(word)
        await page.end(reply)
        await page.send("reply.regenerate", reply=reply)
        await page.until(lambda frame: frame["type"] == "message.changed")
        browser = program(Cookie=cookie)
        async with browser.stream(f"/api/v1/replies/{reply}/stream") as stream:
            assert end_of(COUNTED).items() <= (await stream.ended()).items()
        assert stream.text == COUNTED


async def test_reply_that_waits_in_line(alice: Program, scripted: Scripted) -> None:
    said = count(scripted, "150")
    async with alice.stream("/chat/stream", said) as first:
        await first.read(1)
        async with alice.stream("/chat/stream", said) as second:
            await second.ended()
            await first.ended()
    assert [first.text, second.text] == [COUNTED, COUNTED]
    assert first.last.partition(":")[0] != second.last.partition(":")[0]


async def test_conversation_that_is_deleted(
    visit: Visit, server: Server, scripted: Scripted, program: Programs
) -> None:
    word = scripted("deleted", COUNTED, "--speed", "20")
    cookie = session(server.url)
    async with visit(cookie=cookie) as page:
        reply = await page.post(word)
        browser = program(Cookie=cookie)
        await browser.http.get("/")
        token = browser.http.cookies.get("csrftoken", "")
        async with browser.stream(f"/api/v1/replies/{reply}/stream") as stream:
            await stream.read(3)
            await browser.http.post(
                f"/c/{page.conversation}/delete/",
                headers={
                    "X-CSRFToken": token,
                    "Origin": server.url,
                    "Cookie": f"{cookie}; csrftoken={token}",
                },
            )
            await stream.read()
        assert not any(event.json["done"] for event in stream.events[:-1])
        status, problem = await browser.get(f"/api/v1/replies/{reply}/stream")
        assert (status, problem["code"]) == (404, "not_found")


REVOKE = "from chat.models import ApiKey; ApiKey.objects.filter(name='revoked').delete()"


@pytest.mark.usefixtures("alice")
async def test_revoked_key_ends_its_streams(
    server: Server, scripted: Scripted, program: Programs
) -> None:
    """Within the time in which the server looks again: ten seconds."""
    said = count(scripted, "5")
    revoked = program(server.manage("apikey", "sse", "--name", "revoked"))
    other = program(server.manage("apikey", "sse", "--name", "kept"))
    async with revoked.stream("/chat/stream", said) as stream:
        await stream.read(1)
        async with other.stream(
            f"/api/v1/replies/{stream.last.partition(':')[0]}/stream"
        ) as going_on:
            server.manage("shell", "-c", REVOKE)
            await stream.read()
            assert not stream.events[-1].json["done"]
            assert (await revoked.get("/history/anybody"))[0] == 401
            at = len(going_on.events)
            await going_on.read(at + 1)


async def test_whoever_goes_away_does_not_stop_the_reply(
    alice: Program, scripted: Scripted
) -> None:
    said = count(scripted, "100")
    async with alice.stream("/chat/stream", said) as stream:
        await stream.read(1)
    reply = stream.last.partition(":")[0]
    async with alice.stream(f"/api/v1/replies/{reply}/stream") as again:
        assert end_of(COUNTED).items() <= (await again.ended()).items()


@pytest.mark.parametrize(
    ("last", "status", "code"),
    [
        ("garbage", 422, "unprocessable"),
        ("1", 422, "unprocessable"),
        ("{reply}:-1", 422, "unprocessable"),
        ("{reply}:\N{FULLWIDTH DIGIT ONE}", 422, "unprocessable"),
        ("{reply}:1:1", 422, "unprocessable"),
        ("{reply}:" + "9" * 40, 422, "unprocessable"),
        ("{reply}:1000", 422, "unprocessable"),
        ("999999999:0", 404, "not_found"),
        ("99999999999999999999:0", 404, "not_found"),
        ("{foreign}:0", 404, "not_found"),
    ],
)
async def test_last_event_that_never_was(
    server: Server,
    alice: Program,
    scripted: Scripted,
    program: Programs,
    last: str,
    status: int,
    code: str,
) -> None:
    said = {"user_id": "wrong", "message": scripted("wrong", "Short.", "--speed", "0")}
    replies = {}
    bob = program(server.manage("apikey", "sse-bob"))
    for name, whose in (("reply", alice), ("foreign", bob)):
        async with whose.stream("/chat/stream", said) as stream:
            await stream.ended()
        replies[name] = stream.last.partition(":")[0]
    last = last.format(**replies)
    ask = {"message": "Hi", "user_id": "wrong"}
    encoded = last.encode()
    asked = [
        await alice.http.get("/chat-stream", params=ask, headers={b"Last-Event-ID": encoded}),
        await alice.http.post("/chat/stream", json=said, headers={b"Last-Event-ID": encoded}),
        await alice.http.get(
            f"/api/v1/replies/{replies['reply']}/stream", headers={b"Last-Event-ID": encoded}
        ),
        await alice.http.get(
            f"/api/v1/replies/{replies['reply']}/stream", params={"last_event_id": last}
        ),
    ]
    for answer in asked:
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["detail"]


async def test_restart(own_server: Server) -> None:
    """The server says good-bye in the middle, and its next process goes on from there."""
    own_server.manage("reply", "answer", "--text", COUNTED, "--speed", "15")
    async with Program(own_server.url, own_server.account("alice")) as alice:
        async with alice.stream("/chat/stream", {"user_id": "me", "message": "Hi"}) as stream:
            await stream.read(20)
            await asyncio.to_thread(own_server.stop)
            await stream.read()
        assert not stream.events[-1].json["done"]
        own_server.start()
        reply = stream.last.partition(":")[0]
        async with alice.stream(f"/api/v1/replies/{reply}/stream", last=stream.last) as rest:
            end = await rest.ended()
    assert stream.text + rest.text == COUNTED
    assert end["crc32"] == crc32(COUNTED.encode())
    assert "Traceback" not in own_server.log.read_text(), own_server.log.read_text()
