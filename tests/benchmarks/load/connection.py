"""One watching connection: whatever it gets, but for the characters of which there are so many."""

import asyncio
import json
from collections import Counter
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from .lateness import Lateness

UNKNOWN = b"\xff"  # no JSON begins like this


class Reply:
    """One reply: when it was asked for, and when its first character reached any viewer.

    Character `i` of one that is typed is due `i / speed` seconds after that first one.
    """

    asked = 0.0
    begun = 0.0


class Connection(WSListener):
    """What all viewers do alike. How the usual frame is known without being parsed is their own."""

    transport: WSTransport
    conversation: str

    def __init__(self, reply: Reply, length: int, lateness: Lateness, ack_every: int) -> None:
        self.reply = reply
        self.length = length
        self.lateness = lateness
        self.ack_every = self.next_ack = ack_every or length + 1
        self.ready = asyncio.Event()
        self.head = UNKNOWN  # of the reply's `char` frames, up to the offset
        self.at = 0
        self.skipped = 0
        self.heard = 0.0
        self.first: float | None = None
        self.trouble: Counter[str] = Counter()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        raise NotImplementedError

    def says(self, at: Any, char: Any) -> bool:
        """Return whether the reply has `char` at `at`."""
        raise NotImplementedError

    def learn(self, frame: dict[str, Any], payload: bytes) -> None:
        """Remember a right frame, so that those like it need not be parsed."""
        raise NotImplementedError

    def take(self, frame: dict[str, Any], now: float) -> None:
        """Go on with the character in `frame`, which is the next, or the first after a hole."""
        raise NotImplementedError

    def ended_right(self, frame: dict[str, Any]) -> bool:
        raise NotImplementedError

    def acknowledge(self) -> None:
        self.next_ack += self.ack_every
        self.send(type="ack", reply=self.reply_id, at=self.at)

    def send(self, **frame: Any) -> None:
        self.transport.send(WSMsgType.TEXT, json.dumps(frame).encode())

    def examine(self, payload: bytes, now: float) -> None:
        """The rare frames: not a character, the first of its kind, or one that is not in order."""
        self.heard = now
        frame = json.loads(payload)
        match frame["type"]:
            case "ready":
                self.conversation = frame["conversation"]["id"]
                self.ready.set()
            case "char" if self.reply.asked:
                self.check(frame, payload, now)
            case "reply.end" if self.reply.asked and not self.ended_right(frame):
                self.trouble["wrong end"] += 1
            case "error":
                self.trouble[f"error {frame.get('code')}"] += 1

    def check(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        at = frame["at"]
        if not self.says(at, frame["char"]):
            self.trouble["wrong character"] += 1
            return
        if self.first is None:
            self.begin(frame, payload, now)
        self.learn(frame, payload)
        if at < self.at:
            self.trouble["repeated or out of order"] += 1
            return
        self.skipped += at - self.at
        self.take(frame, now)

    def begin(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        mark = b'"at":'
        self.head = payload[: payload.index(mark) + len(mark)]
        self.reply_id = frame["reply"]
        self.first = now

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        closing = transport.close_handshake
        received = closing.recv if closing else None
        self.trouble[f"closed {getattr(received, 'code', 'without a reason')}"] += 1

    @property
    def received(self) -> int:
        return self.at - self.skipped

    @property
    def finished(self) -> bool:
        return self.at >= self.length
