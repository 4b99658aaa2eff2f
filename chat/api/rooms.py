"""Rooms, and who is in them. What is said there is read and posted by the room's conversation."""

from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Router
from pydantic import Field

from chat import access, rooms
from chat.api import told
from chat.api.doors import Call
from chat.api.fields import (
    LARGEST_ID,
    PAGE,
    Cursor,
    Description,
    Given,
    Key,
    KeyHeader,
    Limit,
    PersonId,
    RoomSlug,
    Slug,
    Title,
    from_cursor,
    lost,
    to_cursor,
)
from chat.api.told import Member, Page, Room
from chat.database import in_database
from chat.models import Membership
from chat.people import Person

router = Router(tags=["Rooms"])

Role = Membership.Role
Answers = Annotated[
    Literal["mentioned", "always", "never"], Field(description="When the assistant answers.")
]
Listed = Annotated[bool, Field(description="Anyone may find it and write in it.")]


class NewRoom(Given):
    title: Title
    description: Description = ""
    listed: Listed = True
    answers: Answers = "mentioned"
    assistant: Slug | None = None
    key: Key | None = None


class RoomChanges(Given):
    """What is left out stays as it is."""

    title: Title | None = None
    description: Description | None = None
    listed: Listed | None = None
    answers: Answers | None = None
    assistant: Slug | None = Field(None, description="null: who usually answers.")
    closed: bool | None = Field(None, description="Nobody writes in it any more; or again.")


class NewRole(Given):
    role: Literal["owner", "moderator", "member", "banned"]


@router.get("/rooms", response=Page[Room], summary="List the rooms")
async def listed(
    request: Call, cursor: Cursor | None = None, limit: Limit = PAGE
) -> dict[str, Any]:
    """Those that anyone may find, and those in which one has a seat; sorted by their slugs."""
    after = from_cursor(cursor, str) or ""
    found = await in_database(_rooms, request.auth, after, limit + 1)
    items = [told.room(each) for each in found[:limit]]
    return {"items": items, "next": to_cursor(items[-1]["slug"]) if len(found) > limit else None}


def _rooms(person: Person, after: str, size: int) -> list[Any]:
    return list(rooms.seen_by(person).filter(slug__gt=after.replace("\0", ""))[:size])


@router.post("/rooms", response={201: Room}, summary="Open a room")
async def create(
    request: Call, given: NewRoom, idempotency_key: KeyHeader = None
) -> dict[str, Any]:
    """One owns it, then. The same `key` again opens no other one."""
    wishes = given.model_dump(exclude={"key"}) | {"assistant": given.assistant or ""}
    made = await rooms.create(request.auth, given.key or idempotency_key, **wishes)
    return await _told(request.auth, made.pk)


@router.get("/rooms/{slug}", response=Room, summary="Read what a room is")
async def one(request: Call, slug: RoomSlug) -> dict[str, Any]:
    return await _told(request.auth, await _id(request, slug))


@router.patch("/rooms/{slug}", response=Room, summary="Change, close or open a room")
async def change(request: Call, slug: RoomSlug, given: RoomChanges) -> dict[str, Any]:
    """For its owner and its moderators."""
    person, id = request.auth, await _id(request, slug)
    wishes: dict[str, Any] = given.model_dump(exclude={"closed"}, exclude_none=True)
    if "assistant" in given.model_fields_set:
        wishes["assistant"] = given.assistant or ""
    await rooms.change(person, id, **wishes)
    if given.closed is not None:
        await rooms.close(person, id, given.closed)
    return await _told(person, id)


@router.post("/rooms/{slug}/join", response=Room, summary="Take a seat in a room")
async def join(request: Call, slug: RoomSlug) -> dict[str, Any]:
    """In one that anyone may find. Whoever writes there has a seat, too."""
    return await _told(request.auth, (await rooms.come_in(request.auth, slug)).pk)


@router.post("/rooms/{slug}/leave", response={204: None}, summary="Give one's seat up")
async def leave(request: Call, slug: RoomSlug) -> None:
    await rooms.leave(request.auth, await _id(request, slug))


@router.get("/rooms/{slug}/members", response=Page[Member], summary="List who is in a room")
async def members(
    request: Call, slug: RoomSlug, cursor: Cursor | None = None, limit: Limit = PAGE
) -> dict[str, Any]:
    """For its owner and its moderators. In the order in which they came; who is banned, too."""
    after = from_cursor(cursor, int) or 0
    if not 0 <= after <= LARGEST_ID:
        raise lost()
    id = await _id(request, slug)
    found = await in_database(rooms.people, request.auth, id, after, limit + 1)
    return {
        "items": [told.member(each) for each in found[:limit]],
        "next": to_cursor(found[limit - 1].pk) if len(found) > limit else None,
    }


@router.patch("/rooms/{slug}/members/{person}", response=Member, summary="Give somebody a role")
async def appoint(
    request: Call, slug: RoomSlug, person: PersonId, given: NewRole
) -> dict[str, Any]:
    """Its owner makes others moderators, or the owner instead; who moderates it may ban them."""
    caller, id = request.auth, await _id(request, slug)
    if given.role == "banned":
        await rooms.ban(caller, id, person)
    else:
        await rooms.appoint(caller, id, person, given.role)
    return told.member(await in_database(rooms.seat, caller, id, person))


@router.delete(
    "/rooms/{slug}/members/{person}", response={204: None}, summary="Take somebody's seat away"
)
async def remove(request: Call, slug: RoomSlug, person: PersonId) -> None:
    """Where anyone may come in, they may come again. Of somebody who is banned, lift the ban."""
    caller, id = request.auth, await _id(request, slug)
    seat = await in_database(rooms.seat, caller, id, person)
    if seat.role == Role.BANNED:
        await rooms.ban(caller, id, person, banned=False)
    else:
        await rooms.remove(caller, id, person)


async def _id(request: Call, slug: str) -> UUID:
    return (await in_database(access.room, request.auth, slug)).conversation.pk


async def _told(person: Person, id: UUID) -> dict[str, Any]:
    return told.room(await in_database(_seated, person, id))


def _seated(person: Person, id: UUID) -> Any:
    return rooms.with_seat(person).get(pk=id)
