"""The verbs that every door shares.

Each does its work in one transaction, tells those who watch, and starts what is to be written.
All raise Refused, with a message for people, where they may not or cannot.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format

from chat import limits, protocol
from chat.assistants import scripted, template
from chat.assistants.scripted import Occasion, Verdict
from chat.characters import boundary
from chat.database import in_database
from chat.live.hub import hub
from chat.models import WAITING, Assistant, Conversation, Message, ScriptedReply
from chat.people import Person
from chat.protocol import Refused
from chat.reply import run
from chat.reply.journal import PROCESS

PAGE = 50  # messages in a snapshot

R = TypeVar("R")

logger = logging.getLogger(__name__)


async def start(person: Person) -> tuple[Conversation, Message | None]:
    """Open a new private conversation; return it and the greeting to `begin`, if there is one."""
    return await _or_unavailable(_start, person)


def begin(greeting: Message) -> None:
    """Let the greeting be typed; a moment later than it was opened, so that it is seen typed."""
    run.start(greeting)


def enter(person: Person, conversation: uuid.UUID) -> Conversation:
    """Return the conversation if `person` may be in it.

    Raises Refused (`not_found`) if not: whether it exists is nobody else's business.
    """
    found = Conversation.objects.of(person.id).filter(pk=conversation).first()
    if found is None:
        raise Refused("not_found", "There is no such conversation.")
    found.touch()
    return found


async def send(
    person: Person, conversation: Conversation, text: str, key: str, assistant: str | None = None
) -> tuple[Message, bool]:
    """Post `text`, have it answered; return the message, and whether it is new.

    The same `key` again returns the same message and starts nothing.
    """
    message, reply, is_new = await _or_unavailable(
        _post, person, conversation, text, key, assistant, key=key
    )
    if is_new:
        await _publish(message, key)
    if reply is not None:
        await _write(reply)
    return message, is_new


async def stop(conversation: Conversation, reply: int, at: int | None) -> None:
    """End a live reply, wherever it is written; the text it keeps ends at `at` code points.

    What was stored is final even if nobody hears of it: no writer can save over it.
    """
    running = run.runs().get(reply)
    if running is not None and running.message.conversation_id == conversation.pk:
        if not await running.stop(at):
            raise _ended(reply)
        return
    message = await _or_unavailable(_stop_elsewhere, conversation, reply, at, reply=reply)
    await hub().finish(hub().live.get(reply) or hub().open(message), message.text)


async def remind(conversation: uuid.UUID, rule: int) -> None:
    """Write the interval reply `rule` again; once, however many processes ask for it."""
    reply = await in_database(_remind, conversation, rule)
    if reply is not None:
        await _write(reply)


def try_out(occasion: Occasion, name: str) -> tuple[list[Verdict], ScriptedReply | None, str]:
    """Return a verdict on every scripted reply, the one chosen, and its text for `name`."""
    verdicts, chosen = _judge(occasion)
    return verdicts, chosen, _render(chosen, occasion.message, name) if chosen else ""


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


async def _publish(message: Message, key: str | None = None) -> None:
    author = message.person_id
    own = message.as_frame(for_person=author)
    await hub().publish(
        message.conversation_id,
        protocol.frame("message", message=message.as_frame()),
        own=protocol.frame("message", message=own, key=key) if author else "",
        by=author,
    )


async def _write(reply: Message) -> None:
    await _publish(reply)
    run.start(reply)


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
    with transaction.atomic():
        conversation = Conversation.objects.create(owner_id=person.id)
        _, chosen = _judge(Occasion(scripted.GREETING, _returning(person), timezone.now()))
        return conversation, _open_reply(conversation, chosen, person.name) if chosen else None


def _post(
    person: Person, conversation: Conversation, text: str, key: str, assistant: str | None
) -> tuple[Message, Message | None, bool]:
    """Return the message, the reply to write if there is one, and whether the message is new."""
    if posted := _posted(person, conversation, key):
        return posted, None, False
    limits.check_replies(person)
    limits.count_message(person)
    try:
        with transaction.atomic():
            return *_post_new(person, conversation, text, key, assistant), True
    except IntegrityError:  # the same key at the same moment in another process, or all was deleted
        if posted := _posted(person, conversation, key):
            return posted, None, False
        raise Refused("not_found", "There is no such conversation any more.") from None


def _posted(person: Person, conversation: Conversation, key: str) -> Message | None:
    mine = conversation.messages.select_related("person")
    return mine.filter(person=person.id, key=key).first()


def _post_new(
    person: Person, conversation: Conversation, text: str, key: str, assistant: str | None
) -> tuple[Message, Message | None]:
    _, chosen = _judge(Occasion(scripted.MESSAGE, _returning(person), timezone.now(), text))
    message = conversation.messages.create(person=person.user(), text=text, key=key)
    Conversation.objects.filter(pk=conversation.pk).update(used=message.created)
    if chosen is None:
        return message, None
    return message, _open_reply(
        conversation, chosen, person.name, reply_to=message, assistant=_assistant(assistant)
    )


def _returning(person: Person) -> bool:
    return Message.objects.filter(person=person.id).exists()


def _judge(occasion: Occasion) -> tuple[list[Verdict], ScriptedReply | None]:
    replies = {reply.pk: reply for reply in ScriptedReply.objects.in_order()}
    verdicts = scripted.judge((reply.rule for reply in replies.values()), occasion)
    chosen = next((verdict.rule.id for verdict in verdicts if verdict.matches), None)
    return verdicts, replies.get(chosen)  # type: ignore[arg-type]  # None is in no dictionary


def _assistant(slug: str | None) -> Assistant:
    assistants = Assistant.objects.filter(on=True)
    found = assistants.filter(slug=slug) if slug else assistants.order_by("-default", "pk")
    if (assistant := found.first()) is None:
        raise Refused("not_found", "There is no such assistant.")
    return assistant


def _open_reply(
    conversation: Conversation,
    chosen: ScriptedReply,
    name: str,
    reply_to: Message | None = None,
    assistant: Assistant | None = None,
    key: str | None = None,
) -> Message:
    return conversation.messages.create(
        assistant=assistant or _assistant(None),
        reply_to=reply_to,
        key=key,
        status=WAITING,
        scripted_reply=chosen,
        script=_render(chosen, reply_to.text if reply_to else "", name),
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
    return template.render(reply.text, values)


def _stop_elsewhere(conversation: Conversation, reply: int, at: int | None) -> Message:
    message = conversation.messages.find(reply)
    if message is None or message.assistant is None:
        raise Refused("not_found", "There is no such reply.")
    text = message.script if message.script and at is not None else message.text
    if not message.stop(text[: boundary(text, len(text) if at is None else min(at, len(text)))]):
        raise _ended(reply)
    return message


def _ended(reply: int) -> Refused:
    return Refused("conflict", "This reply has ended already.", reply=reply)


def _remind(conversation: uuid.UUID, rule: int) -> Message | None:
    """Open the interval reply, unless it does not apply, or another process was quicker."""
    found = Conversation.objects.filter(pk=conversation).first()
    chosen = ScriptedReply.objects.filter(pk=rule, trigger=scripted.INTERVAL).first()
    if found is None or chosen is None or chosen.every is None:
        return None
    person = Person.visitor(found.owner_id)
    occasion = Occasion(scripted.INTERVAL, _returning(person), timezone.now())
    if not scripted.judge([chosen.rule], occasion)[0].matches:
        return None
    before = found.messages.filter(scripted_reply=chosen)
    recently = timezone.now() - timedelta(seconds=chosen.every / 2)
    if before.filter(created__gt=recently).exists():
        return None
    try:
        with transaction.atomic():
            key = f"every:{chosen.pk}:{before.count()}"
            return _open_reply(found, chosen, person.name, key=key)
    except IntegrityError:
        return None
