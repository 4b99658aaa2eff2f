"""What it costs a page to draw Markdown while it is being written.

The same driver writes the same document into each page, some characters at a time, each time in
a task of its own, and each subject draws all that it gets at once. So what is measured is drawing:
asking the browser for frames costs more than many a step. Everything is loaded before.
Nodes are counted in a run of its own, at the smallest size, by a MutationObserver.
"""

from typing import Any

from .options import Options
from .report import Report, environment, number, progress, table, versions_line
from .script import markdown_of
from .stage import Stage, stage, versions

LABELS = {
    "product": "Streaming Chat",
    "react": "react-markdown, remark-gfm",
    "marked": "marked, DOMPurify",
    "plain": "text as it is, no Markdown",
}
AT_MOST = "1/50 of react-markdown"
LONG = 50  # milliseconds, from which on a browser calls a task long

NOTE = """\
“script” and “main thread” are the processor time of the page's main thread, as Chromium accounts
for it: all scripts, and all tasks with style, layout and paint. “longest task” is by the clock, and
so longer where processors are short. “nodes” are those that were put into the page; “drawn” says
how many of the steps were drawn one by one. “text as it is” is what a few more characters cost
whoever draws them. The product's page draws once per frame, however many steps came; here it draws
each."""

HEADINGS = [
    "", "script", "main thread", "vs react-markdown", "longest task", "over 50 ms", "nodes",
    "drawn",
]  # fmt: skip


def run(options: Options) -> Report:
    sizes = sorted(options.characters)
    with stage() as it:
        seen = {size: {name: measure(it, name, size, options) for name in LABELS} for size in sizes}
        for name, result in seen[sizes[0]].items():
            result |= count(it, name, sizes[0], options)
    for results in seen.values():
        add_ratios(results)
    data = {
        "benchmark": "rendering",
        "options": vars(options),
        "sizes": {str(size): results for size, results in seen.items()},
        "growth": growth(seen),
        **environment(),
    }
    data["versions"] |= versions()
    return Report(data, text_from(seen, data, options))


def measure(it: Stage, name: str, size: int, options: Options) -> dict[str, Any]:
    progress(f"rendering: {LABELS[name]}, {size:,} characters")
    seen = it.draw(name, markdown_of(size), options.step, options.patience)
    slow = seen.pop("slow")
    return {**seen, "long_tasks": len(slow), "longest_task_ms": max(slow, default=None)}


def count(it: Stage, name: str, size: int, options: Options) -> dict[str, Any]:
    progress(f"rendering: {LABELS[name]}, nodes")
    seen = it.count(name, markdown_of(size), options.step, options.patience)
    whole = seen["written"] == size
    return {"nodes": seen["nodes"] if whole else None, "drawn": seen["draws"] / seen["steps"]}


def add_ratios(results: dict[str, dict[str, Any]]) -> None:
    """Only whole documents can be compared."""
    base = results["react"]
    for result in results.values():
        comparable = result["written"] == base["written"]
        result["ratio_to_react"] = result["script_ms"] / base["script_ms"] if comparable else None


def growth(seen: dict[int, dict[str, dict[str, Any]]]) -> float | None:
    """How many times the smallest size the largest one costs the product."""
    smallest, largest = min(seen), max(seen)
    short, long = seen[smallest]["product"], seen[largest]["product"]
    if (short["written"], long["written"]) != (smallest, largest):
        return None
    return float(long["script_ms"] / short["script_ms"])


def text_from(
    seen: dict[int, dict[str, dict[str, Any]]], data: dict[str, Any], options: Options
) -> str:
    groups = {
        f"{size:,} characters, {options.step} at a time": rows(results)
        for size, results in seen.items()
    }
    lines = [table(HEADINGS, groups), *unfinished(seen, options)]
    return "\n\n".join([*lines, targets(seen, data), NOTE, versions_line(data)])


def rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    return [
        [
            LABELS[name],
            number(seen["script_ms"], 0, " ms"),
            number(seen["task_ms"], 0, " ms"),
            ratio(seen["ratio_to_react"]),
            number(seen["longest_task_ms"], 0, " ms") if seen["long_tasks"] else f"≤ {LONG} ms",
            f"{seen['long_tasks']:,}",
            number(seen.get("nodes"), 0),
            f"{seen['drawn']:.0%}" if "drawn" in seen else "-",
        ]
        for name, seen in results.items()
    ]


def ratio(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value > 0.1 else f"1/{1 / value:.0f}"


def unfinished(seen: dict[int, dict[str, dict[str, Any]]], options: Options) -> list[str]:
    """Whom the time was not enough for: what stands above is what they cost until then."""
    return [
        f"{LABELS[name]}: ended after {options.patience:g} seconds, with {result['written']:,} of"
        f" {size:,} characters"
        for size, results in seen.items()
        for name, result in results.items()
        if result["written"] < size
    ]


def targets(seen: dict[int, dict[str, dict[str, Any]]], data: dict[str, Any]) -> str:
    smallest, largest = min(seen), max(seen)
    long = sum(results["product"]["long_tasks"] for results in seen.values())
    return "\n".join(
        [
            f"Targets: at most {AT_MOST}, {smallest:,} characters:"
            f" {ratio(seen[smallest]['product']['ratio_to_react'])};",
            f"{largest:,} characters at most 14 times that: {number(data['growth'], 1)};"
            f" no task over {LONG} ms: {long}.",
        ]
    )
