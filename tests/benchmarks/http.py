"""What it costs to be asked over HTTP, beside a FastAPI application on uvicorn.

`streamed`: everybody has said something and reads the answer, an event for each character.
`opened`: so many streams are open all the time, each of a reply of ten seconds; a first byte
is late by the time from the request to the first byte of its answer. `posted` and `recalled`: a few
call as fast as they are answered. Every measurement has a fresh server.

The product also keeps conversations, keys and limits, and lets every stream be resumed; the peer
saves what is said, and types the same text to everybody.
"""

import math
from typing import Any

from . import generator
from .competitors import FastAPIPeer, TypingProduct, Typist
from .options import Options
from .report import Report, environment, number, progress, share, table, versions_line
from .script import text_of
from .servers import HOST

STARTS_A_SECOND = 20.0  # of the replies that are streamed
WARM_UP, TAIL = 1.5, 1.0
REPLY_SECONDS = 10.0  # of the replies whose first byte is waited for
CALLERS = 10

TARGETS = {
    "product": "at most 1.30 of the peer's CPU a character; p99 of the first byte under 100 ms"
}


class StreamingPeer(FastAPIPeer):
    def command(self) -> list[str]:
        application = f"{__package__}.peers.fastapi_stream:app"
        return [
            *("uvicorn", application, "--host", HOST, "--port", str(self.port)),
            "--no-access-log",
        ]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"DATABASE": str(self.folder / "db.sqlite3")}


CALLED: dict[str, type[Typist]] = {"product": TypingProduct, "fastapi": StreamingPeer}

STREAMS = ["", "µs CPU/char", "vs FastAPI", "lost", "unfinished", "p50 late", "p99 late", "target"]
FIRST = ["", "requests", "open at once", "p50 first byte", "p99 first byte", "server CPU"]
CALLS = ["", "requests/s", "µs CPU/request", "vs FastAPI", "p50", "p99"]


def run(options: Options) -> Report:
    names = [name for name in CALLED if name in options.servers]
    seen = {
        scenario: {name: measure(name, scenario, options) for name in names}
        for scenario in ("streamed", "opened", "posted", "recalled")
    }
    add_costs(seen["streamed"], "delivered_in_window", "cpu_us_per_char")
    for scenario in ("posted", "recalled"):
        add_costs(seen[scenario], "requests", "cpu_us_per_request")
    data = {"benchmark": "http", "options": vars(options), **seen, **environment()}
    return Report(data, text_from(data, options))


def measure(name: str, scenario: str, options: Options) -> dict[str, Any]:
    count = {"streamed": options.conversations, "opened": options.asking}.get(scenario, CALLERS)
    progress(f"{scenario}: {CALLED[name].label}, {count:,} lines")
    spread = count / STARTS_A_SECOND
    lasts = {
        "streamed": spread + WARM_UP + options.seconds + TAIL,
        "opened": REPLY_SECONDS,
    }
    length = math.ceil(lasts.get(scenario, 0.6) * options.speed)
    text = text_of(length)
    warm_up = REPLY_SECONDS * 1.2 if scenario == "opened" else WARM_UP
    with CALLED[name](text, options.speed) as server:
        return generator.run(
            server, scenario, count, options.ack_every,
            text=text, length=length, speed=options.speed,
            spread=spread, warm_up=warm_up, seconds=options.seconds, grace=options.grace,
        )  # fmt: skip


def add_costs(seen: dict[str, dict[str, Any]], what: str, cost: str) -> None:
    for result in seen.values():
        used, times = result["window"]["server_cpu_seconds"], result[what]
        result[cost] = round(used / times * 1e6, 2) if times else None
        result["a_second"] = round(times / result["window"]["seconds"], 1)
    base = seen.get("fastapi", {}).get(cost)
    for result in seen.values():
        result["ratio_to_fastapi"] = (
            round(result[cost] / base, 3) if result[cost] and base else None
        )


def text_from(data: dict[str, Any], options: Options) -> str:
    pace = f"{options.speed:g} characters a second"
    streamed = f"{options.conversations:,} replies, {pace} each, read as events by one reader each"
    opened = f"{options.asking:,} streams open all the time, each of {REPLY_SECONDS:g} s"
    calls = {
        f"POST /chat, {CALLERS} callers": rows_of_calls(data["posted"]),
        f"GET /history, {CALLERS} callers": rows_of_calls(data["recalled"]),
    }
    parts = [
        table(STREAMS, {streamed: rows_of_streams(data["streamed"])}),
        table(FIRST, {opened: rows_of_firsts(data["opened"])}),
        table(CALLS, calls),
    ]
    return "\n\n".join([*parts, *troubles(data), versions_line(data)])


def rows_of_streams(seen: dict[str, dict[str, Any]]) -> list[list[str]]:
    return [
        [
            CALLED[name].label,
            number(it["cpu_us_per_char"], 1),
            number(it["ratio_to_fastapi"], 2),
            share(it["lost"], it["expected"]),
            share(it["unfinished"], it["expected"]),
            number(it["lateness_ms"]["p50"], 0, " ms"),
            number(it["lateness_ms"]["p99"], 0, " ms"),
            TARGETS.get(name, ""),
        ]
        for name, it in seen.items()
    ]


def rows_of_firsts(seen: dict[str, dict[str, Any]]) -> list[list[str]]:
    return [
        [
            CALLED[name].label,
            number(it["requests"], 0),
            number(it["open_at_once"], 0),
            number(it["first_byte_ms"]["p50"], 0, " ms"),
            number(it["first_byte_ms"]["p99"], 0, " ms"),
            f"{it['window']['server_cpu_share']:.0%}",
        ]
        for name, it in seen.items()
    ]


def rows_of_calls(seen: dict[str, dict[str, Any]]) -> list[list[str]]:
    return [
        [
            CALLED[name].label,
            number(it["a_second"], 0),
            number(it["cpu_us_per_request"], 0),
            number(it["ratio_to_fastapi"], 2),
            number(it["took_ms"]["p50"], 0, " ms"),
            number(it["took_ms"]["p99"], 0, " ms"),
        ]
        for name, it in seen.items()
    ]


def troubles(data: dict[str, Any]) -> list[str]:
    """What must not be overlooked because the columns have no place for it."""
    return [
        f"{CALLED[name].label}, {scenario}: {seen['trouble']}"
        for scenario in ("streamed", "opened", "posted", "recalled")
        for name, seen in data[scenario].items()
        if seen["trouble"]
    ]
