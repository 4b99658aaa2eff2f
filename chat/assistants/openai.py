"""OpenAI, and all who speak as it does: vLLM, llama.cpp, LM Studio, OpenRouter and many more.

https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
from openai import APIError, AsyncOpenAI, AsyncStream

from chat.assistants.adapter import Adapter, Text
from chat.assistants.base import Endpoint, ProviderError, Request, Told, Turn
from chat.assistants.failures import failure
from chat.assistants.thoughts import Thoughts
from chat.assistants.transport import Transport
from chat.assistants.turns import messages

USAGE = {"stream_options": {"include_usage": True}}
# What vLLM and llama.cpp need to carry on the last turn; others mind neither.
CARRY_ON = {"add_generation_prompt": False, "continue_final_message": True}


class OpenAI(Adapter):
    usual_url = "https://api.openai.com/v1"

    def _prepare(self, url: str) -> None:
        url = _full(url)
        self._client = _client(self.endpoint, url)
        # Named here because the SDK imports it when it is: seconds, on a slow machine.
        self._models = self._client.models
        self._is_original = httpx2.URL(url).host == "api.openai.com"
        self._newer: set[str] = set()  # models that refused `max_tokens`
        self._tells_usage: bool | None = None  # not known before it was asked

    async def close(self) -> None:
        await self._client.close()

    async def _pieces(
        self, request: Request, turns: list[Turn], told: Told, thoughts: Thoughts
    ) -> Text:
        answer = Answer(told, thoughts)
        async with await self._open(request, turns) as stream:
            async for chunk in stream:
                yield answer.text_of(chunk)
            answer.check_end(stream.response.headers)

    async def _names(self) -> AsyncIterator[object]:
        async for model in self._models.list():
            yield model.id

    def _error_object(self, error: Exception) -> object:
        return error.body if isinstance(error, APIError) else None

    async def _open(self, request: Request, turns: list[Turn]) -> AsyncStream[object]:
        """Ask; once more for each thing that the server turns out not to know."""
        options = self._options(request, turns)
        while True:
            try:
                stream = await self._ask(options)
            except ProviderError as error:
                less = self._less(options, error)
                if less is None:
                    raise
                options = less
            else:
                self._learn(options)
                return stream

    async def _ask(self, options: dict[str, Any]) -> AsyncStream[object]:
        # As objects: to make the SDK's models of them takes a third of all time a token takes.
        return await self._client.post(
            "/chat/completions",
            body={**options, "stream": True},
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )

    def _options(self, request: Request, turns: list[Turn]) -> dict[str, Any]:
        given, newer = request.parameters, self._is_original or request.model in self._newer
        options = {
            "model": request.model,
            "messages": messages(turns, request.system),
            "temperature": given.temperature,
            "top_p": given.top_p,
            "max_completion_tokens" if newer else "max_tokens": given.max_tokens,
            "stop": list(given.stop) or None,
            **({} if turns[-1].person else CARRY_ON),
            **({} if self._tells_usage is False else USAGE),
        }
        return {name: value for name, value in options.items() if value is not None}

    def _less(self, options: dict[str, Any], error: ProviderError) -> dict[str, Any] | None:
        """Return with what to ask again after `error`; None if that would not help.

        That a server does not know `stream_options` is hard to tell from what it says; so it is
        taken for the reason once, unless the server is known to take them.
        """
        if error.code != "refused":
            return None
        if "max_tokens" in options and "max_completion_tokens" in error.reason:
            kept = {name: value for name, value in options.items() if name != "max_tokens"}
            return {**kept, "max_completion_tokens": options["max_tokens"]}
        named = "stream_options" in error.reason or "include_usage" in error.reason
        if "stream_options" in options and (named or self._tells_usage is None):
            return {name: value for name, value in options.items() if name != "stream_options"}
        return None

    def _learn(self, options: dict[str, Any]) -> None:
        """Take note of what the server took."""
        self._tells_usage = "stream_options" in options
        if "max_completion_tokens" in options:
            self._newer.add(options["model"])


class Answer:
    """What is known of an answer while its chunks come."""

    def __init__(self, told: Told, thoughts: Thoughts) -> None:
        self._told, self._thoughts = told, thoughts
        self._is_one = self._has_text = False
        self._finish = ""

    def text_of(self, chunk: Any) -> str:
        """Return the text in `chunk`, and take note of all else. Any exception: it is none."""
        choices, usage = chunk.get("choices"), chunk.get("usage")
        self._is_one = self._is_one or choices is not None
        if usage:
            self._told.tokens_in = usage.get("prompt_tokens")
            self._told.tokens_out = usage.get("completion_tokens")
        if not choices:
            return ""
        choice = choices[0]
        self._finish = choice.get("finish_reason") or self._finish
        delta = choice.get("delta")
        return self._text_in(delta) if delta else ""

    def _text_in(self, delta: dict[str, Any]) -> str:
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        self._thoughts.keep(thought if isinstance(thought, str) else "")
        text = delta.get("content") or delta.get("refusal") or ""
        if isinstance(text, list):
            text = self._text_of(text)
        if not isinstance(text, str):
            raise TypeError("content is no text")
        self._has_text = self._has_text or bool(text)
        return text

    def _text_of(self, parts: list[Any]) -> str:
        """Return the text in a content of several parts, as Mistral's models have it."""
        for part in parts:
            if part["type"] == "thinking":
                self._thoughts.keep("".join(inner["text"] for inner in part["thinking"]))
        return "".join(part["text"] for part in parts if part["type"] == "text")

    def check_end(self, headers: httpx2.Headers) -> None:
        """Raise ProviderError if the answer ended as it should not."""
        self._told.at_limit = self._finish == "length"
        if not self._is_one:
            raise failure("garbled", "The server did not answer with a stream of chunks.")
        # A body that ends with the connection may as well have been cut.
        framed = "content-length" in headers or "transfer-encoding" in headers
        if not self._finish and not framed:
            raise failure("cut", "The answer ended without an end.")
        if self._finish == "content_filter" and not self._has_text:
            raise failure("filtered", "The provider's content filter held the answer back.")


def _client(endpoint: Endpoint, url: str) -> AsyncOpenAI:
    # All that the SDK would look for in the environment is given; what would go into a header
    # does not pass the transport, which also adds the key.
    return AsyncOpenAI(
        api_key="-",
        admin_api_key="",
        organization="",
        project="",
        webhook_secret="",
        base_url=url,
        max_retries=0,
        timeout=None,
        http_client=httpx2.AsyncClient(transport=Transport(endpoint, url), trust_env=False),
    )


def _full(url: str) -> str:
    """Return the base URL, whether given with too little or too much of its path."""
    url = url.removesuffix("/chat/completions")
    return url if httpx2.URL(url).path.strip("/") else f"{url}/v1"
