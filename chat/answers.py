"""Who answers, and how the reply is opened to be written.

All here run in the thread that speaks with the database.
"""

import uuid
from datetime import timedelta
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from chat import mentions, scripts
from chat.assistants import scripted
from chat.assistants.scripted import Occasion, Verdict
from chat.models import WAITING, Assistant, Conversation, Message, ScriptedReply
from chat.people import Person
from chat.process import PROCESS
from chat.protocol import Refused

# how a reader wants a reply typed -> how many times as fast that is; none is all at once
TIMES_AS_FAST = {"faster": 4, "at_once": 0}


def to_message(
    message: Message, person: Person, slug: str | None = None, pace: str | None = None
) -> Message | None:
    """Open the reply to `message`, by the assistant called `slug`; None if nobody answers.

    In a private conversation it is typed at the `pace` that its only reader wishes for. In a room
    the assistant may speak only when it is mentioned (`slug` does that too), or never.
    """
    conversation = message.conversation
    if conversation.is_room:
        slug = slug or _mentioned(message, person)
        asked = slug is not None or conversation.answers == Conversation.Answers.ALWAYS
        if conversation.answers == Conversation.Answers.NEVER or not asked:
            return None
    content = content_for(message, person, slug)
    if content is None:
        return None
    if conversation.is_room:
        return _open(conversation, content, reply_to=message, asked_by=message.person)
    if pace is not None:
        content["speed"] *= TIMES_AS_FAST[pace]
    return _open(conversation, content, reply_to=message)


def content_for(message: Message, person: Person, slug: str | None = None) -> dict[str, Any] | None:
    """Return what an answer to `message` consists of, before any of it is written."""
    conversation = message.conversation
    assistant = _assistant(person, conversation, slug)
    chosen = slug is not None and not conversation.is_room  # a room's own is its moderators' choice
    if chosen and assistant is not None and conversation.assistant_id != assistant.pk:
        conversation.assistant = assistant
        conversation.save(update_fields=["assistant"])
    # Whether they were here before is only looked up if a rule asks.
    returning = cast(bool, SimpleLazyObject(message.is_not_the_first))
    occasion = Occasion(scripted.MESSAGE, returning, timezone.now(), message.text)
    return scripts.answer(assistant, occasion, str(message.person))  # as they are called now


def to_opening(conversation: Conversation, person: Person) -> Message | None:
    """Open the greeting of a new conversation; None if there is none for `person`."""
    occasion = Occasion(scripted.GREETING, _wrote_before(person), timezone.now())
    return _open_scripted(conversation, scripts.judge(occasion)[1], person)


def to_waiting(conversation: uuid.UUID, rule: int) -> Message | None:
    """Open the interval reply `rule`; None if it does not apply, or another process was quicker."""
    found = Conversation.objects.filter(pk=conversation, deleted=None).first()
    chosen = ScriptedReply.objects.filter(pk=rule, trigger=scripted.INTERVAL).first()
    if found is None or found.owner_id is None or chosen is None or chosen.every is None:
        return None
    person = Person.visitor(found.owner_id)
    occasion = Occasion(scripted.INTERVAL, _wrote_before(person), timezone.now())
    if not scripted.judge([chosen.rule], occasion)[0].matches:
        return None
    before = found.messages.filter(key__startswith=f"every:{chosen.pk}:")
    recently = timezone.now() - timedelta(seconds=chosen.every / 2)
    if before.filter(created__gt=recently).exists():
        return None
    try:
        with transaction.atomic():
            # One after the other with whoever posts there just now.
            Conversation.objects.select_for_update().filter(pk=conversation).first()
            key = f"every:{chosen.pk}:{before.count()}"
            return _open_scripted(found, chosen, person, key=key)
    except IntegrityError:
        return None


def offered_to(person: Person) -> QuerySet[Assistant]:
    """Return the assistants that `person` may choose from, the usual one first."""
    return Assistant.objects.for_person(account=not person.guest, staff=person.staff).in_order()


def try_out(occasion: Occasion, name: str) -> tuple[list[Verdict], ScriptedReply | None, str]:
    """Return a verdict on every scripted reply, the one chosen, and its text for `name`."""
    verdicts, chosen = scripts.judge(occasion)
    return verdicts, chosen, scripts.render(chosen, occasion.message, name) if chosen else ""


def _wrote_before(person: Person) -> bool:
    return Message.objects.filter(person=person.id).exists()


def _assistant(person: Person, conversation: Conversation, slug: str | None) -> Assistant | None:
    """Return the assistant with that slug, else who was chosen before, else who usually answers.

    None if all are off.
    """
    offered = offered_to(person)
    if slug is not None:
        if (assistant := offered.filter(slug=slug).first()) is None:
            raise Refused("not_found", "There is no such assistant.")
        return assistant
    chosen = conversation.assistant_id
    return (chosen and offered.filter(pk=chosen).first()) or offered.first()


def _mentioned(message: Message, person: Person) -> str | None:
    """Return the slug of the first assistant that `message` mentions, if `person` may ask it."""
    called = mentions.found_in(message.text, message.conversation).assistants
    if not called:
        return None
    offered = set(offered_to(person).values_list("slug", flat=True))
    return next((assistant.slug for assistant in called if assistant.slug in offered), None)


def _open_scripted(
    conversation: Conversation, chosen: ScriptedReply | None, person: Person, key: str | None = None
) -> Message | None:
    """Open what nobody asked for: in the name of the assistant that usually answers."""
    assistant = offered_to(person).first()
    if chosen is None or assistant is None:
        return None
    content = scripts.by(assistant, chosen, scripts.render(chosen, "", person.name))
    return _open(conversation, content, key=key)


def _open(conversation: Conversation, content: dict[str, Any], **fields: Any) -> Message:
    """Open a reply; it waits in line if another one of the same line is still being written."""
    line = conversation.messages.live().filter(asked_by=fields.get("asked_by"))
    is_next = not line.exists()
    lease = PROCESS if is_next else ""
    return conversation.messages.create(status=WAITING, lease=lease, **content, **fields)
