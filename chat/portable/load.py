"""A conversation out of a file: everything in it, or nothing."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pydantic import ValidationError

from chat import answers, limits, listing
from chat.database import in_database
from chat.models import Assistant, Conversation, Message, Version
from chat.people import Person
from chat.portable import places, schema
from chat.portable.places import Misplaced
from chat.portable.schema import Content, Document, Entry
from chat.protocol import LARGEST_BODY, LARGEST_FRAME, Refused
from chat.reply import titles

LARGEST = LARGEST_BODY  # bytes of a file
BATCH = 500  # rows at a time


async def take_in(person: Person, data: bytes) -> Conversation:
    """Make a new conversation of `person` out of the file `data`, and tell their pages.

    Everything that was said by people is the importer's. Raises Refused: `unprocessable` with
    the line and the reason where it is no such file, `rate_limited`, `conflict`, `forbidden`.
    """
    made = await in_database(_load, person, data)
    await listing.tell(made)
    return made


def _load(person: Person, data: bytes) -> Conversation:
    limits.count_message(person, 1 + len(data) // LARGEST_FRAME)
    try:
        document = _document(data)
    except Misplaced as misplaced:
        raise Refused("unprocessable", str(misplaced)) from None
    with transaction.atomic():
        return _Importer(person).take(document)


def _document(data: bytes) -> Document:
    text, value = places.read(data)
    try:
        document = Document.model_validate(value)
    except ValidationError as error:
        raise _misplaced(text, *schema.fault(error)) from None
    for index, entry in enumerate(document.messages):
        if entry.reply_to is not None and not _asks(document.messages, index, entry.reply_to):
            path = ("messages", index, "reply_to")
            raise _misplaced(text, path, "must be the number of something oneself wrote before")
    return document


def _asks(messages: list[Entry], before: int, number: int) -> bool:
    return number <= before and messages[number - 1].author == "me"


def _misplaced(text: str, path: tuple[str | int, ...], reason: str) -> Misplaced:
    names = [part for part in path if isinstance(part, str)]
    # A reason may name the field itself, where several had to be seen together.
    what = [] if ": " in reason else names[-1:] or ["the file"]
    return Misplaced(places.line_of(text, path), ": ".join([*(n[:40] for n in what), reason]))


class _Importer:
    def __init__(self, person: Person) -> None:
        self._user = person.user()
        offered = answers.offered_to(person)
        self._assistants = {assistant.slug: assistant for assistant in offered}
        # What was said by somebody unknown here is put in the mouth of who usually answers.
        self._usual = offered.first() or Assistant.objects.in_order().first()

    def take(self, document: Document) -> Conversation:
        mine = next((entry.text for entry in document.messages if entry.author == "me"), "")
        conversation = Conversation.objects.create(
            owner=self._user,
            title=" ".join(document.title.split()) or titles.from_words(mine),
            created=document.created or document.messages[0].created,
            written=timezone.now(),
        )
        messages = [self._message(conversation.pk, entry) for entry in document.messages]
        Message.objects.bulk_create(messages, BATCH)
        self._join(document, messages)
        return conversation

    def _message(self, conversation: UUID, entry: Entry) -> Message:
        whose: dict[str, Any] = {"person": self._user} if entry.author == "me" else {}
        return Message(
            conversation_id=conversation,
            version=entry.version,
            versions=len(entry.others) + 1,
            **whose,
            **self._content(entry, is_reply=not whose),
        )

    def _join(self, document: Document, messages: list[Message]) -> None:
        """Say what answers what, and keep the versions that are not shown."""
        replies: dict[int, list[int]] = defaultdict(list)  # how far before them is what they answer
        versions = []
        for entry, message in zip(document.messages, messages, strict=True):
            if entry.reply_to is not None:
                replies[message.pk - messages[entry.reply_to - 1].pk].append(message.pk)
            numbers = (n for n in range(1, message.versions + 1) if n != message.version)
            for number, other in zip(numbers, entry.others, strict=True):
                content = self._content(other, is_reply=entry.author == "assistant")
                versions.append(Version(message=message, number=number, **content))
        for distance, keys in replies.items():  # few, mostly: a bulk_update takes seconds
            for start in range(0, len(keys), BATCH):
                some = Message.objects.filter(pk__in=keys[start : start + BATCH])
                some.update(reply_to=F("pk") - distance)
        Version.objects.bulk_create(versions, BATCH)

    def _content(self, content: Content, *, is_reply: bool) -> dict[str, Any]:
        error = content.error
        return {
            "assistant": self._assistant(content) if is_reply else None,
            "text": content.text,
            "status": content.status,
            "created": content.created,
            "ended": content.created if is_reply else None,
            "error_code": error.code if error else "",
            "error_detail": error.detail if error else "",
            "thoughts": content.thoughts,
            "thought": len(content.thoughts),
        }

    def _assistant(self, content: Content) -> Assistant:
        slug = content.assistant.slug if content.assistant else ""
        found = self._assistants.get(slug, self._usual)
        if found is None:
            raise Refused("conflict", "There is no assistant here to whom replies could belong.")
        return found
