"""One watching connection, which checks every character it gets."""

import asyncio
import json
import zlib
from collections import Counter
from time import monotonic
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from .lateness import Lateness

UNKNOWN = b"\xff"  # no JSON begins like this


class Script:
    """The text that is typed, and the frame endings already known to be right.

    All frames of one reply begin alike, up to the offset; what follows the offset is the same for
    every viewer. So a frame is parsed once for all, and after that only looked up.
    """

    def __init__(self, text: str, speed: float) -> None:
        self.text = text
        self.period = 1 / speed
        self.offset_of: dict[bytes, int] = {}

    def says(self, at: Any, char: Any) -> bool:
        return isinstance(at, int) and 0 <= at < len(self.text) and self.text[at] == char

    def ended_right(self, frame: dict[str, Any]) -> bool:
        crc32 = zlib.crc32(self.text.encode())
        return (frame["length"], frame["crc32"]) == (len(self.text), crc32)


class Reply:
    """One reply: when it was asked for, and when its first character reached any viewer.

    Character `i` is due `i / speed` seconds after that first one.
    """

    asked = 0.0
    begun = 0.0


class Viewer(WSListener):
    transport: WSTransport
    conversation: str

    def __init__(self, script: Script, reply: Reply, lateness: Lateness, ack_every: int) -> None:
        self.script = script
        self.reply = reply
        self.lateness = lateness
        self.ack_every = self.next_ack = ack_every or len(script.text) + 1
        self.ready = asyncio.Event()
        self.head = UNKNOWN
        self.at = 0
        self.skipped = 0
        self.heard = 0.0
        self.first: float | None = None
        self.trouble: Counter[str] = Counter()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = monotonic()
        payload = frame.get_payload_as_bytes()
        if payload.startswith(self.head):
            at = self.script.offset_of.get(payload[len(self.head) :])
            if at == self.at:
                self.accept(at, now)
                return
        if frame.msg_type is WSMsgType.TEXT:
            self.examine(payload, now)

    def accept(self, at: int, now: float) -> None:
        self.at = at + 1
        self.lateness.add(now - self.reply.begun - at * self.script.period)
        if self.at >= self.next_ack:
            self.acknowledge()

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
            case "reply.end" if self.reply.asked and not self.script.ended_right(frame):
                self.trouble["wrong end"] += 1
            case "error":
                self.trouble[f"error {frame.get('code')}"] += 1

    def check(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        at = frame["at"]
        if not self.script.says(at, frame["char"]):
            self.trouble["wrong character"] += 1
            return
        if self.first is None:
            self.begin(frame, payload, now)
        self.script.offset_of[payload[len(self.head) :]] = at
        if at < self.at:
            self.trouble["repeated or out of order"] += 1
            return
        self.skipped += at - self.at
        self.accept(at, now)

    def begin(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        mark = b'"at":'
        self.head = payload[: payload.index(mark) + len(mark)]
        self.reply_id = frame["reply"]
        self.first = now
        self.reply.begun = self.reply.begun or now - frame["at"] * self.script.period

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        closing = transport.close_handshake
        received = closing.recv if closing else None
        self.trouble[f"closed {getattr(received, 'code', 'without a reason')}"] += 1

    @property
    def received(self) -> int:
        return self.at - self.skipped

    @property
    def finished(self) -> bool:
        return self.at >= len(self.script.text)
