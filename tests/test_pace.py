"""Characters leave at the reply's speed, in few bursts. The clock is the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.reply.pace import LONGEST, SHORTEST, Pace

TEXT = [str(number % 10) for number in range(300)]


def typed(pace: Pace, seconds: float, start: float = 1000.0) -> list[tuple[float, list[str]]]:
    """Return the bursts of so many seconds, each with when it left since `start`."""
    times = [count * pace.every for count in range(round(seconds / pace.every) + 1)]
    return [(time, pace.due(start + time)) for time in times]


@pytest.mark.parametrize("speed", [0.5, 1, 5, 29.9, 30, 100, 2000])
def test_every_character_leaves_around_its_time(speed: float) -> None:
    pace = Pace(speed)
    pace.feed(TEXT)
    due = 0.0
    for left, burst in typed(pace, seconds=20):
        for _ in burst:
            assert abs(left - due) <= pace.every / 2 + 1e-6
            due += 1 / speed
    assert due >= min(len(TEXT) / speed, 20 - pace.every) - 1e-6


@given(st.floats(0, 10_000))
def test_at_most_ten_bursts_a_second(speed: float) -> None:
    assert SHORTEST <= Pace(speed).every <= LONGEST


def test_first_character_leaves_at_once() -> None:
    pace = Pace(1)
    pace.feed("ab")
    assert pace.due(5) == ["a"]


def test_speed_zero_is_at_once() -> None:
    pace = Pace(0)
    pace.feed(TEXT)
    assert pace.due(5) == TEXT


def test_time_without_text_is_not_made_up_for() -> None:
    pace = Pace(10)
    pace.feed("a")
    assert pace.due(0) == ["a"]
    pace.feed("bcdefghij")
    assert pace.due(100) == ["b"]


def test_late_call_lets_out_what_is_due_since() -> None:
    pace = Pace(10)
    pace.feed(TEXT)
    pace.due(0)
    assert len(pace.due(2)) == 20


@given(
    speed=st.sampled_from([0, 1, 30, 1000]),
    steps=st.lists(st.tuples(st.floats(0, 3), st.text(max_size=20)), max_size=30),
)
def test_nothing_is_lost_or_reordered(speed: float, steps: list[tuple[float, str]]) -> None:
    pace, now, out = Pace(speed), 0.0, ""
    for wait, text in steps:
        now += wait
        pace.feed(text)
        out += "".join(pace.due(now))
    out += "".join(pace.due(now + 1e6))
    assert out == "".join(text for _, text in steps)


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=60))
def test_never_faster_than_its_speed(waits: list[float]) -> None:
    pace, now, count = Pace(30), 0.0, 0
    for wait in waits:
        now += wait
        pace.feed("xxxx")
        count += len(pace.due(now))
    assert count <= 1 + (now + pace.every / 2) * 30 + 1e-6
