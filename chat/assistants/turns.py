"""A conversation in the form that every model takes: person, assistant, person, …

Anthropic insists on it, and so do the chat templates of many models that people run themselves.
"""

from collections.abc import Iterable
from itertools import groupby

from chat.assistants.base import Turn

SILENCE = "…"  # what a person says who has not said anything; the same in every language


def messages(turns: Iterable[Turn], system: str = "") -> list[dict[str, str]]:
    """Return `turns` as all APIs have them; before them what the system says, if it does."""
    said = [
        {"role": "user" if turn.person else "assistant", "content": turn.text} for turn in turns
    ]
    return [{"role": "system", "content": system}, *said] if system else said


def alternating(turns: Iterable[Turn]) -> list[Turn]:
    """Return `turns` merged where one side speaks on, and with a person's at both ends.

    An assistant that greeted, or that speaks again unasked, is given a silence to answer. Turns
    without text are left out: APIs refuse them.
    """
    said = [turn for turn in turns if turn.text.strip()]
    merged = [
        Turn(person, "\n\n".join(turn.text for turn in side))
        for person, side in groupby(said, key=lambda turn: turn.person)
    ]
    if not merged or not merged[0].person:
        merged.insert(0, Turn(True, SILENCE))
    if not merged[-1].person:
        merged.append(Turn(True, SILENCE))
    return merged
