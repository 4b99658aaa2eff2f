"""The verbs of a room, and of the people in it: all doors share them.

All raise Refused, with a message for people, where somebody may not, or gives what cannot be.
"""

import secrets
from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4, uuid5

import regex
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.text import slugify

from chat import access, guard, limits, protocol
from chat.access import RIGHTS, Right
from chat.conversations import clean_title, silence
from chat.conversations import remove as remove_conversations
from chat.database import in_database
from chat.live.hub import hub
from chat.live.presence import presence
from chat.models import Assistant, Assistants, Conversation, Link, Membership, User
from chat.people import Person
from chat.protocol import Refused

LONGEST_DESCRIPTION = 500
MOST_ROOMS = 50  # that one person owns
RESERVED = {"new"}  # addresses that are pages

Role = Membership.Role


async def create(person: Person, key: str | None = None, **wishes: Any) -> Conversation:
    """Open a room that `person` owns; `wishes` as for `change`, at least a `title`.

    The same `key` again returns the same room, and opens none.
    """
    return await in_database(_create, person, clean(wishes), key)


async def change(
    person: Person, id: UUID, was: dict[str, Any] | None = None, **wishes: Any
) -> Conversation:
    """Change what a room is like: `title`, `description`, `listed`, `answers`, `assistant`.

    `answers` is one of Conversation.Answers; `assistant` the slug of who answers there, or empty.
    With `was`, its settings when somebody began to change them, it raises Refused (`conflict`,
    with the settings of `now`) if anybody else has changed them since.
    """
    room = await in_database(_change, person, id, clean(wishes), was)
    await tell(room)
    return room


def settings(room: Conversation) -> dict[str, Any]:
    """Return what `change` can change of a room, as it is now."""
    told = {name: getattr(room, name) for name in ("title", "description", "listed", "answers")}
    return {**told, "assistant": room.assistant.slug if room.assistant else ""}


async def close(person: Person, id: UUID, closed: bool = True) -> Conversation:
    """Let nobody write in a room any more, and end what is being written there; or let them."""
    room = await in_database(_close, person, id, closed)
    await tell(room)
    if closed:
        await silence([room.pk])
    return room


def with_seat(person: Person) -> QuerySet[Conversation]:
    """Return all rooms, each with `seat`: the role of `person` there, None if they have none."""
    here = Membership.objects.filter(person=person.id, conversation=OuterRef("pk"))
    rooms = Conversation.objects.rooms().select_related("assistant")
    return rooms.annotate(seat=Subquery(here.values("role")))


def seen_by(person: Person) -> QuerySet[Conversation]:
    """Return the rooms that `person` may find, with their seats, in the order of addresses."""
    listed = Q(seat=None, listed=True) | Q(seat__in=(Role.OWNER, Role.MODERATOR, Role.MEMBER))
    return with_seat(person).filter(listed).order_by("slug")


def people(person: Person, id: UUID, after: int, size: int) -> list[Membership]:
    """Return who has a seat, or is banned, behind the seat `after`. For who moderates the room."""
    room = access.place(person, id, Right.MODERATE).conversation
    seats = room.memberships.select_related("person").filter(pk__gt=after)
    return list(seats.order_by("pk")[:size])


def seat(person: Person, id: UUID, whom: UUID) -> Membership:
    """Return the seat of somebody, or that they are banned. For who moderates the room."""
    room = access.place(person, id, Right.MODERATE).conversation
    found = room.memberships.select_related("person").filter(person=whom).first()
    if found is None:
        raise _nobody()
    return found


async def join(person: Person, token: str) -> Conversation:
    """Take a seat where the link with this `token` leads to; twice is once."""
    return await _seat(*await in_database(_join, person, token))


async def come_in(person: Person, slug: str) -> Conversation:
    """Take a seat in a room that one may read without, as one that is listed; twice is once."""
    return await _seat(*await in_database(_come_in, person, slug))


async def _seat(conversation: Conversation, is_new: bool) -> Conversation:
    if is_new:
        hub().renew(conversation.pk)  # who was alone there sees now who comes
        await guard.recheck(conversation.pk)
    return conversation


async def leave(person: Person, id: UUID) -> None:
    """Give up one's seat. An owner's place goes to who has moderated, or been there, longest."""
    await in_database(_leave, person, id)
    await guard.recheck(id)
    await tell_left(id, person.id)


async def remove(person: Person, id: UUID, whom: UUID) -> None:
    """Take somebody's seat away; where anyone may come in, or by a link, they may come again."""
    await in_database(_remove, person, id, whom)
    await hub().close_person(whom, id, protocol.FORBIDDEN)
    await guard.recheck(id)
    await tell_left(id, whom)


async def ban(person: Person, id: UUID, whom: UUID, banned: bool = True) -> None:
    """Let somebody not come in any more, by whatever way; or let them again."""
    name = presence().name(id, whom)
    await in_database(_ban, person, id, whom, name, banned)
    await guard.recheck(id)
    if banned:
        await tell_left(id, whom)


async def appoint(person: Person, id: UUID, whom: UUID, role: str) -> None:
    """Make somebody who has a seat a moderator, a member again, or the owner in one's place."""
    await in_database(_appoint, person, id, whom, role)
    await guard.recheck(id)


async def dissolve(ids: Collection[UUID]) -> None:
    """Delete rooms for good, with all that is in them: who is there, is sent away."""
    for id in ids:
        seated = await in_database(_dissolve, id)
        await silence([id])
        for person in set(seated).intersection(hub().here()):
            await tell_left(id, person)
        await hub().send_off(id, protocol.NOT_FOUND)
    await remove_conversations(ids)


async def tell_left(conversation: UUID, person: UUID) -> None:
    """Tell the other pages of `person` that the conversation is none of theirs any more."""
    frame = protocol.frame("conversation", id=str(conversation), deleted=True)
    await hub().tell_person(person, frame, not_in=conversation)


async def tell(room: Conversation) -> None:
    """Tell everyone in a room what it is like now."""
    frame = protocol.frame("room", title=room.title, **room.as_room())
    await hub().publish(room.pk, frame)
    await guard.recheck(room.pk)


def clean(wishes: dict[str, Any]) -> dict[str, Any]:
    """Return `wishes` as fields of a room. Raises Refused (`bad_request`)."""
    fields = dict(wishes)
    if "title" in fields:
        fields["title"] = clean_title(fields["title"])
    if "description" in fields:
        fields["description"] = _clean_description(fields["description"])
    if "listed" in fields and not isinstance(fields["listed"], bool):
        raise protocol.bad_request("listed: must be true or false")
    if "answers" in fields and fields["answers"] not in Conversation.Answers.values:
        raise protocol.bad_request("answers: must be mentioned, always or never")
    if "assistant" in fields and not isinstance(fields["assistant"], str):
        raise protocol.bad_request("assistant: must be the name of one, or empty")
    return fields


def _clean_description(value: Any) -> str:
    if not isinstance(value, str):
        raise protocol.bad_request("description: must be a string")
    text = " ".join(value.split())
    if len(text) > LONGEST_DESCRIPTION:
        raise protocol.bad_request(
            f"description: must have at most {LONGEST_DESCRIPTION} characters"
        )
    if control := regex.search(r"[\p{Cc}\p{Cs}]", text):
        raise protocol.bad_request(f"description: must not contain U+{ord(control[0]):04X}")
    return text


def _create(person: Person, fields: dict[str, Any], key: str | None) -> Conversation:
    id = uuid5(person.id, key) if key else uuid4()
    mine = Conversation.objects.rooms().filter(pk=id)
    if made := mine.first():
        return made
    limits.count_message(person)  # it too fills the database
    try:
        return _create_new(person, id, fields)
    except IntegrityError:  # the same key, or the same address, at the same moment
        if made := mine.first():
            return made
        raise Refused("conflict", "Somebody was quicker. Please try again.") from None


def _create_new(person: Person, id: UUID, fields: dict[str, Any]) -> Conversation:
    with transaction.atomic():
        user = person.user()
        owned = user.memberships.filter(role=Role.OWNER, conversation__deleted=None)
        if owned.count() >= MOST_ROOMS:
            raise Refused("conflict", f"You have {MOST_ROOMS} rooms. Close or leave one first.")
        fields = _with_assistant(person, fields)
        room = Conversation(pk=id, kind=Conversation.ROOM, owner=None, **fields)
        room.slug = free_address(room)
        room.save(force_insert=True)
        room.memberships.create(person=user, role=Role.OWNER)
        return room


def free_address(room: Conversation) -> str:
    """Return an address for a room, after its title; of one that is not listed, hard to guess."""
    words = slugify(room.title)[:40].strip("-") or "room"
    taken = words in RESERVED or Conversation.objects.filter(slug=words).exists()
    return f"{words}-{secrets.token_hex(4)}" if taken or not room.listed else words


def _with_assistant(person: Person, fields: dict[str, Any]) -> dict[str, Any]:
    if "assistant" not in fields:
        return fields
    slug = fields["assistant"]
    found = offered(person).filter(slug=slug).first() if slug else None
    if slug and found is None:
        raise Refused("not_found", "There is no such assistant.")
    return {**fields, "assistant": found}


def offered(person: Person) -> Assistants:
    """Return the assistants that `person` may have answer in a room."""
    return Assistant.objects.for_person(account=not person.guest, staff=person.staff)


def _change(
    person: Person, id: UUID, fields: dict[str, Any], was: dict[str, Any] | None
) -> Conversation:
    with transaction.atomic():
        room = _room(person, id, Right.MODERATE)
        now = settings(room)
        if was is not None and any(now[at] not in (was[at], fields.get(at)) for at in now):
            detail = "Somebody else has changed this room meanwhile."
            raise Refused("conflict", detail, now=now)
        fields = {name: it for name, it in fields.items() if it != now[name]}
        for name, value in _with_assistant(person, fields).items():
            setattr(room, name, value)
        room.save(update_fields=list(fields))
        return room


def _close(person: Person, id: UUID, closed: bool) -> Conversation:
    with transaction.atomic():
        room = _room(person, id, Right.MODERATE)
        room.closed = timezone.now() if closed else None
        room.save(update_fields=["closed"])
        return room


def _join(person: Person, token: str) -> tuple[Conversation, bool]:
    """Return where the link leads to, and whether the seat there is new."""
    with transaction.atomic():
        conversation = access.linked(token, Link.Right.JOIN).conversation
        if access.role(person, conversation) == Role.BANNED:
            raise Refused("forbidden", "You cannot come into this room any more.")
        if conversation.owner_id == person.id:
            return conversation, False
        return conversation, conversation.memberships.get_or_create(person=person.user())[1]


def _come_in(person: Person, slug: str) -> tuple[Conversation, bool]:
    with transaction.atomic():
        room = access.room(person, slug).conversation
        return room, room.memberships.get_or_create(person=person.user())[1]


def _leave(person: Person, id: UUID) -> None:
    with transaction.atomic():
        place = access.place(person, id, lock=True)
        seat = Membership.objects.seats().filter(conversation=id, person=person.id).first()
        if seat is None:
            raise Refused("conflict", "You have no seat here that you could give up.")
        seat.delete()
        if seat.role == Role.OWNER:
            hand_over(place.conversation)


def _dissolve(id: UUID) -> list[UUID]:
    """Let nobody come into a room any more; return who had a seat there."""
    Conversation.objects.rooms().filter(pk=id).update(deleted=timezone.now())
    return list(Membership.objects.filter(conversation=id).values_list("person", flat=True))


def hand_over_all(going: Collection[UUID]) -> list[UUID]:
    """Hand over every room of those who are `going`; return these rooms."""
    owned = Membership.objects.filter(role=Role.OWNER, person__in=going)
    rooms = [seat.conversation for seat in owned.select_related("conversation")]
    for room in rooms:
        hand_over(room, going)
    return [room.pk for room in rooms]


def hand_over(room: Conversation, going: Collection[UUID] = ()) -> None:
    """Make who has moderated a room longest its owner, or who has been there longest.

    None of those who are `going`.
    """
    for role in (Role.MODERATOR, Role.MEMBER):
        staying = room.memberships.filter(role=role).exclude(person__in=going)
        heir = staying.order_by("joined", "pk").first()
        if heir is not None:
            room.memberships.filter(pk=heir.pk).update(role=Role.OWNER)
            return


def _remove(person: Person, id: UUID, whom: UUID) -> None:
    with transaction.atomic():
        room = _lesser(person, id, whom)
        room.memberships.filter(person=whom).exclude(role=Role.BANNED).delete()


def _ban(person: Person, id: UUID, whom: UUID, name: str | None, banned: bool) -> None:
    with transaction.atomic():
        room = _lesser(person, id, whom)
        if not banned:
            room.memberships.filter(person=whom, role=Role.BANNED).delete()
            return
        user = User.objects.filter(pk=whom).first()
        if user is None and name is not None:  # somebody who is there, and never wrote
            user = User.objects.guest(whom, name)
        if user is None:
            raise _nobody()
        room.memberships.update_or_create(person=user, defaults={"role": Role.BANNED})


def _appoint(person: Person, id: UUID, whom: UUID, role: str) -> None:
    if role not in (Role.OWNER, Role.MODERATOR, Role.MEMBER):
        raise protocol.bad_request("role: must be owner, moderator or member")
    with transaction.atomic():
        room = _room(person, id, Right.OWN)
        if whom == person.id:
            raise Refused("conflict", "Make somebody else the owner first.")
        seats = room.memberships.exclude(role=Role.BANNED)
        if not seats.filter(person=whom).update(role=role):
            raise _nobody()
        if role == Role.OWNER:
            seats.filter(person=person.id).update(role=Role.MODERATOR)


def _lesser(person: Person, id: UUID, whom: UUID) -> Conversation:
    """Return the conversation in which `person` may act on `whom`, who has fewer rights there."""
    place = access.place(person, id, Right.MODERATE, lock=True)
    theirs = access.roles([whom], place.conversation)[whom]
    if RIGHTS[theirs] >= place.right:
        raise Refused("forbidden", "They have as many rights here as you.")
    return place.conversation


def _room(person: Person, id: UUID, right: Right) -> Conversation:
    found = access.place(person, id, right, lock=True).conversation
    if not found.is_room:
        raise Refused("not_found", "There is no such room.")
    return found


def _nobody() -> Refused:
    return Refused("not_found", "There is nobody of that name here.")
