"""A benchmark's outcome: as data, and as text for people."""

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = [
    "django", "channels", "daphne", "autobahn", "twisted", "fastapi", "uvicorn", "websockets",
    "uvloop", "picows", "openai", "httpx2",
]  # fmt: skip


@dataclass(frozen=True)
class Report:
    data: dict[str, Any]
    text: str


def table(headings: list[str], groups: dict[str, list[list[str]]]) -> str:
    """Columns of one width throughout; every group of rows has a line of its own above it."""
    rows = [row for group in groups.values() for row in group]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [aligned(headings, widths)]
    for title, group in groups.items():
        lines += ["", title, *(aligned(row, widths) for row in group)]
    return "\n".join(lines)


def aligned(row: list[str], widths: list[int]) -> str:
    name, *numbers = zip(row, widths, strict=True)
    return "  ".join([name[0].ljust(name[1]), *(text.rjust(width) for text, width in numbers)])


def number(value: float | None, digits: int, unit: str = "") -> str:
    return "-" if value is None else f"{value:,.{digits}f}{unit}"


def share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.1%})" if part else "0"


def environment() -> dict[str, Any]:
    """Which software on what machine: without it no number can be compared."""
    versions = {"python": platform.python_version()} | {name: version_of(name) for name in PACKAGES}
    return {
        "versions": versions,
        "machine": {"processors": os.cpu_count(), "kernel": platform.release()},
    }


def versions_line(data: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in data["versions"].items())


def version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
