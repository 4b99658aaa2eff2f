"""Whatever a network does to the frames of a reply, the page ends with the text that was written.

The page's own modules run here in the browser, on a clock that is turned by hand, against a server
that keeps the contract and a network that loses, repeats, reorders and breaks off.
"""

from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser, Page

from chat.characters import split
from tests.browser import Arrive, in_browser
from tests.server import Server

pytestmark = in_browser

HARD = "👩‍👩‍👧‍👦 e\u0301\r\n 🇩🇪🇫🇷 \u1112\u1161\u11ab क्षि 👍🏽 z\u0335\u0321\u034f مرحبا 𐐷!"

# Plays one reply: `pieces` are its characters, the server's `end` says how many code points of
# them are kept. Each of `events` is [what, number]. Returns what the page has in the end.
PLAY = """async ({ pieces, end, events }) => {
  const { Transcript } = await import("/static/chat/transcript.js");
  const { Typewriter } = await import("/static/chat/typewriter.js");
  const pointsOf = (text) => Array.from(text);
  const whole = pieces.join("");
  const kept = pointsOf(whole).slice(0, end.length).join("");
  const fail = (what) => { throw new Error(what); };

  // --- the page
  let now = 0;
  let frame = null;
  const clock = { request: (draw) => (frame = draw), cancel: () => (frame = null) };
  const paper = { data: "", appendData(text) { this.data += text; } };
  let finished = null;
  const onRest = () => { finished = paper.data; };
  const onShown = (at) => {
    if (at !== pointsOf(paper.data).length) fail(`says ${at} are shown of ${paper.data}`);
  };
  const typewriter = new Typewriter(paper, { clock, onShown, onRest });
  const transcript = new Transcript();
  const asked = [];
  const play = (effects) => {
    for (const { kind, message, text, whole, soft, frame } of effects) {
      if (kind === "send" && frame.type === "sync") asked.push(frame.at);
      if (kind === "place") typewriter.rewrite(message.text);
      if (kind === "grow") whole ? typewriter.feedCharacter(text) : typewriter.feed(text);
      if (kind === "change") typewriter.rewrite(message.text, { soft });
      if (kind === "change" && !message.live) typewriter.end();
    }
  };
  const receive = (frame) => {
    play(transcript.receive(structuredClone(frame), now));
    const reply = transcript.find(7);
    if (!whole.startsWith(reply.text)) fail(`has what nobody wrote: ${reply.text}`);
    if (reply.length !== pointsOf(reply.text).length) fail(`counts ${reply.length}`);
    if (!reply.live && reply.text !== kept) fail(`ended with ${reply.text}`);
  };
  const draw = () => {
    const draws = frame;
    frame = null;
    draws?.(now);
    if (!whole.startsWith(paper.data)) fail(`shows what nobody wrote: ${paper.data}`);
  };

  // --- the server
  let written = 0; // pieces
  let saved = 0;
  let hasEnded = false;
  let wire = [];
  const at = (count) => pointsOf(pieces.slice(0, count).join("")).length;
  const text = () => (hasEnded ? kept : pieces.slice(0, written).join(""));
  const write = () => {
    if (hasEnded) return;
    if (written < pieces.length) {
      wire.push({ type: "char", reply: 7, at: at(written), char: pieces[written++] });
      return;
    }
    hasEnded = true;
    wire.push(end);
  };
  const answer = () => {
    if (asked.length === 0) return;
    const from = asked.shift();
    const rest = pointsOf(text());
    if (from > rest.length) return; // an error frame, which changes no text
    wire.push({ type: "reply.text", reply: 7, at: from, text: rest.slice(from).join("") });
    if (hasEnded) wire.push(end);
  };
  const connect = () => {
    wire = [];
    asked.length = 0;
    const status = hasEnded ? end.status : written > 0 ? "streaming" : "waiting";
    const author = { kind: "assistant", id: 1, name: "Assistant" };
    const message = { id: 7, author, text: text(), status, version: 1, versions: 1, error: null };
    const conversation = { id: "c" };
    receive({ type: "ready", you: { id: 1 }, conversation, messages: [message] });
  };
  const crash = () => { // and start again where the text was last saved
    if (!hasEnded) written = saved;
    connect();
  };

  // --- the network
  const happen = {
    write: (count) => { for (; count > 0; count--) write(); },
    save: () => { saved = written; },
    deliver: (count) => { for (; count > 0 && wire.length > 0; count--) receive(wire.shift()); },
    lose: () => { wire.shift(); },
    repeat: (number) => { if (wire.length > 0) receive(wire[number % wire.length]); },
    reorder: (number) => { wire.push(...wire.splice(number % Math.max(wire.length, 1), 1)); },
    answer,
    ignore: () => { asked.shift(); },
    connect,
    crash,
    draw: (count) => { for (; count > 0; count--) (now += 16), draw(); },
    wait: () => { now += 6000; play(transcript.tick(now)); },
  };
  connect();
  for (const [what, number] of events) happen[what](number);

  // --- it is calm again
  while (!hasEnded) write();
  for (let round = 0; transcript.find(7).live && round < 50; round++) {
    while (wire.length > 0) receive(wire.shift());
    answer();
    happen.wait();
    if (round % 5 === 4) receive(end); // what comes after the last loss
  }
  for (let frames = 0; frame && frames < 2000; frames++) happen.draw(1);
  const { text: has, status } = transcript.find(7);
  return { text: has, status, shown: paper.data, finished };
}"""

EVENTS = (
    *("write", "save", "deliver", "lose", "repeat", "reorder"),
    *("answer", "ignore", "connect", "crash", "draw", "wait"),
)
OVERLAPPING = [  # two answers, of which the second repeats the first and goes on
    *(("write", 9), ("lose", 1), ("deliver", 8), ("wait", 1), ("answer", 1)),
    *(("write", 9), ("answer", 1), ("deliver", 20)),
]
events = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 20)), max_size=60)
texts = st.text(max_size=60) | st.text(st.sampled_from(HARD), max_size=60)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser, server: Server) -> Any:
    """A page of the server's, for its modules."""
    page = await browser.new_page()
    await page.goto(f"{server.url}/healthz")
    yield page
    await page.close()


async def play(page: Page, text: str, stop: int | None, events: list[tuple[str, int]]) -> None:
    pieces = split(text)
    kept = text if stop is None else "".join(pieces[:stop])
    status = "complete" if stop is None else "stopped"
    end = {
        "type": "reply.end",
        "reply": 7,
        "status": status,
        "length": len(kept),
        "crc32": crc32(kept.encode()),
        "error": None,
        "version": 1,
        "versions": 1,
    }
    result = await page.evaluate(PLAY, {"pieces": pieces, "end": end, "events": events})
    assert result == {"text": kept, "status": status, "shown": kept, "finished": kept}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=texts, stop=st.none() | st.integers(0, 60), events=events)
@example(HARD, None, [("write", 9), ("reorder", 2), ("lose", 1), ("deliver", 9), ("answer", 1)])
@example(HARD, 4, [("write", 20), ("deliver", 20)])
@example(HARD, None, OVERLAPPING)
@example(HARD, None, [("write", 9), ("save", 1), ("write", 9), ("deliver", 18), ("crash", 1)])
async def test_text_ends_as_it_was_written(
    page: Page, text: str, stop: int | None, events: list[tuple[str, int]]
) -> None:
    await play(page, text, stop, events)


async def test_nothing_but_what_comes_next_is_applied(arrive: Arrive, server: Server) -> None:
    """The rule of the contract: equal is applied, smaller is dropped, larger is asked for."""
    tab = await (await arrive(server)).open("/healthz")
    steps = await tab.page.evaluate("""async () => {
      const { Transcript } = await import("/static/chat/transcript.js");
      const transcript = new Transcript();
      const author = { kind: "assistant", id: 1, name: "Assistant" };
      const message = { id: 7, author, text: "", status: "waiting", version: 1 };
      const conversation = { id: "c" };
      transcript.receive({ type: "ready", you: null, conversation, messages: [message] }, 0);
      return [[0, "a"], [1, "🙂"], [1, "x"], [0, "x"], [3, "x"], [2, "b"]].map(([at, char]) => {
        const effects = transcript.receive({ type: "char", reply: 7, at, char }, 0);
        const sent = effects.filter(({ kind }) => kind === "send").map(({ frame }) => frame);
        return [transcript.find(7).text, ...sent];
      });
    }""")
    assert steps == [
        ["a"],
        ["a🙂"],
        ["a🙂"],
        ["a🙂"],
        ["a🙂", {"type": "sync", "reply": 7, "at": 2}],
        ["a🙂b"],
    ]


async def test_what_goes_beyond_the_end_is_cut_off_without_asking(
    arrive: Arrive, server: Server
) -> None:
    tab = await (await arrive(server)).open("/healthz")
    end = {"type": "reply.end", "reply": 7, "status": "stopped", "length": 2}
    text, status, *sent = await tab.page.evaluate(
        """async (end) => {
          const { Transcript } = await import("/static/chat/transcript.js");
          const transcript = new Transcript();
          const author = { kind: "assistant", id: 1, name: "Assistant" };
          const message = { id: 7, author, text: "🙂🙂🙂", status: "streaming", version: 1 };
          const conversation = { id: "c" };
          transcript.receive({ type: "ready", you: null, conversation, messages: [message] }, 0);
          const effects = transcript.receive(end, 0);
          const { text, status } = transcript.find(7);
          return [text, status, ...effects.filter(({ kind }) => kind === "send")];
        }""",
        {**end, "crc32": crc32("🙂🙂".encode())},
    )
    assert (text, status, sent) == ("🙂🙂", "stopped", [])


async def test_what_is_read_is_acknowledged_often_enough(arrive: Arrive, server: Server) -> None:
    tab = await (await arrive(server)).open("/healthz")
    acks = await tab.page.evaluate("""async () => {
      const { Transcript } = await import("/static/chat/transcript.js");
      const transcript = new Transcript();
      const author = { kind: "assistant", id: 1, name: "Assistant" };
      const message = { id: 7, author, text: "", status: "waiting", version: 1 };
      const conversation = { id: "c" };
      transcript.receive({ type: "ready", you: null, conversation, messages: [message] }, 0);
      return Array.from({ length: 5000 }, (_, at) => {
        transcript.receive({ type: "char", reply: 7, at, char: "x" }, 0);
        return transcript.shown("7", at + 1, 0);
      }).flat().map(({ frame }) => [frame.type, frame.at]);
    }""")
    assert {type for type, _ in acks} == {"ack"}
    ats = [0, *(at for _, at in acks), 5000]
    assert all(0 < later - earlier <= 512 for earlier, later in pairwise(ats))
