"""Imports go down only: a module may use what stands below it in the house, and nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import ROOT

# The house, from the roof to the ground. A module imports only from rows below its own, so two in
# the same row (two doors, say) know nothing of each other. `.*` stands for all of a package.
HOUSE = {
    "entry": ["chatproject.asgi", "chatproject.urls"],
    "wiring": [
        *("chat.routing", "chat.service", "chat.apps", "chat.middleware", "chat.account_urls"),
        "chat.handler",
        *("chat.management.commands.*", "chat.templatetags.*", "chat.api.v1"),
    ],
    "doors": [
        *("chat.consumers", "chat.views", "chat.conversation_views", "chat.offline_views"),
        *("chat.room_views", "chat.admin", "chat.intervals", "chat.account_views"),
        *("chat.api.assistants", "chat.api.conversations", "chat.api.messages"),
        *("chat.api.replies", "chat.api.rooms", "chat.api.short", "chat.api.streams"),
    ],
    "accounts": ["chat.accounts", "chat.account_forms"],
    "forgetting, and what a guest leaves": ["chat.forgetting", "chat.adoption"],
    "what the API says of itself": ["chat.api.document"],
    "what the doors of the API stand in": ["chat.api.doors", "chat.api.fields", "chat.api.told"],
    "what the doors stand in": [
        *("chat.callers", "chat.sse"),
        *("chat.sockets", "chat.requests", "chat.management.rows", "chat.room_forms"),
    ],
    "verbs of the people in it": ["chat.rooms", "chat.links", "chat.keys"],
    "who may still be here": ["chat.guard"],
    "verbs of a whole conversation": [
        *("chat.conversations", "chat.search"),
        *("chat.portable.load", "chat.portable.export"),
    ],
    "verbs": ["chat.actions", "chat.naming"],
    "revisions, and what a program's users say": ["chat.revisions", "chat.end_users"],
    "limits and answers": ["chat.limits", "chat.answers", "chat.listing"],
    "who may do what": ["chat.access"],
    "people": ["chat.people"],
    "sessions": ["chat.sessions"],
    "watching over replies": ["chat.reply.watchdog"],
    "whose turn it is": ["chat.reply.turns"],
    "writing a reply": ["chat.reply.run", "chat.reply.titles"],
    "where its text comes from": ["chat.reply.source"],
    "asking a model": ["chat.reply.asking", "chat.reply.trial"],
    "which scripted reply": ["chat.scripts"],
    "saving a reply, and who is asked for what": [
        *("chat.reply.journal", "chat.reply.providers", "chat.reply.context"),
    ],
    "who is here": ["chat.live.presence"],
    "what other processes write": ["chat.live.following"],
    "telling other processes": ["chat.live.relay"],
    "who is watching": ["chat.live.hub"],
    "other processes": ["chat.live.remote"],
    "the beat": ["chat.live.ticker"],
    "one for each loop": ["chat.live.per_loop"],
    "what a conversation in a file is": ["chat.portable.schema"],
    "the wire": ["chat.protocol"],
    "who is called": ["chat.mentions"],
    "what is kept": ["chat.models", "chat.database", "chat.postgres"],
    "where text comes from": [
        *("chat.assistants.scripted", "chat.assistants.template"),
        *("chat.assistants.openai", "chat.assistants.ollama", "chat.assistants.anthropic"),
    ],
    "what all adapters do": ["chat.assistants.adapter"],
    "HTTP to providers": ["chat.assistants.transport"],
    "parts of an adapter": [
        *("chat.assistants.kinds", "chat.assistants.network", "chat.assistants.turns"),
        *("chat.assistants.body", "chat.assistants.thoughts", "chat.assistants.joint"),
    ],
    "failures of providers": ["chat.assistants.failures"],
    "the contract of providers": ["chat.assistants.base"],
    "files of the browser's side": ["chat.assets", "chat.static_files"],
    "how it is logged": ["chat.logs", "chat.proxies"],
    "pure stations": [
        "chat.portable.places",
        *(
            "chat.cache",
            "chat.checks",
            "chat.process",
            "chat.characters",
            "chat.metrics",
            "chat.names",
            "chat.mail",
        ),
        *("chat.reply.pace", "chat.reply.cleaner", "chat.reply.slots"),
    ],
    "settings": ["chatproject.settings"],
}
ROWS = {name: row for row, names in enumerate(HOUSE.values()) for name in names}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


# Migrations are a record of what was, and import whatever it takes.
FILES = {
    name_of(path): path
    for package in ("chat", "chatproject")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts and path.stat().st_size
}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}


def row_of(name: str) -> int | None:
    """Return the row a module stands in; None if it is not in the house."""
    found = [row for known, row in ROWS.items() if name == known or stands_for(known, name)]
    return found[0] if len(found) == 1 else None


def stands_for(package: str, name: str) -> bool:
    return package.endswith(".*") and name.startswith(package[:-1])


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of every module that is imported, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in FILES else node.module or ""


def ours(name: str) -> bool:
    return name.partition(".")[0] in ("chat", "chatproject")


def reads_of_the_environment(tree: ast.AST) -> list[int]:
    """Return the lines that use `os.environ` or `os.getenv`, but to give a default."""
    defaults = {
        id(node.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "setdefault"
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (isinstance(node, ast.alias) and node.name in ("environ", "environb", "getenv"))
        if id(node) not in defaults
    ]


@pytest.mark.parametrize("name", FILES)
def test_every_module_has_its_place_in_the_house(name: str) -> None:
    assert row_of(name) is not None, f"{name} is new: add it to one row of HOUSE in {__file__}"


@pytest.mark.parametrize("name", [name for name in ROWS if not name.endswith(".*")])
def test_house_has_no_empty_rooms(name: str) -> None:
    assert name in FILES, f"{name} is gone: take it out of HOUSE in {__file__}"


@pytest.mark.parametrize("name", FILES)
def test_imports_go_down_only(name: str) -> None:
    row = row_of(name)
    assert row is not None
    for other in filter(ours, imported(TREES[name])):
        below = row_of(other)
        assert below is not None, f"{name} imports {other}, which has no place in HOUSE"
        assert below > row, f"{name} imports {other}, which does not stand below it"


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_imported_inside_a_function(name: str) -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    inside = [node for node in ast.walk(TREES[name]) if isinstance(node, functions)]
    assert [list(imported(node)) for node in inside] == [[] for _ in inside]


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"chatproject.settings"}))
def test_only_the_settings_read_the_environment(name: str) -> None:
    assert reads_of_the_environment(TREES[name]) == []


def test_only_one_module_touches_the_channel_layer() -> None:
    users = {name for name, tree in TREES.items() if "channels.layers" in imported(tree)}
    assert users == {"chat.live.remote"}


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("chat.assistants.")])
def test_assistants_know_no_django(name: str) -> None:
    packages = {module.partition(".")[0] for module in imported(TREES[name])}
    assert packages.isdisjoint({"django", "channels", "daphne", "asgiref"})


@pytest.mark.parametrize("name", ["chat.characters", "chat.reply.pace"])
def test_pure_stations_know_nothing_of_the_house(name: str) -> None:
    assert [module for module in imported(TREES[name]) if ours(module)] == []
