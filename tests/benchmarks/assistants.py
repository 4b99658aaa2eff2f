"""What it costs to pass a language model's tokens on, one character per WebSocket message.

`one_viewer` and `three_viewers`: many conversations in which a model writes all the time.
`asked`: many conversations in which somebody asks at the same moment. Every measurement has a
fresh server, and a fresh provider: a process of its own that is in nobody's account.

A character's delay is from the moment at which the provider sent its token. The product waits
with the last character of what came until the next token shows that it is whole (an accent may
follow): this is in its delays. So is that it keeps what comes, in a database, and takes care of
versions and of viewers who lag behind; the peer does none of that. One reply is written before
anything is measured, as the first of a kind makes the product load its SDK. No title is asked for
meanwhile: that comes when a conversation's first reply has ended. Every conversation is somebody
else's, as the product tells all of a person's pages what is new in the others.
"""

import math
from typing import Any

from . import generator
from .options import Options
from .relays import RELAYS, Provider
from .report import Report, environment, number, progress, share, table, versions_line
from .stamps import WIDTH

SPREAD = 2.0
WARM_UP = 1.5
TAIL = 1.0
ASKED_SECONDS = 2.0  # of writing, where only the beginning counts

VIEWERS = {"one_viewer": 1, "three_viewers": 3}
RUNS = {
    "one_viewer": ("product", "product_at_once", "fastapi"),
    "three_viewers": ("product", "fastapi"),
    "asked": ("product", "fastapi"),
}
TARGETS = {
    ("one_viewer", "product"): "p50 delay under 60 ms",
    ("one_viewer", "product_at_once"): "p50 delay under 10 ms",
    ("three_viewers", "product"): "at most 1.2 times FastAPI's CPU with one viewer",
}

NOTE = f"""\
A token has {WIDTH} characters. A delay is from a token's leaving the provider to the frame of each
of its characters; the product sends the last of them when the next token shows that it is whole.
“vs FastAPI” is the CPU time per token beside that of FastAPI with one viewer. “others' CPU” is
that of all who are neither the server nor its viewers, the provider among them: where processors
are short, nobody's delay says much."""

HEADINGS = [
    "", "p50 delay", "p99 delay", "ms CPU/1,000 tokens", "vs FastAPI", "server CPU", "others' CPU",
    "p50 first", "p99 first", "lost", "unfinished", "target",
]  # fmt: skip


def run(options: Options) -> Report:
    seen = {
        scenario: {
            name: measure(name, scenario, options)
            for name in names
            if name.partition("_")[0] in options.servers
        }
        for scenario, names in RUNS.items()
    }
    add_costs(seen)
    data = {"benchmark": "assistants", "options": vars(options), **seen, **environment()}
    return Report(data, text_from(data, options))


def measure(name: str, scenario: str, options: Options) -> dict[str, Any]:
    if scenario in VIEWERS:
        play, count, rate = "relayed", options.streams, options.tokens
        seconds = SPREAD + WARM_UP + options.seconds + TAIL
    else:
        play, count, rate = "asked", options.asking, slow(options)
        seconds = ASKED_SECONDS
    progress(f"{scenario}: {RELAYS[name].label}, {count:,} conversations")
    tokens = math.ceil(seconds * rate)
    with Provider(tokens, rate) as provider, RELAYS[name](provider, count) as server:
        return generator.run(
            server, play, count, options.ack_every,
            length=tokens * WIDTH, speed=rate * WIDTH, watchers=VIEWERS.get(scenario, 1),
            spread=SPREAD, warm_up=WARM_UP, seconds=options.seconds, grace=options.grace,
        )  # fmt: skip


def slow(options: Options) -> float:
    """Tokens a second where all ask at once: together they are as many as else, not more."""
    return options.tokens * options.streams / options.asking


def add_costs(seen: dict[str, dict[str, dict[str, Any]]]) -> None:
    """The ratio is to the peer with one viewer, whoever else is looking on here."""
    for scenario, viewers in VIEWERS.items():
        for result in seen[scenario].values():
            used, delivered = result["window"]["server_cpu_seconds"], result["delivered_in_window"]
            tokens = delivered / WIDTH / viewers
            result["cpu_ms_per_1000_tokens"] = round(used / tokens * 1e6, 1) if tokens else None
    base = seen["one_viewer"].get("fastapi", {}).get("cpu_ms_per_1000_tokens")
    for scenario in VIEWERS:
        for result in seen[scenario].values():
            cost = result["cpu_ms_per_1000_tokens"]
            result["ratio_to_fastapi"] = round(cost / base, 3) if cost and base else None


def text_from(data: dict[str, Any], options: Options) -> str:
    load = f"{options.streams:,} conversations, {options.tokens:g} tokens a second each"
    titles = {
        f"{load}, one viewer each": "one_viewer",
        f"{load}, three viewers each": "three_viewers",
        f"{options.asking:,} conversations that ask at the same moment, "
        f"{slow(options):g} tokens a second each": "asked",
    }
    groups = {title: rows(data, scenario) for title, scenario in titles.items()}
    return "\n\n".join([table(HEADINGS, groups), *troubles(data), NOTE, versions_line(data)])


def troubles(data: dict[str, Any]) -> list[str]:
    """What must not be overlooked because the columns have no place for it."""
    return [
        f"{RELAYS[name].label}, {scenario}: {seen['trouble']}"
        for scenario in RUNS
        for name, seen in data[scenario].items()
        if seen["trouble"]
    ]


def rows(data: dict[str, Any], scenario: str) -> list[list[str]]:
    return [
        [
            RELAYS[name].label,
            *window_columns(seen),
            number(seen["first_character_ms"]["p50"], 0, " ms"),
            number(seen["first_character_ms"]["p99"], 0, " ms"),
            share(seen["lost"], seen["expected"]),
            share(seen["unfinished"], seen["expected"]),
            TARGETS.get((scenario, name), ""),
        ]
        for name, seen in data[scenario].items()
    ]


def window_columns(seen: dict[str, Any]) -> list[str]:
    """What is measured while tokens come all the time."""
    if "window" not in seen:
        return [""] * 6
    return [
        number(seen["lateness_ms"]["p50"], 1, " ms"),
        number(seen["lateness_ms"]["p99"], 1, " ms"),
        number(seen["cpu_ms_per_1000_tokens"], 0),
        number(seen["ratio_to_fastapi"], 2),
        percent(seen["window"]["server_cpu_share"]),
        percent(seen["window"]["elsewhere_cpu_share"]),
    ]


def percent(part: float) -> str:
    return f"{part:.0%}"
