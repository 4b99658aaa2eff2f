"""What it costs to type replies out, one character per WebSocket message.

`private`: every conversation has a reply and one viewer of its own. `watched`: one conversation,
one reply, many viewers. `idle`: connections on which nothing happens. Every measurement has a
fresh server.
"""

import math
from typing import Any

from . import generator
from .competitors import COMPETITORS
from .options import Options
from .report import Report, environment, number, progress, share, table, versions_line
from .script import text_of

SPREAD = 5.0
WARM_UP = 1.5
TAIL = 1.0

HEADINGS = [
    "", "µs CPU/char", "vs FastAPI", "lost", "unfinished", "p50 late", "p99 late",
    "KB/idle conn.", "ms CPU/new conn.",
]  # fmt: skip


def run(options: Options) -> Report:
    sizes = {
        "private": options.conversations,
        "watched": options.viewers,
        "idle": options.idle,
    }
    seen = {
        scenario: {name: measure(name, scenario, count, options) for name in options.servers}
        for scenario, count in sizes.items()
    }
    add_costs(seen["private"])
    add_costs(seen["watched"])
    data = {"benchmark": "typing", "options": vars(options), **seen, **environment()}
    return Report(data, text_from(data, options))


def measure(name: str, scenario: str, count: int, options: Options) -> dict[str, Any]:
    progress(f"{scenario}: {COMPETITORS[name].label}, {count:,} connections")
    spread = SPREAD if scenario == "private" else 0.0
    length = math.ceil((spread + WARM_UP + options.seconds + TAIL) * options.speed)
    text = text_of(length)
    with COMPETITORS[name](text, options.speed) as server:
        if scenario == "watched":
            server.identities = server.identities[:1]  # whose conversation it is
        return generator.run(
            server, scenario, count, options.ack_every,
            text=text, length=length, speed=options.speed,
            spread=spread, warm_up=WARM_UP, seconds=options.seconds, grace=options.grace,
        )  # fmt: skip


def add_costs(seen: dict[str, dict[str, Any]]) -> None:
    for result in seen.values():
        used, delivered = result["window"]["server_cpu_seconds"], result["delivered_in_window"]
        result["cpu_us_per_char"] = round(used / delivered * 1e6, 2) if delivered else None
    base = seen.get("fastapi", {}).get("cpu_us_per_char")
    for result in seen.values():
        cost = result["cpu_us_per_char"]
        result["ratio_to_fastapi"] = round(cost / base, 3) if cost and base else None


def text_from(data: dict[str, Any], options: Options) -> str:
    pace = f"{options.speed:g} characters a second"
    private = f"private: {options.conversations:,} replies, {pace} each, one viewer each"
    watched = f"watched: one reply, {pace}, {options.viewers:,} viewers"
    groups = {private: rows(data, "private"), watched: rows(data, "watched")}
    return "\n\n".join([table(HEADINGS, groups), *troubles(data), versions_line(data)])


def troubles(data: dict[str, Any]) -> list[str]:
    """What must not be overlooked because the columns have no place for it."""
    return [
        f"{COMPETITORS[name].label}, {scenario}: {seen['trouble']}"
        for scenario in ("private", "watched", "idle")
        for name, seen in data[scenario].items()
        if seen["trouble"]
    ]


def rows(data: dict[str, Any], scenario: str) -> list[list[str]]:
    return [
        [
            COMPETITORS[name].label,
            number(seen["cpu_us_per_char"], 1),
            number(seen["ratio_to_fastapi"], 2),
            share(seen["lost"], seen["expected"]),
            share(seen["unfinished"], seen["expected"]),
            number(seen["lateness_ms"]["p50"], 0, " ms"),
            number(seen["lateness_ms"]["p99"], 0, " ms"),
            number(data["idle"][name]["kb_per_connection"]["rss"], 0),
            number(data["idle"][name]["cpu_ms_per_connection"], 1),
        ]
        for name, seen in data[scenario].items()
    ]
