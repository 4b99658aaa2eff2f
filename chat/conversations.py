"""The verbs of a conversation as a whole: all doors share them.

All raise Refused (`not_found`) for a conversation that is somebody else's, deleted or unknown.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import regex
from django.db import transaction
from django.utils import timezone

from chat import listing, protocol
from chat.database import in_database
from chat.live.hub import hub
from chat.models import Conversation, Message
from chat.people import Person
from chat.protocol import Refused
from chat.reply import run, titles

LONGEST_TITLE = 200
UNDO = timedelta(minutes=1)  # so long a deletion can be undone, at least
BATCH = 20  # conversations that are removed at a time, before others get their turn

_SEEN = regex.compile(r"[^\p{Z}\p{C}]")


async def rename(person: Person, id: UUID, title: str) -> Conversation:
    """Give it another title, on all pages that show it. Raises Refused (`bad_request`) too."""
    found = await in_database(_change, person, id, title=clean_title(title))
    await titles.tell(found)
    return found


async def pin(person: Person, id: UUID, pinned: bool) -> Conversation:
    """Let it stand on top of the list, where it comes back to if it was put away; or not."""
    return await _list_anew(person, id, pinned=pinned, **{"archived": False} if pinned else {})


async def archive(person: Person, id: UUID, archived: bool) -> Conversation:
    """Put it away, or back among the others."""
    return await _list_anew(person, id, archived=archived, **{"pinned": False} if archived else {})


async def delete(person: Person, id: UUID) -> Conversation:
    """Take it away, with everyone in it and what is being written; for UNDO it can come back."""
    found = await in_database(_delete, person, id)
    await silence([found.pk])
    await listing.tell_deleted(found)
    await hub().send_off(found.pk, protocol.NOT_FOUND)
    return found


async def restore(person: Person, id: UUID) -> Conversation:
    """Undo that it was deleted."""
    found = await in_database(_restore, person, id)
    await listing.tell(found)
    return found


async def silence(ids: Iterable[UUID]) -> None:
    """End every reply that is being written in these conversations, wherever that is."""
    gone = set(ids)
    await asyncio.gather(*(running.stop(None) for running in _runs_in(gone)))
    await in_database(_silence, gone)
    for running in _runs_in(gone):  # taken over here just now
        await running.lose()


def remove(batch: Iterable[UUID]) -> None:
    """Delete conversations with all that is in them, for good."""
    Conversation.objects.filter(pk__in=list(batch)).delete()


def own(person: Person, id: UUID) -> Conversation:
    """Return the conversation, without noting that anybody looked at it."""
    found = Conversation.objects.of(person.id).filter(pk=id).first()
    if found is None:
        raise _unknown()
    return found


def clean_title(value: Any) -> str:
    """Return `value` as a title: one line. Raises Refused (`bad_request`) if it is none."""
    if not isinstance(value, str):
        raise protocol.bad_request("title: must be a string")
    title = " ".join(value.split())
    if not _SEEN.search(title):
        raise protocol.bad_request("title: must not be empty or blank")
    if len(title) > LONGEST_TITLE:
        raise protocol.bad_request(f"title: must have at most {LONGEST_TITLE} characters")
    if control := regex.search(r"[\p{Cc}\p{Cs}]", title):
        raise protocol.bad_request(f"title: must not contain U+{ord(control[0]):04X}")
    return title


class Sweeper:
    """Removes, about once a minute, the conversations whose deletion nobody undid."""

    def __init__(self) -> None:
        self._next = 0.0

    async def look(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + UNDO.total_seconds()
        while batch := await in_database(_given_up):
            await in_database(remove, batch)


def _given_up() -> list[UUID]:
    gone = Conversation.objects.filter(deleted__lt=timezone.now() - UNDO)
    return list(gone.values_list("pk", flat=True)[:BATCH])


async def _list_anew(person: Person, id: UUID, **fields: bool) -> Conversation:
    found = await in_database(_change, person, id, **fields)
    await listing.tell(found)
    return found


def _change(person: Person, id: UUID, **fields: Any) -> Conversation:
    with transaction.atomic():
        Conversation.objects.of(person.id).filter(pk=id).update(**fields)
        return own(person, id)


def _delete(person: Person, id: UUID) -> Conversation:
    with transaction.atomic():
        found = own(person, id)
        if not Conversation.objects.of(person.id).filter(pk=id).update(deleted=timezone.now()):
            raise _unknown()
        # What waits in line is not begun any more when what is before it ends.
        found.messages.filter(lease="").silence()
        return found


def _restore(person: Person, id: UUID) -> Conversation:
    with transaction.atomic():
        Conversation.objects.filter(owner_id=person.id, pk=id).update(deleted=None)
        return own(person, id)


def _unknown() -> Refused:
    return Refused("not_found", "There is no such conversation.")


def _runs_in(conversations: set[UUID]) -> list[run.Run]:
    return [each for each in run.runs().values() if each.message.conversation_id in conversations]


def _silence(conversations: set[UUID]) -> None:
    Message.objects.filter(conversation__in=conversations).silence()
