"""JSON, read as strictly as it is written; whatever is wrong with it is told with its line."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

DEEPEST = 100  # containers in each other
MOST_PARTS = 250_000  # commas and containers; of ten thousand messages there are at most 200,000
LONGEST_NUMBER = 18  # digits; what has more is kept as text, which is nowhere a number

Path = tuple[str | int, ...]

# One that does not end takes all the rest: else that would be searched again at each of its quotes.
_STRING = r'"(?:[^"\\]+|\\.)*+"?'
_TOKEN = re.compile(_STRING + r'|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)
_STRUCTURE = re.compile(_STRING + r"|[\[{]+|[\]}]+|,", re.DOTALL)


class Misplaced(Exception):
    """What is wrong with a text, and in which line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


class _Forbidden(ValueError):
    """JSON that others would take."""


def read(data: bytes) -> tuple[str, Any]:
    """Return the text that `data` is, and the value that stands there. Raises Misplaced."""
    text = _decoded(data)
    _check_structure(text)
    try:
        return text, _value(text)
    except json.JSONDecodeError as error:
        raise Misplaced(error.lineno, f"is not JSON: {error.msg}") from None
    except _Forbidden as error:
        raise _first_forbidden(text, str(error)) from None


def line_of(text: str, path: Path) -> int:
    """Return the line of `text` in which the value at `path` begins.

    Where there is none, it is that of the innermost value around it that is there.
    """
    best, known = 0, 0  # how many parts of `path` lead to it
    for depth, part, start, _ in _values(text):
        if known == len(path) or 0 < depth <= known:
            break  # all that is inside of it was seen
        if depth == 0 or (depth == known + 1 and part == path[known]):
            best, known = start, depth
    return _line(text, best)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Misplaced(line, "is not UTF-8") from None


def _check_structure(text: str) -> None:
    """Raise Misplaced if it is so deep, or of so many parts, that it takes long to look at."""
    depth = parts = 0
    for found in _STRUCTURE.finditer(text):
        kind, size = found[0][0], len(found[0])
        if kind in "[{":
            if depth + size > DEEPEST:
                line = _line(text, found.start() + DEEPEST - depth)
                raise Misplaced(line, "is nested too deeply")
            depth, parts = depth + size, parts + size
        elif kind in "]}":
            depth -= size
        elif kind == ",":
            parts += 1
        if parts > MOST_PARTS:
            raise Misplaced(_line(text, found.start()), "has too many values up to here")


def _value(text: str) -> Any:
    return json.loads(
        text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_number
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Forbidden("an object has a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Forbidden(f"{name} is not JSON")


def _number(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _first_forbidden(text: str, otherwise: str) -> Misplaced:
    """Return what is wrong with `text`, which is JSON, though not as strict as it should be."""
    keys: list[set[str]] = []  # of each container around
    for depth, part, start, word in _values(text):
        if word in ("NaN", "Infinity", "-Infinity"):
            return Misplaced(_line(text, start), f"{word} is not JSON")
        del keys[depth:]
        keys.append(set())
        if isinstance(part, str) and depth:
            if part in keys[depth - 1]:
                return Misplaced(_line(text, start), f"{part[:40]}: is there twice")
            keys[depth - 1].add(part)
    return Misplaced(1, otherwise)


def _values(text: str) -> Iterator[tuple[int, str | int | None, int, str]]:
    """Yield of every value in `text`, in order, how deep it is, the last part of its path, where
    it begins, and its first token.

    A whole path for each would take longer, the deeper it is.
    """
    path: list[str | int | None] = []  # None stands for the key of an object that comes next
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in ("}", "]"):
            path.pop()
        elif word == ",":
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif path and path[-1] is None:
            path[-1] = json.loads(word)
        elif word != ":":
            yield len(path), path[-1] if path else None, token.start(), word
            if word in ("{", "["):
                path.append(None if word == "{" else 0)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
