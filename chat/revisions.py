"""Replies written again, and messages that say something else: what changes in the database.

All here run in the thread that speaks with the database, each in one transaction in which nobody
else changes the conversation. So of two at the same moment one wins, and the other finds a reply
that is being written.
"""

from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from chat import answers, limits
from chat.models import FAILED, INTERRUPTED, STOPPED, WAITING, Conversation, Message, Version
from chat.people import Person
from chat.protocol import Refused
from chat.reply.journal import PROCESS


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
        message = _at_rest(person, conversation, id)
        if message.person_id != person.id:
            raise Refused("forbidden", "You can only change what you wrote yourself.")
        limits.check_replies(person)
        limits.count_message(person)
        gone = message.begin_version()
        message.text = text
        message.save()
        return Revised(message, gone, answers.to_message(message, person))


def show_version(person: Person, conversation: UUID, id: int, number: int) -> Revised | None:
    """Show another version of a message, with all that followed it; None if it is shown already."""
    with transaction.atomic():
        message = _at_rest(person, conversation, id)
        if number == message.version:
            return None
        limits.count_message(person)  # all who are there read the conversation anew
        try:
            message.show_version(number)
        except Version.DoesNotExist:
            raise Refused("not_found", "There is no such version.") from None
        return Revised(_message(person, conversation, id))  # its author may be another one


def remove(person: Person, conversation: UUID, id: int) -> list[int]:
    """Take back a message that waits to be answered; return the ids that are gone."""
    with transaction.atomic():
        message = _message(person, conversation, id)
        if message.person_id != person.id:
            raise Refused("forbidden", "You can only take back what you wrote yourself.")
        replies = message.conversation.messages.filter(reply_to=message)
        waiting = replies.filter(status=WAITING, lease="").values_list("pk", flat=True)
        gone = [pk for pk in waiting if Message.objects.withdraw(pk)]
        if not gone or replies.exclude(pk__in=gone).exists():
            raise _conflict("It is being answered already.")
        gone.append(message.pk)
        Message.objects.filter(pk__in=gone).delete()
        return gone


def _message(person: Person, conversation: UUID, id: int) -> Message:
    """Return a message that is shown, with its conversation locked."""
    person.user()  # raises Refused for somebody who may not write any more
    locked = Conversation.objects.of(person.id).select_for_update().filter(pk=conversation).first()
    message = locked.messages.shown().find(id) if locked else None
    if message is None:
        raise Refused("not_found", "There is no such message.")
    return message


def _at_rest(person: Person, conversation: UUID, id: int) -> Message:
    message = _message(person, conversation, id)
    live = set(message.conversation.messages.live().values_list("pk", flat=True))
    if id in live:
        raise _conflict("This reply is still being written.")
    if live:
        raise _conflict("Another reply is being written. Stop it, or wait for its end.")
    return message


def _reply(person: Person, conversation: UUID, id: int) -> Message:
    message = _at_rest(person, conversation, id)
    if message.assistant is None:
        raise Refused("not_found", "There is no such reply.")
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


def _conflict(detail: str) -> Refused:
    return Refused("conflict", detail)
