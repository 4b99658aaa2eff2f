"""How django-allauth does things here: who logs in, what comes along, what is said."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chat import adoption, naming, sessions
from chat.models import User
from chat.names import Unfit, is_default, likenesses
from chat.people import visitor_in

WRONG = _("Please enter a correct username and password. An e-mail address does as well.")


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """Who a name and a password are of, found with the same work for a name that nobody has.

    One account at most is looked at, and one password checked: allauth tries one after the other,
    which takes longer for an address that somebody has. Where nobody is found it makes up for that.
    """

    def _authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        login = credentials.get("username") or credentials.get("email") or ""
        found = User.objects.filter(is_guest=False, username__iexact=login).first()
        user = self._check_password(found or _of_address(login), credentials["password"])
        return user if isinstance(user, User) else None


def _of_address(email: str) -> User | None:
    """Return whose address it is: who confirmed it, else who has been here for longest."""
    known = EmailAddress.objects.filter(email=email.lower())
    confirmed = known.filter(verified=True).first()
    if confirmed is not None:
        return User.objects.get(pk=confirmed.user_id)
    having = Q(email__iexact=email) | Q(pk__in=known.values("user"))
    return User.objects.filter(having).order_by("date_joined").first() if email else None


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "too_many_login_attempts": _("Too many attempts. Wait a few minutes, and try again."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_password": _("This is not your password."),
    }
    # What is said on the next page. What everybody sees anyway (that they are in, or out) is not.
    TOLD = ("password_", "email_confirm")

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Return the name; that it is taken is told, as names are public here."""
        try:
            name = naming.check(username, own=visitor_in(self.request.session))
        except Unfit as unfit:
            raise forms.ValidationError(str(unfit)) from None
        if "@" in name:
            raise forms.ValidationError(_("A username must not look like an e-mail address."))
        UnicodeUsernameValidator()(name)
        return name

    @transaction.atomic
    def save_user(
        self, request: HttpRequest, user: User, form: forms.Form, commit: bool = True
    ) -> User:
        """Save the new account. The name that they chose as a guest stays theirs."""
        visitor = visitor_in(request.session)
        guests = User.objects.filter(is_guest=True, is_active=True)
        guest = guests.filter(pk=visitor).first() if visitor else None
        if guest is not None:
            if guest.name and not is_default(guest.name):
                is_same = bool(likenesses(guest.name) & likenesses(form.cleaned_data["username"]))
                user.name = "" if is_same else guest.name
            User.objects.filter(pk=guest.pk).update(name_key="")  # it takes the account's place
        super().save_user(request, user, form, commit)
        return user

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        visitor = visitor_in(request.session)
        super().login(request, user)
        if visitor is not None and isinstance(user, User):
            adoption.adopt(request.session, visitor, user)

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        super().set_password(user, password)
        request = self.request
        own = request.session.session_key if request and request.user == user else None
        sessions.end_others(user.pk, but=own)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        name = (message_template or "").rpartition("/")[2]
        is_now = not (message_context or {}).get("signup")  # they come to another page then
        if name.startswith(self.TOLD) and is_now:
            super().add_message(request, level, message_template, message_context, extra_tags)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account")

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        return reverse("account" if self.request.user.is_authenticated else "account_login")
