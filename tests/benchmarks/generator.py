"""Runs the load generator against one server and brings back what it saw."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, Any

from .load.plan import Plan
from .servers import HOST, ROOT, Server


def run(server: Server, scenario: str, count: int, ack_every: int, **sizes: Any) -> dict[str, Any]:
    """Return what was seen; whatever else goes on, another load may be `beside` it."""
    with _load(server, scenario, count, ack_every, **sizes) as (process, complaints):
        return _seen(process, complaints, server, scenario)


@contextmanager
def beside(
    server: Server, scenario: str, count: int, ack_every: int, **sizes: Any
) -> Iterator[dict[str, Any]]:
    """Have a load that says when it is in place go on meanwhile; then fill in what it saw."""
    with _load(server, scenario, count, ack_every, **sizes) as (process, complaints):
        seen: dict[str, Any] = {}
        assert process.stdout is not None, "it is a pipe"
        if not process.stdout.readline():
            _seen(process, complaints, server, scenario)
        yield seen
        process.terminate()
        seen |= _seen(process, complaints, server, scenario)


@contextmanager
def _load(
    server: Server, scenario: str, count: int, ack_every: int, **sizes: Any
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start one; yield it with what it complains of, which no pipe holds up when it gets much."""
    plan = Plan(
        scenario=scenario,
        count=count,
        pid=server.process.pid,
        url=f"ws://{HOST}:{server.port}",
        identities=server.identities,
        ack_every=ack_every if server.wants_acks else 0,
        **sizes,
    )
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
        )
        try:
            assert process.stdin is not None, "it is a pipe"
            process.stdin.write(json.dumps(asdict(plan)))
            process.stdin.close()
            process.stdin = None
            yield process, complaints
        finally:
            process.kill()
            process.wait()


def _seen(
    process: subprocess.Popen[str], complaints: IO[str], server: Server, scenario: str
) -> dict[str, Any]:
    output, _ = process.communicate()
    if process.returncode:
        complaints.seek(0)
        reason = "".join(complaints.readlines()[-5:])
        raise server.error(f"could not be measured ({scenario}): {reason}\nIts log ends with:")
    seen: dict[str, Any] = json.loads(output.splitlines()[-1])
    if server.process.poll() is not None:
        raise server.error(f"ended during the measurement ({scenario})")
    return seen
