"""Whether others notice clients that are hostile, slow or broken: `python -m tests.siege`.

All at once against one process: clients that stop reading, that send as fast as it is taken, that
only wait, that send frames and bodies far too large, handshakes and bodies that never end. Some
people are answered meanwhile. Their texts must be whole and their lines stay open; the process's
memory stays within a bound, and when the others are gone so are their connections and files. How
late the people's characters were is printed; what comes first of a reply is what counts as in time.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from .benchmarks import generator
from .benchmarks.accounting import memory_kb
from .benchmarks.command import carry_out
from .benchmarks.houses import GUESTS
from .benchmarks.product import Product
from .benchmarks.report import number, progress
from .benchmarks.script import text_of
from .benchmarks.servers import HOST
from .soak import BAD_LINES

ACK_EVERY = 256
SPEED = 30.0  # characters a second
SPREAD, WARM_UP, TAIL = 5.0, 1.5, 1.0  # seconds
LATE = 250.0  # ms, that nobody should notice
A_GUEST = 5  # lines by one session, of the 50 that a guest may have
# What the process may take for them: each line has its own, and there is what all of them share.
MEMORY, MEMORY_EACH = 96 * 1024, 100  # KiB
GOING = 100.0  # seconds until the last of them is found to be gone
SPARE_FILES = 10  # threads and their lines to the database, that came meanwhile


@dataclass(frozen=True)
class Sizes:
    """How many there are of each kind."""

    people: int = 20
    silent: int = 200
    flooding: int = 200
    idle: int = 2000
    huge: int = 1
    mute: int = 100
    handshake: int = 200
    body: int = 200
    upload: int = 2
    seconds: float = 60.0

    @property
    def hostile(self) -> dict[str, int]:
        kinds = ("idle", "mute", "handshake", "body", "silent", "huge", "upload", "flooding")
        return {kind: getattr(self, kind) for kind in kinds}

    @property
    def memory(self) -> int:
        return MEMORY + MEMORY_EACH * sum(self.hostile.values())


class Besieged(Product):
    """The product as it comes. The people have accounts, all others are guests."""

    def __init__(self, sizes: Sizes, text: str) -> None:
        super().__init__()
        self.text = text
        self.people = sizes.people
        self.guests = sum(sizes.hostile.values()) // A_GUEST + 1

    def prepare(self) -> None:
        super().prepare()
        self.manage(
            "reply", "siege", "--text", self.text, "--trigger", "message",
            "--speed", f"{SPEED:g}", "--priority", "1000",
        )  # fmt: skip
        printed = self.manage("shell", "-c", GUESTS.format(self.guests)).split()
        origin = f"http://{HOST}:{self.port}"
        self.hostile = [
            {"Origin": origin, "Cookie": f"sessionid={key}"} for key in printed[-self.guests :]
        ]


class Watch:
    """Looks at the server's memory all the time."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.before = self.most = memory_kb(pid)["rss"]
        self._over = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(1):
            self.most = max(self.most, memory_kb(self.pid)["rss"])


def files(pid: int) -> int:
    """Return how many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def run(sizes: Sizes) -> dict[str, Any]:
    """Return what was seen, with what is wrong about it under `wrong`."""
    length = int((SPREAD + WARM_UP + sizes.seconds + TAIL) * SPEED)
    text = text_of(length)
    with Besieged(sizes, text) as server:
        people, pid = server.identities, server.process.pid
        measured: dict[str, Any] = {
            "text": text,
            "length": length,
            "speed": SPEED,
            "spread": SPREAD,
            "warm_up": WARM_UP,
            "grace": 30.0,
        }
        progress(f"{sizes.people} people alone")
        alone = generator.run(
            server, "private", sizes.people, ACK_EVERY, seconds=sizes.seconds / 4,
            **(measured | {"grace": sizes.seconds + 30}),
        )  # fmt: skip
        files_before = files(pid)
        progress(f"and {sum(sizes.hostile.values()):,} others")
        with Watch(pid) as memory:
            server.identities = server.hostile
            load = generator.beside(
                server, "besieging", AT_ONCE, 0,
                sizes=sizes.hostile, warm_up=0.0, seconds=0.0, grace=0.0,
            )  # fmt: skip
            with load as others:
                server.identities = people
                seen = generator.run(
                    server, "private", sizes.people, ACK_EVERY, seconds=sizes.seconds, **measured
                )
                files_most = files(pid)
            files_after = fewest_files(pid, files_before + SPARE_FILES)
        log = server.log_path.read_text()
    seen |= {
        "alone": {"lateness_ms": alone["lateness_ms"]},
        "others": others["ends"],
        "memory_kb": {"before": memory.before, "most": memory.most, "bound": sizes.memory},
        "files": {"before": files_before, "most": files_most, "after": files_after},
        "bad_lines": [line for line in log.splitlines() if BAD_LINES.search(line)],
    }
    seen["wrong"] = wrong(seen)
    return seen


AT_ONCE = 100


def fewest_files(pid: int, enough: int) -> int:
    """Wait until no more are open than `enough`; return how many are."""
    deadline = time.monotonic() + GOING
    while (now := files(pid)) > enough and time.monotonic() < deadline:
        time.sleep(0.5)
    return now


def wrong(seen: dict[str, Any]) -> list[str]:
    found = [f"{what}: {times} times" for what, times in seen["trouble"].items()]
    if missing := seen["lost"] + seen["unfinished"]:
        found.append(f"{missing} characters did not come to the people")
    memory, open_files = seen["memory_kb"], seen["files"]
    if memory["most"] - memory["before"] > memory["bound"]:
        found.append(f"memory has grown by more than {memory['bound'] // 1024} MiB")
    if open_files["after"] > open_files["before"] + SPARE_FILES:
        found.append(f"{open_files['after'] - open_files['before']} files were left open")
    if cut := sum(times for how, times in seen["others"].items() if how.startswith("idle ")):
        found.append(f"lines of those who only wait were cut: {cut:,}")
    if seen["bad_lines"]:
        found.append(f"{len(seen['bad_lines'])} lines in the log, like {seen['bad_lines'][0]}")
    return found


def text_from(seen: dict[str, Any], sizes: Sizes) -> str:
    late, alone = seen["lateness_ms"], seen["alone"]["lateness_ms"]
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sizes.hostile.items())
    ends = ", ".join(f"{how} {times:,}" for how, times in seen["others"].items())
    memory = {when: f"{kb / 1024:,.0f} MiB" for when, kb in seen["memory_kb"].items()}
    return f"""\
{sizes.people} people who are answered, and beside them {kinds}, for {sizes.seconds:g} seconds

late      p50 {number(late["p50"], 0, " ms")}, p99 {number(late["p99"], 0, " ms")} \
(to reach: under {LATE:g} ms), at most {number(late["p100"], 0, " ms")}; \
alone p99 {number(alone["p99"], 0, " ms")}
people    {seen["received"]:,} of {seen["expected"]:,} characters, {seen["lost"]:,} lost
memory    before {memory["before"]}, at most {memory["most"]}; it may grow by {memory["bound"]}
files     before {seen["files"]["before"]:,}, at the height {seen["files"]["most"]:,}, \
after {seen["files"]["after"]:,}
CPU       server {seen["window"]["server_cpu_share"]:.0%}, \
others {seen["window"]["elsewhere_cpu_share"]:.0%}
others    {ends}

{"; ".join(seen["wrong"]) or "All is as it should be."}"""


def main() -> int:
    described = "Answers some people while many others are slow, broken or hostile."
    return carry_out("siege", described, Sizes(), run, text_from)


if __name__ == "__main__":
    sys.exit(main())
