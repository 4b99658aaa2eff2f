"""The text every server types in a benchmark."""

# One code point is one character in all of it, so that offsets, characters and frames are the
# same number on every server; no braces, which a scripted reply would take for a variable.
SENTENCE = "The quick brown fox, voilà, größer, naïve, jumps over 日本語 and Привет, мир. "


def text_of(length: int) -> str:
    repeated = SENTENCE * (length // len(SENTENCE) + 1)
    return repeated[: length - 1] + "."
