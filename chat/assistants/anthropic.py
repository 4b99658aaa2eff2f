"""Anthropic's Claude. https://platform.claude.com/docs/en/api/messages"""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
from anthropic import APIStatusError, AsyncAnthropic

from chat.assistants.adapter import MOST_MODELS, Adapter, Text, drain
from chat.assistants.base import Request, Told, Turn
from chat.assistants.failures import failure
from chat.assistants.thoughts import Thoughts
from chat.assistants.transport import Transport
from chat.assistants.turns import messages

# The API insists on a maximum. This is the largest that each of its models takes; who wants a
# longer reply has it carried on, or sets a maximum.
USUAL_MAX_TOKENS = 4_096


class Anthropic(Adapter):
    usual_url = "https://api.anthropic.com"

    def _prepare(self, url: str) -> None:
        url = url.removesuffix("/v1")
        transport = Transport(self.endpoint, url)
        # As for OpenAI: nothing is left to be looked for in the environment.
        self._client = AsyncAnthropic(
            api_key="-",
            webhook_key="",
            base_url=url,
            max_retries=0,
            timeout=None,
            open_telemetry=False,
            http_client=httpx2.AsyncClient(transport=transport, trust_env=False),
        )
        # Named here because the SDK imports them when they are: seconds, on a slow machine.
        self._messages, self._models = self._client.messages, self._client.models

    async def close(self) -> None:
        await self._client.close()

    async def _pieces(
        self, request: Request, turns: list[Turn], told: Told, thoughts: Thoughts
    ) -> Text:
        answer = Answer(told, thoughts)
        async with await self._messages.create(**_options(request, turns)) as stream:
            async for event in stream:
                yield answer.text_of(event)
                if answer.ended:
                    await drain(stream)
        answer.check_end()

    async def _names(self) -> AsyncIterator[object]:
        async for model in self._models.list(limit=MOST_MODELS):
            yield model.id

    def _error_object(self, error: Exception) -> object:
        return error.body if isinstance(error, APIStatusError) else None


class Answer:
    """What is known of an answer while its events come."""

    def __init__(self, told: Told, thoughts: Thoughts) -> None:
        self._told, self._thoughts = told, thoughts
        self._has_text = self.ended = False
        self._finish = ""

    def text_of(self, event: Any) -> str:
        """Return the text in `event`, and take note of all else."""
        match event.type:
            case "message_start":
                self._told.tokens_in = event.message.usage.input_tokens
            case "message_delta":
                self._finish = event.delta.stop_reason or self._finish
                self._told.tokens_out = event.usage.output_tokens
                self._told.tokens_in = event.usage.input_tokens or self._told.tokens_in
            case "message_stop":
                self.ended = True
            case "content_block_start":
                return self._text_in(event.content_block)
            case "content_block_delta":
                return self._text_in(event.delta)
        return ""

    def _text_in(self, block: Any) -> str:
        if block.type in ("thinking", "thinking_delta"):
            self._thoughts.keep(block.thinking)
        text: str = block.text if block.type in ("text", "text_delta") else ""
        self._has_text = self._has_text or bool(text)
        return text

    def check_end(self) -> None:
        """Raise ProviderError if the answer ended as it should not."""
        self._told.at_limit = self._finish in ("max_tokens", "model_context_window_exceeded")
        if not self.ended:
            raise failure("cut", "The answer ended without its last event.")
        if self._finish == "refusal" and not self._has_text:
            raise failure("filtered", "The model refused to answer.")


def _options(request: Request, turns: list[Turn]) -> dict[str, Any]:
    given = request.parameters
    sampling = {"temperature": given.temperature, "top_p": given.top_p}
    options = {
        "model": request.model,
        "messages": messages(turns),
        "max_tokens": given.max_tokens or USUAL_MAX_TOKENS,
        "system": request.system or None,
        "stop_sequences": list(given.stop) or None,
        # The SDK has no names for them any more, but older models take them.
        "extra_body": {name: value for name, value in sampling.items() if value is not None}
        or None,
        "stream": True,
    }
    return {name: value for name, value in options.items() if value is not None}
