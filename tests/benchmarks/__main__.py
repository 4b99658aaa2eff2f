"""The command line: which benchmarks, how large, as a table or as JSON."""

import argparse
import json
import sys
from collections.abc import Callable

from . import assistants, http, rendering, rooms, scale, typing_out
from .options import Options, add_options
from .report import Report
from .servers import ServerError

BENCHMARKS: dict[str, Callable[[Options], Report]] = {
    "typing": typing_out.run,
    "assistants": assistants.run,
    "rendering": rendering.run,
    "rooms": rooms.run,
    "http": http.run,
    "scale": scale.run,
}


def main() -> int:
    arguments = vars(parser().parse_args())
    names, as_json = arguments.pop("names"), arguments.pop("json")
    try:
        reports = [BENCHMARKS[name](Options(**arguments)) for name in names or BENCHMARKS]
    except ServerError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps([report.data for report in reports], indent=2))
    else:
        print("\n\n".join(report.text for report in reports))
    return 0


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measures this product beside its peers, in one run on one machine.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    result.add_argument(
        "names",
        nargs="*",
        type=known,
        metavar="name",
        help=f"any of {', '.join(BENCHMARKS)}; or all",
    )
    result.add_argument("--json", action="store_true", help="print JSON instead of the table")
    add_options(result)
    return result


def known(name: str) -> str:
    if name not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"no benchmark {name!r}; there is {', '.join(BENCHMARKS)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
