"""A program on a line of its own: what it asks over HTTP, and what it makes of the answer."""

import asyncio
import json
from collections import Counter
from time import monotonic
from typing import Any

from .lateness import Lateness
from .plan import Plan
from .watcher import Reply

MARK = b'"delta":'


class Caller(asyncio.Protocol):
    """Asks, and reads the answer, of known length or in chunks; one after the other."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.ended.set()
        self.trouble: Counter[str] = Counter()
        self._rest = b""
        self._in_head = True
        self._left = 0  # bytes of a body of known length; -1: it comes in chunks
        self.first_byte = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.is_set():
            self.trouble["lost"] += 1
            self.ended.set()

    def introduce(self, user: str, host: str, identity: dict[str, str]) -> None:
        self.user = user
        lines = [f"{name}: {value}" for name, value in {"Host": host, **identity}.items()]
        self._headers = "\r\n".join(lines)

    def post(self, text: str, path: str = "/chat") -> None:
        body = json.dumps({"user_id": self.user, "message": text})
        more = f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._ask(f"POST {path} HTTP/1.1\r\n{self._headers}{more}\r\n\r\n{body}")

    def recall(self) -> None:
        self._ask(f"GET /history/{self.user} HTTP/1.1\r\n{self._headers}\r\n\r\n")

    def _ask(self, request: str) -> None:
        self.ended.clear()
        self.first_byte = 0.0
        self.transport.write(request.encode())

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        self.first_byte = self.first_byte or now
        data = self._rest + data
        while data and (taken := self._take(data, now)):
            data = data[taken:]
        self._rest = data

    def _take(self, data: bytes, now: float) -> int:
        """Take the next part of the answer; return its length, 0 if it is not there yet."""
        if self._in_head:
            return self._take_head(data)
        if self._left >= 0:
            taken = min(len(data), self._left)
            self._left -= taken
            if not self._left:
                self._finish()
            return taken
        begin = data.find(b"\r\n") + 2
        if begin == 1:
            return 0
        size = int(data[: begin - 2], 16)
        if len(data) < begin + size + 2:
            return 0
        if size:
            self.hear(data[begin : begin + size], now)
        else:
            self._finish()
        return begin + size + 2

    def _take_head(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n") + 4
        if end == 3:
            return 0
        head = data[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            self.trouble[head[:12].decode()] += 1
        _, _, length = head.partition(b"content-length:")
        self._left = int(length.split(b"\r", 1)[0]) if length else -1
        self._in_head = False
        return end

    def _finish(self) -> None:
        self._in_head = True
        self.ended.set()

    def hear(self, body: bytes, now: float) -> None:
        """A part of the answer that comes in chunks."""


class Follower(Caller):
    """Reads a reply as a stream of events, and checks every character."""

    def __init__(
        self, plan: Plan, reply: Reply, lateness: Lateness, texts: dict[bytes, str]
    ) -> None:
        super().__init__()
        self.plan = plan
        self.lateness = lateness
        self.reply = reply
        self.texts = texts  # what follows `MARK` in an event -> the character that it brings
        self.period = 1 / plan.speed
        self.begin_anew()

    def begin_anew(self) -> None:
        self.at = self.skipped = 0
        self.first: float | None = None
        self._events = b""

    def say(self, text: str) -> None:
        self.reply.asked = monotonic()
        self.post(text, "/chat/stream")

    @property
    def received(self) -> int:
        return self.at - self.skipped

    @property
    def finished(self) -> bool:
        return self.ended.is_set()

    def hear(self, body: bytes, now: float) -> None:
        *events, self._events = (self._events + body).split(b"\n\n")
        for event in events:
            begin = event.find(MARK)
            if begin >= 0:
                self._take_event(event, event[begin:], now)

    def _take_event(self, event: bytes, told: bytes, now: float) -> None:
        if told not in self.texts:
            told_of = json.loads(event[event.index(b"data: ") + 6 :])
            if told_of["done"]:
                self._check_end()
                return
            self.texts[told] = told_of["delta"]
        if self.texts[told] != self.plan.text[self.at : self.at + 1]:
            self.trouble["wrong character"] += 1
        if event.startswith(b"id: ") and not event.split(b"\n", 1)[0].endswith(
            b":%d" % (self.at + 1)
        ):
            self.trouble["wrong offset"] += 1
        if self.first is None:
            self.first = now
            self.reply.begun = now - self.at * self.period
        self.lateness.add(now - self.reply.begun - self.at * self.period)
        self.at += 1

    def _check_end(self) -> None:
        if self.at != self.plan.length:
            self.trouble["wrong end"] += 1
