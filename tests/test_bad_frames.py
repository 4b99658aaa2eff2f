"""Whatever a client sends is answered, or closes its connection with a code that says why.

A frame that the server cannot use gets an `error` that names the field and what was expected; the
connection goes on, and the server's log stays free of tracebacks.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.client import Client, Frame, session
from tests.conftest import Visit
from tests.server import Server

MISSING = object()
LONE_SURROGATE = "half \ud83d"  # json.dumps escapes it, so it travels
FRAME_LIMIT = 64 * 1024  # bytes

GOOD: dict[str, dict[str, Any]] = {
    "message.send": {"text": "hi", "key": "k", "assistant": "assistant", "pace": "faster"},
    "reply.stop": {"reply": 1, "at": 0},
    "ack": {"reply": 1, "at": 0},
    "sync": {"reply": 1, "at": 0},
    "earlier": {"before": 1},
    "ping": {"t": 1},
}

NOT_FRAMES = {
    "nothing": "",
    "blanks": "  \n",
    "words": "hello",
    "NUL": "\0",
    "truncated object": '{"type":"ping"',
    "truncated string": '{"type":"pi',
    "two objects": '{"type":"ping"}{"type":"ping"}',
    "trailing comma": '{"type":"ping",}',
    "single quotes": "{'type':'ping'}",
    "byte order mark": '\ufeff{"type":"ping"}',
    "raw line break in a string": '{"type":"ping","t":"\n"}',
    "array": '[{"type":"ping"}]',
    "string": '"ping"',
    "number": "1",
    "null": "null",
    "NaN": '{"type":"ping","t":NaN}',
    "Infinity": '{"type":"ping","t":Infinity}',
    "minus Infinity": '{"type":"ping","t":-Infinity}',
    "64 KB of arrays": "[" * FRAME_LIMIT,
    "64 KB of objects": ('{"a":' * FRAME_LIMIT)[:FRAME_LIMIT],
    "arrays deep inside a frame": '{"type":"ping","t":' + "[" * 30_000 + "]" * 30_000 + "}",
    "integer of 60,000 digits": '{"type":"ping","t":' + "9" * 60_000 + "}",
}

NOT_TYPES = (MISSING, None, True, 1, [], ["ping"], {}, "", "nope", "Ping", "ping ", "ready", "char")

NOT_TEXTS = (None, True, 1, 1.5, [], ["hi"], {}, "", " \n\t", "x" * 32_001)
NOT_CLEAN = ("a\0", "a\x07", "a\x1b[0m", "a\x7f", "a\x85", LONE_SURROGATE, "\udc00\ud800")
NOT_KEYS = (True, 1, [], {}, "", "k" * 65, *NOT_CLEAN)
NOT_IDS = (
    *(None, True, False, 0, -1, 2**63, 10**30, 10**4000, 1.0, 1e400, [], [1], {}),
    *("", "x", "1.0", "-1", "+1", " 1", "1_0", "٣", "²", "0", "9" * 19, "1" * 5000, LONE_SURROGATE),
)
NOT_OFFSETS = (True, -1, 2**31, 2**63, 10**30, 10**4000, 0.0, 1.5, 1e400, "", "0", [], {})
NOT_STAMPS = (True, [], {}, "t" * 65, 1e400, 10**400, -(10**4000), *NOT_CLEAN)

WRONG: dict[tuple[str, str], tuple[Any, ...]] = {
    ("message.send", "text"): (MISSING, *NOT_TEXTS, *NOT_CLEAN),
    ("message.send", "key"): (MISSING, None, *NOT_KEYS),
    ("message.send", "assistant"): NOT_KEYS,
    ("message.send", "pace"): (True, 1, [], {}, "", "slower", "Faster"),
    ("reply.stop", "reply"): (MISSING, *NOT_IDS),
    ("reply.stop", "at"): NOT_OFFSETS,
    ("ack", "reply"): (MISSING, *NOT_IDS),
    ("ack", "at"): (MISSING, None, *NOT_OFFSETS),
    ("sync", "reply"): (MISSING, *NOT_IDS),
    ("sync", "at"): (MISSING, None, *NOT_OFFSETS),
    ("earlier", "before"): (MISSING, *NOT_IDS),
    ("ping", "t"): NOT_STAMPS,
}


@pytest.fixture(autouse=True)
def _no_traceback(server: Server) -> Iterator[None]:
    before = server.log.stat().st_size
    yield
    assert "Traceback" not in server.log.read_bytes()[before:].decode()


async def answers(client: Client, *frames: str | bytes) -> list[Frame]:
    """Send `frames`; return the errors that come, up to the pong of a ping behind them."""
    known = len(client.frames)
    for frame in frames:
        await client.socket.send(frame)
    fence = f"fence {known}"
    await client.send("ping", t=fence)
    await client.until(lambda frame: frame["type"] == "pong" and frame["t"] == fence)
    return [frame for frame in client.frames[known:] if frame["type"] == "error"]


def written(type: Any, fields: dict[str, Any]) -> str:
    frame = {"type": type, **fields}
    data = json.dumps({name: value for name, value in frame.items() if value is not MISSING})
    return data.replace("Infinity", "1e400")  # which is JSON, and too large for a float


@pytest.mark.parametrize("data", NOT_FRAMES.values(), ids=NOT_FRAMES.keys())
async def test_what_is_no_frame_is_refused(visit: Visit, data: str) -> None:
    async with visit() as alice:
        [error] = await answers(alice, data)
        assert error == {
            "type": "error",
            "code": "bad_request",
            "detail": "a frame must be one JSON object",
        }


async def test_binary_frame_is_refused(visit: Visit) -> None:
    async with visit() as alice:
        for data in (b'{"type":"ping"}', b"", b"\xff\xfe"):
            [error] = await answers(alice, data)
            assert error["code"] == "bad_request"
            assert "text" in error["detail"]


async def test_unknown_type_is_refused(visit: Visit) -> None:
    async with visit() as alice:
        for type in (*NOT_TYPES, LONE_SURROGATE, "p" * 60_000):
            [error] = await answers(alice, written(type, {}))
            assert error["code"] == "bad_request"
            assert error["detail"].startswith("type: ")
            assert "message.send" in error["detail"], "it says what was expected"


@pytest.mark.parametrize(("type", "field"), WRONG)
async def test_wrong_field_is_named(visit: Visit, type: str, field: str) -> None:
    async with visit() as alice:
        for value in WRONG[type, field]:
            [error] = await answers(alice, written(type, {**GOOD[type], field: value}))
            assert error["code"] == "bad_request", value
            assert error["detail"].startswith(f"{field}: "), value
            assert len(error["detail"]) > len(f"{field}: "), value
            usable = {name: GOOD[type].get(name) for name in ("key", "reply") if name != field}
            assert {name: error.get(name) for name in usable} == usable, value
            assert field not in error, value


async def test_missing_field_is_called_missing(visit: Visit) -> None:
    async with visit() as alice:
        [error] = await answers(alice, '{"type":"message.send","text":"hi"}')
        assert error["detail"] == "key: is missing"


async def test_refused_message_posts_nothing(visit: Visit) -> None:
    async with visit() as alice:
        await answers(alice, written("message.send", {"text": "\0", "key": "k"}))
        alice.frames.clear()
        await alice.post("good", key="k")
        assert [m["text"] for m in alice.messages.values() if m["key"] == "k"] == ["good"]


async def test_what_a_frame_may_have_beside_its_fields(visit: Visit) -> None:
    """Fields that no one knows are ignored, and an optional field may be null."""
    async with visit() as alice:
        assert not await answers(alice, '{"type":"ping","t":null,"later":[1,{"a":"b"}]}')
        assert not await answers(alice, '{"type":"typing","who":"me"}')
        assert not await answers(alice, '{"type":"ping","t":1,"t":2}', ' \n{"type":"ping"}\t')


async def test_text_of_any_script_is_kept_as_it_came(visit: Visit) -> None:
    text = "tab\tline\nend\r\n 👩‍👩‍👧‍👦 e\u0301 \u202eabc \u200b \ufeff \U0010ffff <b>&amp;</b>"
    async with visit() as alice:
        await alice.post(text, key="any")
        assert [m["text"] for m in alice.messages.values() if m["key"] == "any"] == [text]


async def test_longest_message_is_taken(visit: Visit) -> None:
    async with visit() as alice:
        await alice.post("x" * 32_000, key="k" * 64)
        [mine] = [m for m in alice.messages.values() if m["key"] == "k" * 64]
        assert len(mine["text"]) == 32_000


async def test_frame_of_64_kib_is_taken(visit: Visit) -> None:
    async with visit() as alice:
        assert not await answers(alice, '{"type":"ping"}'.ljust(FRAME_LIMIT))


@pytest.mark.parametrize(
    "data",
    [
        '{"type":"ping"}'.ljust(FRAME_LIMIT + 1),
        b"\0" * (FRAME_LIMIT + 1),
        "€" * (FRAME_LIMIT // 3 + 1),
        "x" * (1024 * 1024 + 1),
        "x" * (3 * 1024 * 1024),
    ],
    ids=["one byte more", "binary", "bytes, not characters", "over 1 MiB", "3 MiB"],
)
async def test_larger_frame_closes_the_connection(visit: Visit, data: str | bytes) -> None:
    async with visit() as alice:
        with suppress(ConnectionClosed):  # amid what is too long
            await alice.socket.send(data)
        assert await alice.closed() == 1009


async def test_large_message_in_fragments_closes_the_connection(visit: Visit) -> None:
    async with visit() as alice:
        await alice.socket.send(["x" * 1000] * 70)
        assert await alice.closed() == 1009


async def test_text_that_is_not_utf8_closes_the_connection(visit: Visit) -> None:
    async with visit() as alice:
        await alice.socket.send(b'{"type":"\xff"}', text=True)
        assert await alice.closed() == 1007


async def test_more_than_twenty_bad_frames_in_a_row_close(visit: Visit) -> None:
    async with visit() as alice:
        for _ in range(21):
            await alice.socket.send("bad")
        assert await alice.closed() == 4400
        assert len([frame for frame in alice.frames if frame["type"] == "error"]) == 21


async def test_good_frame_in_between_starts_the_count_anew(visit: Visit) -> None:
    async with visit() as alice:
        for _ in range(3):
            assert len(await answers(alice, *["bad"] * 20)) == 20


async def test_closed_connection_can_come_back(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        await alice.post("before", key="before")
        for _ in range(21):
            await alice.socket.send("bad")
        await alice.closed()
        path = f"/ws/chat/{alice.conversation}/"
    async with visit(path, cookie=cookie) as alice:
        assert "before" in [message["key"] for message in alice.ready["messages"]]


# Anything else that one can think of, and what one cannot: seeded, so that it fails for everyone.

TEXT = st.text(st.characters(), max_size=80)  # with lone surrogates
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.just(10**400) | TEXT
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=9
)
FIELDS = ("text", "key", "assistant", "reply", "at", "before", "t")
VALUES = JSON | LEAF | st.integers(0, 60) | st.sampled_from(["hi", "k", "assistant", "1"])
KNOWN_TYPE = st.sampled_from([*GOOD, "typing"])
ALMOST = st.builds(written, KNOWN_TYPE | JSON, st.dictionaries(st.sampled_from(FIELDS), VALUES))
ANYTHING = ALMOST | JSON.map(json.dumps) | st.text() | st.binary()
REFUSALS = {"bad_request", "not_found", "conflict", "rate_limited"}


@settings(max_examples=100, derandomize=True, database=None)
@given(st.lists(ANYTHING, min_size=1, max_size=20))
async def test_anything_at_all_is_answered(server: Server, frames: list[str | bytes]) -> None:
    async with Client(server.url, origin=server.url) as alice:
        await answers(alice, *frames)
        await alice.send("earlier", before=1)  # answered after all that waited for the database
        await alice.until(lambda frame: frame["type"] == "earlier" and not frame["messages"])
        refusals = {frame["code"] for frame in alice.frames if frame["type"] == "error"}
        assert refusals <= REFUSALS
