"""One connection that watches a reply: all of it, but for its characters, which are so many."""

import random
from typing import Any

from .connection import Connection
from .lateness import Lateness

UNKNOWN = b"\xff"  # no JSON begins like this


class Reply:
    """One reply: when it was asked for, and when its first character reached any viewer.

    Character `i` of one that is typed is due `i / speed` seconds after that first one.
    """

    asked = 0.0
    begun = 0.0


class Watcher(Connection):
    """What all viewers of a reply do alike."""

    def __init__(self, reply: Reply, length: int, lateness: Lateness, ack_every: int) -> None:
        super().__init__()
        self.reply = reply
        self.length = length
        self.lateness = lateness
        # Each a little differently, as the pages do, so that not all acknowledge in one moment.
        spread = ack_every // 4
        self.ack_every = ack_every + random.randint(-spread, spread)
        self.next_ack = self.ack_every or length + 1
        self.head = UNKNOWN  # of the reply's `char` frames, up to the offset
        self.at = 0
        self.skipped = 0
        self.first: float | None = None

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

    def resume(self, text: str) -> bool:
        """Go on behind `text`, which is what there is of the reply; return whether it is right."""
        raise NotImplementedError

    def welcome(self, ready: dict[str, Any]) -> None:
        """It tells what there is, and all that comes goes on from there."""
        if self.first is None:
            return
        self.trouble["read anew"] += 1
        known = next(each for each in ready["messages"] if each["id"] == self.reply_id)
        if not self.resume(known["text"]):
            self.trouble["wrong text"] += 1

    def acknowledge(self) -> None:
        self.next_ack += self.ack_every
        self.send(type="ack", reply=self.reply_id, at=self.at)

    def hear(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        """A character that is the first of its kind, or not in order; or the end."""
        if not self.reply.asked:
            return
        match frame["type"]:
            case "char":
                self.check(frame, payload, now)
            case "reply.end" if not self.ended_right(frame):
                self.trouble["wrong end"] += 1

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

    @property
    def received(self) -> int:
        return self.at - self.skipped

    @property
    def finished(self) -> bool:
        return self.at >= self.length
