"""Replies written again, and messages that say something else: what changes in the database.

All here run in the thread that speaks with the database, each in one transaction in which nobody
else changes the conversation. So of two at the same moment one wins, and the other finds a reply
that is being written.
"""

from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat import access, answers, limits, mentions
from chat.access import Right
from chat.models import FAILED, INTERRUPTED, LIVE, STOPPED, WAITING, Message, Messages, Version
from chat.people import Person
from chat.process import PROCESS
from chat.protocol import Refused


@dataclass(frozen=True, slots=True)
class Revised:
    """A message that changed, the ids of those not shown any more, and a reply that was opened."""

    message: Message
    gone: list[int] = field(default_factory=list)
    reply: Message | None = None


def retry(person: Person, conversation: UUID, id: int, slug: str | None) -> Revised:
    """Have a reply that failed written again."""
    with transaction.atomic():
        reply = _reply(person, conversation, id)
        if reply.status not in (FAILED, INTERRUPTED):
            raise _conflict("Only a reply that failed can be tried again.")
        return _write_anew(person, reply, slug, keep=bool(reply.text))


def regenerate(person: Person, conversation: UUID, id: int, slug: str | None) -> Revised:
    """Have another version of a reply written; the former is kept."""
    with transaction.atomic():
        reply = _reply(person, conversation, id)
        return _write_anew(person, reply, slug, keep=True)


def carry_on(person: Person, conversation: UUID, id: int, slug: str | None) -> Revised:
    """Have a reply that broke off carried on from its last character."""
    with transaction.atomic():
        reply = _reply(person, conversation, id)
        if not (reply.status in (STOPPED, FAILED, INTERRUPTED) or reply.error_code == "cut_short"):
            raise _conflict("This reply is complete, there is nothing to carry on.")
        content = {**reply.content, **_other_writer(person, reply, slug)}
        limits.count_message(person)
        reply.reopen(PROCESS, **content)
        return Revised(reply)


def edit(person: Person, conversation: UUID, id: int, text: str) -> Revised:
    """Change what somebody wrote, and have it answered anew."""
    with transaction.atomic():
        message = _found(person, conversation, id)
        if message.person_id != person.id:
            raise Refused("forbidden", "You can only change what you wrote yourself.")
        _check_at_rest(message)
        limits.check_replies(person)
        limits.count_message(person)
        gone = message.begin_version()
        message.text, message.edited = text, timezone.now()
        message.mentions = mentions.found_in(text, message.conversation).ids
        message.save()
        if message.conversation.is_room:
            return Revised(message, gone)
        return Revised(message, gone, answers.to_message(message, person))


def show_version(person: Person, conversation: UUID, id: int, number: int) -> Revised | None:
    """Show another version of a message, with all that followed it; None if it is shown already."""
    with transaction.atomic():
        message = _changeable(person, conversation, id)
        _check_at_rest(message)
        if number == message.version:
            return None
        limits.count_message(person)  # all who are there read the conversation anew
        try:
            message.show_version(number)
        except Version.DoesNotExist:
            raise Refused("not_found", "There is no such version.") from None
        return Revised(_found(person, conversation, id))  # its author may be another one


def check_remove(person: Person, conversation: UUID, id: int) -> None:
    """Raise Refused if `person` may not delete the message."""
    place = access.place(person, conversation)
    message = place.conversation.messages.shown().find(id)
    if message is None:
        raise _unknown()
    mine = message.person_id == person.id and place.right >= Right.WRITE
    if not mine and not (message.conversation.is_room and place.right >= Right.MODERATE):
        raise Refused("forbidden", "You can only delete what you wrote yourself.")
    if not message.conversation.is_room and _answers(message).live().exclude(_IN_LINE).exists():
        raise _conflict("It is being answered already.")


def remove(person: Person, conversation: UUID, id: int) -> list[int]:
    """Delete a message, and what waits to answer it; return the ids that are gone.

    In a private conversation its answer goes with it: it would answer nothing.
    """
    with transaction.atomic():
        access.place(person, conversation, lock=True)
        check_remove(person, conversation, id)
        message = Message.objects.select_related("conversation").get(pk=id)
        waiting = _answers(message).filter(_IN_LINE).values_list("pk", flat=True)
        gone = [pk for pk in waiting if Message.objects.withdraw(pk)]
        if not message.conversation.is_room:
            if _answers(message).live().exists():  # it was begun just now
                raise _conflict("It is being answered already.")
            gone += _answers(message).ended().exclude(pk__in=gone).values_list("pk", flat=True)
        gone.append(message.pk)
        Message.objects.filter(pk__in=gone).delete()
        return gone


def asker(message: Message) -> UUID | None:
    """Return for whom a message is: who wrote it, or asked for the reply; None for nobody."""
    asked = message.reply_to.person_id if message.reply_to else None
    return message.person_id or message.asked_by_id or asked


_IN_LINE = Q(status=WAITING, lease="")


def _answers(message: Message) -> Messages:
    return Message.objects.filter(conversation=message.conversation_id, reply_to=message)


def _found(person: Person, conversation: UUID, id: int) -> Message:
    """Return a message that is shown, with its conversation locked."""
    person.user()  # raises Refused for somebody who may not write any more
    place = access.place(person, conversation, Right.WRITE, lock=True)
    message = place.conversation.messages.shown().find(id)
    if message is None:
        raise _unknown()
    return message


def _changeable(person: Person, conversation: UUID, id: int) -> Message:
    message = _found(person, conversation, id)
    place = access.place(person, conversation, Right.WRITE)
    if not place.may_change(asker(message), person):
        raise Refused("forbidden", "Only who asked for this, and the moderators, may change it.")
    return message


def _check_at_rest(message: Message) -> None:
    """Raise Refused while it is written; in a private conversation, while anything is."""
    if message.status in LIVE:
        raise _conflict("This reply is still being written.")
    if not message.conversation.is_room and message.conversation.messages.live().exists():
        raise _conflict("Another reply is being written. Stop it, or wait for its end.")


def _reply(person: Person, conversation: UUID, id: int) -> Message:
    message = _changeable(person, conversation, id)
    if message.assistant is None:
        raise Refused("not_found", "There is no such reply.")
    _check_at_rest(message)
    limits.check_replies(person)
    return message


def _write_anew(person: Person, reply: Message, slug: str | None, *, keep: bool) -> Revised:
    if reply.reply_to is None:
        raise _conflict("Nobody asked for this reply, so it cannot be answered anew.")
    content = answers.content_for(reply.reply_to, person, slug)
    if content is None:
        raise Refused("not_found", "There is nobody to answer this now.")
    limits.count_message(person)
    gone = reply.begin_version() if keep else []
    reply.reopen(PROCESS, **content)
    return Revised(reply, gone)


def _other_writer(person: Person, reply: Message, slug: str | None) -> dict[str, object]:
    """Return what changes if somebody else carries a reply on; nothing if it is who began it."""
    offered = answers.offered_to(person)
    if slug is None or slug == getattr(reply.assistant, "slug", None):
        if reply.is_by_model and reply.assistant not in offered:
            raise _conflict("This assistant is not there any more. Choose another one.")
        return {}
    assistant = offered.filter(slug=slug).first()
    if assistant is None:
        raise Refused("not_found", "There is no such assistant.")
    if not assistant.is_model:
        raise _conflict("Scripted replies cannot carry on what somebody else began.")
    return {"assistant": assistant, "scripted_reply": None, "script": "", "speed": 0}


def _unknown() -> Refused:
    return Refused("not_found", "There is no such message.")


def _conflict(detail: str) -> Refused:
    return Refused("conflict", detail)
