"""The body of a provider's answer: as it comes, but never more of it than anybody needs."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing, suppress

import httpcore2
import httpx
import httpx2

from chat.assistants.base import ProviderError
from chat.assistants.failures import failure

LONGEST_EVENT = 1024 * 1024  # bytes of an event or a line in a stream
LONGEST_LIST = 16 * 1024 * 1024  # bytes of an answer that is no stream: large lists of models
LONGEST_ERROR = 64 * 1024  # bytes of an error that are read
ERROR_PATIENCE = 2.0  # seconds that they may take

EVENT, LINE = (b"\n\n", b"\r\r", b"\r\n\r\n"), (b"\n",)  # what may end one

Explain = Callable[[Exception], ProviderError]


class Body(httpx.AsyncByteStream, httpx2.AsyncByteStream):
    """What comes of an answer, as it comes."""

    def __init__(self, response: httpcore2.Response, bound: "Bound", explained: Explain) -> None:
        self._response, self._bound, self._explained = response, bound, explained

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        error, stream = None, self._response.stream
        assert isinstance(stream, AsyncIterable)
        try:
            async for part in stream:
                self._bound.count(part)
                yield part
        except Exception as raised:
            error = self._explained(raised)
        if error is not None:
            raise error

    async def start(self) -> bytes:
        """Return the first LONGEST_ERROR bytes, or what comes of them in time."""
        read = bytearray()
        with suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(ERROR_PATIENCE), aclosing(self.__aiter__()) as parts:
                async for part in parts:
                    read += part
                    if len(read) >= LONGEST_ERROR:
                        break
        return bytes(read[:LONGEST_ERROR])

    async def aclose(self) -> None:
        await self._response.aclose()


class Lines(httpx.AsyncByteStream):
    """A body of JSON lines, such that httpx parts it only where JSON does.

    It takes other separators of Unicode, which may stand in a JSON text, for ends of a line.
    """

    SEPARATORS = ("\x85", "\u2028", "\u2029")

    def __init__(self, body: Body) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        rest = bytearray()
        async with aclosing(self._body.__aiter__()) as parts:
            async for part in parts:
                rest += part
                if b"\n" in part:
                    whole, _, after = bytes(rest).rpartition(b"\n")
                    rest = bytearray(after)
                    if lines := self._escaped(whole):
                        yield lines + b"\n"
        yield self._escaped(bytes(rest))

    async def aclose(self) -> None:
        await self._body.aclose()

    def _escaped(self, lines: bytes) -> bytes:
        for separator in self.SEPARATORS:
            lines = lines.replace(separator.encode(), f"\\u{ord(separator):04x}".encode())
        return re.sub(rb"\n\s*(?=\n|$)|^\s+", b"", lines)  # empty lines keep a connection alive


class Bound:
    """Counts the bytes since an event ended, and allows `longest`; all bytes, without `ends`."""

    def __init__(self, longest: int, ends: tuple[bytes, ...]) -> None:
        self._longest, self._ends = longest, ends
        self._open, self._tail = 0, b""

    def count(self, part: bytes) -> None:
        """Raises ProviderError if it is too much."""
        if part.endswith(self._ends):  # as nearly always
            self._open, self._tail = 0, part[-3:]
            return
        window = self._tail + part  # an end may be cut
        ended = max(
            (window.rfind(end) + len(end) for end in self._ends if end in window), default=0
        )
        self._open = len(window) - ended if ended else self._open + len(part)
        self._tail = window[-3:]
        if self._open > self._longest:
            raise failure("garbled", f"The server sent more than {self._longest} bytes in one.")
