"""The calls that need no reading: say something and be answered, at once or as it is written."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.utils.dateparse import parse_datetime
from ninja import Field, Path, Query, Router, Schema

from chat import actions, end_users, sse
from chat.api.document import Api
from chat.api.doors import Call, let_in, open_for
from chat.api.fields import Given, MessageText, Slug, UserId
from chat.callers import check_no_foreign_page
from chat.database import in_database
from chat.live.hub import hub
from chat.models import FAILED, INTERRUPTED, Message
from chat.people import Person
from chat.protocol import Refused


class Said(Given):
    """What somebody says to the assistant."""

    user_id: UserId
    message: MessageText
    conversation_id: UUID | None = Field(
        None, strict=False, description="The user's newest, if left out."
    )
    assistant: Slug | None = None


class Asked(Schema):
    """The same as a page asks it; what it says is missing where it only goes on."""

    message: MessageText | None = None
    user_id: UserId | None = None
    conversation_id: UUID | None = None
    assistant: Slug | None = None


class Page(Schema):
    limit: int = Field(10, ge=1, le=100)
    before: str | None = Field(None, description="The `timestamp` of the oldest one known.")


class Answer(Schema):
    response: str
    conversation_id: UUID
    timestamp: str


class Exchange(Schema):
    user_message: str
    bot_response: str | None
    timestamp: str


class History(Schema):
    conversations: list[Exchange]


router = Router(tags=["Chat"])


@router.post("/chat", response=Answer, summary="Say something, be answered")
async def chat(request: Call, given: Said) -> dict[str, Any]:
    """Waits for the whole reply."""
    message, reply = await _say(request.auth, given, pace="at_once")
    async with sse.Reader(request.auth, reply) as reader:
        await reader.check()
        while await reader.more() is not None:
            pass
    if reader.end is None:
        raise Refused("unavailable", "The line was lost. The reply goes on; see the history.")
    if reader.end["status"] in (FAILED, INTERRUPTED):
        raise Refused("unavailable", reader.end["error"]["detail"])
    return {
        "response": reader.text,
        "conversation_id": message.conversation_id,
        "timestamp": _stamp(message.created),
    }


@router.post(
    "/chat/stream",
    response={200: None, 204: None},
    openapi_extra=sse.EVENTS,
    summary="Say something, read the answer while it is written",
)
async def chat_stream(request: Call, given: Said) -> HttpResponseBase:
    """One event for each character; with `Last-Event-ID` it goes on, and says nothing anew."""
    if last := sse.last_event(request):
        return await _resumed(request.auth, last, sse.CHUNKS)
    _, reply = await _say(request.auth, given)
    return sse.stream(request.auth, reply, sse.CHUNKS)


@router.get(
    "/chat-stream",
    response={200: None, 204: None},
    openapi_extra=sse.EVENTS,
    summary="The same for a browser's EventSource",
)
async def event_source(request: Call, asked: Query[Asked]) -> HttpResponseBase:
    """The data of each event is one character; at last comes an event `done`.

    Without `user_id` the caller talks for themselves.
    """
    if request.auth.api_key is None:  # then a cookie, which any site's page makes a browser send
        check_no_foreign_page(request)
    if last := sse.last_event(request):
        return await _resumed(request.auth, last, sse.PLAIN)
    if asked.message is None:
        raise Refused("unprocessable", "message: is missing")
    said = Said.model_construct(**asked.model_dump() | {"user_id": asked.user_id or ""})
    _, reply = await _say(request.auth, said)
    return sse.stream(request.auth, reply, sse.PLAIN)


@router.get(
    "/history/{path:user_id}",
    response=History,
    summary="What was said before, the newest first",
)
async def history(request: Call, user_id: Path[UserId], page: Query[Page]) -> dict[str, Any]:
    """All that one user and the assistant said to each other, in whatever conversation."""
    until = _moment(page.before) if page.before is not None else None
    known = await in_database(end_users.exchanges, request.auth, user_id, page.limit, until)
    return {"conversations": [_exchange(*each) for each in known]}


def short_api(name: str) -> Api:
    """Return these calls, to be put under a path; `name` is what that place is called."""
    api = Api(
        title="Streaming Chat, the short calls",
        auth=let_in,
        docs_url=None,
        openapi_url="/openapi.json",
        urls_namespace=name,
    )
    open_for(api)
    api.add_router("", router)
    return api


async def _say(person: Person, said: Said, pace: str | None = None) -> tuple[Message, Message]:
    """Post what is said; return that, and the reply to it."""
    where = (said.user_id, said.conversation_id)
    return await actions.say(person, *where, said.message, said.assistant, pace)


async def _resumed(person: Person, last: tuple[int, int], form: sse.Form) -> HttpResponseBase:
    message, place = await in_database(actions.find_reply_and_place, person, last[0])
    return sse.resumed(person, message, form, last[1], place.role)


def _exchange(
    said: str, created: datetime, reply: int | None, answer: str | None
) -> dict[str, Any]:
    live = hub().live.get(reply or 0)  # of which more is there than was saved
    return {
        "user_message": said,
        "bot_response": live.text if live else answer,
        "timestamp": _stamp(created),
    }


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    try:
        found = parse_datetime(text.replace(" ", "+"))  # as a plus arrives that was not quoted
        if found is not None:
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused("unprocessable", "before: must be the timestamp of an entry")
