"""Text as models send it, into text that can be kept and sent on."""

import regex

_FOREIGN = regex.compile(r"[\p{Cc}--[\t\n\r]]", regex.V1)


class Cleaner:
    """Pieces of text in, pieces out. The halves of a character find each other again.

    Half a surrogate pair, and control characters, which no database or frame takes, become U+FFFD.
    """

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        text = self._half + piece
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return _clean(text.removesuffix(self._half))

    def flush(self) -> str:
        """Return what is left at the end of the text."""
        half, self._half = self._half, ""
        return _clean(half)


def _clean(text: str) -> str:
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _FOREIGN.sub("\ufffd", whole)
