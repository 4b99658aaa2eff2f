"""Conversations as a whole: one's own, those of one's users, and others' that one is in."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from ninja import Router
from ninja.params.functions import Query

from chat import access, conversations, listing, search
from chat.api import told
from chat.api.document import FILE
from chat.api.doors import Call, check_json, let_in_with_file
from chat.api.fields import (
    PAGE,
    ConversationId,
    Cursor,
    Given,
    Limit,
    Title,
    UserId,
    Words,
    from_cursor,
    lost,
    to_cursor,
)
from chat.api.told import Conversation, Hit, Page
from chat.database import in_database
from chat.people import Person
from chat.portable import export, load
from chat.protocol import Refused

router = Router(tags=["Conversations"])


class NewConversation(Given):
    title: Title | None = None
    user_id: UserId | None = None


class ConversationChanges(Given):
    """What is left out stays as it is."""

    title: Title | None = None
    pinned: bool | None = None
    archived: bool | None = None


@router.get("/conversations", response=Page[Conversation], summary="List conversations")
async def listed(
    request: Call,
    user_id: Annotated[UserId | None, Query()] = None,
    archived: bool = False,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> dict[str, Any]:
    """The account's own, or those of one of its users; pinned ones first, then the newest."""
    person, after = request.auth, from_cursor(cursor, UUID)
    try:
        found, more = await in_database(
            listing.page,
            person.id,
            end_user=user_id or "",
            archived=archived,
            after=after,
            size=limit,
        )
    except Refused:
        raise lost() from None
    return {
        "items": [told.conversation(person, each) for each in found],
        "next": to_cursor(found[-1].pk) if more else None,
    }


@router.post("/conversations", response={201: Conversation}, summary="Open a conversation")
async def create(request: Call, given: NewConversation) -> dict[str, Any]:
    person = request.auth
    made = await conversations.create(person, given.title, given.user_id or "")
    return told.conversation(person, made)


@router.get("/conversations/search", response=Page[Hit], summary="Search in conversations")
async def find(
    request: Call,
    q: Annotated[Words, Query()],
    user_id: Annotated[UserId | None, Query()] = None,
) -> dict[str, Any]:
    """Those with these words in their title or messages, the newest first; at most 50."""
    found = await in_database(search.find, request.auth, q, user_id or "")
    return {"items": found, "next": None}


@router.post(
    "/conversations/import",
    auth=let_in_with_file,
    response={201: Conversation},
    summary="Import a conversation",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": FILE}}},
)
async def take_in(request: Call) -> dict[str, Any]:
    """Make a conversation of a file that the export wrote, of 5 MiB at most."""
    check_json(request)
    person = request.auth
    return told.conversation(person, await load.take_in(person, request.body))


@router.get("/conversations/{id}", response=Conversation, summary="Read what a conversation is")
async def one(request: Call, id: ConversationId) -> dict[str, Any]:
    """Its messages have a call of their own."""
    place = await in_database(access.place, request.auth, id)
    return told.conversation(request.auth, place.conversation)


@router.patch("/conversations/{id}", response=Conversation, summary="Change a conversation")
async def change(request: Call, id: ConversationId, given: ConversationChanges) -> dict[str, Any]:
    """Rename it, pin it, or put it away into the archive."""
    person = request.auth
    found = await in_database(conversations.own, person, id)
    if given.title is not None:
        found = await conversations.rename(person, id, given.title)
    if given.pinned is not None:
        found = await conversations.pin(person, id, given.pinned)
    if given.archived is not None:
        found = await conversations.archive(person, id, given.archived)
    return told.conversation(person, found)


@router.delete("/conversations/{id}", response={204: None}, summary="Delete a conversation")
async def delete(request: Call, id: ConversationId) -> None:
    """For a minute it can be restored."""
    await conversations.delete(request.auth, id)


@router.post(
    "/conversations/{id}/restore", response=Conversation, summary="Restore a deleted conversation"
)
async def restore(request: Call, id: ConversationId) -> dict[str, Any]:
    person = request.auth
    return told.conversation(person, await conversations.restore(person, id))


@router.get(
    "/conversations/{id}/export",
    response={200: None},
    summary="Export a conversation",
    openapi_extra={
        "responses": {
            200: {
                "content": {
                    "application/json": FILE,
                    "text/markdown": {"schema": {"type": "string"}},
                }
            }
        }
    },
)
async def as_file(
    request: Call, id: ConversationId, format: Literal["json", "markdown"] = "json"
) -> HttpResponse:
    """As JSON, which can be imported again, or as Markdown for people."""
    return await in_database(_file, request.auth, id, format)


def _file(person: Person, id: UUID, format: str) -> HttpResponse:
    found = conversations.own(person, id)
    if format == "json":
        text, kind, ending = export.as_json(found), "application/json", "json"
    else:
        text, kind, ending = export.as_markdown(found), "text/markdown; charset=utf-8", "md"
    name = content_disposition_header(as_attachment=True, filename=export.file_name(found, ending))
    return HttpResponse(text, content_type=kind, headers={"Content-Disposition": name})
