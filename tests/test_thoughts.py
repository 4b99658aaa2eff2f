"""A model's reasoning is told from its reply, whatever pieces it comes in."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.assistants.thoughts import PATIENCE, Thoughts

PARTS = [
    "<think>",
    "</think>",
    "<thinking>",
    "</thinking>",
    "<",
    "think",
    ">",
    "/",
    " ",
    "\n",
    "aİ",
]
TEXTS = st.lists(st.sampled_from(PARTS)).map("".join)


def parted(*pieces: str) -> tuple[str, str]:
    """Return the reply and the reasoning in `pieces`."""
    kept: list[str] = []
    thoughts = Thoughts(kept)
    reply = "".join([*map(thoughts.feed, pieces), thoughts.flush()])
    return reply, "".join(kept)


@pytest.mark.parametrize("cut", [lambda text: [text], list], ids=["whole", "by character"])
@pytest.mark.parametrize(
    ("answer", "reply", "reasoning"),
    [
        ("Hello", "Hello", ""),
        ("", "", ""),
        ("<think>Hm</think>Hello", "Hello", "Hm"),
        ("<thinking>Hm</thinking>Hello", "Hello", "Hm"),
        ("<THINK>Hm</Think>Hello", "Hello", "Hm"),
        ("\n <think>\nHm\n</think>\n\n \r\n\nHello\n\n", "Hello\n\n", "\nHm\n"),
        ("<think>Hm</think> Hello", "Hello", "Hm"),
        ("<think>Hm</think>\n\n    code", "    code", "Hm"),
        ("<think></think>\n\nHello", "Hello", ""),
        ("<think>a </thin b < c</think>d", "d", "a </thin b < c"),
        ("<thinking>a</think>b</thinking>c", "c", "a</think>b"),
        ("<think>unclosed", "", "unclosed"),
        ("<think>unclosed</thi", "", "unclosed</thi"),
        ("<think>Hm</think>\n \n", "", "Hm"),
        ("<think", "<think", ""),
        (" <thi", " <thi", ""),
        ("\n\n", "\n\n", ""),
        ("<thinker>a</thinker>", "<thinker>a</thinker>", ""),
        ("The tag <think>is</think> it", "The tag <think>is</think> it", ""),
        ("<think>a</think>b<think>c</think>", "b<think>c</think>", "a"),
    ],
)
def test_parted(cut: type[list[str]], answer: str, reply: str, reasoning: str) -> None:
    assert parted(*cut(answer)) == (reply, reasoning)


@given(TEXTS)
@example("<think>İ</think>b")
def test_any_cuts_are_the_same(text: str) -> None:
    assert parted(*text) == parted(text)


@given(TEXTS, TEXTS)
def test_reply_is_not_touched_once_it_has_begun(start: str, text: str) -> None:
    reply, reasoning = parted("Well, ", start, text)
    assert (reply, reasoning) == (f"Well, {start}{text}", "")


def test_blanks_without_end_are_not_held_back() -> None:
    thoughts = Thoughts([])
    assert sum(len(thoughts.feed(" ")) for _ in range(3 * PATIENCE)) == 3 * PATIENCE


def test_reasoning_is_not_held_back() -> None:
    kept: list[str] = []
    thoughts = Thoughts(kept)
    for piece in ("<think>", "one", "<", "two"):
        assert thoughts.feed(piece) == ""
    assert kept == ["one", "<two"]
