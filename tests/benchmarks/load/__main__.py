"""Reads a plan as JSON, plays it, prints what was seen as JSON."""

import json
import sys
from asyncio import Runner

import uvloop

from .plan import Plan
from .scenarios import play


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    with Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(play(plan))))


if __name__ == "__main__":
    main()
