"""Clients that mean harm, or are broken: all at once, until they are told to end.

Those who do most begin when all are in place, and all come back as soon as the server has closed
their lines. What that does to others is measured by another process.
"""

import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from .crowd import CONNECT_SECONDS
from .plan import Plan

AT_A_TIME = 20  # lines that are opened before the siege has begun
IN_PLACE = "in place"  # what is printed when it has
HUGE = 64 * 1024 * 1024  # bytes of one frame
UPLOAD = 256 * 1024 * 1024  # bytes of one body
MUCH = 256 * 1024  # bytes that wait for the server to read them
TRICKLE = 2.0  # seconds between two bytes
PAUSE = 1.0  # seconds until somebody comes again who was not let in
BYTES = b"x" * 65536

RUBBISH = (
    b'{"type": "ping", "t": 1}',
    b'{"type": "typing"}',
    b'{"type": "earlier", "before": 1}',
    b'{"type": "sync", "reply": 1, "at": 0}',
    b'{"type": "conversations"}',
    b'{"type": "message.send", "text": "more", "key": "same"}',
    b'{"type": "nonsense"}',
    b"not JSON at all",
)
POST = b"POST /api/chat HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n"
UPGRADE = b"GET /ws/chat/ HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nX: %b"


class Line(WSListener):
    """One WebSocket; what comes over it is not looked at."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.gone = asyncio.Event()
        self.code: Any = "none"

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        closing = transport.close_handshake
        self.code = getattr(closing and closing.recv, "code", "none")
        self.gone.set()
        self.heard.set()

    @property
    def tcp(self) -> asyncio.Transport:
        return self.transport.underlying_transport

    def say(self, payload: bytes) -> None:
        self.transport.send(WSMsgType.TEXT, payload)


class Siege:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        address = urlsplit(plan.url)
        self.address = (address.hostname, address.port)
        self.host = address.netloc.encode()
        self.gate = asyncio.Semaphore(AT_A_TIME)
        self.identities = itertools.cycle(plan.identities)
        self.ends: Counter[str] = Counter()  # of lines, by whose they were and how it was
        self.tasks: list[asyncio.Task[None]] = []
        self.missing = 0  # those who were not in place yet
        self.all_in_place = asyncio.Event()

    def send_in(self, who: Callable[[Callable[[], None]], Awaitable[None]], count: int) -> None:
        self.missing += count
        for _ in range(count):
            self.tasks.append(asyncio.create_task(self.again_and_again(who)))

    async def again_and_again(self, who: Callable[..., Awaitable[None]]) -> None:
        is_in_place = False

        def in_place() -> None:
            nonlocal is_in_place
            if not is_in_place:
                is_in_place = True
                self.missing -= 1
                if not self.missing:
                    self.all_in_place.set()

        while True:
            try:
                await who(in_place)
            except (OSError, WSError, EOFError, TimeoutError) as error:
                self.ends[f"{who.__name__} {type(error).__name__}"] += 1
                await asyncio.sleep(PAUSE)

    async def connect(self) -> Line:
        async with self.gate:
            line = Line()
            await ws_connect(
                lambda: line,
                self.plan.url + "/ws/chat/",
                extra_headers=next(self.identities),
                websocket_handshake_timeout=CONNECT_SECONDS,
            )
            await asyncio.wait_for(line.heard.wait(), CONNECT_SECONDS)
            return line

    def note(self, who: str, line: Line) -> None:
        self.ends[f"{who} {line.code}"] += 1

    async def leave(self) -> None:
        """End all; again and again, as one that is connecting just now may not hear of it."""
        left = set(self.tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=PAUSE)

    # --- over WebSockets

    async def idle(self, in_place: Callable[[], None]) -> None:
        line = await self.connect()
        in_place()
        await line.gone.wait()
        self.note("idle", line)

    async def silent(self, in_place: Callable[[], None]) -> None:
        """Ask for much, and read nothing of it, not even that the line is closed."""
        line = await self.connect()
        in_place()
        await self.all_in_place.wait()
        line.say(b'{"type": "message.send", "text": "go", "key": "%d"}' % id(line))
        line.tcp.pause_reading()
        for _ in range(60):
            if line.tcp.is_closing():
                break
            line.say(b'{"type": "earlier", "before": 999999999}')
            await asyncio.sleep(1)
        line.tcp.resume_reading()
        try:
            await asyncio.wait_for(line.gone.wait(), 10)
        finally:
            self.note("silent", line)
            line.transport.disconnect(graceful=False)

    async def flooding(self, in_place: Callable[[], None]) -> None:
        """Send as fast as the server takes it."""
        line = await self.connect()
        in_place()
        await self.all_in_place.wait()
        for payload in itertools.cycle(RUBBISH):
            if line.tcp.is_closing():
                break
            line.say(payload)
            if line.tcp.get_write_buffer_size() > MUCH:
                await asyncio.sleep(0.01)
            elif payload is RUBBISH[-1]:
                await asyncio.sleep(0)
        await line.gone.wait()
        self.note("flooding", line)

    async def huge(self, in_place: Callable[[], None]) -> None:
        """One frame that is far too long."""
        line = await self.connect()
        in_place()
        await self.all_in_place.wait()
        line.transport.send(WSMsgType.TEXT, bytes(HUGE))
        await line.gone.wait()
        self.note("huge", line)
        await asyncio.sleep(10 * PAUSE)

    # --- over HTTP, or nothing yet

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with self.gate:
            return await asyncio.open_connection(*self.address)

    async def hold(self, who: str, writer: asyncio.StreamWriter, head: bytes) -> None:
        """Send `head`, and then a byte now and then, until the line is cut."""
        writer.write(head)
        try:
            while True:
                await asyncio.sleep(TRICKLE)
                writer.write(b"x")
                await writer.drain()
        except OSError:
            self.ends[f"{who} cut"] += 1
        finally:
            writer.close()

    async def mute(self, in_place: Callable[[], None]) -> None:
        """A handshake that does not even begin."""
        reader, writer = await self.dial()
        in_place()
        await reader.read()
        self.ends["mute cut"] += 1
        writer.close()

    async def handshake(self, in_place: Callable[[], None]) -> None:
        """A handshake that goes on for ever."""
        _reader, writer = await self.dial()
        in_place()
        await self.hold("handshake", writer, UPGRADE % (self.host, b""))

    async def body(self, in_place: Callable[[], None]) -> None:
        """A call whose body goes on for ever."""
        _reader, writer = await self.dial()
        in_place()
        length = b"Content-Length: 60000\r\n\r\n{"
        await self.hold("body", writer, POST % self.host + length)

    async def upload(self, in_place: Callable[[], None]) -> None:
        """A call whose body is far too long, and sent as fast as it is taken."""
        reader, writer = await self.dial()
        in_place()
        await self.all_in_place.wait()
        writer.write(POST % self.host + b"Content-Length: %d\r\n\r\n" % UPLOAD)
        answer = asyncio.create_task(reader.readline())
        for _ in range(UPLOAD // len(BYTES)):
            writer.write(BYTES)
            await writer.drain()
            if answer.done():
                break
        self.ends[f"upload {(await answer).decode().strip()}"] += 1
        writer.close()
        await asyncio.sleep(PAUSE)


async def besieging(plan: Plan) -> dict[str, Any]:
    """All come, and stay until they are told to end; `sizes` says how many of each kind."""
    siege, over = Siege(plan), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    for kind, count in plan.sizes.items():
        siege.send_in(getattr(siege, kind), count)
    await siege.all_in_place.wait()
    print(IN_PLACE, flush=True)
    siege.gate = asyncio.Semaphore(plan.count)
    await over.wait()
    await siege.leave()
    return {"ends": dict(sorted(siege.ends.items()))}
