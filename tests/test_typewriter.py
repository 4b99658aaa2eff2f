"""The page draws text evenly, however it arrives, and never shows half a character.

The page's own module runs here in the browser, on a clock that is turned by hand.
"""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser, Page

from chat.characters import split
from tests.browser import in_browser
from tests.server import Server

pytestmark = in_browser

HARD = "👩‍👩‍👧‍👦 e\u0301\r\n 🇩🇪🇫🇷 \u1112\u1161\u11ab क्षि 👍🏽 z\u0335\u0321\u034f مرحبا 𐐷!"
BURST = 100  # milliseconds, as the contract has it
FRAME = 1000 / 60

# Feeds `arrivals` ([when, characters or text]), turns the clock frame by frame until all is drawn,
# and returns [when, text] after every drawing, what rested, and what `freezeAt` returned. A
# frame is told a time that is `late` by so many milliseconds, in turns.
DRAW = """async ({ arrivals, freezeAt = null, late = [0], ...reader }) => {
  const { Typewriter } = await import("/static/chat/typewriter.js");
  let now = 0;
  let due = null;
  const drawn = [];
  const clock = { ...reader, request: (draw) => (due = draw), cancel: () => (due = null) };
  const paper = { data: "", appendData(text) { this.data += text; } };
  const onShown = (at) => drawn.push([now, paper.data, at]);
  let rested = null;
  const onRest = () => { rested = paper.data; };
  const typewriter = new Typewriter(paper, { clock, onShown, onRest });
  let frozen = null;
  const last = (arrivals.at(-1)?.[0] ?? 0) + 5000;
  const queue = [...arrivals];
  for (; now < last && (queue.length > 0 || due); now += 1000 / 60) {
    for (; queue.length > 0 && queue[0][0] <= now; queue.shift()) {
      const [, what] = queue[0];
      if (Array.isArray(what)) for (const character of what) typewriter.feedCharacter(character);
      else typewriter.feed(what);
      if (queue.length === 1) typewriter.end();
    }
    if (freezeAt !== null && frozen === null && now >= freezeAt) frozen = typewriter.freeze();
    const draw = due;
    due = null;
    draw?.(now - late[Math.round(now / 16) % late.length]);
  }
  if (arrivals.length === 0) typewriter.end();
  return { drawn, rested, frozen };
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser, server: Server) -> AsyncIterator[Page]:
    """A page of the server's, for its module."""
    page = await browser.new_page()
    await page.goto(f"{server.url}/healthz")
    yield page
    await page.close()


async def draw(page: Page, arrivals: list[Any], **options: Any) -> dict[str, Any]:
    result: dict[str, Any] = await page.evaluate(DRAW, {"arrivals": arrivals, **options})
    return result


def bursts(speed: int, seconds: int) -> list[tuple[int, list[str]]]:
    """What the server sends: characters at `speed` a second, ten times a second."""
    due = [round(speed * burst * BURST / 1000) for burst in range(1 + seconds * 1000 // BURST)]
    return [
        (burst * BURST, ["x"] * (later - earlier))
        for burst, (earlier, later) in enumerate(pairwise(due))
    ]


def shares(drawn: list[list[Any]]) -> list[int]:
    """How many characters each drawing added."""
    lengths = [0, *(at for _, _, at in drawn)]
    return [later - earlier for earlier, later in pairwise(lengths)]


texts = st.text(max_size=80) | st.text(st.sampled_from(HARD), max_size=80)
pauses = st.lists(st.integers(0, 400), min_size=1, max_size=20)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    text=texts,
    pauses=pauses,
    cuts=st.lists(st.integers(1, 12), min_size=1),
    calm=st.booleans(),
    late=st.lists(st.integers(0, 200), min_size=1, max_size=5),
)
async def test_everything_is_drawn_in_order_and_no_character_in_halves(
    page: Page, text: str, pauses: list[int], cuts: list[int], calm: bool, late: list[int]
) -> None:
    """Whatever the clock does: a busy browser tells a frame a time before that of the last one."""
    characters = split(text)
    arrivals: list[Any] = []
    now = start = 0
    while start < len(characters):
        count = cuts[len(arrivals) % len(cuts)]
        arrivals.append((now, characters[start : start + count]))
        now += pauses[len(arrivals) % len(pauses)]
        start += count
    result = await draw(page, arrivals, calm=calm, late=late)
    assert result["rested"] == text
    whole = {"".join(characters[:count]) for count in range(len(characters) + 1)}
    assert {shown for _, shown, _ in result["drawn"]} <= whole
    assert all(len(shown) == at for _, shown, at in result["drawn"]), "offsets are code points"


async def test_text_in_one_piece_is_drawn_by_characters_too(page: Page) -> None:
    result = await draw(page, [(0, HARD)])
    assert result["rested"] == HARD
    characters = split(HARD)
    whole = {"".join(characters[:count]) for count in range(len(characters) + 1)}
    shown = [shown for _, shown, _ in result["drawn"]]
    assert set(shown) <= whole
    assert len(shown) > 3


@pytest.mark.parametrize(
    ("speed", "most"), [(5, 1), (30, 1), (60, 2), (200, 6), (1000, 26)], ids=str
)
async def test_bursts_are_spread_evenly(page: Page, speed: int, most: int) -> None:
    result = await draw(page, bursts(speed, seconds=6))
    assert result["rested"] == "x" * speed * 6
    drawn = [one for one in result["drawn"] if one[0] < 6000 - BURST]
    assert max(shares(drawn)) <= most, "no frame draws more than a small share of a burst"
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(drawn)]
    assert max(gaps) <= max(1000 / speed * 2.5, 3 * FRAME), "and there is no standstill"


async def test_drawing_keeps_up(page: Page) -> None:
    speed = 30
    result = await draw(page, bursts(speed, seconds=6))
    for now, _, at in result["drawn"]:
        assert speed * now / 1000 - at <= speed * 0.3, "never more than a moment behind"


async def test_who_wants_it_faster_waits_less_for_it_to_come_out_even(page: Page) -> None:
    behind = {}
    for pace in ("", "faster", "at_once"):
        result = await draw(page, bursts(200, seconds=3), pace=pace)
        assert result["rested"] == "x" * 600
        behind[pace] = max(200 * now / 1000 - at for now, _, at in result["drawn"])
    assert behind["faster"] < behind[""] / 1.5
    result = await draw(page, [(0, ["x"] * 500)], pace="at_once")
    assert result["drawn"] == [[0, "x" * 500, 500]], "all that is there, with the next frame"


async def test_first_character_is_drawn_with_the_first_frame(page: Page) -> None:
    result = await draw(page, [(0, ["a"]), (1000, ["b"])])
    first, second = result["drawn"]
    assert first == [0, "a", 1]
    assert second[0] - 1000 < 2 * FRAME, "after a pause too"


async def test_what_piles_up_is_caught_up_with_quickly_but_not_in_a_jump(page: Page) -> None:
    usual = bursts(30, seconds=2)
    result = await draw(page, [*usual, (2000, ["x"] * 600)])
    assert result["rested"] == "x" * 660
    late = [one for one in result["drawn"] if one[0] >= 2000]
    assert late[-1][0] <= 2000 + 600, "soon all is there"
    assert max(shares(late)[1:]) <= 60, "in no frame more than a tenth"


async def test_frozen_it_says_what_is_shown_and_shows_no_more(page: Page) -> None:
    text = "👩‍👩‍👧‍👦é" * 100
    result = await draw(page, [(0, split(text)), (300, split(text))], freezeAt=50)
    _, shown, at = result["drawn"][-1]
    assert result["frozen"] == at == len(shown)
    assert 0 < at < len(text)
    assert text.startswith(shown)


async def test_hidden_page_shows_everything_at_once(page: Page) -> None:
    """It gets no frames to draw in, and must be right when one looks at it again."""
    arrivals = bursts(30, seconds=2)
    result = await draw(page, arrivals, hidden=True)
    assert result["rested"] == "x" * 60
    arrived = [(when, len(what)) for when, what in arrivals if what]
    total = 0
    for when, count in arrived:
        total += count
        last = [at for now, _, at in result["drawn"] if now < when + BURST][-1]
        assert last == total


async def test_without_motion_it_draws_in_steps(page: Page) -> None:
    result = await draw(page, bursts(30, seconds=6), calm=True)
    assert result["rested"] == "x" * 180
    steps = [now for now, _, _ in result["drawn"]]
    assert all(later - earlier >= 500 - FRAME for earlier, later in pairwise(steps[:-1]))
    assert len(steps) < 16


async def test_nothing_to_draw_ends_at_once(page: Page) -> None:
    assert await draw(page, []) == {"drawn": [], "rested": "", "frozen": None}
