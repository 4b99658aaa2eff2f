"""Runs the load generator against one server and brings back what it saw."""

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from .load.plan import Plan
from .servers import HOST, ROOT, Server


def run(server: Server, scenario: str, count: int, ack_every: int, **sizes: Any) -> dict[str, Any]:
    plan = Plan(
        scenario=scenario,
        count=count,
        pid=server.process.pid,
        url=f"ws://{HOST}:{server.port}",
        identities=server.identities,
        ack_every=ack_every if server.wants_acks else 0,
        **sizes,
    )
    done = subprocess.run(
        [sys.executable, "-m", f"{__package__}.load"],
        cwd=ROOT,
        check=False,
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        reason = "\n".join(done.stderr.splitlines()[-5:])
        raise server.error(f"could not be measured ({scenario}): {reason}\nIts log ends with:")
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if server.process.poll() is not None:
        raise server.error(f"ended during the measurement ({scenario})")
    return seen
