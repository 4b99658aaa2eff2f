"""Forget me: everything of a person goes, and they with it."""

from collections import defaultdict
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat import conversations, guard, protocol, rooms
from chat.database import in_database
from chat.live.hub import hub
from chat.models import Conversation, Membership, Message, Messages, User
from chat.people import Person
from chat.protocol import Refused
from chat.reply import run

Said = dict[UUID, list[int]]  # ids of messages, by conversation


async def begin(person: Person) -> None:
    """Take all conversations of `person` away, and end what is being written for them.

    Rooms that are theirs are handed over; what they said there goes with `finish`.

    Raises Refused (`conflict`) for the last superuser, of whom everything stays. After this they
    must be logged out, or their pages would come in again while `finish` deletes.
    """
    live, in_line, rooms_left = await in_database(_begin, person)
    await conversations.silence(live)
    await tell_removed(in_line)
    await _silence_elsewhere(person)
    for room in rooms_left:
        await guard.recheck(room)


async def finish(person: Person) -> None:
    """Delete everything of `person`: conversations, API keys, and their account.

    All their pages are cut off. If it breaks off halfway, the conversations go all the same, as
    others that were deleted; an account can log in and ask for the rest again.
    """
    await hub().leave_all(person.id, protocol.FORBIDDEN)
    while gone := await in_database(remove_said, person.id):
        await tell_removed(gone)
    while batch := await in_database(_some, person.id):
        await conversations.remove(batch)
    await in_database(_end, person)
    await hub().leave_all(person.id, protocol.FORBIDDEN)  # who was on the way in meanwhile


def remove_said(person: UUID) -> Said:
    """Delete some of what somebody said where others are too; return it, nothing at the end.

    Those who are there must be told.
    """
    with transaction.atomic():
        newest = _said_elsewhere(person).order_by("-pk")[: conversations.SLICE]
        return _removed(list(newest.values_list("conversation", "pk")))


async def tell_removed(gone: Said) -> None:
    """Tell those who are there that these messages are gone."""
    for conversation, messages in gone.items():
        await hub().take_away(conversation, messages)


def _removed(messages: list[tuple[UUID, int]]) -> Said:
    conversations.remove_messages([id for _, id in messages])
    gone: Said = defaultdict(list)
    for conversation, id in messages:
        gone[conversation].append(id)
    return gone


async def _silence_elsewhere(person: Person) -> None:
    """End what is being written for `person` where others are too."""
    asked = await in_database(lambda: set(_asked_elsewhere(person.id).values_list("pk", flat=True)))
    for running in [each for id, each in run.runs().items() if id in asked]:
        await running.stop(None)
    await in_database(Message.objects.filter(pk__in=asked).silence)


def _asked_elsewhere(person: UUID) -> Messages:
    return Message.objects.live().exclude(conversation__owner=person).filter(asked_by=person)


def _said_elsewhere(person: UUID) -> Messages:
    others = ~Q(conversation__owner=person) | Q(conversation__owner=None)
    return Message.objects.filter(others, person=person)


def _begin(person: Person) -> tuple[list[UUID], Said, list[UUID]]:
    """Take away all conversations, and every seat.

    Return those in which something is being written, what waited in line in others and is gone,
    and the rooms that have another owner now.
    """
    with transaction.atomic():
        _check(person)
        own = Conversation.objects.filter(owner_id=person.id)
        own.filter(deleted=None).update(deleted=timezone.now())
        live = Message.objects.live().filter(conversation__owner=person.id)
        live.filter(lease="").silence()
        writing = list(live.values_list("conversation_id", flat=True).order_by().distinct())
        waiting = _asked_elsewhere(person.id).filter(lease="")
        in_line = _removed(list(waiting.values_list("conversation", "pk")))
        rooms_left = rooms.hand_over_all([person.id])
        # Whoever was banned stays so until the account is gone.
        Membership.objects.seats().filter(person=person.id).delete()
    person.mark_forgotten()
    return writing, in_line, rooms_left


def _end(person: Person) -> None:
    with transaction.atomic():
        _check(person)
        person.mark_forgotten()  # for a while from now on: the deletion may have taken its time
        User.objects.filter(pk=person.id).delete()
        Conversation.objects.filter(owner_id=person.id).delete()  # opened meanwhile


def _check(person: Person) -> None:
    superusers = User.objects.filter(is_superuser=True, is_active=True).select_for_update()
    ids = set(superusers.values_list("pk", flat=True))
    if ids == {person.id}:
        detail = "You are the only administrator. Make somebody else one first."
        raise Refused("conflict", detail)


def _some(owner: UUID) -> list[UUID]:
    own = Conversation.objects.filter(owner_id=owner)
    return list(own.values_list("pk", flat=True)[: conversations.BATCH])
