"""Servers that speak as providers of models do, over real HTTP, and say what a test wants.

    with provider() as it:
        it.says("Hello.")                        # to every request, unless something is queued:
        it.next(Status(429, headers={"Retry-After": "3"}))
        held = it.next(Held())                   # the test decides when the next piece comes
        held.give("Hel"), held.give("lo."), held.end()

One server speaks all dialects, each at its real path. It runs in a thread of its own, so it serves
tests, browsers and other processes alike.
"""

import asyncio
import json
import ssl
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

PATIENCE = 20.0  # seconds that a test waits for what should have happened at once

Usage = tuple[int, int]


@dataclass
class Asked:
    """A request that came. Names of headers are in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any  # what its JSON is; None without


class OpenAIDialect:
    kind, path, content_type = "openai", "/v1", "text/event-stream"
    ping = b": keep-alive\n\n"

    def begin(self, usage: Usage | None = None) -> bytes:
        return self.chunk({"role": "assistant", "content": None})

    def text(self, piece: str) -> bytes:
        return self.chunk({"content": piece})

    def thought(self, piece: str) -> bytes:
        return self.chunk({"reasoning_content": piece, "content": None})

    def end(self, finish: str, usage: Usage | None, *, done: bool) -> bytes:
        counts = dict(zip(("prompt_tokens", "completion_tokens"), usage or (), strict=False))
        tail = self.event({"choices": [], "usage": counts}) if usage else b""
        return self.chunk({}, finish) + tail + (b"data: [DONE]\n\n" if done else b"")

    def error(self, thing: object) -> bytes:
        return self.event({"error": thing})

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def event(self, thing: dict[str, Any]) -> bytes:
        known = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return b"data: " + dumped({**known, **thing} if "error" not in thing else thing) + b"\n\n"


class OllamaDialect:
    kind, path, content_type = "ollama", "", "application/x-ndjson"
    ping = b""  # there is none

    def begin(self, usage: Usage | None = None) -> bytes:
        return b""

    def text(self, piece: str) -> bytes:
        return self.part({"role": "assistant", "content": piece})

    def thought(self, piece: str) -> bytes:
        return self.part({"role": "assistant", "content": "", "thinking": piece})

    def end(self, finish: str, usage: Usage | None, *, done: bool) -> bytes:
        counts = dict(zip(("prompt_eval_count", "eval_count"), usage or (), strict=False))
        last = {"done": True, "done_reason": finish, **counts}
        return self.part({"role": "assistant", "content": ""}, last) if done else b""

    def error(self, thing: object) -> bytes:
        return dumped({"error": thing}) + b"\n"

    def part(self, message: dict[str, Any], more: dict[str, Any] | None = None) -> bytes:
        known = {"model": "m", "created_at": "2030-01-01T00:00:00Z", "done": False}
        return dumped({**known, "message": message, **(more or {})}) + b"\n"


class AnthropicDialect:
    kind, path, content_type = "anthropic", "", "text/event-stream"
    FINISHES = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}

    @property
    def ping(self) -> bytes:
        return self.event("ping")

    def begin(self, usage: Usage | None = None) -> bytes:
        message = {"id": "m1", "type": "message", "role": "assistant", "content": [], "model": "m"}
        message |= {"usage": {"input_tokens": usage[0] if usage else 0, "output_tokens": 1}}
        start = self.event("message_start", message=message)
        block = {"type": "text", "text": ""}
        return start + self.event("content_block_start", index=0, content_block=block)

    def text(self, piece: str) -> bytes:
        return self.delta({"type": "text_delta", "text": piece})

    def thought(self, piece: str) -> bytes:
        return self.delta({"type": "thinking_delta", "thinking": piece})

    def end(self, finish: str, usage: Usage | None, *, done: bool) -> bytes:
        counts = {"output_tokens": usage[1] if usage else 0}
        stop = {"stop_reason": self.FINISHES.get(finish, finish), "stop_sequence": None}
        last = self.event("message_delta", delta=stop, usage=counts)
        return last + (self.event("message_stop") if done else b"")

    def error(self, thing: object) -> bytes:
        return self.event("error", error=thing)

    def delta(self, delta: dict[str, Any]) -> bytes:
        return self.event("content_block_delta", index=0, delta=delta)

    def event(self, name: str, **more: Any) -> bytes:
        return f"event: {name}\ndata: ".encode() + dumped({"type": name, **more}) + b"\n\n"


Dialect = OpenAIDialect | OllamaDialect | AnthropicDialect

DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": OpenAIDialect(),
    "/api/chat": OllamaDialect(),
    "/v1/messages": AnthropicDialect(),
}
KINDS = {dialect.kind: dialect for dialect in DIALECTS.values()}


def dumped(thing: object) -> bytes:
    # As providers do: letters as themselves, but halves of a character escaped.
    text = json.dumps(thing, ensure_ascii=False)
    return "".join(
        f"\\u{ord(letter):04x}" if "\ud800" <= letter <= "\udfff" else letter for letter in text
    ).encode()


class Exchange:
    """One request and the way back for its answer."""

    def __init__(self, asked: Asked, writer: asyncio.StreamWriter, *, byte_by_byte: bool) -> None:
        self.asked = asked
        self.dialect = DIALECTS.get(asked.path, KINDS["openai"])
        self._writer, self._byte_by_byte = writer, byte_by_byte

    async def start(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send the head of an answer whose body comes in chunks."""
        lines = {"Content-Type": self.dialect.content_type, "Transfer-Encoding": "chunked"}
        lines |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        await self.raw(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode())

    async def send(self, data: bytes) -> None:
        for chunk in self._chunks(data):
            self._writer.write(chunk)
        await self._writer.drain()

    async def finish(self, last: bytes = b"") -> None:
        """Send `last`, and with it the end, for which nobody waits long after that."""
        await self.raw(b"".join(self._chunks(last)) + b"0\r\n\r\n")

    def _chunks(self, data: bytes) -> Iterator[bytes]:
        size = 1 if self._byte_by_byte else max(1, len(data))
        for at in range(0, len(data), size):
            part = data[at : at + size]
            yield f"{len(part):x}\r\n".encode() + part + b"\r\n"

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def cut(self) -> None:
        """Close the connection as a crash does."""
        self._writer.transport.abort()


class Answer:
    async def give_to(self, exchange: Exchange) -> None:
        raise NotImplementedError


@dataclass
class Said(Answer):
    """A reply in the dialect of the request, in `pieces` or about 4 characters each."""

    text: str = "Hello."
    pieces: Sequence[str] | None = None
    thoughts: Sequence[str] = ()
    usage: Usage | None = (11, 7)
    finish: str = "stop"
    done: bool = True  # there is a last event
    pings: bool = False

    async def give_to(self, exchange: Exchange) -> None:
        dialect = exchange.dialect
        ping = dialect.ping if self.pings else b""
        await exchange.start()
        await exchange.send(ping + dialect.begin(self.usage))
        for thought in self.thoughts:
            await exchange.send(dialect.thought(thought))
        for piece in self._cut():
            await exchange.send(ping + dialect.text(piece))
        await exchange.finish(dialect.end(self.finish, self.usage, done=self.done))

    def _cut(self) -> Sequence[str]:
        if self.pieces is not None:
            return self.pieces
        return [self.text[at : at + 4] for at in range(0, len(self.text), 4)]


@dataclass
class Status(Answer):
    """An error, or any other answer that is no stream."""

    status: int
    body: bytes | str | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)

    async def give_to(self, exchange: Exchange) -> None:
        body = dumped(self.body) if isinstance(self.body, dict) else self.body
        body = body.encode() if isinstance(body, str) else body
        json_or_not = {"Content-Type": "application/json" if isinstance(self.body, dict) else ""}
        await exchange.start(self.status, json_or_not | self.headers)
        await exchange.finish(body)


@dataclass
class Events(Answer):
    """Any bytes as the body of a good answer; `cut`: and then the connection breaks."""

    data: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    async def give_to(self, exchange: Exchange) -> None:
        await exchange.start(headers=self.headers)
        await exchange.send(self.data)
        exchange.cut() if self.cut else await exchange.finish()


@dataclass
class Raw(Answer):
    """Any bytes at all, after which the connection is closed."""

    data: bytes

    async def give_to(self, exchange: Exchange) -> None:
        await exchange.raw(self.data)
        raise ConnectionAbortedError


class Silent(Answer):
    """Nothing, not even headers."""

    async def give_to(self, exchange: Exchange) -> None:
        await asyncio.Event().wait()


class Endless(Answer):
    """The same bytes over and over, for as long as they are taken."""

    def __init__(self, data: bytes, start: bytes = b"") -> None:
        self._data, self._start = data, start

    async def give_to(self, exchange: Exchange) -> None:
        await exchange.start()
        await exchange.send(self._start)
        while True:
            await exchange.send(self._data)


class Held(Answer):
    """A reply whose pieces come when the test, in any thread, says so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, str]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._more = asyncio.Event()

    def give(self, piece: str) -> None:
        self._put("text", piece)

    def think(self, piece: str) -> None:
        self._put("thought", piece)

    def ping(self) -> None:
        self._put("ping")

    def end(self) -> None:
        self._put("end")

    def cut(self) -> None:
        self._put("cut")

    async def give_to(self, exchange: Exchange) -> None:
        await exchange.start()
        await exchange.send(exchange.dialect.begin())
        async with aclosing(self._steps()) as steps:
            async for verb, piece in steps:
                if verb == "cut":
                    exchange.cut()
                elif verb == "ping":
                    await exchange.send(exchange.dialect.ping)
                elif verb != "end":
                    await exchange.send(getattr(exchange.dialect, verb)(piece))
        await exchange.finish(exchange.dialect.end("stop", None, done=True))

    async def _steps(self) -> AsyncIterator[tuple[str, str]]:
        with self._lock:
            self._loop = asyncio.get_running_loop()
        verb = ""
        while verb != "end":
            self._more.clear()
            while self._waiting and verb != "end":
                verb, piece = self._waiting.popleft()
                yield verb, piece
            if verb != "end":
                await self._more.wait()

    def _put(self, verb: str, piece: str = "") -> None:
        with self._lock:
            self._waiting.append((verb, piece))
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._more.set)


A = TypeVar("A", bound=Answer)


class FakeProvider:
    """What a test sees of the server. All of it may be used from any thread."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Asked] = []
        self.models = ["model-b", "model-a"]
        self.byte_by_byte = False  # each byte of an answer is a chunk of its own
        self.connections = 0
        self._default: Answer = Said()
        self._queue: deque[Answer] = deque()
        self._gone = 0
        self._changed = threading.Condition()

    def base_url(self, kind: str) -> str:
        return self.url + KINDS[kind].path

    def says(self, text: str, *, pieces: Sequence[str] | None = None) -> None:
        """Answer so to every request for which nothing is queued."""
        self._default = Said(text, pieces)

    def next(self, answer: A) -> A:
        """Answer so to the next request that has no answer yet; return `answer`."""
        self._queue.append(answer)
        return answer

    def wait_for_request(self, count: int = 1, timeout: float = PATIENCE) -> None:
        """Wait until `count` requests have come."""
        self._wait(lambda: len(self.requests) >= count, timeout)

    def wait_for_disconnect(self, count: int = 1, timeout: float = PATIENCE) -> None:
        """Wait until `count` clients have gone before their answer was complete."""
        self._wait(lambda: self._gone >= count, timeout)

    async def requested(self, count: int = 1) -> None:
        await asyncio.to_thread(self.wait_for_request, count)

    async def disconnected(self, count: int = 1) -> None:
        await asyncio.to_thread(self.wait_for_disconnect, count)

    def _wait(self, is_so: Any, timeout: float) -> None:
        with self._changed:
            assert self._changed.wait_for(is_so, timeout), "it did not happen"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        ahead = b""
        try:
            while asked := await _read(reader, ahead):
                ahead = await self._answer(asked, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client may go at any time, and so may the server
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Answer; return what came of the next request meanwhile."""
        exchange = Exchange(asked, writer, byte_by_byte=self.byte_by_byte)
        answering = asyncio.create_task(self._take(asked).give_to(exchange))
        watching = asyncio.create_task(reader.read(1))
        self._change("requests", asked)
        try:
            await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done() and not answering.done():
                self._change("gone")
                raise ConnectionResetError
            try:
                await answering
            except OSError:
                if not isinstance(answering.exception(), ConnectionAbortedError):
                    self._change("gone")
                raise
        finally:
            for task in (answering, watching):
                task.cancel()
            await asyncio.wait({answering, watching})
        return b"" if watching.cancelled() else watching.result()

    def _take(self, asked: Asked) -> Answer:
        if self._queue:
            return self._queue.popleft()
        return Status(200, self._list(asked)) if asked.method == "GET" else self._default

    def _list(self, asked: Asked) -> dict[str, Any]:
        if asked.path == "/api/tags":
            return {"models": [{"model": name, "name": name} for name in self.models]}
        data = [{"id": name, "object": "model", "type": "model"} for name in self.models]
        return {"object": "list", "data": data, "has_more": False}

    def _change(self, what: str, asked: Asked | None = None) -> None:
        with self._changed:
            if asked:
                self.requests.append(asked)
            else:
                self._gone += 1
            self._changed.notify_all()


async def _read(reader: asyncio.StreamReader, ahead: bytes) -> Asked | None:
    try:
        head = (ahead + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, target.partition("?")[0], headers, json.loads(body) if body else None)


@contextmanager
def provider(
    tls: ssl.SSLContext | None = None, it: FakeProvider | None = None
) -> Iterator[FakeProvider]:
    """Run a fake provider, a new one or `it`, for as long as the block lasts."""
    it, ready = it or FakeProvider(), threading.Event()
    stop: list[Any] = []

    async def run() -> None:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            tasks.add(task)
            with suppress(asyncio.CancelledError):
                await it.serve(reader, writer)
            tasks.discard(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        scheme, port = "https" if tls else "http", server.sockets[0].getsockname()[1]
        it.url = f"{scheme}://127.0.0.1:{port}"
        stopped = asyncio.Event()
        stop.extend((asyncio.get_running_loop(), stopped))
        ready.set()
        await stopped.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="provider", daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield it
    finally:
        stop[0].call_soon_threadsafe(stop[1].set)
        thread.join(PATIENCE)


@pytest.fixture(name="provider")
def provider_fixture() -> Iterator[FakeProvider]:
    """A fake provider for one test."""
    with provider() as it:
        yield it
