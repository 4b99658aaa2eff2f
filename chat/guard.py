"""Looks again whether those who are connected may still be there, when that may have changed.

The verbs that change it ask at once; and as another process, or staff, may have changed it too,
everybody is looked at again every few seconds.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from chat import access, protocol
from chat.database import in_database
from chat.live.hub import hub
from chat.live.relay import EVERYONE, group_of_conversation, group_of_person, relay
from chat.models import ApiKey, Conversation, Link, User

LOOK_EVERY = 10.0  # seconds
CHUNK = 500  # people, or conversations, that are asked for at a time


def listen() -> None:
    """Look again, too, when another process says that something has changed."""
    relay().on("recheck", look_at)
    relay().on("recheck_keys", look_at_keys)
    relay().on("recheck_person", look_at_person)


async def recheck(conversation: UUID) -> None:
    """Look at those who are in `conversation`, in whatever process, as `look_at` does."""
    relay().tell(group_of_conversation(conversation), "recheck", conversation)
    await look_at(conversation)


async def recheck_keys() -> None:
    """Look at those who came by an API key, in whatever process, as `look_at_keys` does."""
    relay().tell(EVERYONE, "recheck_keys")
    await look_at_keys()


async def recheck_person(person: UUID) -> None:
    """Look at somebody, in whatever process, as `look_at_person` does."""
    relay().tell(group_of_person(person), "recheck_person", person)
    await look_at_person(person)


async def look_at(conversation: UUID) -> None:
    """Close the connections of those who may not read `conversation`; say to others who they are.

    Who has other rights now reads the conversation anew, and learns it by that.
    """
    watching = hub().watching(conversation)
    people = {viewer.person for viewer in watching if viewer.link is None}
    links = {viewer.link for viewer in watching if viewer.link is not None}
    roles, alive, is_there = await in_database(_look, conversation, people, links)
    for viewer in watching:
        if not is_there:
            await viewer.close(protocol.NOT_FOUND)
        elif viewer.link is not None:
            if viewer.link not in alive:
                await viewer.close(protocol.FORBIDDEN)
        elif viewer.person not in roles:
            await viewer.close(protocol.FORBIDDEN)
        elif viewer.role != roles[viewer.person]:
            former, viewer.role = viewer.role, roles[viewer.person]
            if access.RIGHTS[former] != access.RIGHTS[viewer.role]:
                hub().renew_one(viewer)


async def look_at_keys() -> None:
    """Close the connections that programs opened with API keys that are gone by now."""
    came = [viewer for viewer in hub().everyone() if viewer.api_key is not None]
    keys = list({viewer.api_key for viewer in came if viewer.api_key is not None})
    known: set[int] = set()
    for start in range(0, len(keys), CHUNK):
        known |= await in_database(_known, keys[start : start + CHUNK])
    for viewer in came:
        if viewer.api_key not in known:
            await viewer.close(protocol.NOT_SIGNED_IN)


async def look_at_person(person: UUID) -> None:
    """Look again at somebody who may have other rights now, wherever they are."""
    for conversation in {each.conversation for each in hub().everyone() if each.person == person}:
        await look_at(conversation)


class Guard:
    """Looks at everybody again, every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    async def look(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_EVERY
        watched = hub().watched()
        for start in range(0, len(watched), CHUNK):
            some = watched[start : start + CHUNK]
            for conversation in await in_database(_doubtful, some, _people_in(some)):
                await look_at(conversation)
        await look_at_keys()


def _people_in(conversations: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    people: dict[UUID, set[UUID]] = defaultdict(set)
    for conversation in conversations:
        for viewer in hub().watching(conversation):
            people[conversation].add(viewer.person)
    return people


def _doubtful(conversations: list[UUID], people: dict[UUID, set[UUID]]) -> list[UUID]:
    """Return those in which others than their owner are, or one who was switched off."""
    alive = Conversation.objects.filter(pk__in=conversations, deleted=None)
    owners = dict(alive.values_list("pk", "owner"))
    everybody = list({person for those in people.values() for person in those})
    off: set[UUID] = set()
    for start in range(0, len(everybody), CHUNK):
        some = User.objects.filter(pk__in=everybody[start : start + CHUNK], is_active=False)
        off |= set(some.values_list("pk", flat=True))
    return [id for id in conversations if people[id] != {owners.get(id)} or people[id] & off]


def _known(keys: list[int]) -> set[int]:
    return set(ApiKey.objects.filter(pk__in=keys).values_list("pk", flat=True))


def _look(
    conversation: UUID, people: set[UUID], links: set[int]
) -> tuple[dict[UUID, str], set[int], bool]:
    """Return the roles of those of `people` who may read, those of `links` that still lead, and
    whether the conversation is there.
    """
    roles: dict[UUID, str] = {}
    everybody = list(people)
    for start in range(0, len(everybody), CHUNK):
        roles |= access.readers(everybody[start : start + CHUNK], conversation)
    is_there = Conversation.objects.filter(pk=conversation, deleted=None).exists()
    leading = Link.objects.filter(pk__in=links, revoked=None, conversation__deleted=None)
    return roles, set(leading.values_list("pk", flat=True)), is_there
