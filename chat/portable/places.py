"""JSON, read as strictly as it is written; whatever is wrong with it is told with its line."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

DEEPEST = 100  # containers in each other
LONGEST_NUMBER = 18  # digits; what has more is kept as text, which is nowhere a number

Path = tuple[str | int, ...]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s"\[\]{},:]+')


class Misplaced(Exception):
    """What is wrong with a text, and in which line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


class _Forbidden(ValueError):
    """JSON that others would take."""


def read(data: bytes) -> tuple[str, Any]:
    """Return the text that `data` is, and the value that stands there. Raises Misplaced."""
    text = _decoded(data)
    try:
        return text, _value(text)
    except json.JSONDecodeError as error:
        raise Misplaced(error.lineno, f"is not JSON: {error.msg}") from None
    except _Forbidden as error:
        raise _first_forbidden(text, str(error)) from None
    except RecursionError:
        raise _first_forbidden(text, "is nested too deeply") from None


def line_of(text: str, path: Path) -> int:
    """Return the line of `text` in which the value at `path` begins.

    Where there is none, it is that of the innermost value around it that is there.
    """
    best, known = 0, 0
    for found, start, _ in _values(text):
        if found[:known] != path[:known]:
            break  # all that is inside of it was seen
        if found == path[: len(found)]:
            best, known = start, len(found)
    return _line(text, best)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Misplaced(line, "is not UTF-8") from None


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
    keys: list[set[str | int]] = []
    for path, start, word in _values(text):
        if len(path) > DEEPEST:
            return Misplaced(_line(text, start), "is nested too deeply")
        if word in ("NaN", "Infinity", "-Infinity"):
            return Misplaced(_line(text, start), f"{word} is not JSON")
        del keys[len(path) + 1 :]
        keys += [set() for _ in range(len(path) + 1 - len(keys))]
        if path and path[-1] in keys[len(path)]:
            return Misplaced(_line(text, start), f"{str(path[-1])[:40]}: is there twice")
        keys[len(path)].add(path[-1] if path else "")
    return Misplaced(1, otherwise)


def _values(text: str) -> Iterator[tuple[Path, int, str]]:
    """Yield the path of every value in `text`, in order, where it begins, and its first token."""
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
            yield tuple(part for part in path if part is not None), token.start(), word
            if word in ("{", "["):
                path.append(None if word == "{" else 0)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
