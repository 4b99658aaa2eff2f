"""The providers that this process speaks with, and how many replies each writes."""

import asyncio
from dataclasses import dataclass

from django.conf import settings

from chat.assistants.base import Endpoint, Parameters, Provider, ProviderError, Request, Turn
from chat.assistants.kinds import connect
from chat.live.per_loop import PerLoop
from chat.models import Assistant
from chat.reply.slots import Slots


@dataclass(frozen=True, slots=True)
class Connected:
    provider: Provider
    slots: Slots


class Switchboard:
    """One provider for each endpoint, so that all replies share its connections and its slots."""

    def __init__(self) -> None:
        self._connected: dict[Endpoint, Connected] = {}

    async def connect(self, assistant: Assistant) -> Connected:
        """Return the assistant's provider. Raises ProviderError if it cannot be asked at all."""
        endpoint = endpoint_of(assistant)
        if endpoint not in self._connected:
            # In a thread: to load an SDK takes a second, in which all replies would stand still.
            provider = await asyncio.to_thread(connect, endpoint)
            slots = Slots(max(1, settings.REPLIES_PER_PROVIDER))
            self._connected.setdefault(endpoint, Connected(provider, slots))
        return self._connected[endpoint]

    async def close(self) -> None:
        for connected in self._connected.values():
            await connected.provider.close()
        self._connected.clear()


switchboard = PerLoop(Switchboard)


def endpoint_of(assistant: Assistant) -> Endpoint:
    """Return where the assistant's model is. Raises ProviderError if its key is not there."""
    key = settings.PROVIDER_KEY(assistant.key_variable) if assistant.key_variable else ""
    if key is None:
        raise ProviderError(
            "no_key",
            "The assistant is not set up completely. Please tell whoever runs this chat.",
            reason=f"There is no variable {assistant.key_variable} in the server's environment.",
            permanent=True,
        )
    return Endpoint(
        kind=assistant.kind,
        base_url=assistant.base_url,
        key=key,
        connect_timeout=assistant.connect_timeout,
        allowed=tuple(settings.PROVIDER_ADDRESSES),
    )


def request_of(assistant: Assistant, turns: tuple[Turn, ...], beginning: str = "") -> Request:
    """Return what the assistant's model is asked; `beginning` is a reply to be carried on."""
    return Request(
        model=assistant.model,
        turns=turns,
        system=assistant.system,
        parameters=Parameters(
            temperature=assistant.temperature,
            top_p=assistant.top_p,
            max_tokens=assistant.max_tokens,
            stop=assistant.stop_words,
        ),
        beginning=beginning,
        prefill=assistant.prefill,
        context=assistant.context_budget + (assistant.max_tokens or 0),
    )
