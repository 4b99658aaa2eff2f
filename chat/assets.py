"""Which files the browser's side of a page consists of."""

import posixpath
import re
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders

# What a module imports before it runs; not what it fetches later, by `import(…)`.
IMPORT = re.compile(
    r"""^(?:import\b[^"';]*?|export\b[^"';=(]*?\bfrom)\s*["'](\.{1,2}/[^"']+)["']""", re.MULTILINE
)


def modules(entry: str) -> tuple[str, ...]:
    """Return the names of the module `entry` and of all that it imports, in the order found."""
    return _modules.__wrapped__(entry) if settings.DEBUG else _modules(entry)


@cache
def _modules(entry: str) -> tuple[str, ...]:
    found = [entry]
    for name in found:  # grows meanwhile
        folder = posixpath.dirname(name)
        for path in IMPORT.findall(_text(name)):
            imported = posixpath.normpath(posixpath.join(folder, path))
            if imported not in found:
                found.append(imported)
    return tuple(found)


def _text(name: str) -> str:
    path = finders.find(name)
    return Path(path).read_text() if isinstance(path, str) else ""
