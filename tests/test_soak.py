"""Two minutes of `python -m tests.soak`: many conversations, slowly typed, over lines that break.

60 conversations with 2 connections each, 4 characters a second, each line for 20 seconds on
average: it mostly waits, as other tests run beside it. What it measures, its own command says.
"""

import pytest

from tests.soak import Sizes, run, text_from

SIZES = Sizes(
    minutes=2, conversations=60, watchers=2, speed=4, length=120, stay=20, first=30, quiet=15
)


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_memory_returns() -> None:
    seen = run(SIZES)
    assert not seen["wrong"], text_from(seen, SIZES)
    assert seen["drops"].keys() == {"closed", "cut", "fainted", "slept"}
    assert seen["replies"] > 2 * SIZES.conversations
    assert seen["in_the_middle_of_a_reply"] > SIZES.conversations
