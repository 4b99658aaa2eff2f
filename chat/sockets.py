"""Daphne's sockets and requests, where they fall short of what is promised here.

Every difference is named with its reason, so that it can go when Daphne or Autobahn mend it.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from autobahn.exception import Disconnected
from autobahn.websocket import protocol as autobahn
from autobahn.websocket.protocol import PreparedMessage
from daphne import http_protocol
from daphne.access import AccessLogGenerator
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.protocol import connectionDone
from twisted.web import http

from chat import logs, metrics
from chat.live.per_loop import PerLoop
from chat.protocol import ABUSE, ACK_PATIENCE, LARGEST_BODY, LARGEST_FRAME, TOO_SLOW

MOST_UNREAD = 1024 * 1024  # bytes for one client, beyond those that its socket takes
LONGEST_SHARED = 1024  # code points of a frame that others are probably sent, too
# Daphne looks every 2 seconds who was silent for 20, and pings them. It would wait 30 more for an
# answer; a room of thousands, which hears in up to 5 who is gone, is to hear of it within 45.
PONG_SECONDS = 17
# What is read at once is worked off at once, before anybody else's turn; it may be many frames.
READ_AT_ONCE = 4096  # bytes
REFUSED_FOR = 10.0  # seconds in which what was refused is read, and dropped
LARGEST_HEAD = 64 * 1024  # bytes of a request before its body; a question may stand in its address
PHRASES = {422: b"Unprocessable Content", 429: b"Too Many Requests"}  # Twisted's end before
PATIENCE = ACK_PATIENCE  # seconds in which a client takes something of what it is sent


def size_of(content: str | bytes) -> int:
    """Return how many bytes it is on the wire."""
    return len(content.encode() if isinstance(content, str) else content)


class Backpressure:
    """Stops reading from a client that does not read what it is sent, and counts what it owes.

    Daphne writes to a full socket without end (https://github.com/django/daphne/issues/170), so
    whoever asks and does not listen could fill the memory. Pings then find out whether it lives.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.full = False
        self._unread = 0  # bytes written while the socket was full

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's names
        self.full = True
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        self.full, self._unread = False, 0
        self._transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802
        """The connection is lost; there is nothing left to hold back."""

    def has_room(self, size: int) -> bool:
        """Count `size` more bytes for a full socket; False if they are too many."""
        self._unread += size
        return self._unread <= MOST_UNREAD


class Flow:
    """Lets whoever answers a request wait until its client has taken what it was sent.

    Else Daphne would keep in memory what a client does not read. One that takes nothing at all
    is cut off.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._has_room = asyncio.Event()
        self._has_room.set()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's names
        self._has_room.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._has_room.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._has_room.set()

    async def room(self) -> None:
        while not self._has_room.is_set():
            unread = _unread(self._transport)
            try:
                await asyncio.wait_for(self._has_room.wait(), PATIENCE)
            except TimeoutError:
                if _unread(self._transport) >= unread:
                    metrics.SLOW_READERS.inc()
                    self._transport.abortConnection()
                    return


def _unread(transport: Any) -> int:
    """Return how many bytes wait for the client; of TLS, where nobody knows, none."""
    if not isinstance(transport, FileDescriptor):
        return 0
    waiting: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    return waiting


class Outbox:
    """Writes what was said in one turn of the loop, to each socket once.

    Twisted would first have the selector tell that the socket takes something. It nearly always
    does, and adding it there, waking and removing it costs more than writing.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, None] = {}

    def add(self, transport: Any) -> None:
        """Have written what waits in `transport`; stands in for its `startWriting`."""
        if transport.dataBuffer:  # the socket was full: the selector sees to it
            reactor.addWriter(transport)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self._waiting[transport] = None

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for transport in waiting:
            if transport.connected and (transport.disconnecting or not _written(transport)):
                reactor.addWriter(transport)  # which knows how to end it, too


def _written(transport: Any) -> bool:
    """Write as much as the socket takes; return whether that was all."""
    try:
        return not transport.doWrite() and not transport.dataBuffer
    except Exception:  # as the reactor would: it ends that connection, and no other
        return False


outbox = PerLoop(Outbox)


@lru_cache(maxsize=1024)
def framed(text: str) -> bytes:
    """Return a text frame as it goes over the wire.

    It is the same for everyone who is sent it, and to make it costs more than to write it.
    """
    unpacked: bytes = PreparedMessage(text.encode(), False, False, True).payloadHybi
    return unpacked


def _write_at_once(transport: Any) -> None:
    if isinstance(transport, FileDescriptor):  # as it is without TLS
        transport.startWriting = partial(outbox().add, transport)


class Turns:
    """Lets those who have sent much be read one after the other, one in each turn of the loop.

    Else all of them are, and everybody else waits for so long.
    """

    def __init__(self) -> None:
        self._waiting: deque[Socket] = deque()

    def wait(self, socket: "Socket") -> None:
        """Read nothing more from `socket` until it is its turn."""
        socket.pause()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        self._waiting.append(socket)

    def _next(self) -> None:
        self._waiting.popleft().go_on()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)


turns = PerLoop(Turns)


class Open:
    """The sockets that are open now, and the requests that are being answered."""

    def __init__(self) -> None:
        self._sockets: set[Any] = set()
        self._all_closed: asyncio.Event | None = None

    def add(self, socket: Any) -> None:
        self._sockets.add(socket)
        metrics.CONNECTIONS.set(len(self._sockets))

    def remove(self, socket: Any) -> None:
        self._sockets.discard(socket)
        metrics.CONNECTIONS.set(len(self._sockets))
        if self._all_closed and not self._sockets:
            self._all_closed.set()

    async def closed(self, patience: float) -> None:
        """Wait until all are, at most `patience` seconds.

        A process that ends before it has read what a client sent cuts the line, and that client
        may never read the code with which it was closed.
        """
        self._all_closed = asyncio.Event()
        if self._sockets:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_closed.wait(), patience)


open_sockets = Open()


class Socket(WebSocketProtocol):  # type: ignore[misc]  # Daphne has no types
    maxFramePayloadSize = LARGEST_FRAME  # noqa: N815 - told by the header, before it is read
    _heard = False  # whether it was sent anything
    _is_deaf = False  # it is closed for abuse

    def onConnect(self, request: Any) -> Any:  # noqa: N802
        self.autoPingTimeout = min(self.factory.autoPingTimeout, PONG_SECONDS)
        self.failByDrop = False  # a frame that is too big gets its 1009 before the line is cut
        return super().onConnect(request)

    def onOpen(self) -> None:  # noqa: N802
        super().onOpen()
        open_sockets.add(self)
        self.transport.unregisterProducer()  # what is left of the HTTP request
        self._backpressure = Backpressure(self.transport)
        self.transport.registerProducer(self._backpressure, streaming=True)
        _write_at_once(self.transport)
        self.transport.bufferSize = READ_AT_ONCE
        # Nobody takes frames before the first is sent, and Daphne's queue has no end.
        self.transport.pauseProducing()

    def onClose(self, *how: Any) -> None:  # noqa: N802
        super().onClose(*how)
        open_sockets.remove(self)

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        super().connectionLost(reason)
        # What leads to itself would stay, with all that it has, until garbage is looked for.
        self.transport.__dict__.pop("startWriting", None)
        self.is_closed = None

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._is_deaf:  # much more may be on its way, which nobody is to work through
            return
        super().dataReceived(data)
        if self._heard and len(data) == READ_AT_ONCE:  # there is more
            turns().wait(self)

    def pause(self) -> None:
        self.transport.pauseProducing()

    def go_on(self) -> None:
        if not self._backpressure.full:  # or it goes on when its client has read
            self.transport.resumeProducing()

    def _hear(self) -> None:
        self._heard = True
        self.transport.resumeProducing()

    def takes(self, message: dict[str, Any]) -> bool:
        """Send a text if the line is open; return whether it did."""
        text = message.get("text")
        if not text or self.state != self.STATE_OPEN or message["type"] != "websocket.send":
            return False
        self.serverSend(text)
        return True

    def serverSend(self, content: str | bytes, binary: bool = False) -> None:  # noqa: N802
        if not self._heard:
            self._hear()
        if self._backpressure.full and not self._backpressure.has_room(size_of(content)):
            metrics.SLOW_READERS.inc()
            self.serverClose(TOO_SLOW)
        elif isinstance(content, bytes) or len(content) > LONGEST_SHARED or self.send_queue:
            super().serverSend(content, binary)
        elif self.state != self.STATE_OPEN:
            raise Disconnected("the socket is closed")
        else:
            self.transport.write(framed(content))

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        if not self._heard:
            self._hear()
        # Autobahn's sendClose refuses all codes below 3000 but 1000; 1009 and 1012 are as good.
        self.sendCloseFrame(code=1000 if code is None else code)
        self._is_deaf = self._is_deaf or code in ABUSE


class Line(http.HTTPChannel):  # type: ignore[misc]
    """What comes over one connection, until it is a WebSocket: requests.

    Twisted's gives a client another minute with each byte that it sends, so one that sends a
    request byte by byte could hold as many lines as it likes, for as long as it likes. Here a
    minute is what a request has to arrive as a whole, and what nobody asks for anything in.
    """

    MAX_LENGTH = totalHeadersSize = LARGEST_HEAD  # noqa: N815

    _has_begun = False

    def setTimeout(self, period: float | None) -> Any:  # noqa: N802
        self._has_begun = False
        return super().setTimeout(period)

    def resetTimeout(self) -> None:  # noqa: N802 - called with whatever comes
        if not self._has_begun:
            self._has_begun = True
            super().resetTimeout()

    def refuse_body(self) -> None:
        """Answer before a body has come that is larger than any that is taken."""
        self._refuse(413, "too_large", f"At most {LARGEST_BODY // 1024:,} KiB can be sent.")

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        what = f"Address and headers have at most {LARGEST_HEAD // 1024} KiB: send it in a body."
        self._refuse(413, "too_large", what)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        if self._receivedHeaderSize > self.totalHeadersSize:
            self.lineLengthExceeded(b"")
        else:
            self._refuse(400, "bad_request", "This is no request of HTTP.")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer before all has come, for Twisted would only hang up, or say nothing of why.

        What still comes is read and dropped for a while: a client that sends sees no answer on a
        line that is cut.
        """
        said = json.dumps({"code": code, "detail": detail}).encode()
        first = b"HTTP/1.1 %d %b\r\n" % (status, http.RESPONSES[status])
        kind = b"Content-Type: application/json\r\nConnection: close\r\n"
        length = b"Content-Length: %d\r\n\r\n" % len(said)
        self.transport.write(first + kind + length + said)
        self.dataReceived = self.rawDataReceived = self.lineReceived = lambda data: None
        self.setTimeout(REFUSED_FOR)


class Request(http_protocol.WebRequest):  # type: ignore[misc]
    uri: bytes
    flow: Flow | None = None  # of an answer that comes in pieces
    _size = 0  # bytes of the body that came
    _is_refused = False

    def __init__(self, *channel: Any) -> None:
        # Twisted would read forms, too, all at once and in the event loop. Django does that.
        super().__init__(*channel, parsePOSTFormSubmission=False)

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - its head has come
        if length is not None and length > LARGEST_BODY:
            self._refuse_body()
        super().gotLength(0 if self._is_refused else length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        self._size += len(data)
        if self._size > LARGEST_BODY and not self._is_refused:
            self._refuse_body()
        if not self._is_refused:
            super().handleContentChunk(data)

    def _refuse_body(self) -> None:
        self._is_refused = True
        self.requestHeaders.removeHeader(b"expect")  # nobody is told to go on
        self.channel.refuse_body()

    def process(self) -> Any:
        if self._is_refused:  # all of it came at once
            self.channel.loseConnection()
            return None
        # Any client may send it, and all our links would move.
        self.requestHeaders.removeHeader(b"daphne-root-path")
        # We speak none, and Daphne stumbles over names that are not ASCII.
        self.requestHeaders.removeHeader(b"sec-websocket-protocol")
        processing = super().process()
        if self.transport is None:  # which is a WebSocket's now; this would stay in a ring, too
            self.channel.requests.clear()
        return processing

    def handle_reply(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            # Daphne writes it to the access log: what somebody searched for is nobody's business.
            self.uri = self.uri.partition(b"?")[0]
        elif message.get("more_body") and self.flow is None:
            self._begin_flow()
        super().handle_reply(message)

    def _begin_flow(self) -> None:
        if self.finished or self.channel is None:
            return
        open_sockets.add(self)
        self.flow = Flow(self.channel.transport)
        self.registerProducer(self.flow, True)
        _write_at_once(self.channel.transport)

    def finish(self) -> None:
        if self.flow is not None:
            self.unregisterProducer()
            open_sockets.remove(self)
        super().finish()

    def send_disconnect(self) -> None:
        # When the server ends, Daphne cancels what answers; what Django leaves of that still sends
        # the end of a stream, and stumbles if it hears of anything more.
        answering = self.server.connections[self].get("application_instance")
        if answering is not None and not answering.done():
            super().send_disconnect()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        if self.flow is not None:
            self.flow.stopProducing()
            open_sockets.remove(self)
        super().connectionLost(reason)


_daphnes_reply = Server.handle_reply
_daphnes_end = Server.kill_all_applications


class _Done:
    """What has happened already, to be awaited."""

    def __await__(self) -> Any:
        return iter(())


DONE = _Done()


def _reply(server: Any, protocol: Any, message: Any) -> Awaitable[None]:
    """Answer as Daphne does, but wait where a client does not take it in; see Flow.

    A text for an open socket is sent at once: what Daphne looks up and checks before that costs
    as much as the rest of the way.
    """
    if isinstance(protocol, Socket) and protocol.takes(message):
        return DONE
    replying: Awaitable[None] = _daphnes_reply(server, protocol, message)
    return _in_step(replying, protocol) if isinstance(protocol, Request) else replying


async def _in_step(replying: Awaitable[None], request: Request) -> None:
    await replying
    if request.flow is not None:
        await request.flow.room()


def _end(server: Any) -> Any:
    """End as Daphne does; it would stumble over a request that has not arrived as a whole."""
    none: asyncio.Future[None] = asyncio.get_event_loop().create_future()
    none.set_result(None)
    for known in server.connections.values():
        known.setdefault("application_instance", none)
    return _daphnes_end(server)


def _nothing(value: object) -> str:
    return ""


def _line(factory: Any) -> Any:
    return http._GenericHTTPChannelProtocol(Line())


def mend() -> None:
    """Let Daphne use what is above, from the next connection on."""
    AccessLogGenerator.write_entry = logs.write_entry
    http.RESPONSES.update(PHRASES)
    WebSocketFactory.protocol = Socket
    http_protocol.WebRequest = Request
    http_protocol.HTTPFactory.protocol = _line
    Server.handle_reply = _reply
    Server.kill_all_applications = _end
    if not logging.getLogger("autobahn").isEnabledFor(logging.DEBUG):
        # It makes up two coloured words of a debug line for every frame that it sends, also when
        # nobody reads them: up to a quarter of what a frame costs.
        autobahn.hltype = autobahn.hlval = _nothing
