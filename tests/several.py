"""Several processes of one chat, with the PostgreSQL and the Redis between them."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from websockets.exceptions import WebSocketException

from tests.client import Client, Frame, fetch
from tests.postgres import Postgres, running_postgres
from tests.redis import Redis, running_redis
from tests.server import Server

WITHOUT_LIMITS = {
    "GUEST_MESSAGES_PER_MINUTE": "100000",
    "GUEST_REPLIES_AT_A_TIME": "1000",
    "GUEST_CONNECTIONS": "1000",
    "METRICS_TOKEN": "for tests",
}


@dataclass
class Chat:
    """Processes of one chat, and what is between them."""

    servers: list[Server]
    postgres: Postgres
    redis: Redis

    def writer(self, reply: int) -> Server:
        """Return the server whose process writes `reply`."""
        [(lease,)] = self.postgres.say("SELECT lease FROM chat_message WHERE id = %s", reply)
        return next(server for server in self.servers if f":{server.pid}:" in lease)

    def saved(self, reply: int) -> tuple[str, str]:
        """Return status and text of `reply` as they are in the database."""
        [row] = self.postgres.say("SELECT status, text FROM chat_message WHERE id = %s", reply)
        return row[0], row[1]

    def answer(self, text: str, speed: int) -> None:
        """Have every message answered with `text`, and say nothing unasked."""
        self.servers[0].manage("reply", "greeting", "--off")
        self.servers[0].manage("reply", "answer", "--text", text, "--speed", str(speed))

    def clear_logs(self) -> None:
        """Count from now on: a busy machine may be too slow for a moment when it starts."""
        self.check_logs()
        for server in self.servers:
            os.truncate(server.log, 0)

    def check_logs(self, *said_once: str) -> None:
        for server in self.servers:
            log = server.log.read_text()
            assert "Traceback" not in log, log
            assert [log.count(words) for words in said_once] == [1] * len(said_once), log


@contextlib.contextmanager
def several(folder: Path, count: int = 2, **environment: str) -> Iterator[Chat]:
    """Run `count` servers of one migrated chat."""
    with running_postgres() as postgres, running_redis(folder) as redis:
        chat = Chat([], postgres, redis)
        places = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        for number in range(count):
            own = folder / f"server {number}"
            own.mkdir()
            chat.servers.append(Server(own, **{**WITHOUT_LIMITS, **places, **environment}))
        try:
            for server in chat.servers:
                server.start()
            yield chat
        finally:
            for server in chat.servers:
                server.stop()


class Line(Client):
    """One connection of a reader, who is shown each frame before anything else."""

    def __init__(self, show: Callable[[Frame], None], *where: str, **headers: str) -> None:
        super().__init__(*where, **headers)
        self._show = show

    async def _apply(self, frame: Frame) -> None:
        self._show(frame)
        await super()._apply(frame)


@dataclass
class Seen:
    """What a reader has of one message."""

    text: str
    status: str
    moved: float = 0.0  # when there was more of it
    gaps: list[float] = field(default_factory=list)  # seconds between two times that it moved


class Reader:
    """Somebody who reads a conversation, and comes again, to another server, when cut off.

    Every character must begin where the text ends: what does not is in `faults`.
    """

    def __init__(self, servers: list[Server], cookie: str, path: str = "/ws/chat/") -> None:
        self.servers = servers
        self.cookie = cookie
        self.path = path
        self.seen: dict[int, Seen] = {}
        self.keys: dict[str, int] = {}  # of messages
        self.answers: dict[int, int] = {}  # replies to messages
        self.errors: list[Frame] = []
        self.faults: list[str] = []
        self.closes: list[int | None] = []
        self.line: Line | None = None
        self.on_move: Callable[[Reader, int], None] = lambda reader, reply: None
        self._came = asyncio.Event()

    async def __aenter__(self) -> "Reader":
        self._connecting = asyncio.create_task(self._stay())
        await self.until(lambda: self.line is not None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connecting.cancel()
        await asyncio.wait([self._connecting])

    @property
    def at(self) -> Server:
        """The server that it is connected to, or tries to be."""
        return self.servers[0]

    def text(self, reply: int) -> str:
        """Return what it has of `reply` so far."""
        return self.seen[reply].text if reply in self.seen else ""

    async def until(self, wanted: Callable[[], Any], patience: float = 40.0) -> None:
        """Wait until `wanted` is so, which is looked at after each frame."""
        async with asyncio.timeout(patience):
            while not wanted():
                self._came.clear()
                await self._came.wait()

    async def more(self, reply: int) -> None:
        """Wait until there is more of `reply`."""
        at = len(self.text(reply))
        await self.until(lambda: len(self.text(reply)) > at)

    async def send(self, type: str, **fields: Any) -> None:
        """Send a frame, if there is a line."""
        if self.line is not None:
            with contextlib.suppress(WebSocketException):
                await self.line.send(type, **fields)

    async def move(self, to: Server) -> None:
        """Hang up, and connect to another server."""
        if self.line is not None and to is not self.at:
            self.servers = [self.at, to, *(it for it in self.servers if it not in (self.at, to))]
            await self.line.socket.close()

    async def post(self, text: str, key: str, **more: Any) -> int:
        """Post `text`, however often the line is lost, or it is refused; return the reply's id."""
        said = (None, 0)  # on which line, and after how many refusals

        def is_to_be_said() -> bool:
            return self.line is not None and said != (self.line, self._refusals(key))

        while self.keys.get(key) not in self.answers:
            if is_to_be_said():
                said = (self.line, self._refusals(key))
                await self.send("message.send", text=text, key=key, **more)
            await self.until(lambda: self.keys.get(key) in self.answers or is_to_be_said())
        return self.answers[self.keys[key]]

    def _refusals(self, key: str) -> int:
        return sum(error.get("key") == key for error in self.errors)

    async def ended(self, reply: int, patience: float = 60.0) -> str:
        """Wait for the end of `reply`; return its status."""
        await self.until(lambda: self._is_ended(reply), patience)
        return self.seen[reply].status

    def _is_ended(self, reply: int) -> bool:
        return reply in self.seen and self.seen[reply].status not in ("waiting", "streaming")

    async def _stay(self) -> None:
        while True:
            line = Line(self.see, self.at.url, self.path, origin=self.at.url, cookie=self.cookie)
            with contextlib.suppress(OSError, WebSocketException, AssertionError):
                async with line:
                    if line.ready:
                        self.path, self.line = line.own_path, line
                        self._came.set()
                        await line._reading
            self.line = None
            self.closes.append(line.close_code)
            self._came.set()
            self.servers = [*self.servers[1:], self.servers[0]]
            if not line.ready:  # it does not run, or not yet: as a page would, do not storm it
                await asyncio.sleep(0.05)

    # --- frames

    def see(self, frame: Frame) -> None:
        match frame:
            case {"type": "ready", "messages": messages}:
                for message in messages:
                    self._take(message)
            case {"type": "message" | "message.changed", "message": message}:
                self._take(message)
            case {"type": "char", "reply": reply, "at": at, "char": text} | {
                "type": "reply.text",
                "reply": reply,
                "at": at,
                "text": text,
            }:
                self._extend(reply, at, text)
            case {"type": "reply.end", "reply": reply}:
                self._end(reply, frame)
            case {"type": "error"}:
                self.errors.append(frame)
        self._came.set()

    def _take(self, message: Frame) -> None:
        id, text = message["id"], message["text"]
        seen = self.seen.setdefault(id, Seen(text, message["status"], time.monotonic()))
        if message["key"] is not None:
            self.keys[message["key"]] = id
        if message["reply_to"] is not None:
            self.answers[message["reply_to"]] = id
        moved = text != seen.text and text.startswith(seen.text)
        seen.text, seen.status = text, message["status"]
        if moved:
            self._move(id)

    def _extend(self, reply: int, at: int, text: str) -> None:
        seen = self.seen[reply]
        if at != len(seen.text):
            self.faults.append(f"{reply}: {text!r} at {at}, and not at {len(seen.text)}")
            return
        seen.text += text
        seen.status = "streaming"
        self._move(reply)

    def _move(self, reply: int) -> None:
        seen, now = self.seen[reply], time.monotonic()
        seen.gaps.append(now - seen.moved)
        seen.moved = now
        self.on_move(self, reply)

    def _end(self, reply: int, frame: Frame) -> None:
        seen = self.seen[reply]
        seen.status = frame["status"]
        true = (len(seen.text), crc32(seen.text.encode()))
        if true != (frame["length"], frame["crc32"]):
            self.faults.append(f"{reply} ends with {frame}, and not with {true}")
        self.on_move(self, reply)


async def readiness(server: Server) -> tuple[int, list[str]]:
    """Return the status of `/readyz`, and what it says is failing."""
    code, body = await asyncio.to_thread(fetch, f"{server.url}/readyz")
    return code, json.loads(body)["failing"]
