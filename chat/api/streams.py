"""A reply, as it is written."""

from django.http import HttpResponseBase
from ninja import Field, Query, Router, Schema

from chat import actions, sse
from chat.api.doors import PROBLEMS, Call
from chat.database import in_database
from chat.protocol import Refused

router = Router(tags=["Replies"])


class Beginning(Schema):
    at: int = Field(0, ge=0, description="The offset to begin at, in code points.")
    last_event_id: str | None = Field(
        None, description="As the header `Last-Event-ID`, which counts first."
    )


@router.get(
    "/replies/{int:reply}/stream",
    summary="Read a reply while it is written",
    response={200: None, 204: None, **PROBLEMS},
    openapi_extra=sse.EVENTS,
)
async def stream(request: Call, reply: int, begin: Query[Beginning]) -> HttpResponseBase:
    """One event for each character, from the beginning or from any offset; at last how it ended.

    Who loses the line comes again with the `id` of the last event, and misses nothing. Going
    away does not stop the reply.
    """
    message, place = await in_database(actions.reply, request.auth, reply)
    last = sse.last_event(request, begin.last_event_id)
    if last is not None:
        if last[0] != reply:
            raise Refused("not_found", "Last-Event-ID: is of another reply.")
        return sse.resumed(request.auth, message, sse.DELTAS, last[1], place.role)
    sse.check_offset(message, begin.at)
    return sse.stream(request.auth, message, sse.DELTAS, begin.at, place.role)
