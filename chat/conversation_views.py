"""What the page asks for about whole conversations."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from chat import conversations, search
from chat.database import in_database
from chat.models import Conversation
from chat.people import Person
from chat.portable import export, load
from chat.protocol import bad_request
from chat.requests import body, door, fields


@require_POST
@door
async def rename(request: HttpRequest, person: Person, id: UUID) -> HttpResponse:
    given = fields(request)
    if given.keys() != {"title"}:
        raise bad_request("the body must be one JSON object with a title")
    return _entry(await conversations.rename(person, id, given["title"]))


@require_POST
@door
async def pin(request: HttpRequest, person: Person, id: UUID, on: bool) -> HttpResponse:
    return _entry(await conversations.pin(person, id, on))


@require_POST
@door
async def archive(request: HttpRequest, person: Person, id: UUID, on: bool) -> HttpResponse:
    return _entry(await conversations.archive(person, id, on))


@require_POST
@door
async def delete(request: HttpRequest, person: Person, id: UUID) -> HttpResponse:
    return _entry(await conversations.delete(person, id))


@require_POST
@door
async def restore(request: HttpRequest, person: Person, id: UUID) -> HttpResponse:
    return _entry(await conversations.restore(person, id))


@require_safe
@door
async def find(request: HttpRequest, person: Person) -> HttpResponse:
    found = await in_database(search.find, person, request.GET.get("q", ""))
    return JsonResponse({"results": found})


@require_safe
@door
async def export_json(request: HttpRequest, person: Person, id: UUID) -> HttpResponse:
    conversation = await in_database(conversations.own, person, id)
    text = await in_database(export.as_json, conversation)
    return _file(text, "application/json", export.file_name(conversation, "json"))


@require_safe
@door
async def export_markdown(request: HttpRequest, person: Person, id: UUID) -> HttpResponse:
    conversation = await in_database(conversations.own, person, id)
    text = await in_database(export.as_markdown, conversation)
    return _file(text, "text/markdown; charset=utf-8", export.file_name(conversation, "md"))


@require_POST
@door
async def take_in(request: HttpRequest, person: Person) -> HttpResponse:
    """Make a conversation of the file that is the body."""
    return _entry(await load.take_in(person, body(request, load.LARGEST)), status=201)


def _entry(conversation: Conversation, status: int = 200) -> HttpResponse:
    return JsonResponse(conversation.as_entry(), status=status)


def _file(text: str, kind: str, name: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name)
    headers = {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, content_type=kind, headers=headers)
