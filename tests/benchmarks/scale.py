"""What a second process adds, and what it costs that processes tell each other.

Everything is as it is deployed: nginx in front, PostgreSQL, and, between processes, Redis. Every
conversation has a reply; who asked for it is gone, and it is read over another line, wherever nginx
has put that: of two processes, half of all replies are read at the one that does not write them.
Each process has the same load: so many replies.

How much a process carries is not found by overloading it, as this machine has to run all the
others too: it is what was delivered in a second, divided by the share of a processor that was used
for it. Of several processes the busiest counts: when that one is full, all are. What a process
does by itself, whoever is there, is in it; what nginx, Redis and PostgreSQL used is told beside it.

One and the same process, started again, may use a fifth more or less for a character. So all are
measured in turn, in several rounds, and what they carry on average is compared.

The layer's cost is what a process uses more for each character with another process than alone and
without Redis, as a share of all that it uses.
"""

import math
from statistics import mean
from typing import Any

from . import generator
from .fleet import Fleet
from .options import Options
from .report import Report, environment, number, progress, share, table, versions_line
from .script import text_of

ASKED_A_SECOND = 12.0  # replies at most: what it costs to ask for them is not the typing
WARM_UP = 3.0
TAIL = 1.0
BEGUN = 30.0  # seconds until the last reply has begun, where processors are short

# of each: how many processes, and whether Redis is there
FLEETS = {"alone": (1, False), "one": (1, True), "two": (2, True)}
LABELS = {
    "alone": "1 process, without Redis",
    "one": "1 process, with Redis",
    "two": "2 processes, with Redis",
}
MOST_LAYER, LEAST_GAIN = 0.25, 1.8

Seen = dict[str, dict[str, Any]]  # what was seen of each fleet

HEADINGS = [
    "", "chars/s", "µs CPU/char", "busiest", "carries chars/s", "vs 1 process", "p50 late",
    "p99 late", "lost", "unfinished", "nginx", "Redis", "PostgreSQL", "rest CPU",
]  # fmt: skip

NOTE = """\
“µs CPU/char” is all processes' time for each character that was delivered; “busiest” is the share
of a processor that the busiest of them used. A fleet carries what it delivered in a second, divided
by that share. nginx, Redis and PostgreSQL are given in µs for each character, too. “rest CPU” is
what all else used of the machine's processors, this load generator included: where they are short,
nobody's lateness says much."""


def run(options: Options) -> Report:
    rounds = [seen_in(turn, options) for turn in range(1, options.rounds + 1)]
    data = {"benchmark": "scale", "options": vars(options), "rounds": rounds, **environment()}
    data["gain"] = ratio(average(rounds, "two", "carries"), average(rounds, "one", "carries"))
    alone, two = (average(rounds, name, "cpu_us_per_char") for name in ("alone", "two"))
    data["layer_share"] = round(1 - alone / two, 3) if alone and two else None
    return Report(data, text_from(data, options))


def seen_in(turn: int, options: Options) -> Seen:
    seen = {name: measure(name, turn, options) for name in FLEETS}
    add_costs(seen)
    return seen


def average(rounds: list[Seen], fleet: str, value: str) -> float | None:
    found = [seen[fleet][value] for seen in rounds]
    return None if None in found else mean(found)


def measure(name: str, turn: int, options: Options) -> dict[str, Any]:
    processes, has_layer = FLEETS[name]
    replies = processes * options.conversations
    progress(f"round {turn} of {options.rounds}: {LABELS[name]}, {replies:,} replies")
    # As long for one process as for many: a long text costs more to save, and is to be as long.
    most = max(processes for processes, _ in FLEETS.values()) * options.conversations
    spread = most / ASKED_A_SECOND
    length = math.ceil((spread + BEGUN + WARM_UP + options.seconds + TAIL) * options.speed)
    text = text_of(length)
    with Fleet(processes, has_layer, replies, text, options.speed) as fleet:
        return generator.run(
            fleet.first, "scattered", replies, options.ack_every, others=fleet.pids,
            text=text, length=length, speed=options.speed,
            spread=spread, warm_up=WARM_UP, seconds=options.seconds, grace=BEGUN,
        )  # fmt: skip


def add_costs(seen: Seen) -> None:
    for result in seen.values():
        window, delivered = result["window"], result["delivered_in_window"]
        seconds, used = window["seconds"], window["others_cpu_seconds"]
        own = [used[name] for name in used if name.startswith("process")]
        per_char = {name: used[name] / delivered * 1e6 if delivered else None for name in used}
        result["a_second"] = round(delivered / seconds)
        result["busiest"] = round(max(own) / seconds, 3)
        result["cpu_us_per_char"] = round(sum(own) / delivered * 1e6, 2) if delivered else None
        result["others_us_per_char"] = {
            name: cost and round(cost, 2)
            for name, cost in per_char.items()
            if not name.startswith("process")
        }
        result["carries"] = round(delivered / max(own)) if max(own) else None
    for result in seen.values():
        result["ratio_to_one"] = ratio(result["carries"], seen["one"]["carries"])


def ratio(part: float | None, whole: float | None) -> float | None:
    return round(part / whole, 3) if part and whole else None


def text_from(data: dict[str, Any], options: Options) -> str:
    rounds = data["rounds"]
    load = f"{options.conversations:,} replies a process, {options.speed:g} characters a second"
    titles = [f"{load}, round {turn} of {len(rounds)}" for turn in range(1, len(rounds) + 1)]
    found = [
        f"2 processes carry {number(data['gain'], 2)} times what one does, on average "
        f"(to reach: {LEAST_GAIN})",
        f"that processes tell each other is {percent(data['layer_share'])} of what they use "
        f"(to reach: at most {MOST_LAYER:.0%})",
    ]
    groups = dict(zip(titles, map(rows, rounds), strict=True))
    parts = [table(HEADINGS, groups), ".\n".join([*found, ""]).strip()]
    return "\n\n".join([*parts, *troubles(rounds), NOTE, versions_line(data)])


def percent(part: float | None) -> str:
    return "-" if part is None else f"{part:.0%}"


def troubles(rounds: list[Seen]) -> list[str]:
    """What must not be overlooked because the columns have no place for it."""
    return [
        f"{LABELS[name]}: {trouble}"
        for seen in rounds
        for name in FLEETS
        if (trouble := seen[name]["trouble"])
    ]


def rows(seen: Seen) -> list[list[str]]:
    return [row(LABELS[name], seen[name]) for name in FLEETS]


def row(label: str, seen: dict[str, Any]) -> list[str]:
    window, others = seen["window"], seen["others_us_per_char"]
    all_others = sum(window["others_cpu_seconds"].values()) / window["seconds"]
    # What is counted as the server's is the first process, which is one of the others, too.
    rest = (
        window["elsewhere_cpu_share"]
        + window["server_cpu_share"]
        + window["generator_cpu_share"]
        - all_others
    )
    return [
        label,
        number(seen["a_second"], 0),
        number(seen["cpu_us_per_char"], 1),
        percent(seen["busiest"]),
        number(seen["carries"], 0),
        number(seen["ratio_to_one"], 2),
        number(seen["lateness_ms"]["p50"], 0, " ms"),
        number(seen["lateness_ms"]["p99"], 0, " ms"),
        share(seen["lost"], seen["expected"]),
        share(seen["unfinished"], seen["expected"]),
        *(number(others.get(name), 1) for name in ("nginx", "Redis", "PostgreSQL")),
        percent(max(0.0, rest)),
    ]
