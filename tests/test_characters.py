"""Text becomes characters, never torn, whatever pieces it arrives in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.characters import LONGEST, Splitter, boundary, split

FAMILY, FLAGS, ACCENT = "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "e\u0301"
HANGUL, DEVANAGARI, CRLF = "\u1112\u1161\u11ab", "क्षि", "\r\n"

# Letters, marks, joiners, flags, emoji, Hangul parts and line ends: what clusters are made of.
TEXTS = st.text(
    st.sampled_from("ab \r\n\u0301\u0308\u200d👩🧑🏽🇩🇪🇫❤\ufe0f\u1112\u1161\u11abक्षि\u0600")
    | st.characters(exclude_categories=["Cs"])
)


@st.composite
def pieces(draw: st.DrawFn) -> list[str]:
    text = draw(TEXTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)))))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def characters_of(pieces: list[str]) -> list[str]:
    splitter = Splitter()
    found = [character for piece in pieces for character in splitter.feed(piece)]
    return found + splitter.flush()


@pytest.mark.parametrize("whole", [FAMILY, ACCENT, "🇩🇪", HANGUL, DEVANAGARI, CRLF, "👍🏽", "❤️"])
def test_one_for_a_reader_is_one_character(whole: str) -> None:
    assert split(f"a{whole}b") == ["a", whole, "b"]
    assert characters_of(list(f"a{whole}b")) == ["a", whole, "b"]


def test_flags_side_by_side_are_two() -> None:
    assert characters_of(list(FLAGS)) == ["🇩🇪", "🇫🇷"]


@given(TEXTS)
def test_in_one_piece_and_character_by_character(text: str) -> None:
    assert characters_of([text]) == characters_of(list(text)) == split(text)


@given(pieces())
def test_any_cuts_make_the_same_characters(pieces: list[str]) -> None:
    found = characters_of(pieces)
    assert found == split("".join(pieces))
    assert "".join(found) == "".join(pieces)


@given(pieces())
def test_only_the_last_character_is_held_back(pieces: list[str]) -> None:
    splitter = Splitter()
    let_out = [character for piece in pieces for character in splitter.feed(piece)]
    assert let_out == split("".join(pieces))[:-1]


@given(TEXTS, st.data())
def test_splitting_may_start_at_any_boundary(text: str, data: st.DataObject) -> None:
    characters = split(text)
    start = data.draw(st.integers(0, len(characters)))
    assert split("".join(characters[start:])) == characters[start:]


@given(TEXTS, st.data())
def test_boundary_is_the_last_at_or_before(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    ends, end = [0], 0
    for character in split(text):
        end += len(character)
        ends.append(end)
    assert boundary(text, at) == max(end for end in ends if end <= at)


@pytest.mark.parametrize("feed", [list, lambda text: [text]])
def test_endless_accents_are_cut(feed: type[list[str]]) -> None:
    found = characters_of(feed("a" + "\u0301" * 3 * LONGEST))
    assert max(map(len, found)) == LONGEST
    assert sum(map(len, found)) == 1 + 3 * LONGEST
