"""The admin's door: staff manage replies, and read conversations."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Left
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from chat import answers
from chat.assistants import scripted
from chat.assistants.scripted import Occasion
from chat.models import ApiKey, Assistant, Conversation, Message, ScriptedReply, User
from chat.protocol import LONGEST_MESSAGE

admin.site.site_header = admin.site.site_title = "Streaming Chat"
admin.site.index_title = "What the chat says, and who says it"

TRANSCRIPT = 200  # messages that are read on one page


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


class ReplyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Tells only what is wrong with its own fields, and once.

    The model looks at everything. But in the list a reply with a faulty text must be savable, as
    that is how it is switched off; and what a field has refused needs no second look.
    """

    def add_error(self, field: str | None, error: Any) -> None:
        if hasattr(error, "error_dict"):
            news = {*self.fields, NON_FIELD_ERRORS} - self.errors.keys()
            error = ValidationError({at: it for at, it in error.error_dict.items() if at in news})
        super().add_error(field, error)


@admin.register(ScriptedReply)
class ScriptedReplyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = ReplyForm
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

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "keywords":
            kwargs["widget"] = forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=ReplyForm, **kwargs)

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


@admin.register(Assistant)
class AssistantAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "slug", "on", "default")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Conversation)
class ConversationAdmin(ReadOnly):
    list_display = ("beginning", "who", "used", "created", "size")
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
            return "(nothing written yet)"
        return shortened(" ".join(first.split()), 100) or "…"

    @admin.display(description="who")
    def who(self, conversation: Conversation) -> str:
        return str(getattr(conversation, "owner", "a visitor who has not written"))

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


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("__str__", "user", "created", "last_used")
    fields = ("user", "name")
    autocomplete_fields = ("user",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        key = ApiKey.new_key()
        obj.digest = ApiKey.digest_of(key)
        super().save_model(request, obj, form, change)
        messages.warning(request, f"The key is {key} — copy it now, it cannot be shown again.")


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
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
