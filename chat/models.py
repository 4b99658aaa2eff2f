"""What is kept: people, conversations, messages, and what staff manage."""

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from math import isnan
from typing import Any, ClassVar, Self

import regex
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import DatabaseError, models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from chat.assistants import scripted, template

COMPLETE, WAITING, STREAMING = "complete", "waiting", "streaming"
STOPPED, FAILED, INTERRUPTED = "stopped", "failed", "interrupted"
LIVE = (WAITING, STREAMING)

SLOWEST = 0.1  # characters a second


def _note_use(of: models.QuerySet[Any], field: str, before: datetime | None) -> None:
    """Set `field`, when it was used, to now: at most once an hour, as only days count.

    Nobody is turned away because it cannot be saved.
    """
    now = timezone.now()
    if before is None or now - before > timedelta(hours=1):
        with suppress(DatabaseError):
            of.update(**{field: now})


class PeopleManager(UserManager["User"]):
    def guest(self, id: uuid.UUID, name: str) -> "User":
        """Return the guest with this id, made now if they never wrote before."""
        return self.get_or_create(
            id=id, defaults={"username": f"guest-{id}", "name": name, "is_guest": True}
        )[0]


class User(AbstractUser):
    """Somebody who writes: an account, or a guest (who cannot log in)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, blank=True, help_text="Shown to others.")
    is_guest = models.BooleanField("guest", default=False)

    objects: ClassVar[PeopleManager] = PeopleManager()

    def __str__(self) -> str:
        return self.name or self.username


class ApiKey(models.Model):
    """Lets a program act as an account. Only a digest of the key is stored."""

    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="api_keys",
        limit_choices_to={"is_guest": False},
    )
    name = models.CharField(max_length=80, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name or f"key {self.pk}"

    @classmethod
    def issue(cls, user: User, name: str = "") -> str:
        """Return a new key for `user`; it cannot be read again."""
        key = cls.new_key()
        cls.objects.create(user=user, name=name, digest=cls.digest_of(key))
        return key

    @classmethod
    def holder(cls, key: str) -> User | None:
        """Return the active account that `key` belongs to, and note that it was used."""
        found = cls.objects.select_related("user").filter(digest=cls.digest_of(key)).first()
        if found is None or not found.user.is_active:
            return None
        _note_use(cls.objects.filter(pk=found.pk), "last_used", found.last_used)
        return found.user

    @staticmethod
    def new_key() -> str:
        return f"sc_{secrets.token_urlsafe(32)}"

    @staticmethod
    def digest_of(key: str) -> str:
        # A key has 256 random bits, so a plain hash cannot be guessed back; no salt is needed.
        return hashlib.sha256(key.encode()).hexdigest()


class Assistant(models.Model):
    """Who replies."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    on = models.BooleanField(default=True)
    default = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint("default", condition=Q(default=True), name="one_default"),
        )

    def __str__(self) -> str:
        return self.name


class ScriptedReplies(models.QuerySet["ScriptedReply"]):
    def get_by_natural_key(self, name: str) -> "ScriptedReply":
        """So that `loaddata` updates the reply of that name, if there is one."""
        return self.get(name=name)

    def in_order(self) -> Self:
        """The order in which they are tried."""
        return self.order_by("-priority", "pk")


class ScriptedReply(models.Model):
    """A text that staff manage, and when it is the reply."""

    class Trigger(models.TextChoices):
        GREETING = scripted.GREETING, "a conversation opens"
        MESSAGE = scripted.MESSAGE, "any message"
        KEYWORD = scripted.KEYWORD, "a message with a keyword"
        INTERVAL = scripted.INTERVAL, "somebody stays: again and again"

    class Audience(models.TextChoices):
        ANYONE = scripted.ANYONE, "anyone"
        NEW = scripted.NEW, "someone new"
        RETURNING = scripted.RETURNING, "someone who was here before"

    name = models.CharField(max_length=80, unique=True)
    on = models.BooleanField(default=True)
    trigger = models.CharField(
        "applies when", max_length=16, choices=Trigger.choices, default=Trigger.MESSAGE
    )
    keywords = models.TextField(
        blank=True,
        max_length=2000,
        validators=[MaxLengthValidator(2000)],
        help_text="Separated by commas. Each matches as a whole word (or words), in any case.",
    )
    every = models.FloatField(
        "every (seconds)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
    )
    audience = models.CharField(
        max_length=16,
        choices=Audience.choices,
        default=Audience.ANYONE,
        help_text="New is who never wrote before, in any conversation.",
    )
    priority = models.IntegerField(
        default=0,
        validators=[MinValueValidator(-1_000_000), MaxValueValidator(1_000_000)],
        help_text="The highest that matches answers.",
    )
    text = models.TextField(
        max_length=100_000,
        validators=[MaxLengthValidator(100_000)],
        help_text="Variables: {name}, {message}, {date}, {time}. Write {{ and }} for braces.",
    )
    speed = models.FloatField(
        "speed (characters a second)",
        default=30,
        validators=[MinValueValidator(0), MaxValueValidator(10_000)],
        help_text="0: all at once.",
    )
    starts = models.DateTimeField("from", null=True, blank=True)
    ends = models.DateTimeField("until", null=True, blank=True)

    objects = ScriptedReplies.as_manager()

    class Meta:
        verbose_name_plural = "scripted replies"

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        return (self.name,)

    def clean(self) -> None:
        if faults := {**self._faults_of_text(), **self._faults_of_numbers(), **self._faults()}:
            raise ValidationError(faults)

    def _faults_of_text(self) -> dict[str, str]:
        if self.text.isspace():  # that it must not be empty, its field says
            return {"text": "The text must not be blank."}
        if control := regex.search(r"[\p{Cc}\p{Cs}--[\t\n\r]]", self.text, regex.V1):
            return {"text": f"The text must not contain U+{ord(control[0]):04X}."}
        try:
            template.check(self.text)
        except template.TemplateError as error:
            return {"text": str(error)}
        return {}

    def _faults_of_numbers(self) -> dict[str, str]:
        numbers = {"speed": self.speed, "every": self.every}
        # Their fields refuse what is beyond the limits; what is no number is on neither side.
        faults = {name: "Give a number." for name, it in numbers.items() if isnan(it or 0)}
        if 0 < (self.speed or 0) < SLOWEST:
            faults["speed"] = f"Give 0, or at least {SLOWEST}: slower, it would never end."
        return faults

    def _faults(self) -> dict[str, str]:
        faults = {}
        if self.trigger == scripted.KEYWORD and not any(map(scripted.words, self.keyword_list)):
            faults["keywords"] = "Give at least one keyword (a word, not only signs)."
        if self.trigger == scripted.INTERVAL and self.every is None:
            faults["every"] = "Say after how many seconds it comes again."
        if self.starts and self.ends and self.ends <= self.starts:
            faults["ends"] = "The end must come after the beginning."
        return faults

    @property
    def keyword_list(self) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.keywords.split(",") if word.strip())

    @property
    def rule(self) -> scripted.Rule:
        return scripted.Rule(
            id=self.pk,
            name=self.name,
            trigger=self.trigger,
            audience=self.audience,
            keywords=self.keyword_list,
            on=self.on,
            starts=self.starts,
            ends=self.ends,
        )


class Conversations(models.QuerySet["Conversation"]):
    def of(self, person_id: uuid.UUID) -> Self:
        """Those that this person may enter."""
        return self.filter(owner_id=person_id)


class Conversation(models.Model):
    """What people and an assistant write in."""

    PRIVATE = "private"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, default=PRIVATE, editable=False)
    title = models.CharField(max_length=200, blank=True)
    # Without a constraint in the database: a visitor owns what they look at, but is only made a
    # guest when they first write. Until then this is the id that guest will have.
    owner = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="conversations",
    )
    created = models.DateTimeField(default=timezone.now, editable=False)
    used = models.DateTimeField(default=timezone.now, db_index=True, editable=False)

    objects = Conversations.as_manager()

    class Meta:
        indexes = (models.Index("owner", F("used").desc(), name="newest_of_owner"),)

    def __str__(self) -> str:
        return self.title or str(self.id)

    def get_absolute_url(self) -> str:
        return reverse("conversation", args=(self.pk,))

    def touch(self) -> None:
        """Note that somebody is here."""
        _note_use(Conversation.objects.filter(pk=self.pk), "used", self.used)


class Messages(models.QuerySet["Message"]):
    def live(self) -> Self:
        """Replies that somebody is writing, or should be."""
        return self.filter(status__in=LIVE)

    def claim(self, id: int, lease: str, beat: int, *, new_lease: str) -> bool:
        """Take a reply over from a writer that is gone.

        `lease` and `beat` are what was last seen of that writer. False if it moved since, or
        another process was quicker.
        """
        claimed = self.live().filter(pk=id, lease=lease, beat=beat)
        return claimed.update(lease=new_lease, beat=F("beat") + 1) == 1

    def by_people(self) -> Self:
        return self.filter(person__isnull=False)

    def find(self, id: int) -> "Message | None":
        """Return the message with its author; None if there is none."""
        return self.select_related("person", "assistant").filter(pk=id).first()

    def page(self, size: int, before: int | None = None) -> list["Message"]:
        """Return the newest `size` (older than the message `before`), the oldest first."""
        older = self if before is None else self.filter(pk__lt=before)
        return list(older.select_related("person", "assistant").order_by("-pk")[:size])[::-1]


class Message(models.Model):
    """One entry in a conversation: what a person wrote, or a reply.

    A reply is written by whoever holds its `lease`, and `beat` counts their saves: when it does
    not move any more, the writer is gone. Every save is conditional on both lease and status, so
    a writer that lost either writes nothing.
    """

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    person = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    assistant = models.ForeignKey(Assistant, null=True, on_delete=models.PROTECT, related_name="+")
    reply_to = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    key = models.CharField(max_length=64, null=True)
    text = models.TextField(blank=True)
    status = models.CharField(max_length=16, default=COMPLETE)
    error_code = models.CharField(max_length=32, blank=True)
    error_detail = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(default=timezone.now)
    started = models.DateTimeField("first character", null=True)
    ended = models.DateTimeField(null=True)

    scripted_reply = models.ForeignKey(
        ScriptedReply, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    script = models.TextField(blank=True)  # the whole text of a scripted reply, from the start
    speed = models.FloatField(default=0)  # characters a second
    lease = models.CharField(max_length=64, blank=True)
    beat = models.BigIntegerField(default=0)

    objects = Messages.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes = (
            models.Index("conversation", "id", name="in_order"),
            models.Index("id", condition=Q(status__in=LIVE), name="live_replies"),
        )
        constraints = (
            models.UniqueConstraint("conversation", "person", "key", name="a_key_posts_once"),
            models.UniqueConstraint(
                "conversation", "key", condition=Q(person=None), name="a_key_replies_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:60]}"

    @property
    def author(self) -> User | Assistant:
        author = self.person or self.assistant
        assert author is not None, "a message has an author"
        return author

    @property
    def time_to_first_character(self) -> float | None:
        """Seconds a reply took until its first character; None if there was none."""
        return (self.started - self.created).total_seconds() if self.started else None

    def as_frame(self, *, for_person: uuid.UUID | None = None) -> dict[str, Any]:
        """Return the contract's *message*; its key is told only to the person who wrote it."""
        is_person = self.person_id is not None
        return {
            "id": self.pk,
            "author": {
                "kind": "person" if is_person else "assistant",
                "id": str(self.person_id if is_person else self.assistant_id),
                "name": str(self.author),
            },
            "text": self.text,
            "status": self.status,
            "created": self.created.isoformat().replace("+00:00", "Z"),
            "reply_to": self.reply_to_id,
            "version": 1,
            "versions": 1,
            "key": self.key if is_person and self.person_id == for_person else None,
            "error": self.error,
        }

    @property
    def error(self) -> dict[str, str] | None:
        if not self.error_code:
            return None
        return {"code": self.error_code, "detail": self.error_detail}

    def stop(self, text: str) -> bool:
        """End the reply with `text`, whoever writes it; False if it has ended already."""
        self.status, self.text, self.ended = STOPPED, text, timezone.now()
        live = Message.objects.live().filter(pk=self.pk)
        return live.update(status=self.status, text=text, ended=self.ended) == 1


def release(lease: str, replies: Iterable[int]) -> None:
    """Let go of replies, so that another process may claim them at once."""
    Message.objects.live().filter(pk__in=list(replies), lease=lease).update(lease="")
