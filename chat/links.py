"""Sharing: links by which others may watch a conversation, or take part in it."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chat import access, guard, limits, protocol
from chat.access import Right
from chat.database import in_database
from chat.models import Link
from chat.people import Person
from chat.protocol import Refused

MOST_LINKS = 50  # of one conversation, that lead somewhere


async def create(person: Person, conversation: UUID, right: Any) -> Link:
    """Make a link to a conversation that lets whoever has it `watch`, or `join`.

    Only its owner may, and who moderates it if it is a room.
    """
    return await in_database(_create, person, conversation, right)


async def revoke(person: Person, conversation: UUID, id: int) -> None:
    """Let a link lead nowhere; who watches by it is sent away. Who has a seat keeps it."""
    await in_database(_revoke, person, conversation, id)
    await guard.recheck(conversation)


def of(person: Person, conversation: UUID) -> list[Link]:
    """Return the links to a conversation that lead there, the newest first."""
    found = access.place(person, conversation, Right.MODERATE).conversation
    return list(found.links.filter(revoked=None).order_by("-pk"))


def _create(person: Person, conversation: UUID, right: Any) -> Link:
    if right not in Link.Right.values:
        raise protocol.bad_request("right: must be watch or join")
    limits.count_message(person)  # it too fills the database
    with transaction.atomic():
        found = access.place(person, conversation, Right.MODERATE, lock=True).conversation
        if found.links.filter(revoked=None).count() >= MOST_LINKS:
            raise Refused("conflict", f"There are {MOST_LINKS} links. Revoke one first.")
        return found.links.create(token=Link.new_token(), right=right, creator=person.user())


def _revoke(person: Person, conversation: UUID, id: int) -> None:
    with transaction.atomic():
        found = access.place(person, conversation, Right.MODERATE, lock=True).conversation
        if not found.links.filter(pk=id, revoked=None).update(revoked=timezone.now()):
            raise Refused("not_found", "There is no such link, or it is revoked already.")
