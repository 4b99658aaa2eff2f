"""The verbs that every door shares.

Each does its work in one transaction, tells those who watch, and starts what is to be written.
All raise Refused, with a message for people, where they may not or cannot.
"""

import logging
import math
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, transaction

from chat import (
    access,
    answers,
    end_users,
    limits,
    listing,
    mentions,
    metrics,
    protocol,
    revisions,
)
from chat.access import Right
from chat.characters import boundary, split
from chat.database import in_database
from chat.live.following import following
from chat.live.hub import LiveReply, hub
from chat.live.relay import group_of_conversation, relay
from chat.live.remote import group_of
from chat.models import LIVE, Conversation, Membership, Message
from chat.people import Person
from chat.protocol import Refused
from chat.reply import run, turns
from chat.revisions import Revised

PAGE = 50  # messages in a snapshot
UNSAVED = 3.0  # seconds of typing, at most, that are not saved yet while the database answers

R = TypeVar("R")

logger = logging.getLogger(__name__)


async def start(person: Person) -> tuple[Conversation, Message | None]:
    """Open a new private conversation; return it and the greeting to `begin`, if there is one."""
    return await _or_unavailable(_start, person)


def begin(greeting: Message) -> None:
    """Let the greeting be typed; a moment later than it was opened, so that it is seen typed."""
    turns.begin(greeting)


def enter(person: Person, conversation: uuid.UUID | str) -> access.Place:
    """Return the place of `person` in a conversation, or in the room at an address.

    Raises Refused as `access.place` does.
    """
    if isinstance(conversation, str):
        return access.room(person, conversation)
    return access.place(person, conversation)


def see(person: Person, conversation: Conversation) -> None:
    """Note that `person` sees now what is new in a conversation in which they have a seat."""
    newest = conversation.messages.order_by("-pk").values_list("pk", flat=True).first() or 0
    seats = Membership.objects.seats().filter(conversation=conversation, person=person.id)
    seats.filter(seen__lt=newest).update(seen=newest)


def find(person: Person, id: int) -> Message:
    """Return a message that `person` may read.

    Raises Refused (`not_found`), in the same words whether it is hidden from them or none.
    """
    return _find(person, id)[0]


def find_reply(person: Person, id: int) -> Message:
    """Return a reply that `person` may read. Raises Refused as `find` does."""
    return find_reply_and_place(person, id)[0]


def find_reply_and_place(person: Person, id: int) -> tuple[Message, access.Place]:
    """Return a reply that `person` may read, and their place there. Raises Refused as `find`."""
    message, place = _find(person, id)
    if message.assistant is None:
        raise Refused("not_found", "There is no such message.")
    return message, place


def reply_to(message: Message) -> Message | None:
    """Return the reply to a message; None if nobody answers it."""
    replies = Message.objects.shown().filter(reply_to=message).order_by("-pk")
    known = replies.select_related("person", "assistant", "conversation", "asked_by")
    return known.first()


def as_told(person: Person, message: Message) -> dict[str, Any]:
    """Return the contract's *message* for `person`, with what was written of it up to now."""
    told = message.as_frame(for_person=person.id)
    if live := hub().live.get(message.pk):
        live.bring_up_to_date(told)
    return told


async def send(
    person: Person,
    conversation: Conversation,
    text: str,
    key: str,
    assistant: str | None = None,
    pace: str | None = None,
) -> tuple[Message, bool]:
    """Post `text`, have it answered; return the message, and whether it is new.

    The same `key` again returns the same message and starts nothing. `pace` is how its reader
    wants the answer typed: None as it is, "faster", or "at_once".
    """
    message, reply, is_new = await _or_unavailable(
        _post, person, conversation, text, key, assistant, pace, key=key
    )
    if is_new:
        await _tell_posted(message, reply, key)
    else:
        metrics.DUPLICATES.inc()
    return message, is_new


async def say(
    person: Person,
    end_user: str,
    conversation: uuid.UUID | None,
    text: str,
    assistant: str | None = None,
    pace: str | None = None,
) -> tuple[Message, Message]:
    """Post what a program's own user says, in their newest conversation or the one with that id.

    Returns that, and the reply to it. Raises Refused (`unavailable`) if nobody answers.
    """
    words = (text, assistant, pace)
    message, reply = await _or_unavailable(_say, person, end_user, conversation, *words)
    await _tell_posted(message, reply)
    if reply is None:
        raise Refused("unavailable", "The message was posted, but nobody is there to answer it.")
    return message, reply


async def stop(person: Person, conversation: Conversation, reply: int, at: int | None) -> None:
    """End a live reply, wherever it is written; the text it keeps ends at `at` code points.

    What was stored is final even if nobody hears of it: no writer can save over it.
    """
    await _or_unavailable(_check_stop, person, conversation, reply, reply=reply)
    running = run.runs().get(reply)
    if running is not None:
        if await running.stop(at):
            return
        if not running.is_lost:
            raise _ended(reply)
    followed = hub().live.get(reply)
    message = await _or_unavailable(_stop_elsewhere, conversation, reply, at, followed, reply=reply)
    if running := run.runs().get(reply):  # it was taken over here just now
        await running.lose()
    else:
        await hub().finish(hub().open(message), message.text)
        relay().tell(group_of(message.lease), "lose", reply)
        relay().tell(group_of_conversation(conversation.pk), "look", [reply])
        await turns.after(message, seen=True)


async def retry(
    person: Person, conversation: Conversation, reply: int, assistant: str | None = None
) -> None:
    """Have a reply that failed written again; if it has text, that is kept as a version."""
    await _rewrite(revisions.retry, person, conversation, reply, assistant)


async def regenerate(
    person: Person, conversation: Conversation, reply: int, assistant: str | None = None
) -> None:
    """Have another version of a reply written; the former, and what followed it, are kept."""
    await _rewrite(revisions.regenerate, person, conversation, reply, assistant)


async def carry_on(
    person: Person, conversation: Conversation, reply: int, assistant: str | None = None
) -> None:
    """Have a reply that broke off carried on from its last character."""
    await _rewrite(revisions.carry_on, person, conversation, reply, assistant)


async def edit(person: Person, conversation: Conversation, message: int, text: str) -> None:
    """Change one's own message and have it answered anew; what was before, is kept.

    In a room it is only changed, as others have spoken since.
    """
    args = (person, conversation.pk, message, text)
    revised = await _or_unavailable(revisions.edit, *args, message=message)
    await _show(revised)
    if revised.reply is not None:
        await _write(revised.reply)


async def show_version(
    person: Person, conversation: Conversation, message: int, number: int
) -> None:
    """Show another version of a message to everyone, with all that followed it."""
    args = (person, conversation.pk, message, number)
    revised = await _or_unavailable(revisions.show_version, *args, message=message)
    if revised is None:
        return
    hub().drop(message)
    await _show(revised)
    hub().renew(conversation.pk)


async def remove(person: Person, conversation: Conversation, message: int) -> None:
    """Delete a message of one's own, with what waits in line to answer it.

    Who moderates a room may delete any, and a reply is stopped by that.
    """
    args = (person, conversation.pk, message)
    await _or_unavailable(revisions.check_remove, *args, message=message)
    if running := run.runs().get(message):
        await running.stop(0)
    gone = await _or_unavailable(revisions.remove, *args, message=message)
    await hub().take_away(conversation.pk, gone)
    await turns.advance(conversation.pk)


def thoughts(conversation: Conversation, reply: int) -> str:
    """Return a model's reasoning about a reply. Raises Refused if there is no such reply."""
    message = conversation.messages.find(reply)
    if message is None or message.assistant is None:
        raise Refused("not_found", "There is no such reply.")
    return message.thoughts


async def remind(conversation: uuid.UUID, rule: int) -> None:
    """Write the interval reply `rule` again; once, however many processes ask for it."""
    reply = await in_database(answers.to_waiting, conversation, rule)
    if reply is not None:
        await _write(reply)


def page(conversation: Conversation, before: int | None = None) -> tuple[list[Message], bool]:
    """Return the newest messages (older than `before`), oldest first, and whether more are older.

    At most PAGE, and fewer where they are so long that they would not fit into one frame.
    """
    found = conversation.messages.page(PAGE + 1, before)
    room, fitting = protocol.LARGEST_SNAPSHOT, 0
    for message in reversed(found[-PAGE:]):
        room -= len(message.text.encode()) + 500
        if room < 0 and fitting:
            break
        fitting += 1
    return found[len(found) - fitting :], fitting < len(found)


# --- what they have in common ------------------------------------------------------------------


def _find(person: Person, id: int) -> tuple[Message, access.Place]:
    message = Message.objects.shown().find(id) if 0 < id < 2**63 else None
    try:
        if message is not None:
            return message, access.place(person, message.conversation_id)
    except Refused as refused:
        if refused.code != "not_found":
            raise
    raise Refused("not_found", "There is no such message.")


async def _tell_posted(message: Message, reply: Message | None, key: str | None = None) -> None:
    await _publish(message, key)
    await listing.tell(message.conversation, but_in=message.conversation_id)
    listing.count_up(message.conversation, *filter(None, (message, reply)))
    if reply is not None:
        await _write(reply)


async def _publish(message: Message, key: str | None = None) -> None:
    own = message.as_frame(for_person=message.person_id)
    await hub().post(
        message,
        protocol.frame("message", message=message.as_frame()),
        own=protocol.frame("message", message=own, key=key),
    )


async def _write(reply: Message) -> None:
    await _publish(reply)
    if reply.lease:
        turns.begin(reply)
    else:  # until whoever writes what it waits for begins it; which may have ended meanwhile
        following().follow(reply)
        await turns.advance(reply.conversation_id)


async def _rewrite(
    revise: Callable[..., Revised],
    person: Person,
    conversation: Conversation,
    reply: int,
    assistant: str | None,
) -> None:
    revised = await _or_unavailable(revise, person, conversation.pk, reply, assistant, reply=reply)
    await hub().reopen(revised.message)
    if revised.gone:
        await hub().take_away(conversation.pk, revised.gone)
    turns.begin(revised.message)


async def _show(revised: Revised) -> None:
    message = revised.message
    changed = protocol.frame("message.changed", message=message.as_frame())
    await hub().publish(message.conversation_id, changed, about=message.pk)
    if revised.gone:
        await hub().take_away(message.conversation_id, revised.gone)


async def _or_unavailable(function: Callable[..., R], *args: Any, **whose: Any) -> R:
    """Call `function` in the database; every refusal says with `whose` which frame it was."""
    try:
        return await in_database(function, *args)
    except DatabaseError as error:
        logger.error("%s failed: %s", function.__name__, error)
        detail = "The server cannot save this right now. Try again."
        raise Refused("unavailable", detail, retry_after=2, **whose) from None
    except Refused as refused:
        refused.more |= whose
        raise


def _start(person: Person) -> tuple[Conversation, Message | None]:
    limits.count_message(person)  # an opening counts as one: it too fills the database
    with transaction.atomic():
        conversation = Conversation.objects.create(owner_id=person.id)
        conversation.is_shared = False
        return conversation, answers.to_opening(conversation, person)


def _post(
    person: Person, conversation: Conversation, *words: Any
) -> tuple[Message, Message | None, bool]:
    find = partial(access.place, person, conversation.pk, Right.WRITE, lock=True)
    return _post_at(find, person, *words)


def _post_at(
    find: Callable[[], access.Place],
    person: Person,
    text: str,
    key: str | None,
    assistant: str | None,
    pace: str | None,
) -> tuple[Message, Message | None, bool]:
    """Return the message, the reply to write if there is one, and whether the message is new."""
    try:
        with transaction.atomic():
            place = find()  # who posts here at the same moment waits, and then sees what is live
            if key is not None and (posted := _posted(person, place.conversation, key)):
                return posted, None, False
            limits.check_replies(person)
            limits.count_message(person)
            return *_post_new(person, place, text, key, assistant, pace), True
    except IntegrityError:  # all was deleted at the same moment
        raise Refused("not_found", "There is no such conversation any more.") from None


def _say(
    person: Person,
    end_user: str,
    id: uuid.UUID | None,
    text: str,
    assistant: str | None,
    pace: str | None,
) -> tuple[Message, Message | None]:
    find = partial(end_users.place, person, end_user, id)
    message, reply, _ = _post_at(find, person, text, None, assistant, pace)
    return message, reply


def _posted(person: Person, conversation: Conversation, key: str) -> Message | None:
    mine = conversation.messages.select_related("person")
    return mine.filter(person=person.id, key=key).first()


def _post_new(
    person: Person,
    place: access.Place,
    text: str,
    key: str | None,
    assistant: str | None,
    pace: str | None,
) -> tuple[Message, Message | None]:
    user, conversation = person.user(), place.conversation
    conversation.take_up()
    called = mentions.found_in(text, conversation).ids if "@" in text else []
    message = conversation.messages.create(person=user, text=text, key=key, mentions=called)
    if conversation.is_room and place.role != access.MEMBER:  # staff may moderate without a seat
        conversation.memberships.get_or_create(person=user)
    return message, answers.to_message(message, person, assistant, pace)


def _check_stop(person: Person, conversation: Conversation, reply: int) -> None:
    place = access.place(person, conversation.pk)
    message = conversation.messages.find(reply)
    if message is None or message.assistant is None:
        raise Refused("not_found", "There is no such reply.")
    if not place.may_change(revisions.asker(message), person):
        raise Refused("forbidden", "Only who asked for it, and the moderators, may stop it.")


def _stop_elsewhere(
    conversation: Conversation, reply: int, at: int | None, followed: LiveReply | None
) -> Message:
    message = conversation.messages.find(reply)
    if message is None or message.assistant is None:
        raise Refused("not_found", "There is no such reply.")
    if message.status not in LIVE:
        raise _ended(reply)
    text = _written(message, followed, at)
    if not message.stop(text[: boundary(text, len(text) if at is None else min(at, len(text)))]):
        raise _ended(reply)
    return message


def _written(message: Message, followed: LiveReply | None, at: int | None) -> str:
    """Return what there is of a reply that another process writes, and saves a moment later."""
    if followed is not None and followed.message.version == message.version:
        return followed.text if followed.text.startswith(message.text) else message.text
    # Of a script more may have been seen than was saved; but nothing of one that only waits.
    if not (message.script and message.lease and at is not None):
        return message.text
    ahead = split(message.script[len(message.text) :])
    return message.text + "".join(ahead[: math.ceil(message.speed * UNSAVED) or None])


def _ended(reply: int) -> Refused:
    return Refused("conflict", "This reply has ended already.", reply=reply)
