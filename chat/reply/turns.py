"""One reply at a time in each line: whose turn it is, and what follows an end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from chat import protocol
from chat.database import in_database
from chat.live.following import following
from chat.live.hub import hub
from chat.live.per_loop import PerLoop, on_its_own
from chat.live.relay import group_of_conversation, relay
from chat.models import LIVE, Conversation, Message
from chat.process import PROCESS
from chat.reply import run, titles
from chat.reply.run import Run

logger = logging.getLogger(__name__)

_tasks: PerLoop[set[asyncio.Task[Any]]] = PerLoop(set)


def begin(message: Message, *, found: bool = False) -> None:
    """Have the reply `message`, whose lease this process holds, written.

    `found` says that its writer is gone, instead of that somebody asks for it just now.
    """
    former = run.runs().get(message.pk)
    if former is None:
        _in_background(_see_through(run.start(message, found=found)))
    else:  # its end is saved already, but not yet told everyone
        _in_background(_begin_after(former, message))


def take_up(message: Message, *, found: bool = False) -> None:
    """Begin a reply that was nobody's. Who watches it at other processes hears that, too."""
    begin(message, found=found)
    relay().tell(group_of_conversation(message.conversation_id), "look", [message.pk])


async def advance(conversation: UUID) -> None:
    """Begin the replies that wait in line, if nothing is being written before them."""
    while message := await in_database(_claim_next, conversation):
        take_up(message)


async def lose(reply: int) -> None:
    """Give up a reply, if it is written here: another process has ended it."""
    if writing := run.runs().get(reply):
        _in_background(writing.lose())  # its own end may wait for a database that is away


async def _begin_after(former: Run, message: Message) -> None:
    await former.finished()
    await _see_through(run.start(message))


async def _see_through(writing: Run) -> None:
    message = writing.message
    await _list(message, typing=True)
    await writing.finished()
    seen = _is_seen(message)
    try:
        await after(message, seen=seen)
    except DatabaseError as error:  # the watchdog sees to what waits
        logger.error("what follows reply %s failed: %s", message.pk, error)


async def after(message: Message, *, seen: bool) -> None:
    """Begin what waits behind a reply that is not written here any more.

    Where it has ended, say so on its owner's other pages, and whether they have `seen` it.
    """
    has_ended = message.status not in LIVE
    if has_ended:
        await _list(message, typing=False)  # before the next one says that it is being typed
    await advance(message.conversation_id)
    if not has_ended or message.conversation.is_room:  # each of many people sees it, or does not
        return
    if not seen and not message.conversation.end_user:  # that is listed by their program, if at all
        await in_database(_mark, message.conversation_id, True)
        if seen := _is_seen(message):  # they came just now, and may have looked before
            await in_database(_mark, message.conversation_id, False)
    await _list(message, unread=not seen)
    await titles.give(message)


def _is_seen(message: Message) -> bool:
    owner = message.conversation.owner_id
    # Who follows it from another process is its owner, or was let in by them.
    return following().was_followed(message.pk) or (
        owner is not None and hub().watches(owner, message.conversation_id)
    )


async def _list(message: Message, **news: Any) -> None:
    """Tell its owner's other pages, which list this conversation."""
    conversation = message.conversation
    frame = protocol.frame("conversation", id=str(conversation.pk), **news)
    await hub().tell_person(conversation.owner_id, frame, not_in=conversation.pk)


def _in_background(coroutine: Coroutine[Any, Any, None]) -> None:
    task = on_its_own(coroutine)
    _tasks().add(task)
    task.add_done_callback(_tasks().discard)


def _claim_next(conversation: UUID) -> Message | None:
    waiting = Message.objects.live().filter(conversation=conversation, lease="")
    if not waiting.exists():  # as nearly always
        return None
    for pulse in waiting.to_be_written().values_list("pk", "lease", "beat"):
        if Message.objects.claim(*pulse, new_lease=PROCESS):
            return Message.objects.find(pulse[0])
    return None


def _mark(conversation: UUID, unread: bool) -> None:
    Conversation.objects.filter(pk=conversation).update(unread=unread)
