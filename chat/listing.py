"""The list of somebody's conversations: what stands in it, and how their pages hear of changes."""

import uuid
from typing import Any

from chat import protocol
from chat.live.hub import hub
from chat.models import Conversation
from chat.protocol import Refused

PAGE = 50  # conversations at a time

Entry = dict[str, Any]


def entries(
    owner: uuid.UUID, *, archived: bool = False, after: uuid.UUID | None = None
) -> tuple[list[Entry], bool]:
    """Return the next PAGE entries (behind the conversation `after`), and whether there are more.

    Raises Refused (`not_found`) if there is no conversation `after`.
    """
    # Not `archived=False`: to SQLite that is an expression, for which it has no index.
    listed = Conversation.objects.of(owner).filter(archived__in=[archived]).listed()
    if after is not None:
        listed = listed.after(_last(owner, after))
    found = list(listed.with_typing()[: PAGE + 1])
    return [{**each.as_entry(), "typing": each.typing} for each in found[:PAGE]], len(found) > PAGE


async def tell(conversation: Conversation, *, but_in: uuid.UUID | None = None, **news: Any) -> None:
    """Tell all pages of its owner, but those in the conversation `but_in`, how it is listed."""
    frame = protocol.frame("conversation", **conversation.as_entry(), **news)
    await hub().tell_person(conversation.owner_id, frame, not_in=but_in)


async def tell_read(conversation: Conversation) -> None:
    """Tell the owner's other pages that what is new in it is being read."""
    frame = protocol.frame("conversation", id=str(conversation.pk), unread=False)
    await hub().tell_person(conversation.owner_id, frame, not_in=conversation.pk)


async def tell_deleted(conversation: Conversation) -> None:
    """Tell all pages of its owner that it is gone."""
    frame = protocol.frame("conversation", id=str(conversation.pk), deleted=True)
    await hub().tell_person(conversation.owner_id, frame)


def _last(owner: uuid.UUID, id: uuid.UUID) -> Conversation:
    # Also one that was deleted a moment ago: where it stood is still known.
    own = Conversation.objects.filter(owner_id=owner, written__isnull=False)
    found = own.filter(pk=id).first()
    if found is None:
        raise Refused("not_found", "There is no such conversation.")
    return found
