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


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
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


# --- replies that are written again, and what comes and goes with them

# Lets a transcript receive `frames`; returns, after each, what it tells and how it stands.
STEPS = """async (frames) => {
  const { Transcript } = await import("/static/chat/transcript.js");
  const transcript = new Transcript();
  const told = ({ kind, id, message, text, before, frame }) =>
    [kind, message?.id ?? id ?? frame.type, ...[text, before].filter((one) => one != null)];
  return frames.map((frame) => {
    const effects = transcript.receive(structuredClone(frame), 0).map(told);
    const ids = (messages) => messages.map(({ id }) => id);
    return { effects, live: ids(transcript.live), queue: ids(transcript.queue),
             texts: Object.fromEntries([1, 2, 3, 4].flatMap((id) => {
               const message = transcript.find(id);
               return message ? [[id, message.text]] : [];
             })),
             waits: transcript.find(2)?.waits ?? null, thought: transcript.find(2)?.thought ?? 0 };
  });
}"""
PERSON = {"kind": "person", "id": 1, "name": "Alice"}
ASSISTANT = {"kind": "assistant", "id": 1, "name": "Assistant"}


def message(id: int, text: str, status: str = "complete", **more: Any) -> dict[str, Any]:
    author = PERSON if id % 2 else ASSISTANT
    known = {"version": 1, "versions": 1, "error": None, "reply_to": None if id % 2 else id - 1}
    return {"id": id, "author": author, "text": text, "status": status, **known, **more}


def ready(*messages: dict[str, Any]) -> dict[str, Any]:
    you, of = {"id": 1}, {"id": "c"}
    return {"type": "ready", "you": you, "conversation": of, "messages": list(messages)}


def changed(message: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message.changed", "message": message}


def char(reply: int, at: int, char: str) -> dict[str, Any]:
    return {"type": "char", "reply": reply, "at": at, "char": char}


def end(reply: int, text: str, **more: Any) -> dict[str, Any]:
    checked = {"length": len(text), "crc32": crc32(text.encode())}
    known = {"version": 1, "versions": 1, "error": None, "status": "complete"}
    return {"type": "reply.end", "reply": reply, **known, **checked, **more}


async def steps(page: Page, *frames: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await page.evaluate(STEPS, frames)
    return found


async def test_reply_that_is_live_again_goes_on_from_the_text_it_has(page: Page) -> None:
    *_, again, _, _, late, ended = await steps(
        page,
        ready(message(1, "Hi!"), message(2, "Well", "stopped")),
        changed(message(2, "Well", "streaming")),
        char(2, 4, ","),
        char(2, 5, " 🙂"),
        char(2, 3, "l"),
        end(2, "Well, 🙂"),
    )
    assert again["effects"] == [["change", "2"]]
    assert again["live"] == ["2"]
    assert late["effects"] == [], "what came before is not taken twice"
    assert ended["texts"]["2"] == "Well, 🙂"
    assert ended["live"] == []


async def test_other_version_begins_from_nothing_and_takes_away_what_followed(page: Page) -> None:
    first, anew, gone, _, ended, old = await steps(
        page,
        ready(*(message(id, f"text {id}") for id in (1, 2, 3, 4))),
        changed(message(2, "", "waiting", version=2, versions=2)),
        {"type": "message.removed", "messages": [3, 4, 5]},
        char(2, 0, "N"),
        end(2, "N", version=2, versions=2),
        ready(*(message(id, f"text {id}", versions=2) for id in (1, 2, 3, 4))),
    )
    assert anew["texts"]["2"] == ""
    assert gone["effects"] == [["remove", "4"], ["remove", "3"]]
    assert ended["texts"] == {"1": "text 1", "2": "N"}
    assert old["texts"] == first["texts"], "ready tells the truth as at the start"


async def test_messages_stand_in_one_order_however_they_come(page: Page) -> None:
    said = ({"type": "message", "message": message(id, "text")} for id in (1, 4, 2, 3))
    *_, late, last = (each["effects"] for each in await steps(page, ready(), *said))
    assert late == [["place", "2", "4"]]
    assert last == [["place", "3", "4"]]


async def test_those_behind_the_first_wait_in_line(page: Page) -> None:
    both, one, none = await steps(
        page,
        ready(
            *(
                message(id, "", "waiting") if id % 2 == 0 else message(id, "?")
                for id in (1, 2, 3, 4)
            )
        ),
        end(2, ""),
        {"type": "message.removed", "messages": [3, 4]},
    )
    assert (both["live"], both["queue"]) == (["2", "4"], ["4"])
    assert (one["live"], one["queue"]) == (["4"], [])
    assert (none["live"], none["queue"]) == ([], [])


async def test_what_a_reply_waits_for_is_known_until_there_is_text(page: Page) -> None:
    def waits(waits: dict[str, Any] | None, reply: int = 2) -> dict[str, Any]:
        return {"type": "reply.waits", "reply": reply, "waits": waits}

    place = {"code": "place", "place": 2}
    found = await steps(
        page,
        ready(message(1, "Hi!"), message(2, "", "waiting", waits=place)),
        waits(None),
        waits({"code": "thinking"}),
        waits(place, reply=99),
        char(2, 0, "W"),
        end(2, "W"),
        waits(place),
    )
    thinking = {"code": "thinking"}
    assert [step["waits"] for step in found] == [place, None, thinking, thinking, None, None, None]
    assert found[-1]["thought"] > 0, "who was heard to think has thoughts to show"
    assert all(step["effects"] in ([], [["change", "2"]]) for step in found[1:4])


async def test_thoughts_are_no_part_of_the_text(page: Page) -> None:
    thoughts = {"type": "reply.thoughts", "text": "Hm."}
    _, told, unknown = await steps(
        page,
        ready(message(1, "Hi!"), message(2, "Well.", thought=3)),
        {**thoughts, "reply": 2},
        {**thoughts, "reply": 99},
    )
    assert told["effects"] == [["thoughts", "2", "Hm."]]
    assert told["texts"]["2"] == "Well."
    assert unknown["effects"] == []


# --- what there is to say while one waits

# Lets time pass: each of `steps` is [seconds, the live replies]; returns what is said of each.
LOOK = """async (steps) => {
  const { Progress } = await import("/static/chat/progress.js");
  const progress = new Progress();
  return steps.map(([seconds, live]) => {
    if (live === null) return progress.forget();
    const words = ({ what }) => what && Object.values(what).join(" ");
    return progress.look(live, seconds * 1000).map(words);
  });
}"""


def live(length: int = 0, id: int = 1, waits: dict[str, Any] | None = None) -> dict[str, Any]:
    status = "streaming" if length else "waiting"
    return {"id": id, "length": length, "status": status, "waits": waits}


async def test_silence_is_counted_from_the_last_sign_of_life(page: Page) -> None:
    assert await page.evaluate(
        LOOK,
        [
            *([0, [live()]], [4.9, [live()]], [5, [live()]], [12.3, [live()]]),
            *([13, [live(7)]], [22.9, [live(7)]], [23, [live(7)]], [24, [live(8)]]),
            *([50, None], [51, [live(8)]], [60, [live(8)]], [61, [live(8)]]),
        ],
    ) == [
        *([None], [None], ["silent 5"], ["silent 12"]),
        *([None], [None], ["stalled 10"], [None]),
        *(None, [None], [None], ["stalled 10"]),
    ]


async def test_who_waits_in_line_is_not_waited_for_before_their_turn(page: Page) -> None:
    first, second = live(3, 1), live(0, 2)
    assert await page.evaluate(
        LOOK, [[0, [first, second]], [30, [first, second]], [31, [second]], [36, [second]]]
    ) == [[None, "queued"], ["stalled 30", "queued"], [None], ["silent 5"]]


async def test_next_try_is_counted_down(page: Page) -> None:
    steps = """async (times) => {
      const { Progress } = await import("/static/chat/progress.js");
      const progress = new Progress();
      const waits = { code: "retrying", seconds: 2.5 };
      const reply = { id: 1, length: 0, status: "waiting", waits };
      return times.map((seconds) => progress.look([reply], seconds * 1000)[0].what.seconds);
    }"""
    assert await page.evaluate(steps, [0, 1, 2, 9]) == [3, 2, 1, 1]
