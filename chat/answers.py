"""Which scripted reply answers, and how it is opened to be written.

All here run in the thread that speaks with the database.
"""

import logging
import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format

from chat.assistants import scripted, template
from chat.assistants.scripted import Occasion, Verdict
from chat.models import WAITING, Assistant, Conversation, Message, ScriptedReply
from chat.people import Person
from chat.protocol import Refused
from chat.reply.journal import PROCESS

logger = logging.getLogger(__name__)


def to_message(message: Message, person: Person, assistant: str | None) -> Message | None:
    """Open the reply to `message`, by the assistant with that slug; None if there is none."""
    before = Message.objects.filter(person=person.id, pk__lt=message.pk)
    occasion = Occasion(scripted.MESSAGE, before.exists(), timezone.now(), message.text)
    return _open(message.conversation, _judge(occasion)[1], person, message, _assistant(assistant))


def to_opening(conversation: Conversation, person: Person) -> Message | None:
    """Open the greeting of a new conversation; None if there is none for `person`."""
    occasion = Occasion(scripted.GREETING, _wrote_before(person), timezone.now())
    return _open(conversation, _judge(occasion)[1], person)


def to_waiting(conversation: uuid.UUID, rule: int) -> Message | None:
    """Open the interval reply `rule`; None if it does not apply, or another process was quicker."""
    found = Conversation.objects.filter(pk=conversation).first()
    chosen = ScriptedReply.objects.filter(pk=rule, trigger=scripted.INTERVAL).first()
    if found is None or chosen is None or chosen.every is None:
        return None
    person = Person.visitor(found.owner_id)
    occasion = Occasion(scripted.INTERVAL, _wrote_before(person), timezone.now())
    if not scripted.judge([chosen.rule], occasion)[0].matches:
        return None
    before = found.messages.filter(scripted_reply=chosen)
    recently = timezone.now() - timedelta(seconds=chosen.every / 2)
    if before.filter(created__gt=recently).exists():
        return None
    try:
        with transaction.atomic():
            return _open(found, chosen, person, key=f"every:{chosen.pk}:{before.count()}")
    except IntegrityError:
        return None


def try_out(occasion: Occasion, name: str) -> tuple[list[Verdict], ScriptedReply | None, str]:
    """Return a verdict on every scripted reply, the one chosen, and its text for `name`."""
    verdicts, chosen = _judge(occasion)
    return verdicts, chosen, _render(chosen, occasion.message, name) if chosen else ""


def _judge(occasion: Occasion) -> tuple[list[Verdict], ScriptedReply | None]:
    replies = {reply.pk: reply for reply in ScriptedReply.objects.in_order()}
    verdicts = scripted.judge((reply.rule for reply in replies.values()), occasion)
    chosen = next((replies[verdict.rule.id] for verdict in verdicts if verdict.matches), None)
    return verdicts, chosen


def _wrote_before(person: Person) -> bool:
    return Message.objects.filter(person=person.id).exists()


def _assistant(slug: str | None = None) -> Assistant | None:
    """Return the assistant with that slug, else the default one; None if all are off."""
    on = Assistant.objects.filter(on=True)
    if slug is None:
        return on.order_by("-default", "pk").first()
    if (assistant := on.filter(slug=slug).first()) is None:
        raise Refused("not_found", "There is no such assistant.")
    return assistant


def _open(
    conversation: Conversation,
    chosen: ScriptedReply | None,
    person: Person,
    reply_to: Message | None = None,
    assistant: Assistant | None = None,
    key: str | None = None,
) -> Message | None:
    assistant = assistant or _assistant()
    if chosen is None or assistant is None:
        return None
    return conversation.messages.create(
        assistant=assistant,
        reply_to=reply_to,
        key=key,
        status=WAITING,
        scripted_reply=chosen,
        script=_render(chosen, reply_to.text if reply_to else "", person.name),
        speed=chosen.speed,
        lease=PROCESS,
    )


def _render(reply: ScriptedReply, message: str, name: str) -> str:
    now = timezone.localtime()
    values = {
        "message": message,
        "name": name,
        "date": date_format(now, "DATE_FORMAT"),
        "time": date_format(now, "TIME_FORMAT"),
    }
    try:
        return template.render(reply.text, values)
    except template.TemplateError as error:  # saved by a way round the admin
        logger.error("the text of the scripted reply %r is broken: %s", reply.name, error)
        return reply.text
