"""The benchmarks run, and what they see of the product is right: here with a handful of people."""

import json
import subprocess
import sys
from typing import Any

from tests.server import ROOT

SMALL_ROOMS = (
    *("--servers", "product", "--present", "6", "--writing", "3"),
    *("--pace", "4", "--gathering", "4"),
)


def test_rooms() -> None:
    report = run("rooms", *SMALL_ROOMS)
    for seen in report["talking"].values():
        assert seen["expected"] >= 6 * 12  # each of the messages of a second reaches all
        assert seen["delivered_in_window"] > 0
        assert seen["lost"] == seen["unfinished"] == seen["twice"] == seen["disordered"] == 0
        assert seen["trouble"] == {}
        assert seen["delay_ms"]["p50"] is not None
    gathered = report["gathering"]["product"]
    assert gathered["trouble"] == {}
    assert gathered["coming"]["frames_a_second"]["most"] > 0


def run(name: str, *sizes: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks", name, "--json", "--seconds", "1"]
    done = subprocess.run([*command, *sizes], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)[0]
    return report
