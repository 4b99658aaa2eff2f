"""Daphne's WebSocket, where it falls short of what is promised here.

Every difference is named with its reason, so that it can go when Daphne or Autobahn mend it.
"""

import logging
from typing import Any

from autobahn.websocket import protocol as autobahn
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol


class Backpressure:
    """Stops reading from a client that does not read what it is sent.

    Daphne writes to a full socket without end (https://github.com/django/daphne/issues/170), so
    whoever asks and does not listen could fill the memory. Pings then find out whether it lives.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's names
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        self._transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802
        """The connection is lost; there is nothing left to hold back."""


class Socket(WebSocketProtocol):  # type: ignore[misc]  # Daphne has no types
    def onConnect(self, request: Any) -> Any:  # noqa: N802
        self.failByDrop = False  # a frame that is too big gets its 1009 before the line is cut
        return super().onConnect(request)

    def onOpen(self) -> None:  # noqa: N802
        super().onOpen()
        self.transport.unregisterProducer()  # what is left of the HTTP request
        self.transport.registerProducer(Backpressure(self.transport), streaming=True)

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        # Autobahn's sendClose refuses all codes below 3000 but 1000; 1009 and 1012 are as good.
        self.sendCloseFrame(code=1000 if code is None else code)


def _unread(value: object) -> str:
    return ""


def mend() -> None:
    """Let Daphne use the Socket above, from the next connection on."""
    WebSocketFactory.protocol = Socket
    if not logging.getLogger("autobahn").isEnabledFor(logging.DEBUG):
        # It makes up two coloured words of a debug line for every frame that it sends, also when
        # nobody reads them: up to a quarter of what a frame costs.
        autobahn.hltype = autobahn.hlval = _unread
