"""A provider of a model: `python -m tests.benchmarks.provider PORT COUNT RATE`.

It speaks OpenAI's dialect, and answers every request at once with COUNT tokens, RATE a second of
them, each of which says when it was sent. A greeting is answered with a word. So is who sets a
limit to the answer: a title is wanted. A process of its own, so that nobody's accounting has it.
"""

import asyncio
import json
import re
import sys
from time import monotonic
from typing import Any

import uvloop

from .servers import HOST
from .stamps import HELLO, token

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
LENGTH = re.compile(rb"^content-length: *(\d+)", re.I | re.M)
WORD = "Hello"


def chunk(event: bytes) -> bytes:
    data = b"data: " + event + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    answer = {
        "id": "chatcmpl-0123456789abcdef0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": 1_900_000_000,
        "model": "benchmark",
        "system_fingerprint": "fp_0123456789",
        "choices": [choice],
    }
    return json.dumps(answer).encode()


BEGIN = chunk(event({"role": "assistant", "content": ""}))
BEFORE, AFTER = event({"content": "|"}).split(b"|")
END = chunk(event({}, "stop")) + chunk(b"[DONE]") + b"0\r\n\r\n"


def text(content: str) -> bytes:
    return chunk(b"%b%b%b" % (BEFORE, content.encode(), AFTER))


class Connection(asyncio.Protocol):
    """One client, who asks for one answer after the other."""

    transport: asyncio.Transport

    def __init__(self, count: int, rate: float) -> None:
        self.count, self.period = count, 1 / rate
        self.received = b""
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self.timer:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if blank and len(body) == int(length[1] if length else 0):
            self.received = b""
            self.answer(json.loads(body))

    def answer(self, asked: dict[str, Any]) -> None:
        if "max_tokens" in asked or asked["messages"][-1]["content"] == HELLO:
            self.transport.write(HEAD + BEGIN + text(WORD) + END)
            return
        self.transport.write(HEAD + BEGIN)
        self.left, self.due = self.count, monotonic()
        self.go_on()

    def go_on(self) -> None:
        """Send the next token; what is late catches up."""
        self.transport.write(text(token()))
        self.left -= 1
        if not self.left:
            self.transport.write(END)
            return
        self.due += self.period
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(max(0, self.due - monotonic()), self.go_on)


async def serve(port: int, count: int, rate: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(count, rate), HOST, port)
    await server.serve_forever()


def main() -> None:
    port, count, rate = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(port), int(count), float(rate)))


if __name__ == "__main__":
    main()
