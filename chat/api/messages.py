"""What was said in a conversation: reading it, posting, and changing what one wrote."""

from typing import Any
from uuid import UUID, uuid4

from ninja import Router, Status

from chat import access, actions
from chat.api.doors import Call
from chat.api.fields import (
    LARGEST_ID,
    PAGE,
    ConversationId,
    Cursor,
    Given,
    Id,
    Key,
    KeyHeader,
    Limit,
    MessageText,
    Number,
    Pace,
    Slug,
    from_cursor,
    lost,
    to_cursor,
)
from chat.api.told import Message, Page, Posted
from chat.database import in_database
from chat.models import Message as StoredMessage
from chat.people import Person

router = Router(tags=["Messages"])


class NewMessage(Given):
    text: MessageText
    key: Key | None = None
    assistant: Slug | None = None
    pace: Pace | None = None


class NewText(Given):
    text: MessageText


class WantedVersion(Given):
    version: Number


@router.get(
    "/conversations/{id}/messages", response=Page[Message], summary="List the messages in it"
)
async def listed(
    request: Call, id: ConversationId, cursor: Cursor | None = None, limit: Limit = PAGE
) -> dict[str, Any]:
    """The newest first. `next` leads to older ones."""
    before = from_cursor(cursor, int)
    if before is not None and not 0 < before <= LARGEST_ID:
        raise lost()
    found = await in_database(_page, request.auth, id, before, limit + 1)
    items = [actions.as_told(request.auth, each) for each in found[:limit]]
    return {"items": items, "next": to_cursor(items[-1]["id"]) if len(found) > limit else None}


def _page(person: Person, id: UUID, before: int | None, size: int) -> list[StoredMessage]:
    return access.place(person, id).conversation.messages.page(size, before)[::-1]


@router.post(
    "/conversations/{id}/messages",
    response={201: Posted, 200: Posted},
    summary="Post a message",
)
async def post(
    request: Call, id: ConversationId, given: NewMessage, idempotency_key: KeyHeader = None
) -> Status[dict[str, Any]]:
    """The same `key` again posts nothing: the answer is 200, with the same message and its reply.

    The reply is only opened by then. `GET /replies/{id}/stream` tells it while it is written.
    """
    person = request.auth
    key = given.key or idempotency_key or uuid4().hex
    place = await in_database(access.place, person, id)
    message, is_new = await actions.send(
        person, place.conversation, given.text, key, given.assistant, given.pace
    )
    return Status(201 if is_new else 200, await _posted(person, message))


@router.get("/messages/{id}", response=Message, summary="Read a message")
async def one(request: Call, id: Id) -> dict[str, Any]:
    return actions.as_told(request.auth, await in_database(actions.find, request.auth, id))


@router.patch("/messages/{id}", response=Posted, summary="Change one's own message")
async def change(request: Call, id: Id, given: NewText) -> dict[str, Any]:
    """It is answered anew; what was said before, and after it, stays reachable as a version.

    In a room it is only changed.
    """
    person = request.auth
    message = await in_database(actions.find, person, id)
    await actions.edit(person, message.conversation, id, given.text)
    return await _posted(person, await in_database(actions.find, person, id))


@router.post("/messages/{id}/version", response=Message, summary="Show another version")
async def show_version(request: Call, id: Id, given: WantedVersion) -> dict[str, Any]:
    """Of a message or a reply, to everyone, with all that followed that version."""
    person = request.auth
    message = await in_database(actions.find, person, id)
    await actions.show_version(person, message.conversation, id, given.version)
    return actions.as_told(person, await in_database(actions.find, person, id))


@router.delete("/messages/{id}", response={204: None}, summary="Delete a message")
async def delete(request: Call, id: Id) -> None:
    """One's own, with its reply; in a room that one moderates, any."""
    message = await in_database(actions.find, request.auth, id)
    await actions.remove(request.auth, message.conversation, id)


async def _posted(person: Person, message: StoredMessage) -> dict[str, Any]:
    reply = await in_database(actions.reply_to, message)
    return {
        "message": actions.as_told(person, message),
        "reply": reply and actions.as_told(person, reply),
    }
