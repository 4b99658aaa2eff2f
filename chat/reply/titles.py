"""A conversation's title, made from its first exchange."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import aclosing
from uuid import UUID

import regex

from chat import protocol
from chat.assistants.base import Parameters, ProviderError, Request, Told, Turn
from chat.characters import split
from chat.database import in_database
from chat.live.hub import hub
from chat.live.per_loop import PerLoop
from chat.models import Assistant, Conversation, Message
from chat.reply.cleaner import Cleaner
from chat.reply.providers import switchboard

LONGEST = 60  # characters
PATIENCE = 30.0  # seconds for a model to find one
EXCERPT = 2000  # code points of each side that it is shown
ASK = (
    "Give this conversation a title of at most six words, in its own language."
    " Answer with the title only, without quotation marks."
)

logger = logging.getLogger(__name__)

_asking: PerLoop[dict[UUID, asyncio.Task[str]]] = PerLoop(dict)


async def give(reply: Message) -> None:
    """Give the conversation of `reply`, which has ended, a title if it has none yet."""
    conversation = reply.conversation
    if conversation.title:
        return
    title = await _asked_for(reply) if reply.is_by_model and reply.text else ""
    if title := await in_database(_save, reply, title):
        conversation.title = title
        await tell(conversation)


def silence(conversations: Iterable[UUID]) -> None:
    """Ask no model any more for titles of these conversations."""
    for conversation in conversations:
        if asking := _asking().get(conversation):
            asking.cancel()


async def tell(conversation: Conversation) -> None:
    """Tell those who are in the conversation its title, and its owner's other pages."""
    id, title = conversation.pk, conversation.title
    await hub().publish(id, protocol.frame("title", title=title))
    listed = protocol.frame("conversation", id=str(id), title=title)
    await hub().tell_person(conversation.owner_id, listed, not_in=id)


def from_words(text: str) -> str:
    """Return the beginning of `text`, cut between two words, as a title."""
    words = " ".join(text.split())
    characters = split(words)
    if len(characters) <= LONGEST:
        return words
    beginning = "".join(characters[:LONGEST])
    whole = regex.sub(r"\s\S*\Z", "", beginning)
    return regex.sub(r"\p{P}*\s*\Z", "", whole) + "…"


async def _asked_for(reply: Message) -> str:
    """Return the title that a model gives; empty if it gives none, or there is one already."""
    question = await in_database(_untitled, reply)
    if question is None or reply.assistant is None:
        return ""
    asking = asyncio.create_task(_by_model(reply.assistant, question, reply))
    _asking()[reply.conversation_id] = asking
    await asyncio.wait({asking})
    _asking().pop(reply.conversation_id, None)
    return "" if asking.cancelled() else asking.result()


async def _by_model(assistant: Assistant, question: Message, reply: Message) -> str:
    """Return the title that the model gives; empty if it gives none in time."""
    turns = (
        Turn(True, question.text[:EXCERPT]),
        Turn(False, reply.text[:EXCERPT]),
        Turn(True, ASK),
    )
    request = Request(assistant.model, turns, parameters=Parameters(max_tokens=200))
    try:
        async with asyncio.timeout(PATIENCE):
            return _tidy(await _answer(assistant, request))
    except (ProviderError, TimeoutError) as error:
        logger.info("%s gave no title: %s", assistant.slug, getattr(error, "code", "too slow"))
        return ""


async def _answer(assistant: Assistant, request: Request) -> str:
    connected = await switchboard().connect(assistant)
    text = ""
    stream = connected.provider.stream(request, Told())
    async with connected.slots.slot("titles", lambda place: None), aclosing(stream):
        async for piece in stream:
            text += piece
            if len(text) > EXCERPT:
                break
    return text


def _tidy(answer: str) -> str:
    clean = Cleaner().feed(answer).strip()
    line = clean.splitlines()[0] if clean else ""
    return from_words(regex.sub(r"^(?:#+\s*|\*+|[Tt]itle:)|\*+$", "", line).strip(" \"'“”„«»*"))


def _untitled(reply: Message) -> Message | None:
    """Return what `reply` answers if their conversation has no title yet."""
    found = Conversation.objects.filter(pk=reply.conversation_id, title="", deleted=None)
    return reply.reply_to if found.exists() else None


def _save(reply: Message, title: str) -> str:
    """Save a title, without one the words that `reply` answers, if there is none yet; return it."""
    if not title and reply.reply_to is not None:
        title = from_words(reply.reply_to.text)
    unnamed = Conversation.objects.filter(pk=reply.conversation_id, title="", deleted=None)
    return title if title and unnamed.update(title=title[:200]) else ""
