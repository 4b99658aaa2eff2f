"""The process that writes dies at random moments, and another one writes on: nothing is lost.

It is done a hundred times by `python -m tests.kills`.
"""

import random
from pathlib import Path

from tests.kills import LIMIT, kill

KILLS = 10


def test_nothing_is_lost_however_often_the_writer_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    report = kill(tmp_path, KILLS, seed, processes=3, conversations=6)
    assert not report.faults, f"with seed {seed}"
    assert report.kills == KILLS
    assert report.longest < LIMIT
