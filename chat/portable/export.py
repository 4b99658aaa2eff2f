"""A conversation as a file: as JSON, which can be read in again, and as Markdown for people."""

import json
from typing import Any

import regex
from django.template.loader import render_to_string
from django.utils import timezone

from chat.models import INTERRUPTED, LIVE, Content, Conversation, Message
from chat.portable.schema import FORMAT, VERSION

LONGEST_NAME = 80  # characters of a file's name


def as_json(conversation: Conversation) -> str:
    """Return the conversation as schema.Document, one message a line."""
    shown = _shown(conversation)
    places = {message.pk: place for place, message in enumerate(shown, start=1)}
    head = {
        "format": FORMAT,
        "version": VERSION,
        "title": conversation.title,
        "created": _time(conversation.created),
        "exported": _time(timezone.now()),
    }
    lines = [json.dumps(_entry(message, places), ensure_ascii=False) for message in shown]
    opening = json.dumps(head, ensure_ascii=False)[:-1]
    return f'{opening},\n"messages": [\n' + ",\n".join(lines) + "\n]}\n"


def as_markdown(conversation: Conversation) -> str:
    messages = _shown(conversation)
    context = {"conversation": conversation, "messages": messages}
    return render_to_string("chat/export.md", context)


def file_name(conversation: Conversation, ending: str) -> str:
    """Return a name for the file that every system takes."""
    plain = regex.sub(r"[\p{C}\p{Z}/\\:*?\"<>|.%]+", " ", conversation.title)
    return f"{plain[:LONGEST_NAME].strip() or 'conversation'}.{ending}"


def _shown(conversation: Conversation) -> list[Message]:
    shown = conversation.messages.shown().select_related("person", "assistant")
    return list(shown.prefetch_related("others__assistant").defer("script"))


def _entry(message: Message, places: dict[int, int]) -> dict[str, Any]:
    others = sorted(message.others.all(), key=lambda version: version.number)
    place = 1 + sum(other.number < message.version for other in others)
    return {
        "author": "assistant" if message.person_id is None else "me",
        **_content(message),
        **_if_any(reply_to=places.get(message.reply_to_id or 0)),
        **({"version": place, "others": [_content(other) for other in others]} if others else {}),
    }


def _content(content: Content) -> dict[str, Any]:
    assistant = content.assistant
    error = {"code": content.error_code, "detail": content.error_detail}
    said = {"text": content.text, "created": _time(content.created)}
    if assistant is None:
        return said
    return {
        **said,
        # What is being written is not whole, wherever the file is read.
        "status": INTERRUPTED if content.status in LIVE else content.status,
        "assistant": {"slug": assistant.slug, "name": assistant.name},
        **_if_any(error=error if content.error_code else None, thoughts=content.thoughts),
    }


def _if_any(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _time(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))
