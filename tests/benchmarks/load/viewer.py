"""A viewer of a reply that is typed, who checks every character."""

import zlib
from time import monotonic
from typing import Any

from picows import WSFrame, WSMsgType, WSTransport

from .lateness import Lateness
from .watcher import Reply, Watcher


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


class Viewer(Watcher):
    def __init__(self, script: Script, reply: Reply, lateness: Lateness, ack_every: int) -> None:
        super().__init__(reply, len(script.text), lateness, ack_every)
        self.script = script

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

    def says(self, at: Any, char: Any) -> bool:
        return self.script.says(at, char)

    def begin(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        super().begin(frame, payload, now)
        self.reply.begun = self.reply.begun or now - frame["at"] * self.script.period

    def learn(self, frame: dict[str, Any], payload: bytes) -> None:
        self.script.offset_of[payload[len(self.head) :]] = frame["at"]

    def take(self, frame: dict[str, Any], now: float) -> None:
        self.accept(frame["at"], now)

    def resume(self, text: str) -> bool:
        self.at = len(text)
        return self.script.text.startswith(text)

    def ended_right(self, frame: dict[str, Any]) -> bool:
        return self.script.ended_right(frame)
