"""One connection of the load generator: what all of them do, whatever they listen to."""

import asyncio
import json
from collections import Counter
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport


class Connection(WSListener):
    """How the usual frame is known without being parsed is each kind's own."""

    transport: WSTransport
    conversation: str

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.heard = 0.0
        self.trouble: Counter[str] = Counter()

    @property
    def own_path(self) -> str:
        """The way back to the conversation that this connection is in."""
        return f"/ws/chat/{self.conversation}/"

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        raise NotImplementedError

    def send(self, **frame: Any) -> None:
        self.transport.send(WSMsgType.TEXT, json.dumps(frame).encode())

    def examine(self, payload: bytes, now: float) -> None:
        """The rare frames: those that are not the usual one, or the first of its kind."""
        self.heard = now
        frame = json.loads(payload)
        match frame["type"]:
            case "ready":
                self.conversation = frame["conversation"]["id"]
                self.welcome(frame)
                self.ready.set()
            case "error":
                self.trouble[f"error {frame.get('code')}"] += 1
            case _:
                self.hear(frame, payload, now)

    def welcome(self, ready: dict[str, Any]) -> None:
        """Take what there was before, or while the server had this connection read it anew."""

    def hear(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        """Take a frame that says something about what is listened to."""
        raise NotImplementedError

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        closing = transport.close_handshake
        received = closing.recv if closing else None
        self.trouble[f"closed {getattr(received, 'code', 'without a reason')}"] += 1
