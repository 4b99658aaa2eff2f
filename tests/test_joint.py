"""A reply that is carried on has no seam: nothing is doubled, nothing is lost."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chat.assistants.base import Turn
from chat.assistants.joint import ASK, PATIENCE, REACH, Joint, turns_to_carry_on

BEGINNINGS = st.text(st.sampled_from("ab \n-世") | st.characters(), max_size=40)
WORDS = st.lists(
    st.text(st.sampled_from("abcdefgh"), min_size=3, max_size=9),
    min_size=2,
    max_size=12,
    unique=True,
)


def joined(beginning: str, *pieces: str, prefill: bool) -> str:
    joint = Joint(beginning, prefill)
    return "".join([beginning, *map(joint.feed, pieces), joint.flush()])


@pytest.mark.parametrize("cut", [lambda text: [text], list], ids=["whole", "by character"])
@pytest.mark.parametrize(
    ("beginning", "continuation", "whole"),
    [
        ("the cat", " sat", "the cat sat"),
        ("the cat ", " sat", "the cat sat"),
        ("the cat ", "sat", "the cat sat"),
        ("Hello wor", "ld", "Hello world"),
        ("Hello wor", "world", "Hello world"),
        ("the cat", "the cat sat", "the cat sat"),
        ("A line.\nthe cat", "the cat sat", "A line.\nthe cat sat"),
        ("banana", "and", "bananaand"),
        ("This is a", "and", "This is aand"),  # a letter is no repetition
        ("He said ha", "ha", "He said haha"),
        ("ha ha", " ha", "ha ha ha"),
        ("[0, 0", ", 0]", "[0, 0, 0]"),
        ("1,000", ",000", "1,000,000"),
        ("100", "000", "100000"),
        ("|---|---", "|---|\n", "|---|---|---|\n"),
        ("- one", "\n- two", "- one\n- two"),
        ("- one\n", "\n- two", "- one\n- two"),
        ("- one\n", "\n  - two", "- one\n  - two"),
        ("- one\n  ", "\n  - two", "- one\n  - two"),
        ("End.\n\n", "\n\nNew", "End.\n\nNew"),
        ("End.\n", "\n\nNew", "End.\n\nNew"),
        ("End.\n\n", "New", "End.\n\nNew"),
        ("End.", "\n\nNew", "End.\n\nNew"),
        ("def f():\n    ", "\n    return", "def f():\n    return"),
        ("def f():\n", "    return", "def f():\n    return"),
        ("你好世界", "世界和平", "你好世界和平"),
        ("谢", "谢你", "谢谢你"),
        ("the cat", "", "the cat"),
        ("the cat ", " ", "the cat "),
        ("", " Hello", " Hello"),
        ("  ", "Hello", "  Hello"),
    ],
)
def test_server_carries_on(
    cut: type[list[str]], beginning: str, continuation: str, whole: str
) -> None:
    assert joined(beginning, *cut(continuation), prefill=True) == whole


@pytest.mark.parametrize("cut", [lambda text: [text], list], ids=["whole", "by character"])
@pytest.mark.parametrize(
    ("beginning", "continuation", "whole"),
    [
        ("the cat", "cat sat", "the cat sat"),
        ("the cat ", "cat sat", "the cat sat"),
        ("the cat\n\n", "cat\n\nsat", "the cat\n\nsat"),
        ("Hello w", "world", "Hello world"),
        ("This is a", "a dog", "This is a dog"),
        ("It rained.", "rained. Then", "It rained. Then"),
        ("It rained", "rained.", "It rained."),
        ("It is 👨‍👩‍👧", "👨‍👩‍👧 and me", "It is 👨‍👩‍👧 and me"),
        ("It is 👨‍👩‍👧 👨‍👩‍👧 ", "👨‍👩‍👧 and me", "It is 👨‍👩‍👧 👨‍👩‍👧 and me"),
        ("Well done🎉", "🎉 Now", "Well done🎉 Now"),
        ("He said —", "— what", "He said — what"),
        ("the cat", "\n\nthe cat sat", "the cat sat"),
        ("the cat", "sat", "the cat sat"),  # it did not do as it was asked
        ("the cat", " sat", "the cat sat"),
        ("It rained.", "Then", "It rained. Then"),
        ("It rained", ".", "It rained."),
        ("End.", "\n\nNew", "End.\n\nNew"),
        ("the end.", "the end.", "the end."),
        ("the end.", "end.", "the end."),
        ("ha", "ha", "ha ha"),
        ("你好世", "世界", "你好世界"),
        ("你好", "世界", "你好世界"),
        ("f(", "x)", "f(x)"),
    ],
)
def test_model_is_asked_to_carry_on(
    cut: type[list[str]], beginning: str, continuation: str, whole: str
) -> None:
    assert joined(beginning, *cut(continuation), prefill=False) == whole


def test_turns_that_ask_for_more() -> None:
    assert turns_to_carry_on("the cat \n", prefill=True) == [Turn(False, "the cat")]
    assert turns_to_carry_on("the cat \n", prefill=False) == [
        Turn(False, "the cat"),
        Turn(True, ASK),
    ]
    assert turns_to_carry_on(" \n", prefill=True) == turns_to_carry_on("", prefill=False) == []


@given(BEGINNINGS, BEGINNINGS, st.booleans())
def test_any_cuts_are_the_same(beginning: str, continuation: str, prefill: bool) -> None:
    whole = joined(beginning, continuation, prefill=prefill)
    assert joined(beginning, *continuation, prefill=prefill) == whole


@given(BEGINNINGS, BEGINNINGS, st.booleans())
def test_only_what_is_there_already_is_left_out(
    beginning: str, continuation: str, prefill: bool
) -> None:
    added = joined(beginning, continuation, prefill=prefill).removeprefix(beginning)
    added = added if continuation.endswith(added) else added.removeprefix(" ")
    assert continuation.endswith(added)
    left_out = continuation.removesuffix(added).strip()
    assert left_out in beginning


@given(BEGINNINGS, st.booleans())
def test_new_reply_is_not_touched(text: str, prefill: bool) -> None:
    joint = Joint("", prefill)
    assert [joint.feed(letter) for letter in text] == list(text)


@given(WORDS, st.data())
def test_perfect_prefill_has_no_seam(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    at = data.draw(st.integers(1, len(text)))
    sent = text[:at].rstrip()
    rest = text[len(sent) :]
    last = sent.rpartition(" ")[2]
    assume(not rest.startswith(last))
    assert joined(text[:at], *rest, prefill=True) == text


@given(WORDS, st.data(), st.booleans())
def test_repeated_words_are_left_out(words: list[str], data: st.DataObject, prefill: bool) -> None:
    text = " ".join(words)
    end = data.draw(st.integers(3, len(text)))
    starts = [at for at in range(end) if at == 0 or text[at - 1] == " "]
    start = data.draw(st.sampled_from(starts))
    beginning = text[:end].rstrip()
    assume(len(beginning) - start >= 3)
    assert joined(beginning, *text[start:], prefill=prefill) == text


@pytest.mark.parametrize("prefill", [True, False])
def test_nothing_is_held_back_without_need(prefill: bool) -> None:
    joint = Joint("the cat", prefill)
    assert [joint.feed(piece) for piece in ("s", "a", "t")][1:] == ["a", "t"]


@pytest.mark.parametrize("text", ["a " * 50_000, "a" * 100_000, " " * 100_000, "世" * 100_000])
def test_long_ones_take_no_time(text: str) -> None:
    for beginning in (text, f"{text}b"):
        whole = joined(beginning, *text[: 3 * REACH], prefill=False)
        assert whole.startswith(beginning)


def test_blanks_without_end_are_not_held_back() -> None:
    joint = Joint("the cat ", prefill=True)
    assert sum(len(joint.feed(" ")) for _ in range(3 * PATIENCE)) >= 2 * PATIENCE
