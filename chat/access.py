"""Who may do what in a conversation: read from the database, for each act.

All here run in the thread that speaks with the database.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

from django.db.models import OuterRef, Subquery

from chat.models import Conversation, Link, Membership, User
from chat.people import Person, switched_off
from chat.protocol import Refused

WATCHER, VISITOR = "watcher", "visitor"  # beside the roles that a Membership has
OWNER, MODERATOR = Membership.Role.OWNER, Membership.Role.MODERATOR
MEMBER, BANNED = Membership.Role.MEMBER, Membership.Role.BANNED


class Right(IntEnum):
    """What somebody may do; each includes those before it."""

    NOTHING = 0
    READ = 1
    WRITE = 2  # post, change one's own, ask for replies
    MODERATE = 3  # change the room, and what others wrote; say who is in it
    OWN = 4  # make somebody moderator; of a private conversation: all that is done with it


RIGHTS = {
    "": Right.NOTHING,
    BANNED: Right.NOTHING,
    WATCHER: Right.READ,
    VISITOR: Right.WRITE,  # anyone in a listed room; whoever writes there becomes a member
    MEMBER: Right.WRITE,
    MODERATOR: Right.MODERATE,
    OWNER: Right.OWN,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is, and as whom."""

    conversation: Conversation
    role: str

    @property
    def right(self) -> Right:
        return RIGHTS[self.role]

    def may_change(self, author: UUID | None, person: Person) -> bool:
        """Whether `person` may stop, or have written anew, what `author` asked for."""
        return author == person.id or self.right >= Right.MODERATE


def place(
    person: Person, conversation: UUID, right: Right = Right.READ, *, lock: bool = False
) -> Place:
    """Return the place of `person` in a conversation in which they have `right`.

    Raises Refused: `not_found` where they are nobody, as it is nobody else's business that it
    exists; `forbidden` where they may do less; `conflict` if the room is closed and they want to
    WRITE. With `lock` nobody else changes the conversation until the transaction ends.
    """
    rows = Conversation.objects.select_for_update() if lock else Conversation.objects.all()
    found = rows.with_company().filter(pk=conversation, deleted=None).first()
    return _checked(found, person, right)


def room(person: Person, slug: str, right: Right = Right.READ) -> Place:
    """Return the place of `person` in the room at `slug`. Raises Refused as `place` does."""
    rooms = Conversation.objects.rooms().with_company()
    return _checked(rooms.filter(slug=slug).first(), person, right)


def linked(token: str, right: str | None = Link.Right.WATCH) -> Link:
    """Return the link with this `token`, that lets one watch, or join; or with None either.

    Raises Refused (`not_found`) if it is revoked, or none.
    """
    links = Link.objects.select_related("conversation", "creator")
    can_be = token.isprintable()  # PostgreSQL refuses to look for a NUL
    found = links.filter(token=token, conversation__deleted=None).first() if can_be else None
    if found is None or found.revoked is not None or right not in (None, found.right):
        raise Refused("not_found", "This link does not work any more.")
    return found


def role(person: Person, conversation: Conversation) -> str:
    """Return as whom `person` is in `conversation`; empty if they are nobody there."""
    return roles([person.id], conversation)[person.id]


def roles(people: Collection[UUID], conversation: Conversation) -> dict[UUID, str]:
    """Return as whom each of `people` is in `conversation`."""
    seat = Membership.objects.filter(conversation=conversation, person=OuterRef("pk"))
    users = User.objects.filter(pk__in=people).annotate(seat=Subquery(seat.values("role")[:1]))
    known = {
        id: (seat or "", is_active, is_staff)
        for id, seat, is_active, is_staff in users.values_list(
            "pk", "seat", "is_active", "is_staff"
        )
    }
    return {id: _role(id, conversation, *known.get(id, ("", True, False))) for id in people}


def readers(people: Iterable[UUID], conversation: UUID) -> dict[UUID, str]:
    """Return the roles of those of `people` who may read the conversation now."""
    found = Conversation.objects.filter(pk=conversation, deleted=None).first()
    known = roles(list(people), found) if found else {}
    return {id: role for id, role in known.items() if RIGHTS[role] >= Right.READ}


def _role(
    person: UUID, conversation: Conversation, seat: str, is_active: bool, is_staff: bool
) -> str:
    if not is_active:
        return ""
    if conversation.owner_id == person:
        return OWNER
    if not conversation.is_room:
        return seat
    if is_staff and seat != OWNER:
        return MODERATOR  # of every room
    return seat or (VISITOR if conversation.listed else "")


def _checked(conversation: Conversation | None, person: Person, right: Right) -> Place:
    known = roles([person.id], conversation)[person.id] if conversation else ""
    if known == BANNED:
        raise Refused("forbidden", "You cannot come into this room any more.")
    if conversation is None or not known:
        raise unknown() if _is_active(person) else switched_off()
    found = Place(conversation, known)
    if found.right < right:
        raise Refused("forbidden", "Only the owner and the moderators may do this.")
    if right == Right.WRITE and conversation.closed:
        raise Refused("conflict", "This room is closed. Nobody writes in it any more.")
    return found


def _is_active(person: Person) -> bool:
    is_active = User.objects.filter(pk=person.id).values_list("is_active", flat=True).first()
    return person.guest if is_active is None else is_active


def unknown() -> Refused:
    return Refused("not_found", "There is no such conversation.")
