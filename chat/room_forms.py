"""What is typed about a room. What may stand there, `chat.rooms` alone decides."""

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from chat import rooms
from chat.conversations import LONGEST_TITLE
from chat.models import Assistant, Conversation
from chat.protocol import Refused

Settings = dict[str, Any]

ANSWERS = [
    (Conversation.Answers.MENTIONED, _("When it is mentioned")),
    (Conversation.Answers.ALWAYS, _("Every message")),
    (Conversation.Answers.NEVER, _("Never")),
]
LISTED = [("yes", _("Anyone may find it and write in it")), ("no", _("Only by a link"))]
USUAL = [("", _("The usual one"))]


def reason(refused: Refused) -> str:
    """Return why a field was refused, as a sentence that stands beside it."""
    field, _, said = refused.detail.partition(": ")
    if refused.code != "bad_request" or not field.isidentifier():
        return refused.detail
    return f"{said[0].upper()}{said[1:]}."


def _checked(name: str) -> Callable[[Any], Any]:
    def clean(form: Any) -> Any:
        value = form.cleaned_data[name]
        try:
            return rooms.clean({name: value})[name]
        except Refused as refused:
            raise forms.ValidationError(reason(refused)) from None

    return clean


class RoomForm(forms.Form):
    """What a room is like. `key` opens it once, however often the form is sent."""

    title = forms.CharField(
        label=_("Title"),
        required=False,
        strip=False,
        widget=forms.TextInput(
            attrs={
                "required": True,
                "maxlength": LONGEST_TITLE,
                "dir": "auto",
                "autocomplete": "off",
            }
        ),
    )
    description = forms.CharField(
        label=_("What it is about"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 3, "maxlength": rooms.LONGEST_DESCRIPTION, "dir": "auto"}
        ),
    )
    listed = forms.ChoiceField(label=_("Who may come in"), choices=LISTED, widget=forms.RadioSelect)
    answers = forms.ChoiceField(
        label=_("The assistant answers"), choices=ANSWERS, widget=forms.RadioSelect
    )
    assistant = forms.ChoiceField(label=_("Who answers"), required=False)
    key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    clean_title = _checked("title")
    clean_description = _checked("description")

    def __init__(
        self,
        *args: Any,
        offered: QuerySet[Assistant],
        current: Assistant | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        choices = {each.slug: each.name for each in offered}
        if current is not None:  # it may stay, also where not everybody may choose it
            choices.setdefault(current.slug, current.name)
        self.fields["assistant"].choices = [*USUAL, *choices.items()]  # type: ignore[attr-defined]

    @classmethod
    def empty(cls, offered: QuerySet[Assistant]) -> "RoomForm":
        initial = {"listed": "yes", "answers": Conversation.Answers.MENTIONED}
        return cls(initial={**initial, "key": get_random_string(22)}, offered=offered)

    @property
    def wishes(self) -> Settings:
        """Return what is wished, as `rooms.create` and `rooms.change` take it."""
        names = ("title", "description", "answers", "assistant")
        wished = {name: self.cleaned_data[name] for name in names}
        return {**wished, "listed": self.cleaned_data["listed"] == "yes"}

    def refuse(self, refused: Refused) -> None:
        """Say why it could not be, at the field it is about."""
        named = refused.detail.partition(":")[0] if refused.code == "bad_request" else ""
        field = named if named in self.fields else None
        self.add_error(field, reason(refused))


class SettingsForm(RoomForm):
    """What a room is like, and what it was like when somebody began to change that."""

    was = forms.CharField(required=False, widget=forms.HiddenInput)

    @classmethod
    def of(cls, room: Conversation, offered: QuerySet[Assistant]) -> "SettingsForm":
        now = rooms.settings(room)
        initial = {**_as_typed(now), "was": json.dumps(now)}
        return cls(initial=initial, offered=offered, current=room.assistant)

    def clean_was(self) -> Settings:
        try:
            was = json.loads(self.cleaned_data["was"])
            types = {name: type(was[name]) for name in self._names}
        except (ValueError, TypeError, KeyError, RecursionError):
            types = {}
        if types != {name: bool if name == "listed" else str for name in self._names}:
            raise forms.ValidationError(_("The form was not whole. Reload the page, please."))
        return {name: was[name] for name in self._names}

    def merged(self, now: Settings) -> tuple[QueryDict, list[tuple[Any, str]]]:
        """Return the form to go on with, and what others have changed: a label, and what it says.

        What was typed is kept; where nothing was, stands what is true `now`.
        """
        was, typed, data = self.cleaned_data["was"], self.wishes, QueryDict(mutable=True)
        data.update(self.data)
        for name, value in _as_typed(now).items():
            if typed[name] == was[name]:
                data[name] = value
        data["was"] = json.dumps(now)
        changed = [name for name in self._names if now[name] not in (was[name], typed[name])]
        return data, [(self.fields[name].label, self._said(name, now[name])) for name in changed]

    def _said(self, name: str, value: Any) -> str:
        shown = _as_typed({name: value})[name]
        return str(dict(getattr(self.fields[name], "choices", [])).get(shown, shown))

    @property
    def _names(self) -> tuple[str, ...]:
        return ("title", "description", "listed", "answers", "assistant")


def _as_typed(settings: Settings) -> dict[str, str]:
    """Return `settings` as the fields of the form hold them."""
    yes_or_no = {"listed": "yes" if settings["listed"] else "no"} if "listed" in settings else {}
    return {**settings, **yes_or_no}
