"""The texts of the benchmarks: what every server types, and what every page draws."""

import re
from pathlib import Path

# One code point is one character in all of it, so that offsets, characters and frames are the
# same number on every server; no braces, which a scripted reply would take for a variable.
SENTENCE = "The quick brown fox, voilà, größer, naïve, jumps over 日本語 and Привет, мир. "

DOCUMENT = Path(__file__).with_name("document.md").read_text()
HEADING = re.compile("^##? .+", re.MULTILINE)


def text_of(length: int) -> str:
    repeated = SENTENCE * (length // len(SENTENCE) + 1)
    return repeated[: length - 1] + "."


def markdown_of(length: int) -> str:
    """A real document, over and over; every time its headings say which time it is."""
    copies = range(1, length // len(DOCUMENT) + 2)
    return "\n".join(HEADING.sub(rf"\g<0>, part {copy}", DOCUMENT) for copy in copies)[:length]
