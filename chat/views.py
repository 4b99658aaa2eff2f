"""The pages."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from csp.decorators import csp_update
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chat import access, forgetting, listing
from chat.database import in_database
from chat.live.per_loop import on_its_own
from chat.live.remote import remote
from chat.models import Assistant, Conversation, Link
from chat.people import Person, guest_before_login, in_session
from chat.protocol import Refused

PROBE_PATIENCE = 2.0  # seconds; who asks whether this process is ready does not wait long


@require_safe
@never_cache
@ensure_csrf_cookie
def home(request: HttpRequest) -> HttpResponse:
    """The visitor's newest conversation, or an empty page that opens one."""
    person = _person(request)
    own = Conversation.objects.of(person.id).personal()
    open_ones = own.filter(archived=False).with_company()
    return _chat(request, person, open_ones.order_by("-used").first(), opening="first")


@require_safe
@never_cache
@ensure_csrf_cookie
def new(request: HttpRequest) -> HttpResponse:
    """An empty page, that opens a new conversation."""
    return _chat(request, _person(request), None, opening="new")


@require_safe
@never_cache
@ensure_csrf_cookie
def conversation(request: HttpRequest, id: UUID) -> HttpResponse:
    person = _person(request)
    with _refusals():
        return _chat(request, person, access.place(person, id).conversation)


@require_safe
@never_cache
@ensure_csrf_cookie
def room(request: HttpRequest, slug: str) -> HttpResponse:
    person = _person(request)
    with _refusals():
        return _chat(request, person, access.room(person, slug).conversation)


@require_safe
@never_cache
@ensure_csrf_cookie
def watch(request: HttpRequest, token: str) -> HttpResponse:
    """A conversation as who has a link to it may watch it; or where they are invited to it."""
    person = _person(request)
    try:
        link = access.linked(token, None)
    except Refused:
        return render(request, "rooms/link_gone.html", status=404)
    if link.right == Link.Right.JOIN:
        return redirect("invitation", token=token)
    return _chat(request, person, link.conversation, token=token)


@require_safe
@never_cache
@ensure_csrf_cookie
@csp_update({"trusted-types": ["default", "dompurify"]})  # Swagger UI makes elements of texts
def docs(request: HttpRequest) -> HttpResponse:
    """The HTTP API, to be read, and tried out as whoever is here."""
    here = request.build_absolute_uri("/").rstrip("/")
    return render(request, "docs.html", {"you": _person(request), "here": here})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
async def forget_me(request: HttpRequest) -> HttpResponse:
    """The page that asks whether everything shall be deleted; and who says so, is forgotten."""
    people = await in_database(_everybody, request)
    problem = ""
    if request.method == "POST":
        try:
            for person in people:
                await forgetting.begin(person)
            await in_database(request.session.flush)
            for person in people:
                await forgetting.finish(person)
            return redirect("forgotten")
        except Refused as refused:
            problem = refused.detail
    context = {"problem": problem}
    status = 409 if problem else 200
    return await in_database(render, request, "account/forget_me.html", context, status=status)


@require_safe
@never_cache
def forgotten(request: HttpRequest) -> HttpResponse:
    return render(request, "account/forgotten.html")


def _everybody(request: HttpRequest) -> list[Person]:
    """Return who somebody is here: beside their account the guest they were before, if any."""
    guest = guest_before_login(request)
    return [_person(request), *([guest] if guest else [])]


@contextmanager
def _refusals() -> Iterator[None]:
    """Let who may not come in see the page that says so."""
    try:
        yield
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.detail) from None
        raise Http404(refused.detail) from None


def _person(request: HttpRequest) -> Person:
    try:
        return in_session(request)
    except Refused as refused:
        raise PermissionDenied(refused.detail) from None


def _chat(
    request: HttpRequest,
    person: Person,
    conversation: Conversation | None,
    *,
    opening: str = "",
    token: str = "",
) -> HttpResponse:
    """Show a conversation.

    `opening` is what the page calls one that it opened and heard nothing of yet; `token` that of
    the link by which it is watched.
    """
    entries, more = listing.entries(person.id)
    context = {
        "conversation": conversation,
        "company": bool(token) or (conversation is not None and conversation.has_company),
        "opening": opening,
        "token": token,
        "you": person,
        "current": str(conversation.pk) if conversation else "",
        "socket_path": _socket_path(conversation, token),
        "entries": entries,
        "more": more,
        "rooms": _rooms(person, conversation if not token else None),
    }
    page = render(request, "chat/chat.html", context)
    if Assistant.objects.show_images():
        page._csp_update = {"img-src": "https:"}  # type: ignore[attr-defined]  # of django-csp
    return page


def _rooms(person: Person, here: Conversation | None) -> list[listing.Entry]:
    """Return the rooms in which `person` is, with the one that they are just looking at."""
    joined = listing.joined(person.id)
    if here is None or not here.is_room or any(room["id"] == str(here.pk) for room in joined):
        return joined
    return [{**here.as_entry(), "unread": 0}, *joined]


def _socket_path(conversation: Conversation | None, token: str) -> str:
    if token:
        return f"/ws/shared/{token}/"
    if conversation is None:
        return "/ws/chat/"
    if conversation.is_room:
        return f"/ws/rooms/{conversation.slug}/"
    return f"/ws/chat/{conversation.pk}/"


@csrf_exempt  # whatever may not be asked here is 405
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return JsonResponse({"status": "ok"})


@csrf_exempt  # whatever may not be asked here is 405
@require_safe
@never_cache
async def readyz(request: HttpRequest) -> HttpResponse:
    """The database and the channel layer answer; else which of them does not."""
    failing = [name for name, answers in await _parts() if not answers]
    status = "unavailable" if failing else "ok"
    return JsonResponse({"status": status, "failing": failing}, status=503 if failing else 200)


async def _parts() -> list[tuple[str, bool]]:
    return [
        ("database", await _database_answers()),
        ("channel_layer", remote().hears),
    ]


async def _database_answers() -> bool:
    if connection.vendor == "sqlite":  # a file, which is there or not
        return await _can_be_read()
    asking = on_its_own(_can_be_read())
    await asyncio.wait({asking}, timeout=PROBE_PATIENCE)  # what was asked cannot be taken back
    return asking.done() and asking.result()


async def _can_be_read() -> bool:
    try:
        await in_database(Conversation.objects.exists)  # fails too where nobody has migrated
        return True
    except DatabaseError:
        return False


@csrf_exempt  # whatever may not be asked here is 405
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """What this process counts and measures, for staff and for whoever has METRICS_TOKEN."""
    if _has_token(request) or (request.user.is_active and request.user.is_staff):
        return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
    if request.user.is_authenticated:
        raise PermissionDenied("Only staff may read this.")
    said = "Log in as staff, or send METRICS_TOKEN as bearer token.\n"
    headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
    return HttpResponse(said, content_type="text/plain", status=401, headers=headers)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    fits = constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    return bool(settings.METRICS_TOKEN) and scheme.lower() == "bearer" and fits
