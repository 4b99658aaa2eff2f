"""What it costs that many people are in one room.

`talking`: everybody is present, and some of them write. `gathering`: many come one after the other
as fast as they are let in, and then all of them are typing. Every measurement has a fresh server.

A delay is from one person's sending to the frame of somebody else. The product also keeps who is
here and what is new elsewhere, asks for each message who may write it, and keeps it from being
posted twice; the tutorial's way saves it, and passes it on.
"""

from typing import Any

from . import generator
from .houses import HOUSES
from .options import Options
from .report import Report, environment, number, progress, share, table, versions_line

WARM_UP = 3.0

TARGETS = {"product": "at most 0.20 of the tutorial's CPU, p99 under 100 ms, nothing lost"}

HEADINGS = [
    "", "µs CPU/delivery", "vs tutorial", "p50 delay", "p99 delay", "lost", "unfinished", "twice",
    "disordered", "server CPU", "others' CPU", "target",
]  # fmt: skip

NOTE = """\
A delivery is one message's reaching one of those who are present. A delay is from one person's
send to the frame of another one. “others' CPU” is that of all who are neither the server nor the
people: where processors are short, nobody's delay says much."""


def run(options: Options) -> Report:
    names = [name for name in HOUSES if name in options.servers]
    talking = {name: measure(name, "talking", options.present, options) for name in names}
    add_costs(talking)
    gathering = {
        name: measure(name, "gathering", options.gathering, options)
        for name in names
        if name == "product"  # the tutorial tells nobody who is there
    }
    seen = {"talking": talking, "gathering": gathering}
    data = {"benchmark": "rooms", "options": vars(options), **seen, **environment()}
    return Report(data, text_from(data, options))


def measure(name: str, scenario: str, people: int, options: Options) -> dict[str, Any]:
    progress(f"{scenario}: {HOUSES[name].label}, {people:,} people")
    with HOUSES[name](people) as server:
        return generator.run(
            server, scenario, people, options.ack_every,
            writing=min(options.writing, people), pace=options.pace,
            warm_up=WARM_UP, seconds=options.seconds, grace=options.grace,
        )  # fmt: skip


def add_costs(seen: dict[str, dict[str, Any]]) -> None:
    for result in seen.values():
        used, delivered = result["window"]["server_cpu_seconds"], result["delivered_in_window"]
        result["cpu_us_per_delivery"] = round(used / delivered * 1e6, 2) if delivered else None
    base = seen.get("channels", {}).get("cpu_us_per_delivery")
    for result in seen.values():
        cost = result["cpu_us_per_delivery"]
        result["ratio_to_tutorial"] = round(cost / base, 3) if cost and base else None


def text_from(data: dict[str, Any], options: Options) -> str:
    writing = min(options.writing, options.present)
    messages = writing * options.pace
    title = (
        f"{options.present:,} people in one room, {writing:,} of them writing {options.pace:g} "
        f"messages a second each: {messages * options.present:,.0f} deliveries a second"
    )
    parts = [table(HEADINGS, {title: rows(data["talking"])})]
    parts += [gathered(seen, options) for seen in data["gathering"].values()]
    return "\n\n".join([*parts, *troubles(data), NOTE, versions_line(data)])


def rows(talking: dict[str, dict[str, Any]]) -> list[list[str]]:
    return [
        [
            HOUSES[name].label,
            number(seen["cpu_us_per_delivery"], 1),
            number(seen["ratio_to_tutorial"], 2),
            number(seen["delay_ms"]["p50"], 0, " ms"),
            number(seen["delay_ms"]["p99"], 0, " ms"),
            share(seen["lost"], seen["expected"]),
            share(seen["unfinished"], seen["expected"]),
            number(seen["twice"], 0),
            number(seen["disordered"], 0),
            f"{seen['window']['server_cpu_share']:.0%}",
            f"{seen['window']['elsewhere_cpu_share']:.0%}",
            TARGETS.get(name, ""),
        ]
        for name, seen in talking.items()
    ]


def gathered(seen: dict[str, Any], options: Options) -> str:
    coming, typing = seen["coming"], seen["typing"]
    return (
        f"{options.gathering:,} people come into one room within "
        f"{coming['window']['seconds']:.0f} s: {told(coming)}.\n"
        f"All of them are typing for {typing['window']['seconds']:.0f} s: {told(typing)}."
    )


def told(seen: dict[str, Any]) -> str:
    frames = seen["frames_a_second"]["most"]
    cpu = seen["window"]["server_cpu_share"]
    return f"at most {frames:.1f} frames a second to each, server CPU {cpu:.0%}"


def troubles(data: dict[str, Any]) -> list[str]:
    """What must not be overlooked because the columns have no place for it."""
    return [
        f"{HOUSES[name].label}, {scenario}: {seen['trouble']}"
        for scenario in ("talking", "gathering")
        for name, seen in data[scenario].items()
        if seen["trouble"]
    ]
