"""A reply that is carried on: where old and new text meet, nothing is doubled and nothing lost.

Some servers carry on an assistant's last turn (they are *prefilled*); the others are asked to, in
words. These write a new message, which they begin without a blank: nobody could tell whether
“the cat” + “sat” is one word. So they are asked to begin with the last word over again. What they
repeat is taken out here, be it the word, the line, or all of the reply.
"""

import regex

from chat.assistants.base import Turn

ASK = (
    "Your last message was cut off. Carry it on exactly where it ends, as if it had never been cut:"
    " in the same language and form, with no introduction and no comment. Begin with its last word,"
    " written out in full, and go on from there; repeat nothing else."
)
REACH = 4_000  # code points from the end of the reply in which a repetition may begin
PATIENCE = 1_000  # code points of blanks that are waited through
CERTAIN = 3  # letters that are repeated by no accident; of a dense script, half as many

# Scripts that put no blanks between words: there a word may begin with any letter. So may emoji.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_START = regex.compile(rf"(?<!\S)\S|(?<!\w)\w|[{_UNSPACED}\p{{Extended_Pictographic}}]")
_DENSE = regex.compile(rf"[{_UNSPACED}]")
_WORD = regex.compile(r"\w")
_CLOSED = regex.compile(r"[\w.,;:!?…)\]}»”\"']")


def turns_to_carry_on(beginning: str, prefill: bool) -> list[Turn]:
    """Return the last turns of a request to carry on `beginning`; none if there is none.

    It loses the blanks at its end: Anthropic refuses them there, and a model that must begin with
    the rest of a word's blank stumbles. `Joint` makes up for them.
    """
    if not beginning.strip():
        return []
    reply = Turn(False, beginning.rstrip())
    return [reply] if prefill else [reply, Turn(True, ASK)]


class Joint:
    """Fits the continuation, which comes in pieces, to `beginning`.

    The start of it is held back until it is certain what it repeats.
    """

    def __init__(self, beginning: str, prefill: bool) -> None:
        self._end = beginning.rstrip()
        self._blanks = beginning[len(self._end) :]
        self._asked = not prefill and bool(self._end)
        self._held = ""
        self._starts = self._word_starts()
        self._open = not beginning  # nothing is held back any more

    def feed(self, piece: str) -> str:
        """Return what certainly goes on."""
        if self._open:
            return piece
        self._held += piece
        return "" if self._is_undecided() else self.flush()

    def flush(self) -> str:
        """Return what is left at the end of the continuation."""
        held, self._held, self._open = self._held, "", True
        return self._fitted(held) if held else ""

    def _word_starts(self) -> list[int]:
        """Return the places in the reply at which a repetition may begin, first ones first."""
        reach = max(0, len(self._end) - REACH)
        starts = [found.start() for found in _START.finditer(self._end, reach)]
        return starts if not reach else [0, *starts]

    def _is_undecided(self) -> bool:
        text = self._text(self._held)
        if not text.strip():
            return len(self._held) < PATIENCE
        if any(self._end.startswith(text, start) for start in self._starts):
            return True
        rest = text[self._repeated(text) :]
        return not rest.strip() and len(rest) < PATIENCE

    def _text(self, held: str) -> str:
        return held.lstrip() if self._asked else held

    def _repeated(self, text: str) -> int:
        """Return how many code points at the start of `text` are the end of the reply again."""
        for start in self._starts:
            if text.startswith(self._end[start:]) and self._is_meant(text, len(self._end) - start):
                return len(self._end) - start
        return 0

    def _is_meant(self, text: str, length: int) -> bool:
        """Return whether it is no accident that `length` code points are the same."""
        same, goes_on = text[:length], len(text) > length
        if self._asked and goes_on:
            return True  # it does what it was asked
        return len(_WORD.findall(same)) + len(_DENSE.findall(same)) >= CERTAIN

    def _fitted(self, held: str) -> str:
        text = self._text(held)
        repeated = self._repeated(text)
        rest = text[repeated:] if repeated else held
        if self._blanks:
            return rest[_doubled(self._blanks, rest) :]
        return rest if repeated else self._space(rest) + rest

    def _space(self, rest: str) -> str:
        """Return the blank that a model which did not do as it was asked has left out."""
        dense = _DENSE.match(rest) or _DENSE.match(self._end[-1:])
        parted = self._asked and _CLOSED.match(self._end[-1:]) and _WORD.match(rest) and not dense
        return " " if parted else ""


def _doubled(blanks: str, rest: str) -> int:
    """Return how many code points at the start of `rest` the reply's last `blanks` are again."""
    for length in range(min(len(blanks), len(rest)), 0, -1):
        if blanks.endswith(rest[:length]):
            return length
    # A blank between words is none at the start of a line; more of them may be an indentation.
    return 1 if rest.startswith(" ") and not rest.startswith("  ") else 0
