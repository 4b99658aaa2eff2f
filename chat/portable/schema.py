"""What a conversation looks like in a file of its own."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from django.conf import settings
from django.utils import timezone
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    ValidationError,
    model_validator,
)

from chat.protocol import Refused, clean_text, message_text

FORMAT, VERSION = "streaming-chat", 1
MOST_MESSAGES = 10_000  # with the versions that are not shown
OLDEST = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # that clocks may differ

# pydantic's names of what is wrong -> what to say
WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "string_type": "must be a string",
    "string_unicode": "must not contain half a character",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "literal_error": "must be {expected}",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must consist of small letters and _",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entry",
    "greater_than_equal": "must be at least {ge}",
}


def fault(error: ValidationError) -> tuple[tuple[str | int, ...], str]:
    """Return the path of the first thing that is wrong, and what."""
    first = error.errors(include_url=False, include_input=False)[0]
    context = first.get("ctx", {})
    if first["type"] == "value_error":
        return first["loc"], str(context["error"])
    return first["loc"], WORDS.get(first["type"], first["msg"]).format(**context)


def _clean(value: Any) -> str:
    try:
        return clean_text(value)
    except Refused as refused:
        raise ValueError(refused.detail) from None


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None:
            raise ValueError
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time like 2025-01-31T12:00:00Z") from None
    if not OLDEST <= moment <= timezone.now() + AHEAD:
        raise ValueError("must be between 1970 and today")
    return moment


Text = Annotated[str, BeforeValidator(_clean)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


def _few_enough(value: Any) -> Any:
    """Refuse too many messages before any is looked at: their versions are rows as well."""
    if isinstance(value, list):
        others = (entry.get("others") for entry in value if isinstance(entry, dict))
        if len(value) + sum(len(it) for it in others if isinstance(it, list)) > MOST_MESSAGES:
            raise ValueError(f"must have at most {MOST_MESSAGES} entries, with all their versions")
    return value


class Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_one_unknown_field_at_most(cls, value: Any) -> Any:
        """The first tells enough, and pydantic makes an error of each."""
        known = cls.model_fields
        if not isinstance(value, dict) or len(value) <= len(known):
            return value
        first = next(name for name in value if name not in known)
        return {name: it for name, it in value.items() if name in known or name == first}


class Named(Part):
    """An assistant: it is known again by its slug, and the name is for people."""

    slug: Annotated[Text, Field(max_length=50)]
    name: Annotated[Text, Field(max_length=80)] = ""


class Failure(Part):
    code: Annotated[str, Field(max_length=32, pattern="^[a-z_]+$")]
    detail: Annotated[Text, Field(max_length=300)] = ""


class Content(Part):
    """What one version of a message says."""

    text: Text
    created: Moment
    status: Literal["complete", "stopped", "failed", "interrupted"] = "complete"
    assistant: Named | None = None
    error: Failure | None = None
    thoughts: Text = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if max(len(self.text), len(self.thoughts)) > settings.LONGEST_REPLY:
            raise ValueError(f"text: must have at most {settings.LONGEST_REPLY:,} characters")
        return self


class Entry(Content):
    """A message: the version of it that is shown, and the others in their order."""

    author: Literal["me", "assistant"]
    reply_to: Annotated[int, Field(ge=1)] | None = None  # which message of the file, from 1 on
    version: Annotated[int, Field(ge=1)] = 1  # which one is shown, from 1 on
    others: Annotated[list[Content], FailFast()] = []

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.version > len(self.others) + 1:
            raise ValueError("version: there are not so many")
        if self.author == "me":
            _check_own(self)
            for content in self.others:
                _check_own(content)
        return self


class Document(Part):
    """A whole file."""

    format: Literal["streaming-chat"]
    version: Literal[1]
    title: Annotated[Text, Field(max_length=200)] = ""
    created: Moment | None = None
    exported: Moment | None = None
    messages: Annotated[list[Entry], FailFast(), Field(min_length=1), BeforeValidator(_few_enough)]


def _check_own(content: Content) -> None:
    told = (content.assistant, content.error)
    if content.status != "complete" or told != (None, None) or content.thoughts:
        raise ValueError("status: what oneself wrote is complete, and by no assistant")
    try:
        message_text(content.text)
    except Refused as refused:
        raise ValueError(f"text: {refused.detail}") from None
