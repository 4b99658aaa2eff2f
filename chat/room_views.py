"""The pages around rooms: the list, a new one, who is in it, the ways in and out; and links."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Case, F, IntegerField, Q, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import access, links, listing, rooms
from chat.access import Place, Right
from chat.database import in_database
from chat.live.presence import presence
from chat.models import Conversation, Link, Membership, User
from chat.people import Person, in_session
from chat.protocol import Refused, bad_request
from chat.requests import STATUSES, door, fields
from chat.room_forms import RoomForm, SettingsForm, reason

ROOMS_A_PAGE = 30
PEOPLE_A_PAGE = 50
LONGEST_SEARCH = 80
Role = Membership.Role

ACTS = ("remove", "ban", "unban", Role.MODERATOR, Role.MEMBER, Role.OWNER)
HARMLESS = ("conflict", "bad_request", "rate_limited", "unavailable")  # one may try something else

View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


def page(view: View) -> View:
    """Let `view(request, person, **path)` be asked for; who may not come in, sees why."""

    @never_cache
    @wraps(view)
    async def opened(request: HttpRequest, **path: Any) -> HttpResponseBase:
        try:
            return await view(request, await in_database(in_session, request), **path)
        except Refused as refused:
            if refused.code == "not_found":
                raise Http404(refused.detail) from None
            raise PermissionDenied(refused.detail) from None

    return opened


# --- the list, and a new one -------------------------------------------------------------------


@require_safe
@page
async def all_rooms(request: HttpRequest, person: Person) -> HttpResponse:
    """The rooms that anyone may find, and those in which one has a seat."""
    found, own = await in_database(_lists, person, request.GET.get("page"))
    here = presence()
    context = {
        "page": found,
        "rooms": [(room, here.count(room.pk)) for room in found],
        "own": [(entry, room, here.count(room.pk)) for entry, room in own],
    }
    return await _shown(request, "rooms/list.html", context)


def _lists(person: Person, number: str | None) -> tuple[Page[Conversation], list[Any]]:
    newest = F("written").desc(nulls_last=True)
    open_first = F("closed").asc(nulls_first=True)
    listed = Conversation.objects.rooms().filter(listed=True).order_by(open_first, newest, "title")
    found = Paginator(listed.select_related("assistant"), ROOMS_A_PAGE).get_page(number)
    entries = listing.joined(person.id)
    known = Conversation.objects.in_bulk([UUID(entry["id"]) for entry in entries])
    own = [(entry, known[UUID(entry["id"])]) for entry in entries]
    own.sort(key=lambda each: each[1].closed is not None)
    list(found)  # read here, where one may
    return found, own


@require_http_methods(["GET", "HEAD", "POST"])
@page
async def new_room(request: HttpRequest, person: Person) -> HttpResponse:
    offered = rooms.offered(person).in_order()
    if request.method != "POST":
        form = await in_database(RoomForm.empty, offered)
        return await _shown(request, "rooms/new.html", {"form": form})
    form = await in_database(RoomForm, request.POST, offered=offered)
    status = 400
    if form.is_valid():
        try:
            made = await rooms.create(person, form.cleaned_data["key"] or None, **form.wishes)
            return redirect(made)
        except Refused as refused:
            form.refuse(refused)
            status = STATUSES[refused.code]
    return await _shown(request, "rooms/new.html", {"form": form}, status)


# --- one room ----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@page
async def manage(request: HttpRequest, person: Person, slug: str) -> HttpResponse:
    """What a room is like and who is in it; and for those who moderate it, to change that."""
    place = await in_database(access.room, person, slug)
    if request.method == "POST":
        return await _change(request, person, place)
    if place.right < Right.MODERATE:
        return await _about(request, person, place)
    return await _managed(request, person, place)


async def _change(request: HttpRequest, person: Person, place: Place) -> HttpResponse:
    _check_moderates(place)
    room, status = place.conversation, 400
    meanwhile: list[tuple[Any, str]] = []
    form = await in_database(_settings_form, person, room, request.POST)
    if form.is_valid():
        try:
            await rooms.change(person, room.pk, form.cleaned_data["was"], **form.wishes)
            return _done(request, place, _("Saved."))
        except Refused as refused:
            status = STATUSES[refused.code]
            if "now" in refused.more:
                data, meanwhile = form.merged(refused.more["now"])
                form = await in_database(_settings_form, person, room, data)
            elif refused.code in HARMLESS:
                form.refuse(refused)
            else:
                raise
    more = {"form": form, "meanwhile": meanwhile}
    return await _managed(request, person, place, status, **more)


def _settings_form(person: Person, room: Conversation, data: QueryDict) -> SettingsForm:
    offered = rooms.offered(person).in_order()
    return SettingsForm(data, offered=offered, current=room.assistant)


async def _managed(
    request: HttpRequest, person: Person, place: Place, status: int = 200, **more: Any
) -> HttpResponse:
    here = presence().people(place.conversation.pk)
    context = await in_database(_everything, request, person, place, here)
    return await _shown(request, "rooms/manage.html", {**context, **more}, status)


def _everything(
    request: HttpRequest, person: Person, place: Place, here: dict[UUID, str]
) -> dict[str, Any]:
    room = place.conversation
    wanted = " ".join(request.GET.get("q", "").replace("\0", "").split())[:LONGEST_SEARCH]
    seats = _seats(room, wanted)
    found = Paginator(seats.exclude(role=Role.BANNED), PEOPLE_A_PAGE)
    banned = Paginator(seats.filter(role=Role.BANNED), PEOPLE_A_PAGE)
    people = found.get_page(request.GET.get("page"))
    out = banned.get_page(request.GET.get("banned"))
    return {
        **_of(person, place),
        "form": SettingsForm.of(room, rooms.offered(person).in_order()),
        "here": len(here),
        "wanted": wanted,
        "page": people,
        "people": _rows(person, place, list(people), here),
        "visitors": _visitors(person, place, here),
        "banned_page": out,
        "banned": list(out.object_list),
        "links": [
            (each, request.build_absolute_uri(each.get_absolute_url())) for each in _links(room)
        ],
    }


def _of(person: Person, place: Place) -> dict[str, Any]:
    seats = Membership.objects.seats().filter(conversation=place.conversation, person=person.id)
    return {"room": place.conversation, "role": place.role, "has_seat": seats.exists()}


def _seats(room: Conversation, wanted: str) -> Any:
    ranks = [
        When(role=role, then=Value(at)) for at, role in enumerate((Role.OWNER, Role.MODERATOR))
    ]
    rank = Case(*ranks, default=Value(2), output_field=IntegerField())
    seats = room.memberships.select_related("person").order_by(rank, "person__name", "pk")
    if wanted:
        unnamed = Q(person__name="", person__username__icontains=wanted)
        seats = seats.filter(Q(person__name__icontains=wanted) | unnamed)
    return seats


def _rows(
    person: Person, place: Place, seats: list[Membership], here: dict[UUID, str]
) -> list[dict[str, Any]]:
    """Return the people with a seat, and what may be done with each."""
    known = access.roles([seat.person_id for seat in seats], place.conversation)
    return [
        {
            "id": seat.person_id,
            "name": str(seat.person),
            "role": seat.role,
            "is_here": seat.person_id in here,
            "is_me": seat.person_id == person.id,
            "may_go": access.RIGHTS[known[seat.person_id]] < place.right,
            "may_rise": place.right >= Right.OWN and seat.person_id != person.id,
        }
        for seat in seats
    ]


def _visitors(person: Person, place: Place, here: dict[UUID, str]) -> list[dict[str, Any]]:
    """Return people who are here without a seat; of many only some."""
    seated = place.conversation.memberships.filter(person__in=here).values_list("person", flat=True)
    others = sorted(here.keys() - {*seated, person.id}, key=lambda id: here[id])[:PEOPLE_A_PAGE]
    known = access.roles(others, place.conversation)
    return [
        {"id": id, "name": here[id], "role": "", "is_here": True}
        for id in others
        if access.RIGHTS[known[id]] < place.right
    ]


def _links(room: Conversation) -> list[Link]:
    return list(room.links.filter(revoked=None).select_related("creator").order_by("-pk"))


async def _about(request: HttpRequest, person: Person, place: Place) -> HttpResponse:
    context = await in_database(_of, person, place)
    context["here"] = presence().count(place.conversation.pk)
    return await _shown(request, "rooms/about.html", context)


@require_POST
@page
async def close(request: HttpRequest, person: Person, slug: str, closed: bool) -> HttpResponse:
    """Let nobody write in a room any more, or let them again."""
    place = await in_database(access.room, person, slug)
    _check_moderates(place)
    if (place.conversation.closed is not None) != closed:
        await rooms.close(person, place.conversation.pk, closed)
    said = _("The room is closed. It can still be read.") if closed else _("The room is open.")
    return _done(request, place, said)


# --- the people in it --------------------------------------------------------------------------


@require_POST
@page
async def act(request: HttpRequest, person: Person, slug: str, whom: UUID) -> HttpResponse:
    """Do something with somebody in a room; to make them the owner, once more asked."""
    place = await in_database(access.room, person, slug)
    _check_moderates(place)
    wanted, was = request.POST.get("act", ""), request.POST.get("role", "")
    try:
        if wanted not in ACTS:
            raise bad_request(_("act: choose what is to be done"))
        name, now = await in_database(_known, place, whom)
        name = name or presence().name(place.conversation.pk, whom) or _("Somebody")
        if _is_done(wanted, now):
            return _done(request, place, _says(wanted, name), "people")
        if now != was:
            raise Refused("conflict", _changed(name, now))
        if wanted == Role.OWNER and place.right >= Right.OWN and "sure" not in request.POST:
            who = {"id": whom, "name": name, "role": now}
            context = {"room": place.conversation, "whom": who}
            return await _shown(request, "rooms/hand_over.html", context)
        await _do(person, place.conversation.pk, whom, wanted)
    except Refused as refused:
        messages.error(request, reason(refused))
        return _back(place, "people")
    return _done(request, place, _says(wanted, name), "people")


def _known(place: Place, whom: UUID) -> tuple[str, str]:
    """Return the name of somebody, and what their seat is; empty if they have none."""
    seat = place.conversation.memberships.select_related("person").filter(person=whom).first()
    if seat is not None:
        return str(seat.person), seat.role
    user = User.objects.filter(pk=whom).first()
    return str(user) if user else "", ""


def _is_done(wanted: str, now: str) -> bool:
    """Whether it is so already: the form was sent twice, or somebody was quicker."""
    match wanted:
        case "ban":
            return now == Role.BANNED
        case "unban":
            return now != Role.BANNED
    return now == wanted


async def _do(person: Person, room: UUID, whom: UUID, wanted: str) -> None:
    match wanted:
        case "remove":
            if not await in_database(_is_seated, room, whom) and not presence().name(room, whom):
                raise Refused("conflict", _("They have left already. Nothing was changed."))
            await rooms.remove(person, room, whom)
        case "ban" | "unban":
            await rooms.ban(person, room, whom, banned=wanted == "ban")
        case _:
            await rooms.appoint(person, room, whom, wanted)


def _is_seated(room: UUID, whom: UUID) -> bool:
    return Membership.objects.seats().filter(conversation=room, person=whom).exists()


def _says(wanted: str, name: str) -> str:
    return {
        "remove": _("%(name)s was removed."),
        "ban": _("%(name)s cannot come in any more."),
        "unban": _("%(name)s may come in again."),
        Role.MODERATOR: _("%(name)s is a moderator now."),
        Role.MEMBER: _("%(name)s is a member now."),
        Role.OWNER: _("%(name)s is the owner now."),
    }[wanted] % {"name": name}


def _changed(name: str, now: str) -> str:
    """Say that somebody is not any more what the page said they were."""
    is_now = {
        "": _("%(name)s has no seat here any more."),
        Role.BANNED: _("%(name)s was banned meanwhile."),
        Role.MEMBER: _("%(name)s is a member now."),
        Role.MODERATOR: _("%(name)s is a moderator now."),
        Role.OWNER: _("%(name)s is the owner now."),
    }[now] % {"name": name}
    return f"{is_now} {_('Nothing was changed.')}"


@require_http_methods(["GET", "HEAD", "POST"])
@page
async def leave(
    request: HttpRequest, person: Person, slug: str | None = None, id: UUID | None = None
) -> HttpResponse:
    """The page that asks whether one wants to leave; and who says so, leaves."""
    try:
        place = await in_database(_place, person, slug, id)
        if request.method == "POST":
            await rooms.leave(person, place.conversation.pk)
            messages.success(request, _("You have left “%s”.") % place.conversation)
            return redirect("rooms")
    except Refused as refused:
        if request.method != "POST" or refused.code not in ("conflict", "not_found"):
            raise
        messages.info(request, _("You have no seat there any more."))
        return redirect("rooms")
    context = await in_database(_of, person, place)
    if not context["has_seat"]:
        messages.info(request, _("You have no seat here that you could give up."))
        return redirect(place.conversation)
    return await _shown(request, "rooms/leave.html", context)


def _place(person: Person, slug: str | None, id: UUID | None) -> Place:
    return access.place(person, id) if id else access.room(person, slug or "")


# --- links -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@page
async def invitation(request: HttpRequest, person: Person, token: str) -> HttpResponse:
    """What somebody is invited to; and who accepts, has a seat there."""
    try:
        if request.method == "POST":
            return redirect(await rooms.join(person, token))
        link, role, has_seat = await in_database(_invited, person, token)
    except Refused as refused:
        if refused.code != "not_found":
            raise
        return await _shown(request, "rooms/link_gone.html", {}, 404)
    if role == Role.BANNED:
        raise PermissionDenied(_("You cannot come into this room any more."))
    if has_seat:
        return redirect(link.conversation)
    here = presence().count(link.conversation_id)
    context = {"link": link, "room": link.conversation, "here": here}
    return await _shown(request, "rooms/invitation.html", context)


def _invited(person: Person, token: str) -> tuple[Link, str, bool]:
    link = access.linked(token, Link.Right.JOIN)
    room = link.conversation
    has_seat = room.owner_id == person.id or _is_seated(room.pk, person.id)
    return link, access.role(person, room), has_seat


@require_POST
@page
async def create_link(request: HttpRequest, person: Person, slug: str) -> HttpResponse:
    place = await in_database(access.room, person, slug)
    try:
        await links.create(person, place.conversation.pk, request.POST.get("right", ""))
    except Refused as refused:
        if refused.code not in HARMLESS:
            raise
        messages.error(request, reason(refused))
        return _back(place, "links")
    return _done(request, place, _("Here is the new link."), "links")


@require_POST
@page
async def revoke_link(request: HttpRequest, person: Person, slug: str, link: int) -> HttpResponse:
    place = await in_database(access.room, person, slug)
    _check_moderates(place)
    try:
        await links.revoke(person, place.conversation.pk, link)
    except Refused as refused:
        messages.info(request, refused.detail)
        return _back(place, "links")
    return _done(request, place, _("The link does not work any more."), "links")


@require_http_methods(["GET", "HEAD", "POST"])
@door
async def links_of(request: HttpRequest, person: Person, id: UUID) -> HttpResponse:
    """The links to a conversation, and who takes part by them; or, posted, one more."""
    if request.method == "POST":
        given = fields(request)
        if given.keys() != {"right"}:
            raise bad_request("the body must be one JSON object with a right")
        made = await links.create(person, id, given["right"])
        return JsonResponse(made.as_entry(), status=201)
    found = await in_database(links.of, person, id)
    people = await in_database(_taking_part, id)
    return JsonResponse({"links": [link.as_entry() for link in found], "people": people})


def _taking_part(id: UUID) -> list[dict[str, str]]:
    """Return who has a seat in a private conversation; those in a room have a page of their own."""
    seats = Membership.objects.seats().filter(conversation=id, conversation__kind="private")
    found = seats.select_related("person").order_by("joined", "pk")[:PEOPLE_A_PAGE]
    return [seat.person.as_author() for seat in found]


@require_POST
@door
async def remove(request: HttpRequest, person: Person, id: UUID, whom: UUID) -> HttpResponse:
    """Let somebody not take part any more; by a link that works they may come again."""
    await rooms.remove(person, id, whom)
    return JsonResponse({"id": str(whom)})


@require_POST
@door
async def revoke(request: HttpRequest, person: Person, id: UUID, link: int) -> HttpResponse:
    await links.revoke(person, id, link)
    return JsonResponse({"id": link})


# --- what they have in common ------------------------------------------------------------------


async def _shown(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    return await in_database(render, request, template, context, status=status)


def _check_moderates(place: Place) -> None:
    if place.right < Right.MODERATE:
        raise Refused("forbidden", _("Only the owner and the moderators may do this."))


def _done(request: HttpRequest, place: Place, said: str, part: str = "") -> HttpResponse:
    messages.success(request, said)
    return _back(place, part)


def _back(place: Place, part: str = "") -> HttpResponse:
    path = reverse("manage_room", args=(place.conversation.slug,))
    return redirect(f"{path}#{part}" if part else path)
