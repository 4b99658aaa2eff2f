"""A command that does one thing in sizes that can be changed, and says whether all was well."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from .options import count, positive
from .servers import ServerError

Sizes = TypeVar("Sizes")
Seen = dict[str, Any]


def carry_out(
    name: str,
    described: str,
    sizes: Sizes,
    run: Callable[[Sizes], Seen],
    text_from: Callable[[Seen, Sizes], str],
    helps: Mapping[str, str] | None = None,
) -> int:
    """Do `run` and print what it saw; return the command's status, 1 if something was `wrong`.

    Each field of the dataclass `sizes` is an option; `helps` says what it is.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.{name}",
        description=described,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for option, value in asdict(sizes).items():  # type: ignore[call-overload]
        kind = positive if isinstance(value, float) else count
        told = (helps or {}).get(option, " ")
        parser.add_argument(f"--{option}", type=kind, default=value, help=told)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    arguments = vars(parser.parse_args())
    as_json = arguments.pop("json")
    sizes = type(sizes)(**arguments)
    try:
        seen = run(sizes)
    except ServerError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(seen, indent=2) if as_json else text_from(seen, sizes))
    return 1 if seen["wrong"] else 0
