"""A client that knows only the contract: it applies text by its offset, and nothing else."""

import asyncio
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Self
from zlib import crc32

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
PATIENCE = 20.0  # seconds until a test gives up waiting; never an assertion on speed


def session(url: str) -> str:
    """Visit the page as a new visitor; return the session cookie."""
    with urllib.request.urlopen(f"{url}/") as page:
        cookies = page.headers.get_all("Set-Cookie")
    return next(str(c).split(";")[0] for c in cookies if c.startswith("sessionid="))


def fetch(url: str, cookie: str = "") -> tuple[int, str]:
    """Return the status and the text of a page."""
    request = urllib.request.Request(url, headers={"Cookie": cookie})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as page:
            return page.status, page.read().decode(errors="replace")  # a picture is no text
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Client:
    """One connection, and the transcript that its frames make.

    `frames` are all that came, in order; `texts` what the replies are by the rule of offsets.
    """

    _keys = itertools.count()

    def __init__(self, url: str, path: str = "/ws/chat/", **headers: str) -> None:
        self.url = url
        self.path = path
        self.headers = headers
        self.acks = True
        self.patience = PATIENCE
        self.frames: list[Frame] = []
        self.ready: Frame = {}
        self.messages: dict[int, Frame] = {}
        self.texts: dict[int, str] = {}
        self.ends: dict[int, Frame] = {}
        self.close_code: int | None = None
        self._asked: dict[int, int] = {}  # from where on a reply was asked for
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.socket: ClientConnection = await connect(
            self.url.replace("http", "ws", 1) + self.path,
            additional_headers={name.title(): value for name, value in self.headers.items()},
            max_size=None,
            compression=None,
            open_timeout=self.patience,
        )
        self._reading = asyncio.create_task(self._read())
        try:
            ready = await self.until(lambda frame: frame["type"] == "ready", or_closed=True)
        except BaseException:  # whoever does not want to wait any more is not asked to hang up
            await self.__aexit__()
            raise
        self.ready = ready or {}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._reading

    @property
    def conversation(self) -> str:
        id: str = self.ready["conversation"]["id"]
        return id

    @property
    def own_path(self) -> str:
        """The way back to the conversation that this connection is in."""
        return f"/ws/chat/{self.conversation}/"

    async def send(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def post(self, text: str, key: str | None = None, **more: Any) -> int:
        """Post `text`; return the id of the reply that is opened for it."""
        key = key or f"test-{next(self._keys)}"
        await self.send("message.send", text=text, key=key, **more)
        mine = await self.until(lambda frame: frame.get("key") == key)
        assert mine
        assert mine["type"] == "message", mine
        reply = await self.until(
            lambda frame: (
                frame["type"] == "message" and frame["message"]["reply_to"] == mine["message"]["id"]
            )
        )
        assert reply
        id: int = reply["message"]["id"]
        return id

    async def end(self, reply: int) -> Frame:
        """Wait for the end of `reply`; check that the text is what the end says."""
        if reply not in self.ends:
            await self.until(lambda _: reply in self.ends)
        end, text = self.ends[reply], self.texts[reply]
        assert len(text) == end["length"]
        assert crc32(text.encode()) == end["crc32"]
        return end

    async def until(
        self, wanted: Callable[[Frame], bool], *, or_closed: bool = False
    ) -> Frame | None:
        """Return the first frame, of those that came and those to come, that is wanted."""
        looked_at = 0
        async with asyncio.timeout(self.patience):
            while True:
                for frame in self.frames[looked_at:]:
                    if wanted(frame):
                        return frame
                looked_at = len(self.frames)
                if self._reading.done():
                    assert or_closed, f"closed with {self.close_code} instead"
                    return None
                self._came.clear()
                await self._came.wait()

    async def earlier(self, before: int) -> Frame:
        """Return the answer to `earlier`; ask again, as told, when that was too much at once."""
        while True:
            self.frames.clear()
            await self.send("earlier", before=before)
            answer = await self.until(lambda frame: frame["type"] in ("earlier", "error"))
            assert answer
            if answer["type"] == "earlier":
                return answer
            assert answer["code"] == "rate_limited"
            await asyncio.sleep(answer["retry_after"])

    async def pages(self) -> list[list[Frame]]:
        """Return all messages page by page, the oldest page first."""
        page = self.ready
        found = [page["messages"]]
        while page["has_earlier"]:
            page = await self.earlier(page["messages"][0]["id"])
            found.insert(0, page["messages"])
        return found

    async def closed(self) -> int:
        """Wait until the server closes the connection; return the code."""
        async with asyncio.timeout(60):
            await self._reading
        assert self.close_code is not None
        return self.close_code

    def chars(self, reply: int) -> list[str]:
        return [f["char"] for f in self.frames if f["type"] == "char" and f["reply"] == reply]

    async def _read(self) -> None:
        try:
            async for data in self.socket:
                frame = json.loads(data)
                await self._apply(frame)
                self.frames.append(frame)
                self._came.set()
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code
        self._came.set()

    async def _apply(self, frame: Frame) -> None:
        match frame:
            case {"type": "ready" | "earlier", "messages": messages}:
                for message in messages:
                    self._take(message)
            case {"type": "message" | "message.changed", "message": message}:
                self.ends.pop(message["id"], None)
                self._take(message)
            case {"type": "message.removed", "messages": gone}:
                for id in gone:
                    self.messages.pop(id, None)
            case {"type": "char", "reply": reply, "at": at, "char": text} | {
                "type": "reply.text",
                "reply": reply,
                "at": at,
                "text": text,
            }:
                await self._extend(reply, at, text)
            case {"type": "reply.end", "reply": reply}:
                self.ends[reply] = frame

    def _take(self, message: Frame) -> None:
        self.messages[message["id"]] = message
        self.texts[message["id"]] = message["text"]

    async def _extend(self, reply: int, at: int, text: str) -> None:
        known = len(self.texts[reply])
        if at > known and self._asked.get(reply) != known:
            self._asked[reply] = known
            await self.send("sync", reply=reply, at=known)
        elif at == known:
            self.texts[reply] += text
            if self.acks and len(self.texts[reply]) // 512 > known // 512:
                await self.send("ack", reply=reply, at=len(self.texts[reply]))
