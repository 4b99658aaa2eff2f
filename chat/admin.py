"""The admin's door: staff manage replies, and read conversations."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from chat import answers
from chat.assistants import scripted
from chat.assistants.scripted import Occasion
from chat.models import ApiKey, Assistant, Conversation, Message, ScriptedReply, User
from chat.protocol import LONGEST_MESSAGE

admin.site.site_header = admin.site.site_title = "Streaming Chat"
admin.site.index_title = "What the chat says, and who says it"


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Staff look, and change nothing."""

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


@admin.register(ScriptedReply)
class ScriptedReplyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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
        form = TryForm(request.GET if "trigger" in request.GET else None)
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
    list_display = ("__str__", "who", "created", "used", "size")
    list_filter = ("used",)
    search_fields = ("messages__text", "owner__username", "owner__name")
    fields = ("id", "who", "title", "created", "used", "size")
    date_hierarchy = "used"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        found: QuerySet[Conversation] = super().get_queryset(request)
        return found.annotate(count=Count("messages"))

    @admin.display(description="who")
    def who(self, conversation: Conversation) -> str:
        owner = User.objects.filter(pk=conversation.owner_id).first()
        return str(owner) if owner else "a visitor who has not written"

    @admin.display(description="messages", ordering="count")
    def size(self, conversation: Conversation) -> str:
        url = reverse("admin:chat_message_changelist")
        count = conversation.count  # type: ignore[attr-defined]  # annotated above
        return format_html(
            '<a href="{}?conversation__id__exact={}">{} — read</a>', url, conversation.pk, count
        )


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
    list_display = ("username", "name", "is_guest", "is_staff", "date_joined")
    list_filter = ("is_guest", "is_staff", "is_active")
    search_fields = ("username", "name", "email")
    fieldsets = (
        (None, {"fields": ("username", "name", "email", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )
