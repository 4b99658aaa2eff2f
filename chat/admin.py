"""The admin's door: staff manage replies, and read conversations."""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Left
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from chat import answers, conversations, forgetting, guard, naming, protocol, rooms, sessions
from chat.assistants import scripted
from chat.assistants.scripted import Occasion
from chat.database import let_go
from chat.live.hub import hub
from chat.models import (
    ApiKey,
    Assistant,
    Conversation,
    Link,
    Membership,
    Message,
    Room,
    ScriptedReply,
    User,
    Version,
)
from chat.names import Unfit
from chat.protocol import LONGEST_MESSAGE, Refused
from chat.reply import trial
from chat.room_forms import reason

admin.site.site_header = admin.site.site_title = "Streaming Chat"
admin.site.index_title = "What the chat says, and who says it"

TRANSCRIPT = 200  # messages that are read on one page
SEATS = 100  # people of a room that are changed on one page


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Staff look, and change nothing."""

    class Media:
        css = {"all": ("chat/said.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TryForm(forms.Form):
    """What somebody does, to see which reply they would get."""

    message = forms.CharField(
        max_length=LONGEST_MESSAGE, widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    trigger = forms.ChoiceField(
        label="Occasion",
        choices=(
            (scripted.MESSAGE, "they write this message"),
            (scripted.GREETING, "a conversation opens"),
            (scripted.INTERVAL, "they have been there for a while"),
        ),
    )
    audience = forms.ChoiceField(
        label="Who",
        choices=(
            (scripted.NEW, "someone new"),
            (scripted.RETURNING, "someone who was here before"),
        ),
    )
    name = forms.CharField(max_length=80, initial="Guest 4821", required=False)

    def occasion(self) -> Occasion:
        data = self.cleaned_data
        returning = data["audience"] == scripted.RETURNING
        return Occasion(data["trigger"], returning, timezone.now(), data["message"])


class CarefulForm(forms.ModelForm):  # type: ignore[type-arg]
    """Tells only what is wrong with its own fields, and once.

    The model looks at everything. But in a list a reply with a faulty text must be savable, as
    that is how it is switched off; and what a field has refused needs no second look.
    """

    def add_error(self, field: str | None, error: Any) -> None:
        if hasattr(error, "error_dict"):
            news = {*self.fields, NON_FIELD_ERRORS} - self.errors.keys()
            error = ValidationError({at: it for at, it in error.error_dict.items() if at in news})
        super().add_error(field, error)


@admin.register(ScriptedReply)
class ScriptedReplyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = CarefulForm
    list_display = ("name", "beginning", "trigger", "audience", "priority", "on")
    list_editable = ("on", "priority")
    list_filter = ("on", "trigger", "audience")
    search_fields = ("name", "text", "keywords")
    ordering = ("-priority", "pk")
    fieldsets = (
        (None, {"fields": ("name", "on", "text", "speed")}),
        ("When it applies", {"fields": ("trigger", "keywords", "every", "audience", "priority")}),
        ("From and until", {"fields": ("starts", "ends"), "classes": ("collapse",)}),
    )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=CarefulForm, **kwargs)

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Name each field in the list, where only its column's name stands above."""
        formset = super().get_changelist_formset(request, **kwargs)
        for name in self.list_editable:
            field = formset.form.base_fields[name]
            field.widget.attrs["aria-label"] = field.label
        return formset

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "keywords":
            kwargs["widget"] = forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="text")
    def beginning(self, reply: ScriptedReply) -> str:
        return shortened(reply.text, 120)

    def get_urls(self) -> list[URLPattern]:
        try_it = path("try/", self.admin_site.admin_view(self.try_it), name="try_reply")
        return [try_it, *super().get_urls()]

    def try_it(self, request: HttpRequest) -> HttpResponse:
        """Show which reply matches what is typed, and why; the page types it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.POST or None)
        context = {**self.admin_site.each_context(request), "title": "Try it", "form": form}
        if form.is_valid():
            tried = answers.try_out(form.occasion(), form.cleaned_data["name"])
            context |= zip(("verdicts", "chosen", "text"), tried, strict=True)
        return TemplateResponse(request, "admin/try_reply.html", context)


class AssistantForm(CarefulForm):
    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        if "key_variable" in self.errors:  # it may be a key, which no page may show
            self.data = {**dict(self.data.items()), self.add_prefix("key_variable"): ""}


@admin.register(Assistant)
class AssistantAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = AssistantForm
    actions = None  # to be deleted one by one: most may not be
    list_display = ("name", "kind", "model", "on", "default", "audience", "fallback")
    list_filter = ("on", "kind", "audience")
    list_select_related = ("fallback",)
    search_fields = ("name", "slug", "model")
    ordering = ("-default", "name")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        ("Who", {"fields": ("name", "slug", "kind", "on", "default", "audience", "fallback")}),
        ("What it may show", {"fields": ("shows_images",)}),
        (
            "Which model",
            {
                "classes": ("for-models",),
                "fields": ("base_url", "model", "key_variable"),
                "description": "Only for language models; scripted replies need none of it.",
            },
        ),
        (
            "How it answers",
            {
                "classes": ("for-models",),
                "fields": ("system", "temperature", "top_p", "max_tokens", "stop", "prefill"),
                "description": "Only for language models. What is empty, the provider decides.",
            },
        ),
        (
            "Limits",
            {
                "classes": ("for-models",),
                "fields": (
                    *("context_budget", "connect_timeout", "first_timeout", "silence_timeout"),
                    "paced",
                ),
                "description": "Only for language models.",
            },
        ),
    )

    class Media:
        css = {"all": ("chat/assistant.css",)}
        js = ("chat/assistant.js",)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "stop":
            kwargs["widget"] = forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "fallback":  # is chosen here, not made, changed or deleted
            field.widget = field.widget.widget
        return field

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test_connection)
        test = path("<path:object_id>/test/", view, name="test_assistant")
        return [test, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Assistant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.is_model and obj.lacks_key:
            told = f"There is no variable {obj.key_variable} in this server's environment yet."
            messages.warning(request, f"{told} Until there is, {obj} cannot answer.")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What it wrote is counted, not listed; and whoever is the default stays."""
        wrote = Message.objects.filter(assistant__in=objs).count()
        wrote += Version.objects.filter(assistant__in=objs).count()
        hindrances = ["It is the default."] if any(it.default for it in objs) else []
        hindrances += [f"It wrote {wrote:,} of the messages that are kept."] if wrote else []
        return list(map(str, objs)), {"assistants": len(objs)}, set(), hindrances

    def test_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show whether the assistant's model answers; when posted, ask it."""
        assistant: Assistant | None = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, assistant):
            raise PermissionDenied
        if assistant is None:
            raise Http404
        context = {**self.admin_site.each_context(request), "title": "Test connection"}
        context |= {"assistant": assistant, "question": trial.QUESTION, "subtitle": assistant.name}
        if request.method == "POST" and assistant.is_model:
            let_go()  # it would be held for as long as somebody far away thinks
            context["trial"] = async_to_sync(trial.run)(assistant)
        return TemplateResponse(request, "admin/test_assistant.html", context)


@admin.register(Conversation)
class ConversationAdmin(ReadOnly):
    list_display = ("beginning", "who", "used", "created", "size")
    list_filter = ("kind",)
    search_fields = ("messages__text", "owner__username", "owner__name")
    date_hierarchy = "used"
    ordering = ("-used",)
    view_on_site = False  # only who is in it may enter

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # To see a conversation is to read it.
        may_read = request.user.has_perm("chat.view_message")
        return may_read and super().has_view_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        found: QuerySet[Conversation] = super().get_queryset(request)
        said = Message.objects.filter(conversation=OuterRef("pk")).order_by("pk")
        first = said.by_people().values(start=Left("text", 200))[:1]
        # Not by a join, where a search would count its finds once more each.
        count = said.order_by().values("conversation").annotate(n=Count("pk")).values("n")
        annotated = found.annotate(first=Subquery(first), count=Coalesce(Subquery(count), 0))
        return annotated.prefetch_related("owner")  # joined, visitors without a row would be lost

    @admin.display(description="begins")
    def beginning(self, conversation: Conversation) -> str:
        first: str | None = conversation.first  # type: ignore[attr-defined]  # annotated above
        if first is None:
            is_greeted = self.size(conversation)
            return "(only the assistant has written)" if is_greeted else "(nothing written yet)"
        return shortened(" ".join(first.split()), 100) or "…"

    @admin.display(description="who")
    def who(self, conversation: Conversation) -> str:
        if conversation.is_room:
            return f"everybody in “{conversation.title}”"
        return str(conversation.owner or "a visitor who has not written")

    @admin.display(description="messages", ordering="count")
    def size(self, conversation: Conversation) -> int:
        return conversation.count  # type: ignore[attr-defined,no-any-return]  # annotated above

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        conversation: Conversation = context["original"]
        context |= {
            "subtitle": self.beginning(conversation),
            "who": self.who(conversation),
            "transcript": conversation.messages.page(TRANSCRIPT),
        }
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Message)
class MessageAdmin(ReadOnly):
    list_display = ("created", "author", "beginning", "to_first_character", "ending")
    list_display_links = ("created", "beginning")
    list_filter = ("status", "created")
    list_select_related = ("person", "assistant")
    search_fields = ("text",)
    fields = (
        "conversation",
        "author",
        "created",
        "text",
        "to_first_character",
        "ended",
        "ending",
        "scripted_reply",
        "reply_to",
    )

    def get_ordering(self, request: HttpRequest) -> list[str | Combinable]:
        # One conversation is read from its beginning, all of them from the newest.
        return ["pk"] if "conversation__id__exact" in request.GET else ["-pk"]

    @admin.display(description="text")
    def beginning(self, message: Message) -> str:
        return shortened(message.text, 300)

    @admin.display(description="to first character")
    def to_first_character(self, message: Message) -> str:
        seconds = message.time_to_first_character
        return "" if seconds is None else f"{seconds:.2f} s"

    @admin.display(description="how it ended")
    def ending(self, message: Message) -> str:
        if message.assistant_id is None:
            return ""
        return f"{message.status}: {message.error_detail}" if message.error else message.status


class RoomForm(forms.ModelForm):  # type: ignore[type-arg]
    """A room, by the rules that hold for everybody; but its address, and who answers, staff set."""

    is_closed = forms.BooleanField(
        label="closed", required=False, help_text="It can be read, and nobody writes in it."
    )

    class Meta:
        model = Room
        fields = ("title", "slug", "description", "listed", "answers", "assistant")
        widgets = {"description": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})}
        help_texts = {"slug": "After /rooms/. Empty: made from the title."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["title"].required = True
        self.fields["is_closed"].initial = self.instance.closed is not None

    def clean_title(self) -> str:
        return self._checked("title")

    def clean_description(self) -> str:
        return self._checked("description")

    def clean_slug(self) -> str | None:
        slug: str | None = self.cleaned_data["slug"]
        if slug in rooms.RESERVED:
            raise ValidationError("At this address is another page.")
        return slug or self.instance.slug

    def _checked(self, name: str) -> str:
        try:
            return str(rooms.clean({name: self.cleaned_data[name]})[name])
        except Refused as refused:
            raise ValidationError(reason(refused)) from None

    def save(self, commit: bool = True) -> Any:
        room, closed = self.instance, self.cleaned_data.get("is_closed", False)
        if closed != (room.closed is not None):
            room.closed = timezone.now() if closed else None
        room.kind = Conversation.ROOM
        room.slug = room.slug or rooms.free_address(room)
        return super().save(commit)


class SeatFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    def clean(self) -> None:
        super().clean()
        stay = [it.cleaned_data for it in self.forms if getattr(it, "cleaned_data", None)]
        owners = [it for it in stay if not it.get("DELETE") and it.get("role") == "owner"]
        if len(owners) > 1:
            raise ValidationError("A room has one owner.")


class Seats(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    formset = SeatFormSet
    fields = ("person", "role", "joined")
    readonly_fields = ("joined",)
    autocomplete_fields = ("person",)
    extra = 0
    verbose_name = "person"
    verbose_name_plural = (
        f"people in it (of many the first {SEATS}; all are on the room's own page)"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        # Each is a form of its own, of which a page does not take any number.
        in_order: QuerySet[Membership] = super().get_queryset(request).order_by("-role", "pk")
        match = request.resolver_match
        room = match.kwargs.get("object_id") if match else None
        here = in_order.filter(conversation=UUID(unquote(room))) if room else in_order.none()
        first = here.values_list("pk", flat=True)[:SEATS]
        return in_order.filter(pk__in=list(first)).select_related("person")


class LinkForm(forms.ModelForm):  # type: ignore[type-arg]
    revoke = forms.BooleanField(required=False)

    class Meta:
        model = Link
        fields = ()

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["revoke"] and self.instance.revoked is None:
            self.instance.revoked = timezone.now()
        return super().save(commit)


class Links(admin.TabularInline):  # type: ignore[type-arg]
    model = Link
    form = LinkForm
    readonly_fields = ("right", "path", "creator", "created", "revoked")
    extra = 0
    can_delete = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "revoke")

    @admin.display(description="address")
    def path(self, link: Link) -> str:
        return link.get_absolute_url()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Link]:
        return super().get_queryset(request).select_related("creator").order_by("-pk")


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = RoomForm
    list_display = ("title", "slug", "listed", "answers", "is_open", "seats", "created", "used")
    list_filter = ("listed", "answers")
    search_fields = ("title", "slug", "description")
    ordering = ("title", "pk")
    readonly_fields = ("created", "used")
    inlines = (Seats, Links)
    fieldsets = (
        (None, {"fields": ("title", "slug", "description", "listed", "is_closed")}),
        ("The assistant", {"fields": ("answers", "assistant")}),
        ("When", {"fields": ("created", "used")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        found: QuerySet[Room] = super().get_queryset(request)
        seats = Membership.objects.seats().filter(conversation=OuterRef("pk")).order_by()
        count = seats.values("conversation").annotate(n=Count("pk")).values("n")
        return found.annotate(seat_count=Coalesce(Subquery(count), 0))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "assistant":  # is chosen here, not made, changed or deleted
            field.widget = field.widget.widget
        return field

    @admin.display(description="open", boolean=True)
    def is_open(self, room: Room) -> bool:
        return room.closed is None

    @admin.display(description="people", ordering="seat_count")
    def seats(self, room: Room) -> int:
        return room.seat_count  # type: ignore[attr-defined,no-any-return]  # annotated above

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        at_once(_changed, form.instance)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """All that was said in it goes; it is counted, not listed."""
        said = Message.objects.filter(conversation__in=objs).count()
        return list(map(str, objs)), {"rooms": len(objs), "messages": said}, set(), []

    def delete_model(self, request: HttpRequest, obj: Room) -> None:
        self._delete([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        self._delete(list(queryset.values_list("pk", flat=True)))

    def _delete(self, ids: list[UUID]) -> None:
        Conversation.objects.filter(pk__in=ids).update(deleted=timezone.now())
        at_once(rooms.dissolve, ids)


async def _changed(room: Room) -> None:
    if room.closed is not None:
        await conversations.silence([room.pk])
    await rooms.tell(room)
    hub().renew(room.pk)  # who is there alone may have company now


def at_once(act: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
    """Let those who are connected here feel what is being saved, as soon as it is."""
    transaction.on_commit(lambda: async_to_sync(act)(*args))


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("__str__", "user", "beginning", "created", "last_used")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("user", "name")
    autocomplete_fields = ("user",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        request.new_key = obj.draw()  # type: ignore[attr-defined]  # for the answer alone
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key here: told on the next page, it would lie in a cookie until then."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"The API key “{obj}”",
            "key": request.new_key,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/chat/apikey/made.html", context)

    def delete_model(self, request: HttpRequest, obj: ApiKey) -> None:
        super().delete_model(request, obj)
        at_once(guard.recheck_keys)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        super().delete_queryset(request, queryset)
        at_once(guard.recheck_keys)


class Named(forms.ModelForm):  # type: ignore[type-arg]
    """Holds to the rule of names where one is new; those of before stay."""

    def clean_username(self) -> str:
        return self._checked("username")

    def clean_name(self) -> str:
        return self._checked("name")

    def _checked(self, field: str) -> str:
        given: str = self.cleaned_data[field]
        if given == getattr(self.instance, field) or (field == "name" and not given):
            return given
        # What the form says of them is not known yet here; whoever makes staff may name them so.
        is_staff = self.instance.is_staff or "is_staff" in self.data
        try:
            return naming.check(given, own=self.instance.pk, staff=is_staff)
        except Unfit as unfit:
            raise ValidationError(str(unfit)) from None


class PersonForm(Named, UserChangeForm):  # type: ignore[type-arg]
    pass


class NewPersonForm(Named, AdminUserCreationForm):  # type: ignore[type-arg]
    pass


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Whose password is changed is logged out everywhere, at once."""

    def save(self, commit: bool = True) -> User:
        person: User = super().save(commit)
        sessions.end_others(person.pk)
        return person


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    form = PersonForm
    add_form = NewPersonForm
    change_password_form = PasswordForm
    list_display = ("shown_as", "username", "is_guest", "is_staff", "date_joined")
    list_filter = ("is_guest", "is_staff", "is_active")
    search_fields = ("username", "name", "email")
    fieldsets = (
        (None, {"fields": ("username", "name", "email", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )

    @admin.display(description="name", ordering="name")
    def shown_as(self, person: User) -> str:
        return str(person)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Whoever may delete a person deletes all that is theirs; it is counted, not listed."""
        said = Q(person__in=objs) | Q(conversation__owner__in=objs)
        counts = {
            "users": len(objs),
            "conversations": Conversation.objects.filter(owner__in=objs).count(),
            "messages": Message.objects.filter(said).count(),
            "API keys": ApiKey.objects.filter(user__in=objs).count(),
        }
        return list(map(str, objs)), counts, set(), []

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.take_keys()
        super().save_model(request, obj, form, change)
        if change and not obj.is_active:
            at_once(_send_away, [obj.pk])
        elif change:
            at_once(guard.recheck_person, obj.pk)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self._delete([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._delete(list(queryset.values_list("pk", flat=True)))

    def _delete(self, ids: list[UUID]) -> None:
        left = rooms.hand_over_all(ids)
        for id in ids:
            while gone := forgetting.remove_said(id):
                at_once(forgetting.tell_removed, gone)
        User.objects.filter(pk__in=ids).delete()
        at_once(_send_away, ids)
        for room in left:
            at_once(guard.recheck, room)


async def _send_away(people: list[UUID]) -> None:
    for person in people:
        await hub().leave_all(person, protocol.FORBIDDEN)
