"""Text into characters: what a reader takes for one, never torn.

A character is an extended grapheme cluster of Unicode's UAX #29, so that a family emoji, a flag
or a letter with its accents travels as one. https://unicode.org/reports/tr29/
"""

import regex

LONGEST = 256  # code points; no writing system needs so many, but an attacker's accents would

_CLUSTER = regex.compile(r"\X")


def split(text: str) -> list[str]:
    """Return the characters of `text`, in order; joined again they are `text`.

    May start at any boundary inside a longer text: what comes before a boundary does not matter.
    """
    if text.isascii() and "\r" not in text:
        return list(text)
    return [
        cluster[start : start + LONGEST]
        for cluster in _CLUSTER.findall(text)
        for start in range(0, len(cluster), LONGEST)
    ]


def boundary(text: str, at: int) -> int:
    """Return the end of the last whole character of `text` that ends at or before `at`.

    `at` counts code points. A cluster has no bounded look-behind (a flag depends on the parity
    of the letters before it), so this counts from the start of the line that `at` stands in; one
    code point past `at` is enough to tell whether there is a boundary at it.
    """
    start = text.rfind("\n", 0, at) + 1
    for character in split(text[start : at + 1]):
        if start + len(character) > at:
            break
        start += len(character)
    return start


class Splitter:
    """Characters of a text that arrives in pieces, whatever the cuts.

    The last character is held back until more text or `flush` shows that it is whole.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> list[str]:
        """Return the characters that are certainly whole now."""
        characters = split(self._held + piece)
        self._held = characters.pop() if characters else ""
        return characters

    def flush(self) -> list[str]:
        """Return what is left at the end of the text."""
        held, self._held = self._held, ""
        return [held] if held else []
