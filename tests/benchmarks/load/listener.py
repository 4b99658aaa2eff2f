"""Somebody in a room, who checks every message that comes: once, in order, as it was sent."""

from dataclasses import dataclass
from time import monotonic
from typing import Any

from picows import WSFrame, WSMsgType, WSTransport

from .connection import Connection
from .lateness import Lateness

WORDS = "The quick brown fox, voilà, jumps over 日本語 and Привет, мир."


def text_of(number: int) -> str:
    return f"{number} {WORDS}"


@dataclass(slots=True)
class Said:
    """A message that came: its place in the order of all, when it was sent, and by whom."""

    id: int
    sent: float
    author: "Listener"


class Talk:
    """What is said in the room, and the frames already known to bring it.

    A message comes to all in the same frame (to its author perhaps in another one), so it is
    parsed once for all, and after that only looked up.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[float, Listener]] = []  # when and by whom; by the text's number
        self.known: dict[bytes, Said] = {}
        self.begin_window()

    def begin_window(self) -> None:
        self.delivered = 0
        self.delays = Lateness()  # from one person's send to another's frame

    def says(self, text: str) -> tuple[float, "Listener"] | None:
        """Return when and by whom `text` was sent; None if it was not."""
        number = int(text.partition(" ")[0])
        return self.sent[number] if text == text_of(number) else None


class Listener(Connection):
    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self.talk = talk
        self.got: set[int] = set()
        self.read: set[int] = set()  # in a snapshot; there a frame may still follow
        self.newest = self.twice = self.disordered = 0
        self.asides = 0  # frames that bring no message: who is here, who is typing

    def say(self) -> None:
        number = len(self.talk.sent)
        self.talk.sent.append((monotonic(), self))
        self.send(type="message.send", text=text_of(number), key=f"said-{number}")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = monotonic()
        payload = frame.get_payload_as_bytes()
        if said := self.talk.known.get(payload):
            self.take(said, now)
        elif frame.msg_type is WSMsgType.TEXT:
            self.examine(payload, now)

    def hear(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        if frame["type"] != "message":
            self.asides += 1
            return
        message = frame["message"]
        sent = self.talk.says(message["text"])
        if sent is None:
            self.trouble["wrong text"] += 1
            return
        said = self.talk.known[payload] = Said(message["id"], *sent)
        self.take(said, now)

    def welcome(self, ready: dict[str, Any]) -> None:
        """What came while a room is read anew (one has become a member) stands in the snapshot."""
        self.read.update(message["id"] for message in ready.get("messages", ()))

    @property
    def received(self) -> set[int]:
        return self.got | self.read

    def take(self, said: Said, now: float) -> None:
        self.talk.delivered += 1
        if said.author is not self:
            self.talk.delays.add(now - said.sent)
        if said.id in self.got:
            self.twice += 1
            return
        self.got.add(said.id)
        if said.id < self.newest:
            self.disordered += 1
        else:
            self.newest = said.id
