"""The list of somebody's conversations: what stands in it, and how their pages hear of changes."""

import asyncio
import logging
import uuid
from collections import defaultdict
from typing import Any

from django.db import DatabaseError
from django.db.models import F, Max, Q

from chat import access, protocol
from chat.database import in_database
from chat.live.hub import hub
from chat.live.per_loop import PerLoop, on_its_own
from chat.live.relay import EVERYONE, here, relay
from chat.live.ticker import ticker
from chat.models import Conversation, Membership, Message

PAGE = 50  # conversations at a time
COUNTING = 1.0  # seconds; members hear at most so often how much is new in a room
CHUNK = 500  # people that are asked for at a time
MOST_UNREAD = 100  # what is more is not counted

logger = logging.getLogger(__name__)

Entry = dict[str, Any]


def entries(
    owner: uuid.UUID, *, archived: bool = False, after: uuid.UUID | None = None
) -> tuple[list[Entry], bool]:
    """Return the next PAGE entries (behind the conversation `after`), and whether there are more.

    Raises Refused (`not_found`) if there is no conversation `after`.
    """
    found, more = page(owner, archived=archived, after=after)
    return [{**each.as_entry(), "typing": each.typing} for each in found], more


def page(
    owner: uuid.UUID,
    *,
    end_user: str = "",
    archived: bool = False,
    after: uuid.UUID | None = None,
    size: int = PAGE,
) -> tuple[list[Conversation], bool]:
    """Return the next `size` of somebody's own, or their end user's; and whether there are more.

    Raises Refused (`not_found`) if there is no conversation `after`.
    """
    # Not `archived=False`: to SQLite that is an expression, for which it has no index.
    own = Conversation.objects.of(owner).filter(end_user=end_user)
    listed = own.filter(archived__in=[archived]).listed()
    if after is not None:
        listed = listed.after(_last(owner, after))
    found = list(listed.with_typing()[: size + 1])
    return found[:size], len(found) > size


def joined(person: uuid.UUID) -> list[Entry]:
    """Return the rooms, and others' conversations, in which `person` has a seat: newest first.

    Each with `unread`, how many messages came since they were there (at most MOST_UNREAD), and
    `upto`, the newest message that may be among them: what is told of it later was counted.
    """
    upto = Message.objects.aggregate(newest=Max("pk"))["newest"] or 0
    seats = Membership.objects.seats().filter(person=person, conversation__deleted=None)
    newest = F("conversation__written").desc(nulls_last=True)
    found = list(seats.select_related("conversation").order_by(newest, "-pk")[:PAGE])
    return [
        {**seat.conversation.as_entry(), "unread": _unread(seat, upto), "upto": upto}
        for seat in found
    ]


async def rooms(person: uuid.UUID) -> list[Entry]:
    """Return what `joined` does, but nothing is unread where they are just reading it."""
    entries = await in_database(joined, person)
    reading = [entry for entry in entries if hub().watches(person, uuid.UUID(entry["id"]))]
    for entry in reading:
        entry["unread"] = 0
    return entries


def count_up(room: Conversation, *messages: Message) -> None:
    """Note new messages in a room; those who have a seat there and are elsewhere hear of it."""
    if room.has_company:
        _news().count(room.pk, [message.pk for message in messages])


def listen() -> None:
    """Tell those who are connected here, too, what is new in rooms by way of other processes."""
    relay().on("news", _tell_here)


class News:
    """Which messages are new in each room, since its members were told."""

    def __init__(self) -> None:
        self._new: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
        self._telling: asyncio.Task[None] | None = None

    def count(self, room: uuid.UUID, messages: list[int]) -> None:
        self._new[room] += messages
        ticker().add(self._tell, COUNTING)

    async def _tell(self, now: float) -> None:
        if self._telling is not None and not self._telling.done():
            return  # the database takes its time, and this is the ticker that types
        new, self._new = self._new, defaultdict(list)
        if not new:
            ticker().remove(self._tell)
        else:
            news = [(room, messages[-MOST_UNREAD:]) for room, messages in new.items()]
            relay().tell(EVERYONE, "news", news)
            self._telling = on_its_own(_tell_here(news))


async def _tell_here(news: list[tuple[uuid.UUID, list[int]]]) -> None:
    """Tell who has a seat in rooms, and is elsewhere, which messages are new to them there."""
    for conversation, messages in news:
        people = hub().here()
        elsewhere = [each for each in people if not hub().watches(each, conversation)]
        if not elsewhere:  # often all are here; and those who are not are few among the members
            continue
        try:
            seated = await in_database(_seated, conversation, elsewhere)
        except DatabaseError as error:  # the list says it when it is read again
            logger.error("what is new in a room cannot be told: %s", error)
            return
        for person, seen in seated:
            if new := [message for message in messages if message > seen]:
                frame = protocol.frame("conversation", id=str(conversation), unread=True, new=new)
                await here(hub(), "tell_person")(person, frame)


_news = PerLoop(News)


async def tell(conversation: Conversation, *, but_in: uuid.UUID | None = None, **news: Any) -> None:
    """Tell all pages of its owner, but those in the conversation `but_in`, how it is listed."""
    frame = protocol.frame("conversation", **conversation.as_entry(), **news)
    await hub().tell_person(conversation.owner_id, frame, not_in=but_in)


async def tell_read(conversation: Conversation) -> None:
    """Tell the owner's other pages that what is new in it is being read."""
    frame = protocol.frame("conversation", id=str(conversation.pk), unread=False)
    await hub().tell_person(conversation.owner_id, frame, not_in=conversation.pk)


async def tell_seen(person: uuid.UUID, conversation: Conversation) -> None:
    """Tell the other pages of `person`, who has a seat there, that they are reading what is new."""
    frame = protocol.frame("conversation", id=str(conversation.pk), unread=False)
    await hub().tell_person(person, frame, not_in=conversation.pk)


async def tell_deleted(conversation: Conversation) -> None:
    """Tell all pages of its owner that it is gone."""
    frame = protocol.frame("conversation", id=str(conversation.pk), deleted=True)
    await hub().tell_person(conversation.owner_id, frame)


def _unread(seat: Membership, upto: int) -> int:
    others = Message.objects.filter(~Q(person=seat.person_id), conversation=seat.conversation_id)
    new = others.filter(branch_of=None, pk__gt=seat.seen, pk__lte=upto).values("pk")[:MOST_UNREAD]
    return new.count()


def _seated(conversation: uuid.UUID, people: list[uuid.UUID]) -> list[tuple[uuid.UUID, int]]:
    """Return which of `people` have a seat there, and the newest message that each has seen."""
    seats = Membership.objects.seats().filter(conversation=conversation)
    seated: list[tuple[uuid.UUID, int]] = []
    for start in range(0, len(people), CHUNK):
        some = seats.filter(person__in=people[start : start + CHUNK])
        seated += some.values_list("person", "seen")
    return seated


def _last(owner: uuid.UUID, id: uuid.UUID) -> Conversation:
    # Also one that was deleted a moment ago: where it stood is still known.
    own = Conversation.objects.filter(owner_id=owner, written__isnull=False)
    found = own.filter(pk=id).first()
    if found is None:
        raise access.unknown()
    return found
