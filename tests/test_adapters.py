"""Every provider is spoken to over real HTTP, and whatever it does becomes text or one error."""

import asyncio
import datetime
import gzip
import ipaddress
import random
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chat.assistants import body
from chat.assistants.base import Endpoint, Parameters, Provider, ProviderError, Request, Told, Turn
from chat.assistants.body import LONGEST_EVENT
from chat.assistants.kinds import KINDS, connect
from tests.providers import KINDS as DIALECTS
from tests.providers import (
    Answer,
    Endless,
    Events,
    Exchange,
    FakeProvider,
    Held,
    Raw,
    Said,
    Silent,
    Status,
    dumped,
    provider_fixture,  # noqa: F401 - a fixture
)
from tests.providers import provider as running
from tests.server import ROOT

KEY = "sk-proj-0123456789abcdefXYZ"
TEXT = "Grüße, 世界! 👩‍👩‍👧‍👦 e\u0301\n\n- one\n- two"
HELLO = (Turn(True, "Hello?"),)

ENVIRONMENT = {
    "OPENAI_API_KEY": "theirs",
    "OPENAI_ADMIN_KEY": "theirs",
    "OPENAI_ORG_ID": "theirs",
    "OPENAI_PROJECT_ID": "theirs",
    "OPENAI_CUSTOM_HEADERS": "X-Custom: theirs\nAuthorization: theirs",
    "OPENAI_BASE_URL": "http://127.0.0.1:1/",
    "ANTHROPIC_API_KEY": "theirs",
    "ANTHROPIC_AUTH_TOKEN": "theirs",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Custom: theirs\nAuthorization: theirs",
    "OLLAMA_API_KEY": "theirs",
    "OLLAMA_HOST": "http://127.0.0.1:1",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
    "NO_PROXY": "",
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["in one piece", "byte by byte"])
def cuts(request: pytest.FixtureRequest, provider: FakeProvider) -> None:
    provider.byte_by_byte = request.param


@pytest.fixture
async def model(provider: FakeProvider, kind: str) -> AsyncIterator[Provider]:
    """The adapter of one kind, connected with the fake provider."""
    it = connect(Endpoint(kind, provider.base_url(kind), KEY))
    yield it
    await it.close()


async def text_of(model: Provider, told: Told | None = None, **request: Any) -> str:
    wanted = Request(**{"model": "m", "turns": HELLO, **request})
    async with aclosing(model.stream(wanted, told or Told())) as pieces:
        return "".join([piece async for piece in pieces])


async def error_of(model: Provider, **request: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await text_of(model, **request)
    return raised.value


async def refusal(kind: str, url: str, key: str = "", **endpoint: Any) -> ProviderError:
    """Return how the endpoint at `url` fails, which it has to."""
    try:
        model = connect(Endpoint(kind, url, key, **endpoint))
    except ProviderError as error:
        return error
    try:
        return await error_of(model)
    finally:
        await model.close()


# Text


@pytest.mark.usefixtures("cuts")
async def test_text_comes_whole(provider: FakeProvider, model: Provider) -> None:
    provider.says(TEXT)
    told = Told()
    assert await text_of(model, told) == TEXT
    assert told == Told(tokens_in=11, tokens_out=7)


async def test_each_piece_comes_when_it_is_sent(provider: FakeProvider, model: Provider) -> None:
    held = provider.next(Held())
    async with aclosing(model.stream(Request("m", HELLO), Told())) as pieces:
        for piece in ("Hel", "lo ", "you."):
            held.give(piece)
            assert await anext(p async for p in pieces if p) == piece
        held.end()
        assert [piece async for piece in pieces if piece] == []


@pytest.mark.usefixtures("cuts")
async def test_reasoning_in_a_field_is_no_text(provider: FakeProvider, model: Provider) -> None:
    provider.next(Said(TEXT, thoughts=["Hm. ", "Grüßen?"]))
    told = Told()
    assert await text_of(model, told) == TEXT
    assert "".join(told.thoughts) == "Hm. Grüßen?"


@pytest.mark.parametrize("tag", ["think", "thinking"])
@pytest.mark.usefixtures("cuts")
async def test_reasoning_in_tags_is_no_text(
    provider: FakeProvider, model: Provider, tag: str
) -> None:
    provider.says(f"<{tag}>Hm.</{tag}>\n\n{TEXT} <{tag}>")
    told = Told()
    assert await text_of(model, told) == f"{TEXT} <{tag}>"
    assert "".join(told.thoughts) == "Hm."


async def test_while_it_thinks_there_are_signs_of_life(
    provider: FakeProvider, model: Provider
) -> None:
    held, told = provider.next(Held()), Told()
    async with aclosing(model.stream(Request("m", HELLO), told)) as pieces:
        held.think("Hm")
        while not told.thoughts:
            assert await anext(pieces) == ""
    assert told.thoughts == ["Hm"]


@pytest.mark.usefixtures("cuts")
async def test_pings_and_comments_are_nothing(provider: FakeProvider, model: Provider) -> None:
    provider.next(Said(TEXT, pings=True))
    assert await text_of(model) == TEXT


async def test_what_is_no_text_elsewhere_passes(provider: FakeProvider, model: Provider) -> None:
    provider.next(Said(pieces=["a\ud83d", "\ude00\0\u2028\x85\x0c", "", "b"]))
    assert await text_of(model) == "a\ud83d\ude00\0\u2028\x85\x0cb"


async def test_thousands_of_pieces(provider: FakeProvider, model: Provider) -> None:
    provider.next(Said(pieces=[f"{number} " for number in range(3_000)]))
    assert (await text_of(model)).split() == [str(number) for number in range(3_000)]


async def test_end_for_length(provider: FakeProvider, model: Provider) -> None:
    provider.next(Said("Hel", finish="length"))
    told = Told()
    assert await text_of(model, told) == "Hel"
    assert told.at_limit


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_fields_for_reasoning(provider: FakeProvider, field: str) -> None:
    dialect = DIALECTS["openai"]
    chunk = dialect.event({"choices": [{"index": 0, "delta": {field: "Hm"}}]})
    provider.next(Events(chunk + dialect.text("Yes") + dialect.end("stop", None, done=False)))
    model, told = connect(Endpoint("openai", provider.base_url("openai"))), Told()
    assert await text_of(model, told) == "Yes"
    assert told.thoughts == ["Hm"]
    await model.close()


async def test_content_of_several_parts(provider: FakeProvider) -> None:
    dialect = DIALECTS["openai"]
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    parts = [thinking, {"type": "text", "text": "Yes"}]
    data = dialect.event({"choices": [{"index": 0, "delta": {"content": parts}}]})
    provider.next(Events(data))
    model, told = connect(Endpoint("openai", provider.base_url("openai"))), Told()
    assert await text_of(model, told) == "Yes"
    assert told.thoughts == ["Hm"]
    await model.close()


@pytest.mark.usefixtures("cuts")
async def test_empty_lines_keep_a_connection_alive(provider: FakeProvider) -> None:
    dialect = DIALECTS["ollama"]
    lines = [dialect.text("Hel"), dialect.text("lo"), dialect.end("stop", None, done=True)]
    provider.next(Events(b"\n" + b"\n \r\n".join(lines) + b"\n\n"))
    model = connect(Endpoint("ollama", provider.base_url("ollama")))
    assert await text_of(model) == "Hello"
    await model.close()


@pytest.mark.usefixtures("cuts")
async def test_what_servers_leave_out(provider: FakeProvider) -> None:
    lines = [
        ": comment",
        'data: {"choices": []}',
        'data: {"choices": null, "usage": null}',
        'data: {"choices": [{"delta": {"role": "assistant"}}]}',
        'data: {"choices": [{"delta": {"content": null}}]}',
        'data:{"choices": [{"index": 0, "delta": {"content": "Hi"}}]}',
        'data: {"choices": [{"delta": {}}]}',
        'data: {"choices": [{"delta": null, "finish_reason": "stop"}]}',
    ]
    model = connect(Endpoint("openai", provider.base_url("openai")))
    for end in ("\n\n", "\r\n\r\n"):  # and no [DONE]
        provider.next(Events((end.join(lines) + end).encode()))
        assert await text_of(model) == "Hi"
    await model.close()


# What is asked


async def test_only_what_is_set_is_sent(provider: FakeProvider, model: Provider, kind: str) -> None:
    await text_of(model)
    usual = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}], "stream": True}
    more: dict[str, Any] = {
        "openai": {"stream_options": {"include_usage": True}},
        "ollama": {"options": {}, "tools": []},
        "anthropic": {"max_tokens": 4096},
    }[kind]
    assert provider.requests[0].body == {**usual, **more}


async def test_all_that_can_be_set(provider: FakeProvider, model: Provider, kind: str) -> None:
    given = Parameters(temperature=0.5, top_p=0.9, max_tokens=99, stop=("END",))
    await text_of(model, system="Be kind.", parameters=given, context=8192)
    body = provider.requests[0].body
    sampling = {"temperature": 0.5, "top_p": 0.9}
    if kind == "ollama":
        assert body["options"] == {**sampling, "num_predict": 99, "num_ctx": 8192, "stop": ["END"]}
    else:
        stop = "stop" if kind == "openai" else "stop_sequences"
        wanted = {**sampling, "max_tokens": 99, stop: ["END"]}
        assert {name: body.get(name) for name in wanted} == wanted
    if kind == "anthropic":
        assert body["system"] == "Be kind."
    else:
        assert body["messages"][0] == {"role": "system", "content": "Be kind."}


async def test_sides_take_turns(provider: FakeProvider, model: Provider) -> None:
    sides = [(False, "Welcome."), (True, "a"), (True, "b"), (True, " "), (False, "c"), (True, "d")]
    await text_of(model, turns=tuple(Turn(*side) for side in sides))
    messages = provider.requests[0].body["messages"]
    assert [(message["role"], message["content"]) for message in messages] == [
        ("user", "…"),
        ("assistant", "Welcome."),
        ("user", "a\n\nb"),
        ("assistant", "c"),
        ("user", "d"),
    ]


async def test_speaking_unasked_is_not_carrying_on(provider: FakeProvider, model: Provider) -> None:
    await text_of(model, turns=(*HELLO, Turn(False, "Hi.")))
    assert provider.requests[0].body["messages"][-1] == {"role": "user", "content": "…"}


async def test_key_is_sent(provider: FakeProvider, model: Provider) -> None:
    await text_of(model)
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_environment_sends_nothing(
    provider: FakeProvider, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    model = connect(Endpoint(kind, provider.base_url(kind)))
    await text_of(model)
    await model.models()
    await model.close()
    for asked in provider.requests:
        assert "theirs" not in str(asked)
        assert "authorization" not in asked.headers
        assert asked.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("openai", "/v1/"),
        ("openai", "/v1/chat/completions"),
        ("openai", ""),
        ("openai", "/"),
        ("ollama", "/"),
        ("ollama", "/v1"),
        ("ollama", "/api/"),
        ("anthropic", "/"),
        ("anthropic", "/v1/"),
    ],
)
async def test_base_url_may_be_given_so(provider: FakeProvider, kind: str, path: str) -> None:
    model = connect(Endpoint(kind, provider.url + path))
    assert await text_of(model) == "Hello."
    assert await model.models() == ["model-a", "model-b"]
    await model.close()


async def test_connections_are_shared(provider: FakeProvider, model: Provider) -> None:
    for _ in range(3):
        await text_of(model)
    assert provider.connections == 1


async def test_as_many_at_once_as_one_likes(provider: FakeProvider, model: Provider) -> None:
    helds = [provider.next(Held()) for _ in range(120)]
    asking = [asyncio.create_task(text_of(model)) for _ in helds]
    await provider.requested(len(helds))
    for held in helds:
        held.give("Hi")
        held.end()
    assert await asyncio.gather(*asking) == ["Hi"] * len(helds)


def test_sdk_is_loaded_when_it_is_needed(kind: str) -> None:
    check = f"""
import sys
from chat.assistants.base import Endpoint
from chat.assistants.kinds import connect
packages = ("openai", "ollama", "anthropic", "httpx", "httpx2")
assert not set(packages) & set(sys.modules)
connect(Endpoint({kind!r}))
assert {{"openai", "ollama", "anthropic"}} & set(sys.modules) == {{{kind!r}}}
"""
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)


# Carrying on


async def test_prefill(provider: FakeProvider, kind: str) -> None:
    provider.says(" a time.")
    model = connect(Endpoint(kind, provider.base_url(kind)))
    assert await text_of(model, beginning="Once upon ", prefill=True) == "a time."
    await model.close()
    body = provider.requests[0].body
    assert body["messages"][-1] == {"role": "assistant", "content": "Once upon"}
    assert body.get("continue_final_message") == (True if kind == "openai" else None)
    assert body.get("add_generation_prompt") == (False if kind == "openai" else None)


async def test_what_is_usual_of_a_kind(provider: FakeProvider, model: Provider, kind: str) -> None:
    await text_of(model, beginning="Once upon")
    last = provider.requests[0].body["messages"][-1]["role"]
    assert last == ("user" if kind == "openai" else "assistant")


@pytest.mark.usefixtures("cuts")
async def test_asking_to_carry_on(provider: FakeProvider, model: Provider) -> None:
    provider.says("upon a time.")
    assert await text_of(model, beginning="Once upon", prefill=False) == " a time."
    roles = [message["role"] for message in provider.requests[0].body["messages"]]
    assert roles == ["user", "assistant", "user"]


async def test_refused_prefill_becomes_a_question(
    provider: FakeProvider, model: Provider, kind: str
) -> None:
    refuses = Status(400, {"error": {"message": "This model does not support prefill."}})
    for _ in range(2 if kind == "openai" else 1):  # there stream_options may be the reason
        provider.next(refuses)
    provider.says("upon a time.")
    assert await text_of(model, beginning="Once upon", prefill=True) == " a time."
    assert provider.requests[-1].body["messages"][-1]["role"] == "user"


# What OpenAI-compatible servers do not know


@pytest.fixture
async def compatible(provider: FakeProvider) -> AsyncIterator[Provider]:
    it = connect(Endpoint("openai", provider.base_url("openai")))
    yield it
    await it.close()


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("said", [b"", {"detail": [{"loc": ["body", "stream_options"]}]}])
async def test_server_that_does_not_tell_usage(
    provider: FakeProvider, compatible: Provider, status: int, said: Any
) -> None:
    provider.next(Status(status, said))
    assert await text_of(compatible) == "Hello."
    assert await text_of(compatible) == "Hello."
    assert ["stream_options" in asked.body for asked in provider.requests] == [True, False, False]


async def test_refusal_for_another_reason_teaches_nothing(
    provider: FakeProvider, compatible: Provider
) -> None:
    for _ in range(2):
        provider.next(Status(400, {"error": {"message": "too long"}}))
    assert (await error_of(compatible)).code == "refused"
    await text_of(compatible)
    assert ["stream_options" in asked.body for asked in provider.requests] == [True, False, True]


async def test_server_that_tells_usage_is_not_asked_twice(
    provider: FakeProvider, compatible: Provider
) -> None:
    await text_of(compatible)
    provider.next(Status(400, {"error": {"message": "too long"}}))
    assert (await error_of(compatible)).code == "refused"
    assert len(provider.requests) == 2


async def test_model_that_knows_max_completion_tokens_only(
    provider: FakeProvider, compatible: Provider
) -> None:
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    provider.next(Status(400, {"error": {"message": said}}))
    given = Parameters(max_tokens=9)
    assert await text_of(compatible, parameters=given) == "Hello."
    assert await text_of(compatible, parameters=given) == "Hello."
    names = [name for asked in provider.requests for name in asked.body if name.startswith("max")]
    assert names == ["max_tokens", "max_completion_tokens", "max_completion_tokens"]


# Going away


async def test_closing_tells_the_provider(provider: FakeProvider, model: Provider) -> None:
    provider.next(Held()).give("Hello")
    pieces = model.stream(Request("m", HELLO), Told())
    assert await anext(p async for p in pieces if p) == "Hello"
    await pieces.aclose()
    await provider.disconnected()


async def test_cancelling_tells_the_provider(provider: FakeProvider, model: Provider) -> None:
    provider.next(Held()).give("Hello")
    pieces = model.stream(Request("m", HELLO), Told())
    assert await anext(p async for p in pieces if p) == "Hello"
    waiting = asyncio.ensure_future(anext(p async for p in pieces if p))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await provider.disconnected()
    await pieces.aclose()


async def test_cancelling_before_there_are_headers(provider: FakeProvider, model: Provider) -> None:
    provider.next(Silent())
    waiting = asyncio.create_task(text_of(model))
    await provider.requested()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await provider.disconnected()


# Errors


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (302, "garbled", True),
        (400, "refused", True),
        (401, "wrong_key", True),
        (402, "refused", True),
        (403, "wrong_key", True),
        (404, "unknown_model", True),
        (408, "overloaded", False),
        (409, "overloaded", False),
        (413, "refused", True),
        (422, "refused", True),
        (429, "rate_limited", False),
        (500, "overloaded", False),
        (502, "overloaded", False),
        (503, "overloaded", False),
        (529, "overloaded", False),
    ],
)
@pytest.mark.parametrize("form", ["json", "html", "empty"])
async def test_status(
    provider: FakeProvider, model: Provider, status: int, code: str, permanent: bool, form: str
) -> None:
    body: Any = {
        "json": {"error": {"message": "No\nway.", "type": "some_type"}},
        "html": "<html><style>b {}</style><body><b class='x'>No</b> way.",
        "empty": b"",
    }[form]
    provider.next(Status(status, body))
    provider.next(Status(status, body))  # for who asks with less
    error = await error_of(model)
    assert (error.code, error.permanent) == (code, permanent)
    assert str(status) in error.reason
    assert "No way." in error.reason or form == "empty"
    assert "\n" not in error.reason
    assert "b {}" not in error.reason
    assert error.detail.startswith("The assistant")
    assert error.__cause__ is error.__context__ is None


async def test_one_request_for_one_error(provider: FakeProvider, model: Provider) -> None:
    for status in (429, 500, 503):
        provider.next(Status(status, headers={"x-should-retry": "true", "Retry-After": "0"}))
        await error_of(model)
    assert len(provider.requests) == 3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e300"}, 86_400.0),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_pause_that_is_asked_for(
    provider: FakeProvider,
    model: Provider,
    status: int,
    headers: dict[str, str],
    seconds: float | None,
) -> None:
    provider.next(Status(status, headers=headers))
    assert (await error_of(model)).retry_after == seconds


async def test_pause_until_a_date(provider: FakeProvider, model: Provider) -> None:
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    provider.next(Status(429, headers={"Retry-After": format_datetime(when, usegmt=True)}))
    assert 50 < ((await error_of(model)).retry_after or 0) <= 100


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, {"error": {"message": "Model Not Exist"}}, "unknown_model"),
        (400, {"message": "Invalid model: m", "code": "1500"}, "unknown_model"),
        (400, [{"error": {"message": "API key not valid. Please pass one."}}], "wrong_key"),
        (404, {"error": 'model "m" not found, try pulling it first'}, "unknown_model"),
        (400, {"error": {"message": "This model knows an unknown field not."}}, "refused"),
        (400, {"error": {"message": "This model's maximum context length is 8"}}, "refused"),
    ],
)
async def test_what_providers_say_with_a_status(
    provider: FakeProvider, model: Provider, status: int, said: Any, code: str
) -> None:
    for _ in range(2):
        provider.next(Status(status, dumped(said), {"Content-Type": "application/json"}))
    assert (await error_of(model)).code == code


async def test_empty_account_is_no_pause(provider: FakeProvider, model: Provider) -> None:
    provider.next(Status(429, {"error": {"message": "Pay.", "type": "insufficient_quota"}}))
    error = await error_of(model)
    assert (error.code, error.permanent) == ("rate_limited", True)


@pytest.mark.parametrize(
    ("thing", "code", "permanent"),
    [
        ({"type": "overloaded_error", "message": "Busy."}, "overloaded", False),
        ({"type": "rate_limit_error", "message": "Busy."}, "rate_limited", False),
        ({"type": "invalid_request_error", "message": "Busy."}, "refused", True),
        ({"type": "authentication_error", "message": "Busy."}, "wrong_key", True),
        ({"type": "not_found_error", "message": "Busy."}, "unknown_model", True),
        ({"code": 429, "message": "Busy."}, "rate_limited", False),
        ({"code": 502, "message": "Busy."}, "overloaded", False),
        ({"type": "other", "message": "Busy."}, "stream_error", False),
    ],
)
@pytest.mark.usefixtures("cuts")
async def test_error_in_the_stream(
    provider: FakeProvider, kind: str, model: Provider, thing: Any, code: str, permanent: bool
) -> None:
    dialect = DIALECTS[kind]
    said = dumped(thing).decode() if kind == "ollama" else thing
    provider.next(Events(dialect.begin() + dialect.text("Hel") + dialect.error(said)))
    error = await error_of(model)
    if kind == "ollama":  # which has no types
        assert error.code == "stream_error"
    else:
        assert (error.code, error.permanent) == (code, permanent)
    assert "Busy." in error.reason


@pytest.mark.usefixtures("cuts")
async def test_connection_is_cut(provider: FakeProvider, kind: str, model: Provider) -> None:
    dialect = DIALECTS[kind]
    provider.next(Events(dialect.begin() + dialect.text("Hel"), cut=True))
    error = await error_of(model)
    assert (error.code, error.permanent) == ("cut", False)


async def test_connection_is_cut_before_the_answer(provider: FakeProvider, model: Provider) -> None:
    provider.next(Raw(b""))
    error = await error_of(model)
    assert (error.code, error.permanent) == ("cut", False)


async def test_without_last_event(provider: FakeProvider, kind: str, model: Provider) -> None:
    provider.next(Said("Hello.", done=False))
    if kind == "openai":
        assert await text_of(model) == "Hello."
    else:
        assert (await error_of(model)).code == "cut"


async def test_end_of_the_connection_alone_is_no_end(provider: FakeProvider, kind: str) -> None:
    dialect = DIALECTS[kind]
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {dialect.content_type}\r\n\r\n".encode()
    provider.next(Raw(head + dialect.begin() + dialect.text("Hel")))
    assert (await refusal(kind, provider.base_url(kind))).code == "cut"


@pytest.mark.parametrize(
    "answer",
    [
        Status(
            200, "<!doctype html><title>Welcome to nginx!</title>", {"Content-Type": "text/html"}
        ),
        Status(200, "Bonjour.", {"Content-Type": "text/plain"}),
        Status(200, "data: {oh\n\n{oh\n", {"Content-Type": "text/event-stream"}),
        Status(200, b"data: \xff\xfe\n\nevent: x\ndata: \xff\n\n\xff\n"),
        Status(200, b"event: x\ndata: 5\n\n5\n"),
        Status(
            200, b'event: x\ndata: {"choices": 5, "message": 5}\n\n{"choices": 5, "message": 5}\n'
        ),
        Status(200, b"event: x\ndata: " + b"[" * 100_000 + b"\n\n"),
        Status(200, b"hi", {"Content-Encoding": "gzip"}),
        Status(200, gzip.compress(b"hi" * 10_000_000), {"Content-Encoding": "gzip"}),
        Raw(b"HTTP/1.1 200 OK\r\nX-Bomb: " + b"x" * 300_000),
        Raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n"),
    ],
)
async def test_answer_that_is_none(
    provider: FakeProvider, model: Provider, kind: str, answer: Answer
) -> None:
    provider.next(answer)
    error = await error_of(model)
    assert error.permanent or error.code == "cut"  # Anthropic's stream has to end with an event
    assert error.code == "garbled" or (kind == "anthropic" and error.code == "cut")


async def test_nonsense_is_never_more_than_an_error(
    provider: FakeProvider, model: Provider, kind: str
) -> None:
    dialect, chance = DIALECTS[kind], random.Random(7)
    good = dialect.begin() + dialect.thought("Hm") + dialect.text("é世") * 3
    good += dialect.error({"type": "x"}) + dialect.end("stop", (1, 2), done=True)
    scraps = [b"null", b"{}", b"[]", b"5", b'"', b"\n", b"\xff", b"-1e999", b"true", b"\\ud800"]
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(data))
            data[start : start + chance.randint(0, 20)] = chance.choice(scraps)
        provider.next(Events(bytes(data)))
        with suppress(ProviderError):
            await text_of(model)


async def test_nothing_at_all(provider: FakeProvider, model: Provider, kind: str) -> None:
    provider.next(Status(200))
    assert (await error_of(model)).code == ("garbled" if kind == "openai" else "cut")


async def test_wrong_content_type_is_forgiven(
    provider: FakeProvider, model: Provider, kind: str
) -> None:
    dialect = DIALECTS[kind]
    data = dialect.begin() + dialect.text("Hi") + dialect.end("stop", None, done=True)
    provider.next(Events(data, {"Content-Type": "text/plain"}))
    assert await text_of(model) == "Hi"


@pytest.mark.parametrize(
    "endless",
    [Endless(b"x" * 65_536), Endless(b"data: " + b"x" * 9_999 + b"\n", b'{"a": "')],
    ids=["line", "event"],
)
async def test_line_without_end(
    provider: FakeProvider, kind: str, model: Provider, endless: Answer
) -> None:
    provider.next(endless)
    error = await error_of(model)
    assert error.code == "garbled"
    if kind != "ollama":
        assert str(LONGEST_EVENT) in error.reason
    await provider.disconnected()


async def test_error_without_end(provider: FakeProvider, model: Provider) -> None:
    head = b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000000\r\n\r\n"
    provider.next(Raw(head + b"no " * 1_000_000))
    assert (await error_of(model)).code == "overloaded"


async def test_redirect_is_not_followed(provider: FakeProvider, model: Provider) -> None:
    for status in (301, 302, 307, 308):
        provider.next(Status(status, headers={"Location": "http://169.254.169.254/latest"}))
        error = await error_of(model)
        assert error.code == "garbled"
        assert "169.254.169.254" in error.reason
    assert len(provider.requests) == 4


async def test_error_that_does_not_come(
    provider: FakeProvider, model: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "ERROR_PATIENCE", 0.05)
    provider.next(Hanging())
    error = await error_of(model)
    assert error.code == "overloaded"
    await provider.disconnected()


class Hanging(Answer):
    """The start of an error, and no more."""

    async def give_to(self, exchange: Exchange) -> None:
        await exchange.start(500)
        await exchange.send(b"No")
        await asyncio.Event().wait()


@pytest.mark.parametrize("kind", ["openai", "anthropic"])  # Ollama has no filter
async def test_filtered(provider: FakeProvider, model: Provider) -> None:
    provider.next(Said(pieces=[], finish="content_filter"))
    error = await error_of(model)
    assert (error.code, error.permanent) == ("filtered", True)
    provider.next(Said("Hello", finish="content_filter"))
    assert await text_of(model) == "Hello"


async def test_nothing_listens(kind: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        error = await refusal(kind, url)
    assert (error.code, error.permanent) == ("unreachable", False)
    assert "Nothing listens at" in error.reason
    assert url in error.reason


async def test_no_such_host(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    error = await refusal(kind, "https://models.invalid")
    assert (error.code, error.permanent) == ("unreachable", False)
    assert "models.invalid" in error.reason


async def test_base_url_that_is_none(kind: str) -> None:
    for url in ("models", "ftp://models", "http://", "http://a:b@models", "http://models:x"):
        error = await refusal(kind, url)
        assert (error.code, error.permanent) == ("unreachable", True)


async def test_certificate(kind: str, tmp_path: Path) -> None:
    with running(tls=own_certificate(tmp_path)) as it:
        error = await refusal(kind, it.base_url(kind))
    assert (error.code, error.permanent) == ("certificate", True)
    assert "self-signed" in error.reason


async def test_no_tls_there(kind: str) -> None:
    said = asyncio.Event()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        said.set()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert (await refusal(kind, url)).code == "certificate"
        await said.wait()


async def test_host_that_says_nothing(kind: str) -> None:
    with socket.socket() as deaf:  # it never accepts, but its kernel does; so TLS hangs
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        error = await refusal(kind, url, connect_timeout=0.01)
    assert (error.code, error.permanent) == ("unreachable", False)


@pytest.mark.parametrize("said", [KEY, f"sk-proj-{KEY[8:14]}****", f"<b>{KEY}</b>", f"\n{KEY}\n"])
@pytest.mark.parametrize("status", [200, 401, 500])
async def test_key_is_told_nobody(
    provider: FakeProvider, kind: str, model: Provider, said: str, status: int
) -> None:
    dialect = DIALECTS[kind]
    data = dialect.begin() + dialect.error(said if kind == "ollama" else {"message": said})
    answer = Events(data) if status == 200 else Status(status, {"error": {"message": said}})
    provider.next(answer)
    error = await error_of(model)
    told = (
        f"{error!r} {error} {error.reason} {error.detail} {model!r} {vars(model)} {model.endpoint}"
    )
    assert not [KEY[at : at + 6] for at in range(len(KEY) - 5) if KEY[at : at + 6] in told]
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\x00b"])
async def test_key_that_is_none(provider: FakeProvider, kind: str, key: str) -> None:
    error = await refusal(kind, provider.base_url(kind), key)
    assert error.code == "wrong_key"
    assert key not in str(error)
    assert provider.requests == []


# Models


@pytest.mark.usefixtures("cuts")
async def test_models(model: Provider) -> None:
    assert await model.models() == ["model-a", "model-b"]


async def test_models_are_bounded(provider: FakeProvider, model: Provider) -> None:
    provider.models = [f"m{number}" for number in range(1_500)]
    assert len(await model.models()) == 1_000


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Status(401), "wrong_key"),
        (Status(200, "<html>", {"Content-Type": "text/html"}), "garbled"),
        (Status(200, "{oh"), "garbled"),
        (Status(200, {"data": 5, "models": 5}), "garbled"),
        (Status(200, "[]", {"Content-Type": "application/json"}), "garbled"),
        (Endless(b" " * 65_536), "garbled"),
    ],
)
async def test_models_fail(
    provider: FakeProvider, model: Provider, answer: Answer, code: str
) -> None:
    provider.next(answer)
    with pytest.raises(ProviderError) as raised:
        await model.models()
    assert raised.value.code == code
    assert raised.value.__cause__ is raised.value.__context__ is None


async def test_models_that_come_without_end(provider: FakeProvider) -> None:
    page = {"data": [{"id": "same"}], "has_more": True, "last_id": "same"}
    for _ in range(5):
        provider.next(Status(200, page))
    model = connect(Endpoint("anthropic", provider.url))
    assert await model.models() == ["model-a", "model-b", "same"]
    await model.close()


def own_certificate(folder: Path) -> ssl.SSLContext:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "server.pem"
    file.write_bytes(key.private_bytes(pem, *plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
