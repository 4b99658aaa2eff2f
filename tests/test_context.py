"""What a model is given of a conversation, and what becomes of its text."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from chat.assistants.base import Turn
from chat.reply.cleaner import Cleaner
from chat.reply.context import fitting, tokens

TURNS = st.lists(st.builds(Turn, st.booleans(), st.text(max_size=60)), min_size=1)


@given(TURNS, st.text(max_size=60), st.integers(0, 400))
def test_newest_whole_turns_that_fit(newest_first: list[Turn], system: str, budget: int) -> None:
    given = fitting(iter(newest_first), system, budget)
    assert given == tuple(reversed(newest_first[: len(given)])), "none in between is left out"
    used = tokens(system) + sum(tokens(turn.text) for turn in given)
    assert used <= budget or len(given) == 1
    if len(given) < len(newest_first):
        assert used + tokens(newest_first[len(given)].text) > budget, "one more would not fit"


def test_no_more_is_read_than_it_takes() -> None:
    def turns() -> Iterator[Turn]:
        yield Turn(True, "x" * 30)
        yield Turn(False, "x" * 3000)
        raise AssertionError("the oldest were asked for")

    assert len(fitting(turns(), "", 100)) == 1


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=9)))
def test_whatever_a_model_sends_can_be_kept(pieces: list[str]) -> None:
    cleaner = Cleaner()
    text = "".join([*map(cleaner.feed, pieces), cleaner.flush()])
    whole = Cleaner()
    assert text == whole.feed("".join(pieces)) + whole.flush(), "the cuts make no difference"
    assert text.encode().decode() == text
    assert "\0" not in text
    plain = "".join(pieces)
    if plain.isprintable():
        assert text == plain


def test_halves_of_a_character_find_each_other() -> None:
    cleaner = Cleaner()
    assert [cleaner.feed(half) for half in ("a\ud83d", "\ude00b")] == ["a", "😀b"]
