"""What calls of the API bring and get: every field says in the schema what may stand in it."""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja.params.functions import Header, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chat import protocol
from chat.conversations import LONGEST_TITLE
from chat.protocol import LONGEST_KEY, LONGEST_MESSAGE, Refused
from chat.rooms import LONGEST_DESCRIPTION
from chat.search import LONGEST, SHORTEST

PAGE, LARGEST_PAGE = 20, 50  # of what is listed
LARGEST_ID = 2**63 - 1
LONGEST_CURSOR = 200

# In the words of regular expressions, for the schema only; what decides is chat.protocol. Beside
# these there are a few signs that nobody sees, outside of Unicode's basic plane.
_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_FORMAT = (
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
)
CLEAN = rf"^[^{_CONTROL}]*$"
NOT_BLANK = rf"^[^{_CONTROL}]*[^\s{_CONTROL}{_FORMAT}][^{_CONTROL}]*$"
SEVERAL = rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"


def _checked(check: Callable[[Any], Any]) -> BeforeValidator:
    def validate(value: Any) -> Any:
        try:
            return check(value)
        except Refused as refused:
            raise ValueError(refused.detail) from None

    return BeforeValidator(validate)


def _in_schema(**words: Any) -> Any:
    return Field(json_schema_extra=words)


class Given(BaseModel):
    """What a call brings: exactly these fields, of exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True)


MessageText = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_MESSAGE, examples=["What is a typewriter?"]),
    _in_schema(pattern=NOT_BLANK),
    _checked(protocol.message_text),
]
Key = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_KEY, examples=["order-17-question-3"]),
    _in_schema(pattern=CLEAN),
    _checked(protocol.clean_text),
]
UserId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=protocol.LONGEST_END_USER,
        description="Your own name for one of your users. Nobody else's user has it.",
        examples=["customer-42"],
    ),
    _in_schema(pattern=NOT_BLANK),
    _checked(protocol.end_user),
]
Title = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_TITLE, examples=["About typewriters"]),
    _in_schema(pattern=NOT_BLANK, format="title"),
    _checked(protocol.clean_text),
]
Description = Annotated[
    str,
    Field(max_length=LONGEST_DESCRIPTION, examples=["Everything about typewriters"]),
    _in_schema(pattern=CLEAN),
    _checked(protocol.clean_text),
]
Words = Annotated[
    str,
    Field(min_length=SHORTEST, max_length=LONGEST, examples=["typewriter"]),
    _in_schema(pattern=SEVERAL),
    _checked(protocol.clean_text),
]
Slug = Annotated[
    str,
    Field(
        min_length=1,
        max_length=50,
        pattern="^[A-Za-z0-9_-]+$",
        description="The slug of an assistant, as the list of them has it.",
        examples=["assistant"],
    ),
    _in_schema(format="assistant"),
]
Pace = Annotated[
    Literal["faster", "at_once"],
    Field(description="How the reply is typed, where it is not only a model's speed that counts."),
]
_WHOLE = BeforeValidator(lambda it: int(it) if isinstance(it, float) and it.is_integer() else it)
Offset = Annotated[
    int, Field(ge=0, lt=2**31, description="A number of Unicode code points."), _WHOLE
]
Number = Annotated[int, Field(ge=1, lt=2**31, examples=[1]), _WHOLE]

# --- what stands in paths and queries

Id = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The id of a message.")]
ConversationId = Annotated[UUID, Path(description="The id of a conversation.")]
PersonId = Annotated[UUID, Path(description="The id of a person.")]
RoomSlug = Annotated[
    str,
    Path(pattern="^[A-Za-z0-9_-]+$", min_length=1, max_length=60, description="A room's address."),
]
Limit = Annotated[
    int, Query(ge=1, le=LARGEST_PAGE, description="So many at most, and there may be more.")
]
Cursor = Annotated[
    str,
    _in_schema(format="cursor"),
    Query(
        pattern="^[A-Za-z0-9_-]+$",
        min_length=1,
        max_length=LONGEST_CURSOR,
        description="`next` of the answer before; without it the list begins.",
    ),
]
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]+$",
        max_length=LONGEST_KEY,
        description="As `key` in the body: with it, twice is only once.",
    ),
]

# --- cursors


def to_cursor(place: Any) -> str:
    """Return a cursor that leads behind `place`."""
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def from_cursor(cursor: str | None, read: Callable[[str], Any]) -> Any:
    """Return the place that `read` makes of a cursor; None without one. Raises Refused."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return read(base64.urlsafe_b64decode(padded.encode()).decode())
    except (ValueError, binascii.Error):  # UnicodeError is one, too
        raise lost() from None


def lost() -> Refused:
    return Refused("unprocessable", "cursor: leads nowhere; take `next` of an answer")
