"""Which assistant answers, and with what: the scripted replies as they stand in the database."""

import logging
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from chat.assistants import scripted, template
from chat.assistants.scripted import Occasion, Verdict
from chat.models import Assistant, ScriptedReply

logger = logging.getLogger(__name__)


def judge(occasion: Occasion) -> tuple[list[Verdict], ScriptedReply | None]:
    """Return a verdict on every scripted reply, and the one that answers; None if none does."""
    replies = {reply.pk: reply for reply in ScriptedReply.objects.in_order()}
    verdicts = scripted.judge((reply.rule for reply in replies.values()), occasion)
    chosen = next((replies[verdict.rule.id] for verdict in verdicts if verdict.matches), None)
    return verdicts, chosen


def answer(
    assistant: Assistant | None, occasion: Occasion, name: str, passed: set[int] | None = None
) -> dict[str, Any] | None:
    """Return the content of a reply by `assistant`, or by who stands in if it has none to give.

    Scripted replies have none if no rule matches. `passed` are assistants that had their chance;
    those that are asked here join them. `name` is of whom is answered. None: nobody answers.

    Staff who name a stand-in mean it for whoever asks, so its own audience does not matter here.
    """
    passed = set() if passed is None else passed
    while assistant is not None and assistant.pk not in passed:
        passed.add(assistant.pk)
        if assistant.on and assistant.is_model:
            return by(assistant)
        chosen = judge(occasion)[1] if assistant.on else None
        if chosen is not None:
            return by(assistant, chosen, render(chosen, occasion.message, name))
        assistant = assistant.fallback
    return None


def by(
    assistant: Assistant, chosen: ScriptedReply | None = None, script: str = ""
) -> dict[str, Any]:
    """Return what a reply by `assistant` consists of, before any of it is written."""
    return {
        "assistant": assistant,
        "scripted_reply": chosen,
        "script": script,
        "speed": chosen.speed if chosen else 0,
    }


def render(reply: ScriptedReply, message: str, name: str) -> str:
    """Return the text of `reply` to `message`, which somebody called `name` wrote."""
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
