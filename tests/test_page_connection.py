"""The network fails, or the server: a plain notice, and in the end everything is there, once."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.async_api import expect

from tests.browser import CANNOT_CONNECT, Arrive, in_browser
from tests.client import Frame
from tests.server import Server
from tests.test_page_picker import ONE, TWO, offered

pytestmark = in_browser

HELLO = "Hello from server!"
SIGNED_OUT, FORBIDDEN, NOT_FOUND, TOO_MANY = 4401, 4403, 4404, 4429  # why the server closes

# Runs a page's connection against a network that is down, for five minutes of a clock that is
# turned by hand, and returns the pauses between its attempts in milliseconds; twenty times.
PAUSES = """async () => {
  const { Connection } = await import("/static/chat/connection.js");
  let now = 0;
  let timers = [];
  let attempts = [];
  performance.now = () => now;
  window.setInterval = () => 0;
  window.setTimeout = (action, pause) => timers.push({ action, at: now + pause });
  window.clearTimeout = () => {};
  window.WebSocket = class {
    constructor() {
      attempts.push(now);
      setTimeout(() => this.onclose?.({ code: 1006 }), 1);
    }
    close() {}
  };
  const nobody = { onFrame() {}, onState() {}, onClosed() {} };
  const run = () => {
    now = 0;
    timers = [];
    attempts = [];
    new Connection("/ws/chat/", nobody).start();
    while (now < 300_000 && timers.length > 0) {
      timers.sort((one, other) => one.at - other.at);
      const { action, at } = timers.shift();
      now = at;
      action();
    }
    return attempts.slice(1).map((at, index) => at - attempts[index] - 1);
  };
  return Array.from({ length: 20 }, run);
}"""

# Runs a page's connection over lines that open and never say anything, for five minutes of a clock
# that is turned by hand; returns when each was opened, in milliseconds.
SILENCE = """async () => {
  const { Connection } = await import("/static/chat/connection.js");
  let [now, tick, retry] = [0, null, null];
  const opened = [];
  performance.now = () => now;
  window.setInterval = (action) => (tick = action);
  window.setTimeout = (action) => (retry = action);
  window.WebSocket = class {
    constructor() {
      opened.push(now);
    }
    close() {}
  };
  new Connection("/ws/chat/", { onFrame() {}, onState() {}, onClosed() {} }).start();
  for (; now < 300_000; now += 2000) {
    tick();
    retry?.();
    retry = null;
  }
  return opened;
}"""

# Says something over a socket that is open, and again when it has begun to close; returns whether
# there was anybody to say it to.
SAID_WHILE_CLOSING = """async () => {
  const { Connection } = await import("/static/chat/connection.js");
  let socket;
  window.WebSocket = class extends WebSocket {
    constructor(url) {
      super(url);
      socket = this;
    }
  };
  const [onFrame, onClosed] = [() => {}, () => {}];
  let connection;
  await new Promise((resolve) => {
    const onState = (state) => state === "online" && resolve();
    connection = new Connection("/ws/chat/", { onFrame, onState, onClosed });
    connection.start();
  });
  const said = [connection.send({ type: "ping" })];
  socket.close();
  said.push(connection.send({ type: "ping" }));
  connection.stop();
  return said;
}"""


async def test_lost_network_is_said_and_everything_is_there_afterwards(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    text = "".join(f"{number} " for number in range(60))
    scripted("page-count", text, "--speed", "60")
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.write("page-count")
    await alice.typed(2, length=20)
    await line.cut()
    await alice.offline()
    await expect(alice.role("connection")).to_be_visible()
    await expect(alice.role("connection")).to_contain_text("No connection")
    assert text.startswith(await alice.typed(2, length=20)), "what was there stays there"
    line.mend()
    await alice.online()
    await expect(alice.role("connection")).to_be_hidden()
    assert await alice.ended(2) == text
    assert len(await alice.said()) == 3


async def test_browser_that_knows_it_is_offline_says_so_at_once(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    person.foresees(CANNOT_CONNECT)
    alice = await person.open()
    await alice.greeted()
    await person.context.set_offline(True)
    await alice.offline()
    await alice.write("Written in a tunnel")
    await expect(alice.mine).to_have_attribute("data-status", "sending")
    await expect(alice.mine.locator("[data-role=note]")).to_have_text("Waiting…")
    await person.context.set_offline(False)
    await alice.online()
    await alice.ended(2)
    assert await alice.texts() == [HELLO, "Written in a tunnel", HELLO]


async def test_what_is_written_offline_is_sent_once_and_in_order(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    await line.cut()
    await alice.offline()
    for text in ("first", "second", "third"):
        await alice.write(text)
    assert [status for _, status, _ in (await alice.said())[1:]] == ["sending"] * 3
    notes = alice.mine.locator("[data-role=note]")
    for number in range(3):
        await expect(notes.nth(number)).to_have_text("Waiting…")
        await expect(notes.nth(number)).to_be_visible()
    await alice.page.reload()
    await expect(alice.messages).to_have_count(3)
    assert await alice.texts() == ["first", "second", "third"], "kept over a reload"
    line.mend()
    await alice.ended(4)
    for tab in (alice, await person.open()):
        await tab.ended(4)
        mine = [(text, status) for who, status, text in await tab.said() if who == "me"]
        assert mine == [("first", "complete"), ("second", "complete"), ("third", "complete")]
    sent = [frame["text"] for frame in line.sent if frame["type"] == "message.send"]
    assert sent == ["first", "second", "third"]


async def test_message_whose_confirmation_was_lost_is_not_posted_twice(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    other = await person.open()
    await other.greeted()
    line.hold_down()
    await alice.write("Did you get this?")
    await expect(alice.mine).to_have_attribute("data-status", "sending")
    await line.cut()
    await alice.offline()
    line.mend()
    await alice.ended(2)
    await other.ended(2)
    assert await alice.texts() == await other.texts() == [HELLO, "Did you get this?", HELLO]


async def test_message_that_the_network_repeats_is_there_once(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    line.change = lambda frame: [frame] * 3
    await alice.write("Once is enough")
    await alice.ended(2)
    await alice.write("Once more")
    await alice.ended(3)
    assert await alice.texts() == [HELLO, "Once is enough", HELLO, "Once more", HELLO]


async def test_who_was_signed_out_is_told_and_loses_nothing(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    await line.cut(SIGNED_OUT)
    await alice.offline()
    notice = alice.role("connection")
    await expect(notice).to_contain_text("You are logged out")
    await alice.write("to be sent")
    await alice.role("input").fill("half a thought")
    await alice.page.evaluate("dispatchEvent(new Event('offline'))")
    await alice.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(notice).to_contain_text("You are logged out")
    assert line.attempts == 1, "to try again would not help"
    line.mend()
    login = alice.page.get_by_role("link", name="Log in again")
    await expect(login).to_have_attribute("href", "/accounts/login/?next=/")
    await alice.page.get_by_role("link", name="Reload the page").click()
    await alice.ended(2)
    await expect(alice.role("input")).to_have_value("half a thought")
    assert await alice.texts() == [HELLO, "to be sent", HELLO]
    await expect(alice.page.get_by_role("link", name="Reload the page")).to_be_hidden()


async def test_conversation_that_is_gone_leads_back_to_the_chat(
    arrive: Arrive, server: Server
) -> None:
    person = await arrive(server)
    line = await person.line()
    first = await person.open()
    await first.greeted()
    alice = await person.open()  # it has the conversation's own socket
    await alice.greeted()
    for code, words in ((FORBIDDEN, "You may not take part"), (NOT_FOUND, "is gone")):
        await line.cut(code)
        await alice.offline()
        await expect(alice.role("connection")).to_contain_text(words)
        line.mend()
        await alice.page.get_by_role("link", name="Back to the chat").click()
        await alice.online()
        await alice.greeted()


async def test_too_many_is_said_and_heals_by_itself(arrive: Arrive, server: Server) -> None:
    person = await arrive(server)
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    await line.cut(TOO_MANY)
    await alice.offline()
    await expect(alice.role("connection")).to_contain_text("too many pages open")
    await line.cut()
    await expect(alice.role("connection")).to_contain_text("No connection")
    line.mend()
    await alice.online()
    await expect(alice.role("connection")).to_be_hidden()


@pytest.mark.parametrize("assistants", [ONE, TWO], ids=["one", "a choice"])
@pytest.mark.parametrize("code", [None, SIGNED_OUT])
async def test_notice_and_hint_stand_beside_each_other_on_a_tiny_screen(
    arrive: Arrive, server: Server, code: int | None, assistants: list[Frame]
) -> None:
    person = await arrive(server, viewport={"width": 320, "height": 256})
    line = await person.line()
    alice = await person.open()
    await alice.greeted()
    offered(line, assistants)
    await expect(alice.role("assistant")).to_be_visible(visible=len(assistants) > 1)
    await alice.write("x" * 32_001)
    await line.cut(code)
    await alice.offline()
    notice = alice.role("connection").locator("p")
    parts = (alice.role("header"), notice, alice.role("hint"), alice.role("input"))
    for part in (*parts, alice.role("send")):
        await expect(part).to_be_in_viewport(ratio=1)
    boxes = [await part.bounding_box() for part in parts]
    for above, below in pairwise(boxes):
        assert above
        assert below
        assert above["y"] + above["height"] <= below["y"]


async def test_pauses_grow_up_to_half_a_minute_and_differ(arrive: Arrive, server: Server) -> None:
    tab = await (await arrive(server)).open("/healthz")
    runs = await tab.page.evaluate(PAUSES)
    for attempt, longest in enumerate([500, 1000, 2000, 4000, 8000, 16_000, 30_000]):
        pauses = [run[attempt] for run in runs]
        assert max(pauses) <= longest
        assert max(pauses) > longest / 2, "they grow"
        assert len(set(pauses)) > 10, "not all come back at the same moment"


async def test_line_that_opens_and_says_nothing_is_given_up(arrive: Arrive, server: Server) -> None:
    tab = await (await arrive(server)).open("/healthz")
    first, *others = await tab.page.evaluate(SILENCE)
    assert len(others) >= 2
    assert others[0] - first >= 60_000, "a server may take its time"


async def test_nothing_counts_as_sent_over_a_socket_that_is_being_closed(
    arrive: Arrive, server: Server
) -> None:
    tab = await (await arrive(server)).open("/healthz")
    assert await tab.page.evaluate(SAID_WHILE_CLOSING) == [True, False]


async def test_killed_server_types_on_in_the_open_page(arrive: Arrive, own_server: Server) -> None:
    text = "".join(f"{number} " for number in range(120))
    own_server.manage("reply", "answer", "--text", text, "--speed", "100")
    person = await arrive(own_server)
    person.foresees(CANNOT_CONNECT)
    alice = await person.open(recorded=True)
    await alice.write("count")
    await alice.typed(2, length=100)
    own_server.kill()
    await alice.offline()
    await expect(alice.role("connection")).to_be_visible()
    await alice.write("and when you are back?")
    own_server.start()
    await alice.page.evaluate("dispatchEvent(new Event('online'))")  # it need not wait any more
    await alice.online()
    await expect(alice.text(alice.replies.nth(1))).to_have_text(text.strip())
    assert await alice.ended(3) == text
    mine = [text for who, _, text in await alice.said() if who == "me"]
    assert mine == ["count", "and when you are back?"]
    shown = {shown for _, shown in await alice.recorded(text)}
    assert len([one for one in shown if len(one) > 100]) > 30, "the rest was typed, too"
