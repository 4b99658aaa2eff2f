"""What a model is given of a conversation: as much as fits, whole messages, the newest first."""

from collections.abc import Iterable

from chat.assistants.base import Turn

BYTES_A_TOKEN = 3  # English has more, other scripts have less; a guess that rarely is too low
TOKENS_A_TURN = 4  # what stands around each turn


def tokens(text: str) -> int:
    """Return about how many tokens `text` has."""
    return len(text.encode()) // BYTES_A_TOKEN + TOKENS_A_TURN


def fitting(newest_first: Iterable[Turn], system: str, budget: int) -> tuple[Turn, ...]:
    """Return the turns that fit into `budget` tokens beside `system`, the oldest first.

    The newest is always among them: an answer to nothing would help nobody. No more of the turns
    is read than it takes.
    """
    room = budget - tokens(system)
    fit: list[Turn] = []
    for turn in newest_first:
        room -= tokens(turn.text)
        if room < 0 and fit:
            break
        fit.append(turn)
    return tuple(reversed(fit))
