"""Trying an assistant's model, for staff: does it answer, and if not, what is to be done."""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from chat.assistants.base import Provider, ProviderError, Request, Told, Turn
from chat.assistants.failures import clean
from chat.models import Assistant
from chat.reply.providers import request_of, switchboard

QUESTION = "Say hello in one short sentence."
TOKENS = 300  # of the answer: enough for one that thinks first
PATIENCE = 30.0  # seconds for each of two requests, however patient the assistant is
ENOUGH = 300  # code points of an answer
LISTED = 50  # names of models

HOPELESS = ("unreachable", "certificate", "forbidden_address", "silent")

MENDS = {
    "no_key": "Set that variable where the server is started, and start it again; or correct its"
    " name here.",
    "no_variable": "No key is sent. Name the environment variable that holds one.",
    "wrong_key": "Look whether the key in that variable is this provider's, still valid, and may"
    " use this model. After a change of the environment, start the server again.",
    "unknown_model": "Take one of the models that the provider lists. If it lists none, look"
    " whether kind and base URL are right.",
    "forbidden_address": "Choose another address; or, if this one is meant, let the setting"
    " PROVIDER_ADDRESSES allow it.",
    "certificate": "Give the host name that the certificate is for, and look whether it is still"
    " valid; or write http:// if no TLS is spoken there.",
    "unreachable": "Look whether the base URL is right, the provider runs, and this server may"
    " reach it. In a container, localhost is the container itself.",
    "rate_limited": "Wait a little, and look at the limits and the credit of your account there.",
    "overloaded": "Try again in a while. If it stays so, look at the provider's own log.",
    "refused": "Look at the settings under “How it answers”: not every model takes all of them.",
    "garbled": "Look whether kind and base URL are right: at this address something else seems to"
    " answer. The address of an OpenAI-compatible server often ends in /v1.",
    "silent": "It may still be loading the model: try again in a minute. If it stays so, take a"
    " smaller model, or give it more time under “Limits”.",
    "cut": "Look whether the provider is running steadily, and at its log.",
}
OTHERWISE = "Try again; if it stays so, look at the provider's own log."


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in words for staff, and what is to be done."""

    code: str
    what: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The models that there are; `names` are the first of them, the assistant's own before all."""

    names: tuple[str, ...]
    others: int  # that are not in `names`
    own: str  # the name of the assistant's own; empty if it is not among them


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    seconds: float | None  # until its first character; None if it only thought
    thought: bool


@dataclass(slots=True)
class Trial:
    """What came of it. Nothing in it tells any of the key."""

    listing: Listing | None = None
    listing_fault: Fault | None = None
    answer: Answer | None = None
    fault: Fault | None = None  # why there is no answer


async def run(assistant: Assistant) -> Trial:
    """Ask the assistant's model for the list of models, and for an answer."""
    trial = Trial()
    try:
        provider = (await switchboard().connect(assistant)).provider
        try:
            trial.listing = await _list(provider, assistant)
        except ProviderError as error:
            if error.code in HOPELESS:
                raise
            trial.listing_fault = _fault(assistant, error)  # not everyone has a list
        trial.answer = await _ask(provider, assistant)
    except ProviderError as error:
        trial.fault = _fault(assistant, error)
    return trial


async def _list(provider: Provider, assistant: Assistant) -> Listing:
    try:
        async with asyncio.timeout(_patience(assistant)):
            found = await provider.models()
    except TimeoutError:
        raise _silent(assistant) from None
    wanted = (assistant.model, f"{assistant.model}:latest")  # as Ollama completes a name
    names = sorted(found, key=lambda name: (name not in wanted, name))
    own = names[0] if names and names[0] in wanted else ""
    shown = tuple(clean(name, provider.endpoint.key) for name in names[:LISTED])
    return Listing(shown, len(names) - len(shown), own)


async def _ask(provider: Provider, assistant: Assistant) -> Answer:
    """Return the beginning of its answer, as far as patience reaches. Raises ProviderError."""
    loop, told, text, seconds = asyncio.get_running_loop(), Told(), "", None
    began = loop.time()
    stream = provider.stream(_request(assistant), told)
    with suppress(TimeoutError):
        async with asyncio.timeout(_patience(assistant)), aclosing(stream):
            async for piece in stream:
                text += piece
                if seconds is None and text:
                    seconds = loop.time() - began
                if len(text) > ENOUGH:
                    break
            else:
                if not text and not told.thoughts:
                    raise ProviderError("empty", "The assistant gave no answer.")
    if not text and not told.thoughts:
        raise _silent(assistant)
    return Answer(clean(text, provider.endpoint.key), seconds, bool(told.thoughts))


def _request(assistant: Assistant) -> Request:
    request = request_of(assistant, (Turn(True, QUESTION),))
    fewer = min(TOKENS, assistant.max_tokens or TOKENS)
    return replace(request, parameters=replace(request.parameters, max_tokens=fewer))


def _patience(assistant: Assistant) -> float:
    return min(PATIENCE, assistant.first_timeout)


def _silent(assistant: Assistant) -> ProviderError:
    said = f"Nothing came in {_patience(assistant):g} seconds."
    return ProviderError("silent", "The assistant did not answer.", reason=said)


def _fault(assistant: Assistant, error: ProviderError) -> Fault:
    lacks_key = error.code == "wrong_key" and not assistant.key_variable
    mend = MENDS.get("no_variable" if lacks_key else error.code, OTHERWISE)
    return Fault(error.code, error.detail, error.reason, mend)
