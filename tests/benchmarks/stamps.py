"""Tokens that say when they were sent, so that whoever gets their characters knows the delay.

The clock is the machine's, the same for all its processes. A token has as many characters as is
usual, of kinds that are usual: mostly ASCII. One code point is one character in all of them.
"""

from time import monotonic

WIDTH = 4  # characters of a token
UNIT = 0.0001  # seconds
LETTERS = "abcdefghijklmnopqrstuvwxyz" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "012345 .éü日Ж"
BITS = 6  # that one of them tells
CYCLE = 1 << BITS * WIDTH  # units until the same token comes again: half an hour

# Times that differ little make tokens that differ much, so that no letter stands still for long.
MIX = 10_368_889
UNMIX = pow(MIX, -1, CYCLE)

HELLO = "hello"  # what the provider answers with a word, not with tokens

DIGITS = {letter: digit for digit, letter in enumerate(LETTERS)}


def token() -> str:
    """Return the token of this moment."""
    number = int(monotonic() / UNIT) * MIX
    return "".join(LETTERS[number >> BITS * place & 63] for place in reversed(range(WIDTH)))


def age(number: int, now: float) -> float:
    """Return the seconds from the token whose digits make up `number` until `now`."""
    return (now / UNIT - number * UNMIX) % CYCLE * UNIT
