"""Which kinds of providers there are, and how one is reached."""

import importlib

from chat.assistants.base import Endpoint, Provider

# What staff call it, and the class that speaks with it.
KINDS: dict[str, tuple[str, str]] = {
    "openai": ("OpenAI-compatible", "chat.assistants.openai:OpenAI"),
    "ollama": ("Ollama", "chat.assistants.ollama:Ollama"),
    "anthropic": ("Anthropic", "chat.assistants.anthropic:Anthropic"),
}

CARRY_ON = ("ollama", "anthropic")


def connect(endpoint: Endpoint) -> Provider:
    """Return the provider at `endpoint`; nothing is sent yet. Raises ProviderError.

    Its SDK is loaded only now: who has no assistant of a kind needs neither its time nor memory.
    """
    module, _, name = KINDS[endpoint.kind][1].partition(":")
    provider: Provider = getattr(importlib.import_module(module), name)(endpoint)
    return provider


def carries_on(kind: str, prefill: bool | None) -> bool:
    """Return whether a model goes on with its own text as if it had not been interrupted.

    `prefill` is what staff know of the server; None: as is usual for its kind.
    """
    return kind in CARRY_ON if prefill is None else prefill
