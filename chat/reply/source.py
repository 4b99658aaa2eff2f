"""Where the text of a reply comes from: its script, a model, or who stands in for them."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from chat import protocol, scripts
from chat.assistants import scripted
from chat.assistants.base import ProviderError, Told
from chat.assistants.kinds import carries_on
from chat.assistants.scripted import Occasion
from chat.database import in_database
from chat.live.hub import LiveReply, hub
from chat.models import Assistant, Message
from chat.process import PROCESS
from chat.reply.asking import Asking
from chat.reply.cleaner import Cleaner

logger = logging.getLogger(__name__)

Text = AsyncGenerator[str, None]


class Lost(Exception):
    """The text breaks off where its writer went away, and nobody carries it on unasked."""


class Source:
    """The text of the reply `message`, from where it ends.

    `found` says that nobody asked for it just now: its writer is gone, and it was found.
    """

    def __init__(self, message: Message, live: LiveReply, *, found: bool) -> None:
        self.message = message
        self.note = ("", "")  # code and words: what there is to say of a text that is complete
        self._live = live
        self._found = found
        self._asking: Asking | None = None
        self._room = settings.LONGEST_REPLY - len(message.text)
        self._is_new = not message.text  # and nothing was shown of it yet

    @property
    def at_once(self) -> bool:
        """Whether text leaves the moment it comes, instead of in bursts."""
        assistant = self.message.assistant
        return self.message.is_by_model and assistant is not None and not assistant.paced

    @property
    def is_model(self) -> bool:
        return self._asking is not None

    async def text(self) -> Text:
        """Yield what is still to be written. Raises ProviderError, Lost."""
        assistant = self.message.assistant
        assert assistant is not None, "a reply is an assistant's"
        breaks_off = self._found and self.message.text and self.message.is_by_model
        if breaks_off and not carries_on(assistant.kind, assistant.prefill):
            raise Lost
        async with aclosing(self._by(assistant, {assistant.pk})) as pieces:
            async for piece in pieces:
                yield piece

    async def _by(self, assistant: Assistant, asked: set[int]) -> Text:
        """Yield the text by `assistant`, or if it has none to give by who stands in for it."""
        stand_in = None
        try:
            by_model = self.message.is_by_model
            pieces = self._from_model(assistant) if by_model else self._from_script()
            async with aclosing(pieces):
                async for piece in pieces:
                    self._is_new = self._is_new and not piece
                    yield piece
        except ProviderError as error:
            stand_in = await self._stand_in(assistant, asked, error)
            if stand_in is None:
                raise
        if stand_in is not None:
            async with aclosing(self._by(stand_in, asked)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _from_script(self) -> Text:
        yield self.message.script[len(self.message.text) :]

    async def _from_model(self, assistant: Assistant) -> Text:
        """Yield clean text, and not more than a reply may have."""
        self._asking = Asking(assistant, self.message, self._live)
        cleaner = Cleaner()
        async with aclosing(self._asking.text()) as pieces:
            async for piece in pieces:
                yield (text := cleaner.feed(piece)[: self._room])
                self._room -= len(text)
                if not self._room:
                    self.note = _too_long()
                    return
        yield cleaner.flush()
        if self._asking.told.at_limit:
            self.note = ("cut_short", "The model stopped here, at its limit.")
        if self._is_new:
            raise ProviderError("empty", "The assistant gave no answer.", permanent=True)

    async def _stand_in(
        self, assistant: Assistant, asked: set[int], error: ProviderError
    ) -> Assistant | None:
        """Return who answers instead, with the reply in their name; None if nobody does."""
        if not self._is_new:
            return None
        found = await in_database(self._hand_over, assistant, asked)
        if found is not None:
            logger.info("%s answers instead of %s: %s", found.slug, assistant.slug, error.code)
            frame = protocol.frame("message.changed", message=self.message.as_frame())
            await hub().publish(self.message.conversation_id, frame, about=self.message.pk)
        return found

    def _hand_over(self, assistant: Assistant, asked: set[int]) -> Assistant | None:
        question = self.message.reply_to
        occasion = Occasion(
            scripted.MESSAGE,
            returning=question is not None and question.is_not_the_first(),
            now=timezone.now(),
            message=question.text if question else "",
        )
        name = str(question.author) if question else ""
        content = scripts.answer(assistant.fallback, occasion, name, asked)
        if content is not None:
            self.message.content = content
            Message.objects.written_by(PROCESS).filter(pk=self.message.pk).update(**content)
        return self.message.assistant if content else None

    async def keep_told(self) -> None:
        """Save what the model told beside the text. Nothing hangs on that."""
        told = _kept(self._asking.told) if self._asking else {}
        if not told:
            return
        self.message.content = told
        ours = Message.objects.written_by(PROCESS).filter(pk=self.message.pk)
        try:
            await in_database(lambda: ours.update(**told))
        except DatabaseError as error:
            logger.error("what a model told cannot be saved: %s", error)


def _kept(told: Told) -> dict[str, object]:
    thoughts = Cleaner().feed("".join(told.thoughts))[: settings.LONGEST_REPLY]
    columns = {
        "tokens_in": _number(told.tokens_in),
        "tokens_out": _number(told.tokens_out),
        "thoughts": thoughts,
        "thought": len(thoughts),
    }
    return {name: value for name, value in columns.items() if value}


def _number(told: object) -> int | None:
    """Return how many tokens a provider says there were; None if it says no number."""
    return told if isinstance(told, int) and 0 <= told < 2**31 else None


def _too_long() -> tuple[str, str]:
    return ("too_long", f"The reply was ended at {settings.LONGEST_REPLY:,} characters.")
