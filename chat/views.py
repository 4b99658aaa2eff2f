"""The pages."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from chat import actions
from chat.database import in_database
from chat.live import remote
from chat.models import Conversation
from chat.people import Person, in_session
from chat.protocol import Refused


@require_safe
@never_cache
@ensure_csrf_cookie
def home(request: HttpRequest) -> HttpResponse:
    """The visitor's newest conversation, or an empty page that opens one."""
    person = _person(request)
    return _chat(request, Conversation.objects.of(person.id).order_by("-used").first())


@require_safe
@never_cache
@ensure_csrf_cookie
def conversation(request: HttpRequest, id: UUID) -> HttpResponse:
    try:
        return _chat(request, actions.enter(_person(request), id))
    except Refused as refused:
        raise Http404(refused.detail) from None


def _person(request: HttpRequest) -> Person:
    try:
        return in_session(request)
    except Refused as refused:
        raise PermissionDenied(refused.detail) from None


def _chat(request: HttpRequest, conversation: Conversation | None) -> HttpResponse:
    socket_path = f"/ws/chat/{conversation.pk}/" if conversation else "/ws/chat/"
    context = {"conversation": conversation, "socket_path": socket_path}
    return render(request, "chat/chat.html", context)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
async def readyz(request: HttpRequest) -> HttpResponse:
    """The database and the channel layer answer; else which of them does not."""
    failing = [name for name, answers in await _parts() if not answers]
    status = "unavailable" if failing else "ok"
    return JsonResponse({"status": status, "failing": failing}, status=503 if failing else 200)


async def _parts() -> list[tuple[str, bool]]:
    return [
        ("database", await in_database(_database_answers)),
        ("channel_layer", await remote.answers()),
    ]


def _database_answers() -> bool:
    try:
        Conversation.objects.exists()  # fails too where nobody has migrated
        return True
    except DatabaseError:
        return False
