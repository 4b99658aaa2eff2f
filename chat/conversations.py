"""The verbs of a conversation as a whole: all doors share them.

All raise Refused (`not_found`) for a conversation that is somebody else's, deleted or unknown.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import regex
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import access, limits, listing, protocol
from chat.database import in_database
from chat.live.hub import hub
from chat.models import Conversation, Message, Version
from chat.people import Person
from chat.reply import run, titles

LONGEST_TITLE = 200
UNDO = timedelta(minutes=1)  # so long a deletion can be undone, at least
GOING = datetime(1970, 1, 1, tzinfo=UTC)  # when that was deleted of which some is gone already
BATCH = 20  # conversations that are looked for at a time, to remove them
SLICE = 500  # rows that are removed at a time, before others get their turn

# What leaves a mark: letters too can be invisible, as the fillers of Hangul and of Braille.
_SEEN = regex.compile(r"[^\p{Z}\p{C}\p{Default_Ignorable_Code_Point}\u2800]")


async def create(person: Person, title: str | None = None, end_user: str = "") -> Conversation:
    """Open a private conversation, for oneself or an end user; it is in their list at once.

    Raises Refused (`bad_request`) for a bad title.
    """
    title = "" if title is None else clean_title(title)
    made = await in_database(_create, person, title, end_user)
    if not end_user:
        await listing.tell(made)
    return made


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
    titles.silence(gone)
    await asyncio.gather(*(running.stop(None) for running in _runs_in(gone)))
    await in_database(_silence, gone)
    for running in _runs_in(gone):  # taken over here just now
        await running.lose()


async def remove(batch: Iterable[UUID]) -> None:
    """Delete conversations with all that is in them, for good; others get their turn between."""
    for id in batch:
        while await in_database(remove_slice, id):
            pass


def remove_slice(id: UUID) -> bool:
    """Delete the end of a conversation, at last itself; return whether there is more of it."""
    with transaction.atomic():
        Conversation.objects.filter(pk=id).update(deleted=GOING)
        newest = Message.objects.filter(conversation=id).order_by("-pk")
        messages = list(newest.values_list("pk", flat=True)[:SLICE])
        if _remove_versions(messages):
            return True
        _remove_messages(messages)
        if len(messages) < SLICE:
            Conversation.objects.filter(pk=id).delete()
        return len(messages) == SLICE


def remove_messages(messages: list[int]) -> None:
    """Delete messages, with all their versions; in a transaction."""
    while _remove_versions(messages):
        pass
    _remove_messages(messages)


def own(person: Person, id: UUID) -> Conversation:
    """Return a conversation of one's own, without noting that anybody looked at it."""
    found = Conversation.objects.of(person.id).filter(pk=id).first()
    if found is None:
        raise access.unknown()
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
            await remove(batch)


def _given_up() -> list[UUID]:
    gone = Conversation.objects.filter(deleted__lt=timezone.now() - UNDO)
    return list(gone.values_list("pk", flat=True)[:BATCH])


def _remove_versions(messages: list[int]) -> bool:
    """Delete a slice of the other versions of `messages`; return whether there may be more."""
    others = Version.objects.filter(message__in=messages)
    versions = list(others.values_list("pk", flat=True)[:SLICE])
    _remove_rows(Version.objects.filter(pk__in=versions))
    return len(versions) == SLICE


def _remove_messages(messages: list[int]) -> None:
    # Who points to a message is newer, and gone with it or before; the database insists on that.
    stay = Message.objects.exclude(pk__in=messages)
    stay.filter(reply_to__in=messages).update(reply_to=None)
    stay.filter(branch_of__in=messages).update(branch_of=None)
    _remove_rows(Message.objects.filter(pk__in=messages))


def _remove_rows(rows: QuerySet[Any]) -> None:
    # Django's own way reads all that is deleted, with its texts, to find out what hangs on it.
    rows._raw_delete(rows.db)


def _create(person: Person, title: str, end_user: str) -> Conversation:
    limits.count_message(person)  # it too fills the database
    owner, now = person.user(), timezone.now()
    return Conversation.objects.create(owner=owner, title=title, end_user=end_user, written=now)


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
            raise access.unknown()
        # What waits in line is not begun any more when what is before it ends.
        found.messages.filter(lease="").silence()
        return found


def _restore(person: Person, id: UUID) -> Conversation:
    with transaction.atomic():
        whole = Conversation.objects.filter(owner_id=person.id, pk=id).exclude(deleted=GOING)
        whole.update(deleted=None)
        return own(person, id)


def _runs_in(conversations: set[UUID]) -> list[run.Run]:
    return [each for each in run.runs().values() if each.message.conversation_id in conversations]


def _silence(conversations: set[UUID]) -> None:
    Message.objects.filter(conversation__in=conversations).silence()
