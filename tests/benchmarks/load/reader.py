"""A viewer of a model's reply, whose tokens tell when the provider sent them."""

import zlib
from time import monotonic
from typing import Any

from picows import WSFrame, WSMsgType, WSTransport

from ..stamps import BITS, DIGITS, LETTERS, WIDTH, age
from .lateness import Lateness
from .watcher import Reply, Watcher


class Endings:
    """What follows the offset in a `char` frame, and the digit that is in it: the same for all."""

    def __init__(self) -> None:
        self.digit_of: dict[bytes, int] = {}


class Reader(Watcher):
    def __init__(
        self, endings: Endings, reply: Reply, length: int, lateness: Lateness, ack_every: int
    ) -> None:
        super().__init__(reply, length, lateness, ack_every)
        self.digit_of = endings.digit_of
        self.digits: list[int] = []
        self.number = 0  # what the digits of the token make up that is coming
        self.arrived: list[float] = []  # when each of them came

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = monotonic()
        payload = frame.get_payload_as_bytes()
        expected = b"%b%d" % (self.head, self.at)
        if payload.startswith(expected):
            digit = self.digit_of.get(payload[len(expected) :])
            if digit is not None:
                self.accept(digit, now)
                return
        if frame.msg_type is WSMsgType.TEXT:
            self.examine(payload, now)

    def accept(self, digit: int, now: float) -> None:
        self.at += 1
        self.digits.append(digit)
        self.number = self.number << BITS | digit
        self.arrived.append(now)
        if not self.at % WIDTH:
            self.complete()
        if self.at >= self.next_ack:
            self.acknowledge()

    def complete(self) -> None:
        if len(self.arrived) == WIDTH:
            for moment in self.arrived:
                self.lateness.add(age(self.number, moment))
        self.number = 0
        self.arrived.clear()

    def says(self, at: Any, char: Any) -> bool:
        return isinstance(at, int) and 0 <= at < self.length and char in DIGITS

    def learn(self, frame: dict[str, Any], payload: bytes) -> None:
        at = b"%d" % frame["at"]
        self.digit_of[payload[len(self.head) + len(at) :]] = DIGITS[frame["char"]]

    def take(self, frame: dict[str, Any], now: float) -> None:
        if frame["at"] != self.at:  # what came of that token does not belong together
            self.arrived.clear()
            self.number, self.at = 0, frame["at"]
        self.accept(DIGITS[frame["char"]], now)

    def resume(self, text: str) -> bool:
        self.digits = [DIGITS[char] for char in text]
        self.arrived.clear()
        self.number, self.at = 0, len(text)
        return True  # or its end does not fit

    def ended_right(self, frame: dict[str, Any]) -> bool:
        text = "".join(LETTERS[digit] for digit in self.digits)
        end = (frame["status"], frame["length"], frame["crc32"])
        return end == ("complete", len(text), zlib.crc32(text.encode()))
