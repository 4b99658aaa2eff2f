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
LATER = re.compile(r"""\bimport\(\s*["'](\.{1,2}/[^"']+)["']\s*\)""")


def modules(entry: str) -> tuple[str, ...]:
    """Return the names of the module `entry` and of all that it imports, in the order found."""
    return _modules.__wrapped__(entry) if settings.DEBUG else _modules(entry)


def modules_later(entry: str) -> tuple[str, ...]:
    """Return the names of what the modules of `entry` may fetch next, with all that imports."""
    first = modules(entry)
    later = [path for name in first for path in _imported(name, LATER)]
    return tuple(name for found in later for name in modules(found) if name not in first)


@cache
def _modules(entry: str) -> tuple[str, ...]:
    found = [entry]
    for name in found:  # grows meanwhile
        found += [imported for imported in _imported(name) if imported not in found]
    return tuple(found)


def _imported(name: str, how: re.Pattern[str] = IMPORT) -> list[str]:
    folder = posixpath.dirname(name)
    paths = dict.fromkeys(how.findall(content(name).decode()))
    return [posixpath.normpath(posixpath.join(folder, path)) for path in paths]


def content(name: str) -> bytes:
    """Return what is in a static file; nothing if there is no such file."""
    path = finders.find(name)
    return Path(path).read_bytes() if isinstance(path, str) else b""
