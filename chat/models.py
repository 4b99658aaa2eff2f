"""What is kept: people, conversations, messages, and what staff manage."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from math import isnan
from typing import Any, ClassVar, Self

import regex
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import DatabaseError, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from chat import names
from chat.assistants import scripted, template
from chat.assistants.kinds import KINDS
from chat.assistants.network import check_url

COMPLETE, WAITING, STREAMING = "complete", "waiting", "streaming"
STOPPED, FAILED, INTERRUPTED = "stopped", "failed", "interrupted"
LIVE = (WAITING, STREAMING)

LOCAL = uuid.UUID("00000000-0000-4000-8000-10ca1ca11e80")  # whom a caller without a key may be
SLOWEST = 0.1  # characters a second
LONGEST_KEY = 255  # code points of what a name looks like
BEGINNING = 7  # characters of an API key by which its owner knows it again; 39 stay unknown
STOP_WORDS = 4  # more, some providers refuse

# Names of variables are spelled so; what has letters and digits mixed like this is rather a key.
_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
_KEY = r"(?:sk|gsk|hf|xai|pplx|nvapi|r8|sc)_.{12,}|AIza.{20,}|(?=.*[a-z])(?=.*[0-9]).{20,}"


def fault_of_letters(text: str) -> str:
    """Return what is wrong with the characters of a text that staff wrote; empty if nothing is."""
    control = regex.search(r"[\p{Cc}\p{Cs}--[\t\n\r]]", text, regex.V1)
    return f"The text must not contain U+{ord(control[0]):04X}." if control else ""


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

    def local(self) -> "User":
        """Return the account of programs that a developer tries on the machine of the server."""
        own = {"username": "localhost, without a key", "password": make_password(None)}
        return self.get_or_create(pk=LOCAL, defaults=own)[0]

    def called(self, alike: Collection[str]) -> models.QuerySet["User"]:
        """Return who is called what has one of these skeletons."""
        return self.filter(Q(name_key__in=alike) | Q(username_key__in=alike))

    def create_superuser(self, username: str, *args: Any, **more: Any) -> "User":
        """As Django's; but nobody may look like somebody else: ValidationError."""
        if self.called(names.likenesses(username)).exclude(username=username).exists():
            raise ValidationError(f"Somebody is called {username} already, or so that it looks so.")
        return super().create_superuser(username, *args, **more)


class User(AbstractUser):
    """Somebody who writes: an account, or a guest (who cannot log in)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, blank=True, help_text="Shown to others.")
    is_guest = models.BooleanField("guest", default=False)
    # What their names look like: no two people may look the same, also where both choose at once.
    name_key = models.CharField(max_length=LONGEST_KEY, blank=True, editable=False)
    username_key = models.CharField(max_length=LONGEST_KEY, blank=True, editable=False)

    objects: ClassVar[PeopleManager] = PeopleManager()

    class Meta(AbstractUser.Meta):
        constraints = (
            models.UniqueConstraint("name_key", condition=~Q(name_key=""), name="a_name_once"),
            models.UniqueConstraint(
                "username_key", condition=~Q(username_key=""), name="a_username_once"
            ),
        )

    def __str__(self) -> str:
        return self.name or self.username

    def as_author(self) -> dict[str, str]:
        return {"id": str(self.pk), "name": str(self)}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.take_keys()
        super().save(*args, **kwargs)

    def take_keys(self) -> None:
        """Note what their names look like; to be called where one changes.

        A guest has none until they choose one: many may be called what guests are called at first.
        """
        chosen = self.name if self.is_guest else self.name or self.username
        is_own = not (self.is_guest and names.is_default(chosen))
        self.name_key = names.skeleton(chosen)[:LONGEST_KEY] if is_own else ""
        self.username_key = "" if self.is_guest else names.skeleton(self.username)[:LONGEST_KEY]


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
    beginning = models.CharField(
        max_length=BEGINNING, blank=True, editable=False, default="", db_default=""
    )
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name or f"key {self.pk}"

    @classmethod
    def issue(cls, user: User, name: str = "") -> str:
        """Return a new key for `user`; it cannot be read again."""
        made = cls(user=user, name=name)
        key = made.draw()
        made.save()
        return key

    @classmethod
    def replace(cls, user: User, name: str) -> str:
        """Return a new key called `name` for `user`; those called so before are revoked."""
        with transaction.atomic():
            cls.objects.filter(user=user, name=name).delete()
            return cls.issue(user, name)

    def draw(self) -> str:
        """Make this the row of a new key, which is returned."""
        key = f"sc_{secrets.token_urlsafe(32)}"
        self.digest, self.beginning = self.digest_of(key), key[:BEGINNING]
        return key

    @classmethod
    def known(cls, key: str) -> Self | None:
        """Return what is kept of `key` if its account is active, and note that it was used."""
        found = cls.objects.select_related("user").filter(digest=cls.digest_of(key)).first()
        if found is None or not found.user.is_active:
            return None
        _note_use(cls.objects.filter(pk=found.pk), "last_used", found.last_used)
        return found

    @classmethod
    def holder(cls, key: str) -> User | None:
        """Return the active account that `key` belongs to, and note that it was used."""
        found = cls.known(key)
        return found.user if found else None

    @staticmethod
    def digest_of(key: str) -> str:
        # A key has 256 random bits, so a plain hash cannot be guessed back; no salt is needed.
        return hashlib.sha256(key.encode()).hexdigest()


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of assistants; as `choices`, so that a new one costs no migration."""
    models = [(kind, label) for kind, (label, _) in KINDS.items()]
    return [(Assistant.SCRIPTED, "Scripted replies"), *models]


class Assistants(models.QuerySet["Assistant"]):
    def for_person(self, *, account: bool, staff: bool) -> Self:
        """Those that somebody may ask."""
        audiences = [Assistant.Audience.EVERYONE]
        audiences += [Assistant.Audience.ACCOUNTS] * account + [Assistant.Audience.STAFF] * staff
        return self.filter(on=True, audience__in=audiences)

    def show_images(self) -> bool:
        """Whether anybody's pictures are loaded from where they are."""
        return self.filter(on=True, shows_images=True).exists()

    def in_order(self) -> Self:
        """The order in which they are offered; who is first answers where nobody was chosen."""
        return self.order_by("-default", "name", "pk")


class Assistant(models.Model):
    """Who replies: with scripted replies, or with what a language model says."""

    SCRIPTED = "scripted"

    class Audience(models.TextChoices):
        EVERYONE = "everyone", "everyone"
        ACCOUNTS = "accounts", "people with an account"
        STAFF = "staff", "staff"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=32, choices=kinds, default=SCRIPTED)
    on = models.BooleanField(default=True)
    default = models.BooleanField(
        default=False, help_text="Answers where nobody else was chosen. There is one."
    )
    audience = models.CharField(
        "who may use it", max_length=16, choices=Audience.choices, default=Audience.EVERYONE
    )
    fallback = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Answers when this one cannot: a model that cannot be reached,"
        " or scripted replies of which none matches.",
    )

    base_url = models.CharField(
        "base URL",
        max_length=500,
        blank=True,
        help_text="Empty: the provider's own. Else for instance http://localhost:11434 (Ollama),"
        " http://localhost:8080/v1 (OpenAI-compatible).",
    )
    model = models.CharField(max_length=200, blank=True)
    key_variable = models.CharField(
        max_length=100,
        blank=True,
        help_text="The name of the environment variable that holds the key, never the key itself.",
    )
    system = models.TextField("system prompt", blank=True, max_length=100_000)
    temperature = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(2)]
    )
    top_p = models.FloatField(
        "top p", null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    max_tokens = models.PositiveIntegerField(
        "maximum tokens", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    stop = models.TextField(
        "stop words", blank=True, max_length=1000, help_text="One a line, at most four."
    )
    prefill = models.BooleanField(
        "carries on its own text",
        null=True,
        blank=True,
        help_text="Whether the server goes on with a trailing assistant turn. Unknown: as usual for"
        " its kind.",
    )
    context_budget = models.PositiveIntegerField(
        "context budget (tokens)",
        default=8000,
        validators=[MinValueValidator(100), MaxValueValidator(10_000_000)],
        help_text="How much of the conversation it is given, about; the oldest is left out first.",
    )
    connect_timeout = models.FloatField(
        "seconds to connect",
        default=10,
        validators=[MinValueValidator(0.1), MaxValueValidator(600)],
    )
    first_timeout = models.FloatField(
        "seconds to the first sign of an answer",
        default=120,
        validators=[MinValueValidator(0.1), MaxValueValidator(3600)],
    )
    silence_timeout = models.FloatField(
        "seconds of silence within an answer",
        default=60,
        validators=[MinValueValidator(0.1), MaxValueValidator(3600)],
    )
    paced = models.BooleanField(
        default=True,
        help_text="Text leaves in bursts, ten times a second at most. Off: at once, at more cost.",
    )

    shows_images = models.BooleanField(
        "shows pictures",
        default=False,
        help_text="Pictures in what it writes are loaded by the readers' browsers, from whatever"
        " hosts it names; those learn the readers' addresses. Off: a picture is a link.",
    )

    objects = Assistants.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("default", condition=Q(default=True), name="one_default"),
        )

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it; if it is the default, the former one is not any more."""
        with transaction.atomic():
            if self.default:
                former = Assistant.objects.filter(default=True).exclude(pk=self.pk)
                former.select_for_update().first()  # who else makes a default now, is awaited
                former.update(default=False)
            super().save(*args, **kwargs)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        # That there is a default already is no fault: whoever becomes it takes that over.
        super().validate_constraints({*(exclude or ()), "default"})

    def clean(self) -> None:
        faults = {**self._faults_of_texts(), **self._faults_of_numbers(), **self._faults_of_key()}
        faults |= {**self._faults_of_model(), **self._faults_of_place()}
        if User.objects.called(names.likenesses(self.name) - {""}).exists():
            faults.setdefault("name", "Somebody is called so, or so that it looks the same.")
        if faults:
            raise ValidationError(faults)

    def _faults_of_texts(self) -> dict[str, str]:
        texts = {name: getattr(self, name) for name in ("name", "model", "system", "stop")}
        faults = {name: fault_of_letters(text) for name, text in texts.items()}
        for name, longest in (("system", 100_000), ("stop", 1000)):
            if len(texts[name]) > longest:  # in the admin their forms say it
                faults[name] = f"Give at most {longest:,} characters."
        if self.name.isspace():
            faults["name"] = "The name must not be blank."
        if len(self.stop_words) > STOP_WORDS or any(len(it) > 100 for it in self.stop_words):
            faults["stop"] = f"Give at most {STOP_WORDS}, of at most 100 characters each."
        return {name: fault for name, fault in faults.items() if fault}

    def _faults_of_numbers(self) -> dict[str, str]:
        numbers = ("temperature", "top_p", "connect_timeout", "first_timeout", "silence_timeout")
        return {name: "Give a number." for name in numbers if isnan(getattr(self, name) or 0)}

    def _faults_of_key(self) -> dict[str, str]:
        """Never repeats what was given: that may be a key."""
        if not self.key_variable:
            return {}
        named = regex.fullmatch(_VARIABLE, self.key_variable)
        if not named or regex.match(_KEY, self.key_variable):
            mend = "Give the name of an environment variable, like OPENAI_API_KEY; never the key."
            return {"key_variable": mend}
        own = self.key_variable in settings.OWN_SECRETS
        if own or settings.FOREIGN_SECRETS.search(self.key_variable):
            return {"key_variable": "This variable holds another secret, not a provider's key."}
        return {}

    def _faults_of_model(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        if not self.is_model:
            return faults
        if not self.model.strip():
            faults["model"] = "Name the model that is to answer."
        try:
            if self.base_url:
                check_url(self.base_url, settings.PROVIDER_ADDRESSES)
        except ValueError as error:
            faults["base_url"] = str(error)
        return faults

    def _faults_of_place(self) -> dict[str, str]:
        """What is wrong with when it answers: as the default, or for whom it stands in."""
        faults = {}
        was = Assistant.objects.filter(pk=self.pk, default=True).exists()
        if was and not self.default:
            faults["default"] = "There must be a default. Make another one the default instead."
        elif self.default and not self.on:
            faults["on"] = "The default must be on. Make another one the default first."
        if self.default and self.audience != self.Audience.EVERYONE:
            faults["audience"] = "The default is for everyone. Make another one the default first."
        if circle := self._circle():
            faults["fallback"] = f"This leads back to where it began: {circle}."
        return faults

    def _circle(self) -> str:
        """Return the way by which its fallbacks lead back to it; empty if they do not."""
        way = [self]
        while (after := way[-1].fallback) is not None and after not in way:
            way.append(after)
        returns = after is not None and after == self
        return " → ".join(map(str, [*way, self])) if returns else ""

    @property
    def is_model(self) -> bool:
        return self.kind != self.SCRIPTED

    @property
    def lacks_key(self) -> bool:
        """Whether the variable that is to hold its key is not there."""
        return bool(self.key_variable) and settings.PROVIDER_KEY(self.key_variable) is None

    @property
    def stop_words(self) -> tuple[str, ...]:
        return tuple(filter(None, self.stop.splitlines()))


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
        faults = {**self._faults_of_name(), **self._faults_of_text(), **self._faults_of_numbers()}
        if faults := {**faults, **self._faults()}:
            raise ValidationError(faults)

    def _faults_of_name(self) -> dict[str, str]:
        if self.name.isspace():
            return {"name": "The name must not be blank."}
        if not self.name.isprintable():
            return {"name": "The name must be one line, without control characters."}
        return {}

    def _faults_of_text(self) -> dict[str, str]:
        if self.text.isspace():  # that it must not be empty, its field says
            return {"text": "The text must not be blank."}
        if fault := fault_of_letters(self.text):
            return {"text": fault}
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
        """Those that are this person's own."""
        return self.filter(owner_id=person_id, deleted=None)

    def rooms(self) -> Self:
        return self.filter(kind=Conversation.ROOM, deleted=None)

    def with_company(self) -> Self:
        """Each with `is_shared`: whether it is a private one in which others have seats."""
        seats = Membership.objects.seats().filter(conversation=OuterRef("pk"))
        return self.annotate(is_shared=Exists(seats))

    def personal(self) -> Self:
        """Those of an account itself, not of one of its end users."""
        return self.filter(end_user="")

    def listed(self) -> Self:
        """Those in which somebody wrote, in the order of the list: pinned ones on top."""
        return self.filter(written__isnull=False).order_by("-pinned", "-written", "-pk")

    def after(self, last: "Conversation") -> Self:
        """Those that stand behind `last` in the list."""
        sooner = Q(written__lt=last.written) | Q(written=last.written, pk__lt=last.pk)
        behind = Q(pinned=last.pinned) & sooner
        return self.filter(behind | Q(pinned=False) if last.pinned else behind)

    def with_typing(self) -> Self:
        """Each with `typing`: whether a reply is being written in it."""
        replies = Message.objects.live().filter(conversation=OuterRef("pk"))
        return self.annotate(typing=Exists(replies))


class Conversation(models.Model):
    """What people and an assistant write in: a private one, which has an owner, or a room.

    A private one can be shared: whoever takes part in it has a Membership, as everyone in a room.
    """

    PRIVATE, ROOM = "private", "room"

    class Answers(models.TextChoices):
        MENTIONED = "mentioned", "when it is mentioned"
        ALWAYS = "always", "every message"
        NEVER = "never", "never"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, default=PRIVATE, editable=False)
    title = models.CharField(max_length=200, blank=True)
    # Without a constraint in the database: a visitor owns what they look at, but is only made a
    # guest when they first write. Until then this is the id that guest will have.
    owner = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        db_constraint=False,
        null=True,
        related_name="conversations",
    )

    # Whom a program writes for: its own name for somebody who has no account here. In the database
    # too it is empty by default, as processes from before an update know nothing of it.
    end_user = models.CharField(max_length=200, blank=True, db_default="", default="")

    # Of rooms.
    slug = models.SlugField("address", max_length=60, unique=True, null=True)
    description = models.CharField(max_length=500, blank=True)
    listed = models.BooleanField(
        default=True, help_text="Anyone may find it and write in it. Off: only by a link."
    )
    answers = models.CharField(
        "the assistant answers",
        max_length=16,
        choices=Answers.choices,
        default=Answers.MENTIONED,
    )
    closed = models.DateTimeField(null=True, blank=True)  # since when nobody writes any more

    created = models.DateTimeField(default=timezone.now, editable=False)
    used = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    # Whom its owner chose last; None: whoever is the default.
    assistant = models.ForeignKey(
        Assistant, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    written = models.DateTimeField(null=True, editable=False)  # when a person last wrote in it
    pinned = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    typing: bool  # where it was asked for: `with_typing`
    is_shared: bool  # likewise: `with_company`
    unread = models.BooleanField(default=False)  # a reply ended while its owner was elsewhere
    deleted = models.DateTimeField(null=True, editable=False)  # can be undone for a moment

    objects = Conversations.as_manager()

    class Meta:
        indexes = (
            models.Index("owner", F("used").desc(), name="newest_of_owner"),
            models.Index(
                *("owner", "end_user", "archived"),
                *(F("pinned").desc(), F("written").desc(), F("id").desc()),
                name="in_the_list",
            ),
        )

    def __str__(self) -> str:
        return self.title or str(self.id)

    def get_absolute_url(self) -> str:
        if self.is_room:
            return reverse("room", args=(self.slug,))
        return reverse("conversation", args=(self.pk,))

    @property
    def is_room(self) -> bool:
        return self.kind == self.ROOM

    def as_frame(self) -> dict[str, Any]:
        """Return what `ready` tells of it, with the assistant that was chosen, if one was."""
        chosen = {"assistant": self.assistant.slug} if self.assistant else {}
        room = self.as_room() if self.is_room else {}
        return {"id": str(self.pk), "kind": self.kind, "title": self.title, **chosen, **room}

    def as_room(self) -> dict[str, Any]:
        """Return what the people in a room are told of it, beside its title."""
        return {
            "slug": self.slug,
            "description": self.description,
            "listed": self.listed,
            "answers": self.answers,
            "closed": self.closed is not None,
        }

    def as_entry(self) -> dict[str, Any]:
        """Return what the lists of conversations tell of it."""
        return {
            **({"kind": self.kind, "slug": self.slug} if self.is_room else {}),
            "id": str(self.pk),
            "title": self.title,
            "pinned": self.pinned,
            "archived": self.archived,
            "unread": self.unread,
            "written": self.written and self.written.isoformat(timespec="microseconds"),
        }

    @property
    def has_company(self) -> bool:
        """Whether more than its owner may write in it."""
        return self.is_room or self.is_shared

    def take_up(self) -> None:
        """Note that somebody writes here now, which brings it back."""
        self.used = self.written = timezone.now()
        self.archived = False
        self.save(update_fields=["used", "written", "archived"])

    def touch(self) -> None:
        """Note that its owner is here, who sees what is new."""
        if self.unread:
            with suppress(DatabaseError):  # as with the note of their use
                Conversation.objects.filter(pk=self.pk).update(unread=False)
        _note_use(Conversation.objects.filter(pk=self.pk), "used", self.used)


class RoomManager(models.Manager["Room"]):
    def get_queryset(self) -> models.QuerySet["Room"]:
        return super().get_queryset().filter(kind=Conversation.ROOM, deleted=None)


class Room(Conversation):
    """A conversation that is a room, as staff manage it."""

    objects: ClassVar[RoomManager] = RoomManager()  # type: ignore[assignment]

    class Meta:
        proxy = True


class Memberships(models.QuerySet["Membership"]):
    def seats(self) -> Self:
        """Without those of people who are banned."""
        return self.exclude(role=Membership.Role.BANNED)


class Membership(models.Model):
    """Somebody's seat in a room, or in another one's conversation; or that they are banned."""

    class Role(models.TextChoices):
        OWNER = "owner", "owner"
        MODERATOR = "moderator", "moderator"
        MEMBER = "member", "member"
        BANNED = "banned", "banned"

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="memberships"
    )
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    joined = models.DateTimeField(default=timezone.now, editable=False)
    seen = models.BigIntegerField(default=0, editable=False)  # the id of the newest message then

    objects = Memberships.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("conversation", "person", name="one_seat_for_each"),)

    def __str__(self) -> str:
        return f"{self.person} ({self.role})"


class Link(models.Model):
    """Lets whoever has it watch a conversation, or take a seat in it, until it is revoked."""

    class Right(models.TextChoices):
        WATCH = "watch", "watch"
        JOIN = "join", "take part"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="links")
    token = models.CharField(max_length=43, unique=True, editable=False)
    right = models.CharField(max_length=8, choices=Right.choices)
    creator = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(default=timezone.now, editable=False)
    revoked = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"{self.get_right_display()}: {self.conversation}"

    def get_absolute_url(self) -> str:
        return reverse("link", args=(self.token,))

    def as_entry(self) -> dict[str, Any]:
        """Return what those are told who may revoke it."""
        created = self.created.isoformat(timespec="seconds")
        path = self.get_absolute_url()
        return {"id": self.pk, "right": self.right, "path": path, "created": created}

    @staticmethod
    def new_token() -> str:
        return secrets.token_urlsafe(32)


class Messages(models.QuerySet["Message"]):
    def live(self) -> Self:
        """Replies that somebody is writing, or should be."""
        return self.filter(status__in=LIVE)

    def ended(self) -> Self:
        return self.exclude(status__in=LIVE)

    def silence(self) -> None:
        """End those that are live with the text that is saved, whoever writes them."""
        self.live().update(status=STOPPED, ended=timezone.now())

    def written_by(self, lease: str) -> Self:
        """Live replies that the process with this `lease` may write."""
        return self.live().filter(lease=lease)

    def claim(self, id: int, lease: str, beat: int, *, new_lease: str) -> bool:
        """Take a reply over from a writer that is gone.

        `lease` and `beat` are what was last seen of that writer. False if it moved since, or
        another process was quicker.
        """
        claimed = self.live().filter(pk=id, lease=lease, beat=beat)
        return claimed.update(lease=new_lease, beat=F("beat") + 1) == 1

    def to_be_written(self) -> Self:
        """Live replies, without those that wait until others in their line have ended.

        A private conversation is one line; in a room each person has one of their own.
        """
        same_line = Q(asked_by=OuterRef("asked_by")) | Q(asked_by=None)
        others = Message.objects.live().filter(same_line, conversation=OuterRef("conversation"))
        before = others.filter(Q(pk__lt=OuterRef("pk")) | ~Q(lease=""))
        return self.live().filter(~Q(lease="") | ~Exists(before))

    def withdraw(self, id: int) -> bool:
        """Take a waiting reply out of the line; False if somebody writes it already."""
        return self.live().filter(pk=id, lease="").update(status=STOPPED) == 1

    def by_people(self) -> Self:
        return self.filter(person__isnull=False)

    def shown(self) -> Self:
        """Those that are read: without what follows a version that is not the one shown."""
        return self.filter(branch_of=None)

    def find(self, id: int) -> "Message | None":
        """Return the message with its author; None if there is none."""
        known = self.select_related("person", "assistant", "conversation", "asked_by")
        return known.filter(pk=id).first()

    def page(self, size: int, before: int | None = None) -> list["Message"]:
        """Return the newest `size` (older than the message `before`), the oldest first."""
        older = self.shown() if before is None else self.shown().filter(pk__lt=before)
        told = older.select_related("person", "assistant", "asked_by")
        told = told.defer("script", "thoughts")
        return list(told.order_by("-pk")[:size])[::-1]


class Content(models.Model):
    """What one version of a message says, and how that came about."""

    assistant = models.ForeignKey(Assistant, null=True, on_delete=models.PROTECT, related_name="+")
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
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)
    thoughts = models.TextField(blank=True)  # a model's reasoning, which is no part of its answer
    thought = models.PositiveIntegerField(default=0)  # how many code points that has

    class Meta:
        abstract = True

    @property
    def is_by_model(self) -> bool:
        """Whether a model writes it, instead of that its text was there from the start."""
        scripted = self.script or self.scripted_reply_id is not None
        return self.assistant is not None and self.assistant.is_model and not scripted

    @property
    def content(self) -> dict[str, Any]:
        return {field.attname: getattr(self, field.attname) for field in Content._meta.fields}

    @content.setter
    def content(self, content: dict[str, Any]) -> None:
        for name, value in content.items():
            setattr(self, name, value)


class Message(Content):
    """One entry in a conversation: what a person wrote, or a reply.

    A reply is written by whoever holds its `lease`, and `beat` counts their saves: when it does
    not move any more, the writer is gone. Every save is conditional on both lease and status, so
    a writer that lost either writes nothing.

    A message keeps its place and its id when it is answered anew or edited; what it said becomes
    a Version. What followed that version is kept as a branch of the message, and is not shown.
    """

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    person = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    reply_to = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    # Of a reply in a room: to whom.
    asked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    mentions = models.JSONField(default=list, blank=True)  # ids of people
    edited = models.DateTimeField(null=True, editable=False)
    key = models.CharField(max_length=64, null=True)
    lease = models.CharField(max_length=64, blank=True)
    beat = models.BigIntegerField(default=0)

    version = models.PositiveIntegerField(default=1)
    versions = models.PositiveIntegerField(default=1)
    branch_of = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="branches"
    )
    branch_version = models.PositiveIntegerField(null=True)  # of `branch_of`

    objects = Messages.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes = (
            models.Index("conversation", "id", name="in_order"),
            # Not only of the live ones: SQLite sees no use in such an index for `status IN (?, ?)`.
            models.Index("status", "conversation", "id", name="by_status"),
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
                **({"images": True} if self.assistant and self.assistant.shows_images else {}),
            },
            "text": self.text,
            "status": self.status,
            "created": self.created.isoformat().replace("+00:00", "Z"),
            "reply_to": self.reply_to_id,
            "version": self.version,
            "versions": self.versions,
            "key": self.key if is_person and self.person_id == for_person else None,
            "error": self.error,
            **({"thought": self.thought} if self.thought else {}),
            **({"edited": True} if self.edited else {}),
            **({"mentions": self.mentions} if self.mentions else {}),
            **({"asked_by": self.asked_by.as_author()} if self.asked_by else {}),
        }

    @property
    def error(self) -> dict[str, str] | None:
        if not self.error_code:
            return None
        return {"code": self.error_code, "detail": self.error_detail}

    def is_not_the_first(self) -> bool:
        """Return whether the person who wrote this had written before, in any conversation."""
        return Message.objects.filter(person=self.person_id, pk__lt=self.pk).exists()

    def followers(self) -> Messages:
        """What is shown after this message."""
        return self.conversation.messages.shown().filter(pk__gt=self.pk)

    def reopen(self, lease: str, **content: Any) -> None:
        """Be written, by the holder of `lease`: anew, or on from the text there is in `content`."""
        text = content.setdefault("text", "")
        empty = dict.fromkeys(("error_code", "error_detail", "thoughts"), "")
        none = dict.fromkeys(("ended", "tokens_in", "tokens_out"))
        new = {} if text else {"started": None, "created": timezone.now()}
        status = STREAMING if text else WAITING
        self.content = {**content, **empty, **none, **new, "thought": 0, "status": status}
        self.lease, self.beat = lease, self.beat + 1
        self.save()

    def begin_version(self) -> list[int]:
        """Put what it says now aside, to say something else; return what is not shown any more.

        In a room everything stays where it is: what follows is not only about this.
        """
        self.others.create(number=self.version, **self.content)
        branch = self.followers() if not self.conversation.is_room else Message.objects.none()
        followers = list(branch.values_list("pk", flat=True))
        branch.update(branch_of=self, branch_version=self.version)
        self.version = self.versions = self.versions + 1
        return followers

    def show_version(self, number: int) -> None:
        """Say again what version `number` says, with all that followed it.

        Raises Version.DoesNotExist.
        """
        wanted = self.others.get(number=number)
        self.others.create(number=self.version, **self.content)
        if not self.conversation.is_room:
            self.followers().update(branch_of=self, branch_version=self.version)
        self.branches.filter(branch_version=number).update(branch_of=None, branch_version=None)
        self.content, self.version = wanted.content, number
        wanted.delete()
        self.save()

    def stop(self, text: str) -> bool:
        """End the reply with `text`, whoever writes it; False if it has ended already."""
        self.status, self.text, self.ended = STOPPED, text, timezone.now()
        live = Message.objects.live().filter(pk=self.pk)
        return live.update(status=self.status, text=text, ended=self.ended) == 1


class Version(Content):
    """A version of a message that is not the one shown."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="others")
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint("message", "number", name="a_version_is_kept_once"),)

    def __str__(self) -> str:
        return f"version {self.number} of message {self.message_id}"


def release(lease: str, replies: Iterable[int]) -> None:
    """Let go of replies, so that another process may claim them at once."""
    Message.objects.live().filter(pk__in=list(replies), lease=lease).update(lease="")
