"""Assistants whose model is a fake provider, at a real server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.client import Client, Frame
from tests.providers import Answer, Asked, FakeProvider, Said, provider
from tests.server import Server

KINDS = ("openai", "ollama", "anthropic")


def make_assistants(server: Server, provider: FakeProvider, *assistants: dict[str, Any]) -> None:
    """Make assistants that ask `provider`; each needs `slug` and `kind`."""
    rows = [
        {
            "name": fields["slug"].title(),
            "model": "model-a",
            "base_url": provider.base_url(fields["kind"]) if fields["kind"] in KINDS else "",
            **fields,
        }
        for fields in assistants
    ]
    server.manage(
        "shell",
        "-c",
        f"""
import json
from chat.models import Assistant
for row in json.loads({json.dumps(json.dumps(rows))}):
    if slug := row.pop("fallback", None):
        row["fallback"] = Assistant.objects.get(slug=slug)
    Assistant.objects.create(**row)
""",
    )


class TitledProvider(FakeProvider):
    """Its answers are for replies; what asks for a title, whenever that comes, gets `titles`."""

    def __init__(self) -> None:
        super().__init__()
        self.titles: dict[str, Answer] = {}  # by what was said in the conversation

    def _change(self, what: str, asked: Asked | None = None) -> None:
        if asked is None or not _is_title(asked.body):
            super()._change(what, asked)

    def _take(self, asked: Asked) -> Answer:
        if not _is_title(asked.body):
            return super()._take(asked)
        said = json.dumps(asked.body, ensure_ascii=False)
        return next((it for words, it in self.titles.items() if words in said), Said("A title"))


@contextmanager
def provider_with_titles() -> Iterator[TitledProvider]:
    it = TitledProvider()
    with provider(it=it):
        yield it


def forget(provider: TitledProvider) -> None:
    """Let the next test begin as if nobody had asked yet."""
    provider._queue.clear()
    provider.titles.clear()
    provider.requests.clear()
    provider._gone = 0
    provider.byte_by_byte = False
    provider.says("Hello.")


def asked(provider: FakeProvider) -> list[Any]:
    """What the models were asked."""
    return [request.body for request in provider.requests]


def turns(body: Any) -> list[tuple[str, str]]:
    """The turns of a request of any kind, without the system prompt."""
    return [
        (turn["role"], turn["content"]) for turn in body["messages"] if turn["role"] != "system"
    ]


async def arrived(client: Client, reply: int, text: str) -> None:
    """Wait until `client` has `text` of `reply`."""
    await client.until(lambda _: client.texts.get(reply, "").startswith(text))


async def error(client: Client) -> Frame:
    """Return the next error; those before are forgotten."""
    found = await client.until(lambda frame: frame["type"] == "error")
    assert found
    client.frames.remove(found)
    return found


def _is_title(body: Any) -> bool:
    return "title of at most" in json.dumps(body)
