"""The measuring window: what the server and this process used between two moments."""

import time
from dataclasses import dataclass, field
from typing import Any, Self

from ..accounting import cpu_seconds, machine_busy_seconds


@dataclass(frozen=True)
class Moment:
    clock: float
    server: float
    generator: float
    machine: float
    others: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, pid: int, others: dict[str, int] | None = None) -> Self:
        server, generator = cpu_seconds(pid), time.process_time()
        named = {name: cpu_seconds(other) for name, other in (others or {}).items()}
        return cls(time.monotonic(), server, generator, machine_busy_seconds(), named)


def used_between(start: Moment, end: Moment) -> dict[str, Any]:
    """Shares are of one processor; `elsewhere` is everybody else on this machine."""
    seconds = end.clock - start.clock
    server = end.server - start.server
    generator = end.generator - start.generator
    elsewhere = max(0.0, end.machine - start.machine - server - generator)
    return {
        "seconds": round(seconds, 3),
        "server_cpu_seconds": round(server, 2),
        "server_cpu_share": round(server / seconds, 3),
        "generator_cpu_share": round(generator / seconds, 3),
        "elsewhere_cpu_share": round(elsewhere / seconds, 3),
        "others_cpu_seconds": {
            name: round(used - start.others[name], 2) for name, used in end.others.items()
        },
    }
