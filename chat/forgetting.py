"""Forget me: everything of a person goes, and they with it."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chat import conversations, protocol
from chat.database import in_database
from chat.live.hub import hub
from chat.models import Conversation, Message, User
from chat.people import Person
from chat.protocol import Refused


async def forget(person: Person) -> None:
    """Delete everything of `person`: conversations, API keys, and their account.

    What is being written for them ends, and all their pages are cut off. Raises Refused
    (`conflict`) for the last superuser. If it breaks off halfway, it can be asked for again.
    """
    live = await in_database(_begin, person)
    await conversations.silence(live)
    await hub().leave_all(person.id, protocol.FORBIDDEN)
    while batch := await in_database(_some, person.id):
        await in_database(conversations.remove, batch)
    await in_database(_end, person)


def _begin(person: Person) -> list[UUID]:
    """Take away all conversations; return those in which something is being written."""
    with transaction.atomic():
        _check(person)
        own = Conversation.objects.filter(owner_id=person.id)
        own.filter(deleted=None).update(deleted=timezone.now())
        live = Message.objects.live().filter(conversation__owner=person.id)
        live.filter(lease="").silence()
        return list(live.values_list("conversation_id", flat=True).order_by().distinct())


def _end(person: Person) -> None:
    with transaction.atomic():
        _check(person)
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
