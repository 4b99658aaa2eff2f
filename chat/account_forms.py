"""The forms of accounts: django-allauth's, with fields as the pages here show them."""

from typing import Any

from allauth.account import forms as allauth
from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from chat import names

LONGEST_ADDRESS = 254
LONGEST_NAME_OF_KEY = 80
NO_ADDRESS = _("Only to reset a forgotten password. Without it, that is not possible.")


class Plain(forms.Form):
    """Each field bears its name above it, and nothing of it within; no error is in two places."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field, forms.EmailField):  # more is not kept
                field.widget.attrs["maxlength"] = str(LONGEST_ADDRESS)
                field.validators.append(MaxLengthValidator(LONGEST_ADDRESS))
            if isinstance(field.widget, forms.PasswordInput):
                field.widget.attrs["maxlength"] = "1000"
                field.help_text = ""  # a list of rules; which of them is broken, is said then


class Login(Plain, allauth.LoginForm):  # type: ignore[misc]  # allauth has no types
    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if data and "login" not in data and "username" in data:  # as Django's own login calls it
            data = data.copy()
            data["login"] = data["username"]
        super().__init__(data, *args, **kwargs)
        login = self.fields["login"]
        login.label = _("Username or e-mail")
        login.widget.attrs |= {"autocomplete": "username", "autocapitalize": "none"}
        login.widget.attrs |= {"spellcheck": "false", "maxlength": str(LONGEST_ADDRESS)}


class SignUp(Plain, allauth.SignupForm):  # type: ignore[misc]
    field_order = ("username", "email", "password1", "password2")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        username, email = self.fields["username"], self.fields["email"]
        username.help_text = _("With it you log in, and others see it.")
        username.widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}
        email.label, email.help_text = _("E-mail (optional)"), NO_ADDRESS
        self.fields["password1"].help_text = _("At least eight characters.")


class Email(Plain, allauth.AddEmailForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New e-mail address")


class ChangePassword(Plain, allauth.ChangePasswordForm):  # type: ignore[misc]
    pass


class SetPassword(Plain, allauth.SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPassword(Plain, allauth.ResetPasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")


class NewPassword(Plain, allauth.ResetPasswordKeyForm):  # type: ignore[misc]
    pass


class Reauthenticate(Plain, allauth.ReauthenticateForm):  # type: ignore[misc]
    pass


class Name(Plain):
    """What one is called by others."""

    name = forms.CharField(
        label=_("Name"),
        required=False,  # what is wrong with it, is said where names are checked
        strip=False,
        help_text=_("Shown to others."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname", "maxlength": names.LONGEST}),
    )


class NewKey(Plain):
    """What an API key is for."""

    name = forms.CharField(
        label=_("Name"),
        max_length=LONGEST_NAME_OF_KEY,
        help_text=_("What the key is for, so that you know later which one to revoke."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
