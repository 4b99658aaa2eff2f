"""The pages of accounts: django-allauth's views, where they fall short of what is promised here."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.account import views as allauth
from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from asgiref.sync import async_to_sync
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chat import keys, naming
from chat.account_forms import Name, NewKey
from chat.models import ApiKey, User
from chat.people import Person
from chat.protocol import Refused, bad_request
from chat.requests import STATUSES, door, fields

MINUTE = 60  # after it most limits let somebody try again
FIVE_MINUTES = 5 * MINUTE  # so long nobody can try to be one who was tried too often


def too_many(request: HttpRequest) -> HttpResponse:
    """The page for who asks too often; also allauth's (handler429)."""
    return _later(render(request, "429.html"), MINUTE)


class LoginView(allauth.LoginView):  # type: ignore[misc]  # allauth has no types
    def form_invalid(self, form: Any) -> HttpResponseBase:
        response: HttpResponse = super().form_invalid(form)
        is_limited = form.has_error("__all__", "too_many_login_attempts")
        return _later(response, FIVE_MINUTES) if is_limited else response


class SignupView(allauth.SignupView):  # type: ignore[misc]
    def form_valid(self, form: Any) -> HttpResponseBase:
        try:
            response: HttpResponse = super().form_valid(form)
            return response
        except IntegrityError:  # somebody else chose the name at the same moment
            form.add_error("username", naming.TAKEN)
            again: HttpResponse = self.form_invalid(form)
            return again


login = LoginView.as_view()
signup = SignupView.as_view()


def admin_login(request: HttpRequest) -> HttpResponseBase:
    """The same login, with the same limits, at the admin's own address."""
    user = request.user
    if user.is_authenticated and not (user.is_staff and user.is_active):
        raise PermissionDenied("Only staff may go there.")
    response: HttpResponseBase = login(request)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """What somebody's account consists of; here they change their name."""
    user = request.user
    assert isinstance(user, User), "they have logged in"
    form = Name(request.POST if request.method == "POST" else None, initial={"name": str(user)})
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            async_to_sync(naming.rename)(Person.account(user), form.cleaned_data["name"])
            return redirect("account")
        except Refused as refused:
            form.add_error("name", refused.detail)
            status = STATUSES[refused.code]
    waiting = EmailAddress.objects.get_new(user)
    context = {"form": form, "address": user.email or (waiting.email if waiting else "")}
    return render(request, "account/account.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def keys_of(request: HttpRequest) -> HttpResponse:
    """Somebody's API keys; here they make one more."""
    form = NewKey(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            shown: HttpResponse = _issued(request, form.cleaned_data["name"])
            return shown
        except Refused as refused:
            form.add_error("name", refused.detail)
            status = STATUSES[refused.code]
    context = {"form": form, "keys": keys.of(_own(request)), "lately": _lately()}
    return render(request, "account/keys.html", context, status=status)


@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def _issued(request: HttpRequest, name: str) -> HttpResponse:
    """Show a new key: in this one answer, as nothing keeps it that another could be made of."""
    key = keys.issue(_own(request), name)
    return render(request, "account/key.html", {"name": name, "key": key})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def revoke_key(request: HttpRequest, id: int) -> HttpResponse:
    """Ask whether a key shall be revoked; and revoke it."""
    try:
        key = keys.named(_own(request), id)
        if request.method == "POST":
            done: HttpResponse = _revoked(request, key)
            return done
    except Refused as refused:
        raise Http404(refused.detail) from None
    return render(request, "account/key_revoke.html", {"key": key, "lately": _lately()})


@reauthentication_required  # type: ignore[untyped-decorator]
def _revoked(request: HttpRequest, key: ApiKey) -> HttpResponse:
    async_to_sync(keys.revoke)(key.user_id, key.pk)
    messages.success(request, _("The key is revoked. What was connected with it is cut off."))
    return redirect("api_keys")


def _own(request: HttpRequest) -> UUID:
    assert isinstance(request.user, User), "they have logged in"
    return request.user.pk


def _lately() -> datetime:
    """Uses are noted once an hour: nothing more exact can be said of one since then."""
    return timezone.now() - timedelta(hours=1)


@require_POST
@door
async def name(request: HttpRequest, person: Person) -> HttpResponse:
    """Let whoever asks be called as they say."""
    given = fields(request)
    if given.keys() != {"name"} or not isinstance(given["name"], str):
        raise bad_request("the body must be one JSON object with a name")
    return JsonResponse({"name": (await naming.rename(person, given["name"])).name})


def _later(response: HttpResponse, seconds: int) -> HttpResponse:
    response.status_code = STATUSES["rate_limited"]
    response["Retry-After"] = str(seconds)
    return response
