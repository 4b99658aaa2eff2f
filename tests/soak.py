"""Whether the server stays as it is while many talk over lines that break: `python -m tests.soak`.

A real Daphne, and conversations in which a reply is typed all the time. Connections are closed,
cut, or not read from for a while, at random, and come back. At the end everybody must have read
every text whole, the log must be clean, and the process's memory be what it was within 10 %:
compared is what it has when all have left, after a first, shorter round and after the long one.
"""

import re
import sys
from dataclasses import dataclass
from typing import Any

from .benchmarks import generator
from .benchmarks.command import carry_out
from .benchmarks.product import Product
from .benchmarks.report import progress
from .benchmarks.script import text_of

GROWTH = 0.10  # of the memory before
ACK_EVERY = 256
BAD_LINES = re.compile(r"ERROR|CRITICAL|Traceback|Exception")


@dataclass(frozen=True)
class Sizes:
    """What is soaked, and for how long."""

    minutes: float = 20.0
    conversations: int = 500
    watchers: int = 2
    speed: float = 15.0
    length: int = 600
    stay: float = 30.0
    first: float = 60.0
    quiet: float = 30.0


HELP = {
    "minutes": "length of the long round",
    "conversations": "at the same time",
    "watchers": "connections to each",
    "speed": "characters a second of each",
    "length": "characters of a reply",
    "stay": "seconds until a line breaks",
    "first": "seconds of the first round",
    "quiet": "seconds until memory is looked at",
}


class Soaked(Product):
    """The product, where everybody has a conversation of their own."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.people = sizes.conversations

    def environment(self) -> dict[str, str]:
        return super().environment() | {"LOG_LEVEL": "INFO"}

    def prepare(self) -> None:
        super().prepare()
        self.manage(
            "reply", "soak", "--text", "{message}: " + text_of(self.sizes.length),
            "--trigger", "message", "--speed", f"{self.sizes.speed:g}", "--priority", "1000",
        )  # fmt: skip


def run(sizes: Sizes) -> dict[str, Any]:
    """Return what was seen, with what is wrong about it under `wrong`."""
    progress(f"{sizes.conversations:,} conversations for {sizes.minutes:g} minutes")
    with Soaked(sizes) as server:
        seen = generator.run(
            server, "staying", sizes.conversations, ACK_EVERY,
            text=text_of(sizes.length), length=sizes.length, speed=sizes.speed,
            watchers=sizes.watchers, spread=sizes.length / sizes.speed / 2, stay=sizes.stay,
            warm_up=sizes.first, seconds=sizes.minutes * 60, quiet=sizes.quiet, grace=30.0,
        )  # fmt: skip
        log = server.log_path.read_text()
    seen["bad_lines"] = [line for line in log.splitlines() if BAD_LINES.search(line)]
    before, after = (seen["memory_kb"][when] for when in ("before", "after"))
    seen["growth"] = round(after / before - 1, 3)
    seen["wrong"] = wrong(seen)
    return seen


def wrong(seen: dict[str, Any]) -> list[str]:
    found = [f"{what}: {times} times" for what, times in seen["trouble"].items()]
    if seen["lost"]:
        found.append(f"{seen['lost']} replies were not read to their end by somebody")
    if seen["bad_lines"]:
        found.append(f"{len(seen['bad_lines'])} lines in the log, like {seen['bad_lines'][0]}")
    if seen["growth"] > GROWTH:
        found.append(f"memory has grown by {seen['growth']:.1%}")
    return found


def text_from(seen: dict[str, Any], sizes: Sizes) -> str:
    memory = {when: f"{kb / 1024:,.1f} MiB" for when, kb in seen["memory_kb"].items()}
    drops = ", ".join(f"{how} {times:,}" for how, times in sorted(seen["drops"].items()))
    return f"""\
{sizes.conversations:,} conversations, {sizes.watchers} connections to each, {sizes.speed:g} \
characters a second, {sizes.minutes:g} minutes

memory    at first {memory["at_first"]}, at most {memory["most"]}; when all had left: after the \
first round {memory["before"]}, at the end {memory["after"]} ({seen["growth"]:+.1%})
lines     {seen["connections"]:,} connections; broken: {drops}; \
{seen["in_the_middle_of_a_reply"]:,} of them in the middle of a reply
replies   {seen["replies"]:,}; read whole {seen["replies_read"]:,} times, lost {seen["lost"]:,}; \
asked twice because a line broke: {seen.get("questions_asked_again", 0):,}
text      {seen["characters"]:,} characters live, {seen["characters_caught_up"]:,} in snapshots

{"; ".join(seen["wrong"]) or "All is as it should be."}"""


def main() -> int:
    described = "Lets many talk over lines that break, and looks at memory, texts and log."
    return carry_out("soak", described, Sizes(), run, text_from, HELP)


if __name__ == "__main__":
    sys.exit(main())
