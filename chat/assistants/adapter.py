"""What all adapters do alike: reasoning apart, old and new text joined, one kind of error."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress

from chat.assistants.base import Endpoint, Provider, ProviderError, Request, Told, Turn
from chat.assistants.failures import broke_off, failure
from chat.assistants.joint import Joint, turns_to_carry_on
from chat.assistants.kinds import carries_on
from chat.assistants.network import read_url
from chat.assistants.thoughts import Thoughts
from chat.assistants.turns import alternating

MOST_MODELS = 1_000
DRAIN = 0.1  # seconds in which the end of a body may come that has told all; then it is cut off

Text = AsyncGenerator[str, None]


class Adapter(Provider):
    """A provider that is spoken to with its own SDK."""

    usual_url: str

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        url = endpoint.base_url or self.usual_url
        try:
            read_url(url)
            self._prepare(url.rstrip("/"))
        except Exception as error:  # a URL that is none, for us or for the SDK
            raise failure("unreachable", str(error), key=endpoint.key, permanent=True) from None

    async def stream(self, request: Request, told: Told) -> Text:
        carries = carries_on(self.endpoint.kind, request.prefill)
        prefill = carries and bool(request.beginning.strip())
        begun = False
        try:
            async with aclosing(self._try(request, told, prefill)) as pieces:
                async for piece in pieces:
                    begun = begun or bool(piece)
                    yield piece
                return
        except ProviderError as error:
            if not prefill or begun or error.code != "refused":
                raise
        # Not every model carries on its own text; each can be asked to in words.
        async with aclosing(self._try(request, told, False)) as pieces:
            async for piece in pieces:
                yield piece

    async def models(self) -> list[str]:
        names: set[str] = set()
        error = None
        try:
            async for name in self._names():
                if isinstance(name, str):
                    names.add(name)
                if len(names) >= MOST_MODELS:
                    break
        except Exception as raised:
            error = self._explained(raised)
        if error is not None:
            raise error
        return sorted(names)

    @abstractmethod
    def _prepare(self, url: str) -> None:
        """Make the SDK's client for the base URL, which ends in no slash. May raise anything."""

    @abstractmethod
    def _pieces(self, request: Request, turns: list[Turn], told: Told, thoughts: Thoughts) -> Text:
        """Yield the text of one answer to `turns` as it comes, whatever it has at its start.

        Reasoning that comes by itself goes to `thoughts`. A last turn of the assistant's is to be
        carried on. May raise anything.
        """

    @abstractmethod
    def _names(self) -> AsyncIterable[object]:
        """Yield the names of the models, as they come. May raise anything."""

    @abstractmethod
    def _error_object(self, error: Exception) -> object:
        """Return the error that the provider told in its stream, if `error` is for one."""

    async def _try(self, request: Request, told: Told, prefill: bool) -> Text:
        turns = alternating(request.turns) + turns_to_carry_on(request.beginning, prefill)
        thoughts, joint = Thoughts(told.thoughts), Joint(request.beginning, prefill)
        error = None
        try:
            async with aclosing(self._pieces(request, turns, told, thoughts)) as pieces:
                async for piece in pieces:
                    yield joint.feed(thoughts.feed(piece))
        except Exception as raised:
            error = self._explained(raised)
        if error is not None:
            raise error  # out here, so that it carries no exception that knows the headers
        yield joint.feed(thoughts.flush()) + joint.flush()

    def _explained(self, error: Exception) -> ProviderError:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ProviderError):
            cause = cause.__cause__
        if cause is None:
            told = self._error_object(error)
            cause = broke_off(told, self.endpoint.key) if told else self._garbled(error)
        cause.__cause__ = cause.__context__ = None
        return cause.with_traceback(None)

    def _garbled(self, error: Exception) -> ProviderError:
        with suppress(Exception):
            said = f"{type(error).__name__}: {error}"
            return failure("garbled", f"What came is no answer: {said}", key=self.endpoint.key)
        return failure("garbled")


async def drain(stream: AsyncIterable[object]) -> None:
    """Read on to the end of `stream`, which has nothing more to tell, so that others may use
    its connection.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            async for _ in stream:
                pass
