"""A client of streams of events that knows only the standard, and the contract.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from zlib import crc32

import httpx

from tests.client import PATIENCE

Json = dict[str, Any]


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    data: str

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.data)
        return found


class Stream:
    """An answer that comes as events; `text` is what its characters make so far."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.events: list[Event] = []
        self.comments = 0
        self.last = ""  # the id of the last event
        self._bytes = response.aiter_bytes()
        self._rest = b""
        self._fields: list[tuple[str, str]] = []

    async def read(self, events: int | None = None) -> list[Event]:
        """Read until there are so many events, or to the end; return all there are."""
        while events is None or len(self.events) < events:
            try:
                piece = await anext(self._bytes)
            except StopAsyncIteration:
                break
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for line in lines:
                self._take(line.decode())
        return self.events

    async def ended(self) -> Json:
        """Read to the end; check that the text is what that says; return what it says."""
        await self.read()
        assert not self._rest, "it ends with a whole event"
        return self.events[-1].json

    @property
    def characters(self) -> list[str]:
        """What each event said, but the one that tells the end."""
        return [
            event.data if is_plain else event.json["delta"]
            for event in self.events
            for is_plain in [not event.data.startswith('{"')]
            if event.type == "message" and (is_plain or not event.json["done"])
        ]

    @property
    def text(self) -> str:
        return "".join(self.characters)

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if not line:
            self._dispatch()
        elif not name:
            self.comments += 1
        else:
            self._fields.append((name, value.removeprefix(" ")))

    def _dispatch(self) -> None:
        fields, self._fields = self._fields, []
        known = dict(fields)
        self.last = known.get("id", self.last)
        data = [value for name, value in fields if name == "data"]
        if data:
            kind = known.get("event", "message")
            self.events.append(Event(self.last, kind, "\n".join(data)))


class Program:
    """Somebody's program, which may have an API key."""

    def __init__(self, url: str, key: str = "", **headers: str) -> None:
        bearer = {"Authorization": f"Bearer {key}"} if key else {}
        # Whoever waits for a reply is not told of anything for long.
        self.http = httpx.AsyncClient(
            base_url=url, headers={**bearer, **headers}, timeout=PATIENCE, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    @asynccontextmanager
    async def stream(
        self, path: str, json: Json | None = None, last: str = "", **query: Any
    ) -> AsyncIterator[Stream]:
        """Open a stream: a POST if there is something to say."""
        method = "GET" if json is None else "POST"
        headers = {"Last-Event-ID": last} if last else {}
        asked = {"params": query, "headers": headers}
        async with self.http.stream(method, path, json=json, **asked) as response:
            if response.status_code >= 400:
                await response.aread()
            yield Stream(response)

    async def get(self, path: str, last: str = "", **query: Any) -> tuple[int, Any]:
        headers = {"Last-Event-ID": last} if last else {}
        return told(await self.http.get(path, params=query, headers=headers))

    async def post(self, path: str, **json: Any) -> tuple[int, Any]:
        return told(await self.http.post(path, json=json))


def told(response: httpx.Response) -> tuple[int, Any]:
    return response.status_code, response.json() if response.content else None


def end_of(text: str, status: str = "complete") -> Json:
    return {"status": status, "length": len(text), "crc32": crc32(text.encode())}
