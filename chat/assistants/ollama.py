"""Ollama. https://docs.ollama.com/api"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import ollama

from chat.assistants.adapter import Adapter, Text, drain
from chat.assistants.base import Request, Told, Turn
from chat.assistants.failures import failure
from chat.assistants.thoughts import Thoughts
from chat.assistants.transport import OlderTransport
from chat.assistants.turns import messages


class Ollama(Adapter):
    usual_url = "http://127.0.0.1:11434"

    def _prepare(self, url: str) -> None:
        # The path of an API, which many give too, is the SDK's to add.
        url = url.removesuffix("/v1").removesuffix("/api")
        transport = OlderTransport(self.endpoint, url)
        self._client = ollama.AsyncClient(
            url, transport=transport, trust_env=False, follow_redirects=False
        )

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    async def _pieces(
        self, request: Request, turns: list[Turn], told: Told, thoughts: Thoughts
    ) -> Text:
        parts: Any = await self._client.chat(
            request.model,
            messages(turns, request.system),
            options=_options(request),
            stream=True,
        )
        async with aclosing(parts):
            async for part in parts:
                thoughts.keep(part.message.thinking or "")
                yield part.message.content or ""
                if part.done:
                    _tell(part, told)
                    await drain(parts)
                    return
        raise failure("cut", "The answer ended without its last part.")

    async def _names(self) -> AsyncIterator[object]:
        for model in (await self._client.list()).models:
            yield model.model

    def _error_object(self, error: Exception) -> object:
        return error.error if isinstance(error, ollama.ResponseError) else None


def _tell(part: ollama.ChatResponse, told: Told) -> None:
    told.tokens_in, told.tokens_out = part.prompt_eval_count, part.eval_count
    told.at_limit = part.done_reason == "length"


def _options(request: Request) -> dict[str, Any]:
    given = request.parameters
    options = {
        "temperature": given.temperature,
        "top_p": given.top_p,
        "num_predict": given.max_tokens,
        "stop": list(given.stop) or None,
        "num_ctx": request.context,
    }
    return {name: value for name, value in options.items() if value is not None}
