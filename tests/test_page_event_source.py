"""A browser's own EventSource ends with exactly the text, also over a line that is cut."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from tests.browser import Arrive, in_browser
from tests.server import Server

pytestmark = in_browser

TEXT = "".join(f"{number} 👩‍👩‍👧‍👦\n  " for number in range(30))
CUTS = 3
CUT_AFTER = 1500  # bytes of each of the first answers

# Reads a stream as a page does that knows nothing but the standard.
READ = """(path) => new Promise((resolve, reject) => {
  const source = new EventSource(path);
  const seen = { text: "", offsets: [], opened: 0 };
  source.onopen = () => { seen.opened += 1; };
  source.onmessage = ({ data, lastEventId }) => {
    seen.text += data;
    seen.offsets.push(Number(lastEventId.split(":")[1]));
  };
  source.addEventListener("done", ({ data }) => { seen.end = JSON.parse(data); });
  // The server ends what has ended; coming again, the browser is told to come no more.
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) seen.end ? resolve(seen) : reject("refused");
  };
})"""


class Wire:
    """A line to the server that is cut in the middle of the first few streams."""

    def __init__(self, server: Server) -> None:
        self._port = server.port
        self._busy: set[asyncio.Task[None]] = set()
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for task in self._busy:
            task.cancel()

    @property
    def port(self) -> int:
        return int(self._listener.sockets[0].getsockname()[1])

    async def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection("127.0.0.1", self._port)
        ways = (self._pass_on(near, there), self._pass_back(far, back))
        passing = {asyncio.create_task(way) for way in ways}
        self._busy |= passing
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        for writer in (back, there):
            writer.close()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)

    async def _pass_back(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        streamed = -1  # bytes of a stream
        with suppress(ConnectionError):
            while data := await source.read(512):
                if streamed >= 0 or b"text/event-stream" in data:
                    streamed += len(data)
                if streamed > CUT_AFTER and self.cuts < CUTS:
                    self.cuts += 1
                    return
                sink.write(data)


async def test_event_source_over_a_line_that_is_cut(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    word = scripted("eventsource", TEXT, "--speed", "60")
    person = await arrive(server)
    # Each cut is told on the console; the last answer is 204.
    person.foresees("ERR_INCOMPLETE_CHUNKED_ENCODING", "lost: .*chat-stream")
    async with Wire(server) as wire:
        person.url = f"http://127.0.0.1:{wire.port}"
        tab = await person.open()
        await tab.greeted()
        seen = await tab.page.evaluate(READ, f"/chat-stream?message={word}")
        assert wire.cuts == CUTS
        assert seen["opened"] == CUTS + 1
        assert seen["text"] == TEXT
        assert seen["offsets"] == sorted(set(seen["offsets"]))
        assert (seen["end"]["status"], seen["end"]["length"]) == ("complete", len(TEXT))
        await tab.ended(2)  # what was said, once, is on the visitor's page like anything else
        assert len(await tab.said()) == 3
        await tab.page.goto("about:blank")
