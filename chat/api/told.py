"""What calls of the API get: the things that there are, as programs see them."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from ninja import Schema
from pydantic import Field

from chat.models import Conversation as StoredConversation
from chat.models import Membership
from chat.people import Person

Item = TypeVar("Item")

Moment = Annotated[
    str, Field(examples=["2026-01-31T12:00:00Z"], json_schema_extra={"format": "date-time"})
]


class Page(Schema, Generic[Item]):
    """A part of a list; `next` is the cursor of the following one, or null at the end."""

    items: list[Item]
    next: str | None


class Author(Schema):
    kind: Literal["person", "assistant"]
    id: str
    name: str


class Failure(Schema):
    """Why a reply ended in an error."""

    code: str
    detail: str


class Message(Schema):
    """What somebody wrote, or a reply."""

    id: int
    author: Author
    text: str = Field(description="Of a reply that is being written: what there is of it by now.")
    status: Literal["complete", "waiting", "streaming", "stopped", "failed", "interrupted"]
    created: Moment
    reply_to: int | None = Field(description="The id of the message that this answers.")
    version: int = Field(description="Which of its versions this is, from 1 on.")
    versions: int
    key: str | None = Field(description="The key it was posted with, told to its author only.")
    error: Failure | None


class Posted(Schema):
    """A message, and the reply that was opened for it; null where nobody answers."""

    message: Message
    reply: Message | None


class Conversation(Schema):
    id: str
    kind: Literal["private", "room"]
    title: str
    user_id: str | None = Field(description="Whose it is, of the account's own users.")
    slug: str | None = Field(description="The address, if it is a room.")
    pinned: bool
    archived: bool
    unread: bool
    created: Moment
    written: Moment | None = Field(description="When somebody last wrote in it.")


class Marked(Schema):
    """A match, and what stands around it."""

    before: str
    match: str
    after: str


class Hit(Schema):
    """A conversation in which the words were found."""

    id: str
    title: Marked
    text: Marked | None = Field(description="Null where only the title has them.")


class Room(Schema):
    id: str = Field(description="The id of its conversation, by which its messages are read.")
    slug: str
    title: str
    description: str
    listed: bool = Field(description="Anyone may find it and write in it; else only by a link.")
    answers: Literal["mentioned", "always", "never"]
    assistant: str | None = Field(description="Who answers there; null is who usually does.")
    closed: bool = Field(description="Nobody writes there any more.")
    role: Literal["owner", "moderator", "member"] | None = Field(description="One's own seat.")


class Member(Schema):
    id: str
    name: str
    role: Literal["owner", "moderator", "member", "banned"]
    joined: Moment


def moment(value: datetime | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value else None


def conversation(person: Person, found: StoredConversation) -> dict[str, Any]:
    """What only its owner sees of it, others see empty."""
    is_mine = found.owner_id == person.id
    own = {name: is_mine and getattr(found, name) for name in ("pinned", "archived", "unread")}
    return {
        "id": str(found.pk),
        "kind": found.kind,
        "title": found.title,
        "user_id": (is_mine and found.end_user) or None,
        "slug": found.slug,
        **own,
        "created": moment(found.created),
        "written": moment(found.written),
    }


def room(found: Any) -> dict[str, Any]:
    """`found` is one of `rooms.seen_by`."""
    return {
        "id": str(found.pk),
        "title": found.title,
        **found.as_room(),
        "assistant": found.assistant and found.assistant.slug,
        "role": None if found.seat == Membership.Role.BANNED else found.seat,  # staff read it all
    }


def member(seat: Membership) -> dict[str, Any]:
    return {**seat.person.as_author(), "role": seat.role, "joined": moment(seat.joined)}
