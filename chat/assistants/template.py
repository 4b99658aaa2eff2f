"""The text of a scripted reply, with its variables.

`{name}` stands for a value, `{{` and `}}` for braces. Nothing else may stand in braces: a text
that staff write can never reach into Python's objects as `str.format` could.
"""

import re
from collections.abc import Iterator, Mapping

VARIABLES = ("message", "name", "date", "time")
LONGEST = 200_000  # code points of a rendered text: {message} may stand in it thousands of times

_PART = re.compile(r"\{\{|\}\}|\{(\w+)\}|[{}]|[^{}]+")


class TemplateError(ValueError):
    """A text that cannot be rendered; the message tells staff what to mend."""


def check(text: str) -> None:
    """Raise TemplateError where `text` has an unknown variable or a lone brace."""
    for _ in _parts(text, dict.fromkeys(VARIABLES, "")):
        pass


def render(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its variables replaced, cut off after LONGEST code points.

    `values` has one text for each of VARIABLES. Raises TemplateError as `check` does.
    """
    out, length = [], 0
    for part in _parts(text, values):
        out.append(part[: LONGEST - length])
        length += len(out[-1])
        if length == LONGEST:
            break
    return "".join(out)


def _parts(text: str, values: Mapping[str, str]) -> Iterator[str]:
    for part in _PART.finditer(text):
        if part[0] in ("{{", "}}"):
            yield part[0][0]
        elif part[1] in VARIABLES:
            yield values[part[1]]
        elif part[0][0] in "{}":
            raise TemplateError(_mend(part))
        else:
            yield part[0]


def _mend(part: re.Match[str]) -> str:
    known = ", ".join(f"{{{name}}}" for name in VARIABLES)
    if part[1]:
        return f"There is no variable {part[0]}. There are {known}."
    return f"A lone {part[0]}: write {part[0] * 2} for a brace, or one of {known}."
