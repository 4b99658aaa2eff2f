"""A model's reasoning, kept apart from its reply.

Some providers send it in a field of its own, others between tags at the start of the answer.
"""

import re

TAGS = ("think", "thinking")
PATIENCE = 1_000  # code points of blanks before the answer that are waited through


class Thoughts:
    """Takes reasoning out of an answer that comes in pieces, into the list `kept`.

    Only at the start of the answer is a tag one: a reply may talk about tags later.
    """

    def __init__(self, kept: list[str]) -> None:
        self._kept = kept
        self._held = ""
        self._closing = ""  # the tag that ends the reasoning, while it lasts
        self._feed = self._before

    def feed(self, piece: str) -> str:
        """Return what of the answer is certainly no reasoning."""
        return self._feed(piece)

    def flush(self) -> str:
        """Return what is left at the end of the answer."""
        held, self._held = self._held, ""
        if self._closing:
            self.keep(held)
        return "" if self._closing or self._feed == self._after else held

    def keep(self, thought: str) -> None:
        """Take note of a piece of reasoning that came by itself."""
        if thought:
            self._kept.append(thought)

    def _before(self, piece: str) -> str:
        self._held += piece
        start = self._held.lstrip()
        for tag in TAGS:
            if start.lower().startswith(f"<{tag}>"):
                return self._begin(tag, start[len(f"<{tag}>") :])
        if len(self._held) < PATIENCE and any(f"<{tag}>".startswith(start.lower()) for tag in TAGS):
            return ""
        return self._give(self._held)

    def _begin(self, tag: str, rest: str) -> str:
        self._held, self._closing, self._feed = "", f"</{tag}>", self._inside
        return self._inside(rest)

    def _inside(self, piece: str) -> str:
        text = self._held + piece
        end = _find(text, self._closing)
        if end < 0:
            cut = len(text) - _overlap(text, self._closing)
            self._held = text[cut:]
            self.keep(text[:cut])
            return ""
        self.keep(text[:end])
        rest = text[end + len(self._closing) :]
        self._held, self._closing, self._feed = "", "", self._after
        return self._after(rest)

    def _after(self, piece: str) -> str:
        self._held += piece
        answer = self._held.lstrip()
        if not answer:
            self._held = self._held[-PATIENCE:]
            return ""
        blanks = self._held[: -len(answer)]
        _, newline, indent = blanks.rpartition("\n")
        return self._give(indent + answer if newline else answer)

    def _give(self, text: str) -> str:
        self._held, self._feed = "", self._pass
        return text

    def _pass(self, piece: str) -> str:
        return piece


def _find(text: str, tag: str) -> int:
    found = re.search(re.escape(tag), text, re.I | re.A)
    return found.start() if found else -1


def _overlap(text: str, tag: str) -> int:
    """Return how long the end of `text` is that `tag` may begin with."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:].lower()):
            return length
    return 0
