"""How large a run is. The defaults are the sizes the targets are stated for."""

import argparse
from dataclasses import dataclass

from .competitors import COMPETITORS


@dataclass(frozen=True)
class Options:
    conversations: int
    viewers: int
    idle: int
    seconds: float
    speed: float
    grace: float
    ack_every: int
    servers: list[str]
    streams: int
    tokens: float
    asking: int
    characters: list[int]
    step: int
    patience: float
    present: int
    writing: int
    pace: float
    gathering: int
    rounds: int


def add_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--conversations", type=count, default=500, help="private conversations, a reply each")
    option("--viewers", type=count, default=2000, help="viewers of the one watched conversation")
    option("--idle", type=count, default=500, help="connections over which memory is measured")
    option("--streams", type=count, default=20, help="conversations in which a model writes")
    option("--tokens", type=positive, default=50.0, help="tokens a second of each of them")
    option("--asking", type=count, default=200, help="conversations that ask at the same moment")
    option("--characters", type=count, nargs="+", default=[10_000, 100_000],
           help="lengths of the documents that pages draw")  # fmt: skip
    option("--step", type=count, default=4, help="characters that a page gets at a time")
    option("--patience", type=positive, default=180.0,
           help="seconds after which a page that still draws is given up")  # fmt: skip
    option("--present", type=count, default=500, help="people who are in one room")
    option("--writing", type=count, default=50, help="of them, people who write")
    option("--pace", type=positive, default=0.2, help="messages a second of each of those")
    option("--gathering", type=count, default=2000, help="people who come into one room at once")
    option("--rounds", type=count, default=3, help="times that processes are compared")
    option("--seconds", type=positive, default=20.0, help="length of the measuring window")
    option("--speed", type=positive, default=30.0, help="characters a second of every reply")
    option("--grace", type=positive, default=10.0,
           help="seconds after its due time at which a character is given up")  # fmt: skip
    option(
        "--ack-every", type=int, choices=range(1, 513), metavar="N", default=256,
        help="code points between two acknowledgements of a viewer of the product, at most 512",
    )  # fmt: skip
    option(
        "--servers",
        nargs="+",
        choices=COMPETITORS,
        default=list(COMPETITORS),
        help="whom to measure",
    )


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be above 0")
    return number
