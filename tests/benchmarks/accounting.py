"""What processes used, in the kernel's own words: /proc, and nothing sampled or estimated."""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads and living children."""
    return sum(ticks(process) for process in family(pid)) / TICKS_A_SECOND


def ticks(pid: int) -> int:
    # The name in the second field may hold spaces and parentheses: count from its end.
    after_name = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


def family(pid: int) -> Iterator[int]:
    yield pid
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def memory_kb(pid: int) -> dict[str, int]:
    """Resident memory, and its share when pages that others use too are divided among them."""
    sizes = {"Rss": 0, "Pss": 0}
    for process in family(pid):
        for line in (PROC / str(process) / "smaps_rollup").read_text().splitlines()[1:]:
            name, amount = line.split()[:2]
            if name[:-1] in sizes:
                sizes[name[:-1]] += int(amount)
    return {name.lower(): amount for name, amount in sizes.items()}


def machine_busy_seconds() -> float:
    """All processors' time that was neither idle nor waiting for a disk, since the start."""
    user, nice, system, _idle, _wait, *interrupts = map(
        int, (PROC / "stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + sum(interrupts)) / TICKS_A_SECOND
