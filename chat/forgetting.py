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


async def begin(person: Person) -> None:
    """Take all conversations of `person` away, and end what is being written for them.

    Raises Refused (`conflict`) for the last superuser, of whom everything stays. After this they
    must be logged out, or their pages would come in again while `finish` deletes.
    """
    live = await in_database(_begin, person)
    await conversations.silence(live)


async def finish(person: Person) -> None:
    """Delete everything of `person`: conversations, API keys, and their account.

    All their pages are cut off. If it breaks off halfway, the conversations go all the same, as
    others that were deleted; an account can log in and ask for the rest again.
    """
    await hub().leave_all(person.id, protocol.FORBIDDEN)
    while batch := await in_database(_some, person.id):
        await conversations.remove(batch)
    await in_database(_end, person)
    await hub().leave_all(person.id, protocol.FORBIDDEN)  # who was on the way in meanwhile


def _begin(person: Person) -> list[UUID]:
    """Take away all conversations; return those in which something is being written."""
    with transaction.atomic():
        _check(person)
        own = Conversation.objects.filter(owner_id=person.id)
        own.filter(deleted=None).update(deleted=timezone.now())
        live = Message.objects.live().filter(conversation__owner=person.id)
        live.filter(lease="").silence()
        writing = list(live.values_list("conversation_id", flat=True).order_by().distinct())
    person.mark_forgotten()
    return writing


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
