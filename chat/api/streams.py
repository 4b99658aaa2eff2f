"""A reply, as it is written."""

from django.http import HttpResponseBase
from ninja import Field, Query, Router, Schema

from chat import actions, sse
from chat.api.doors import Call
from chat.api.fields import Id, Offset
from chat.database import in_database
from chat.protocol import Refused

router = Router(tags=["Replies"])


class Beginning(Schema):
    at: Offset = Field(0, description="The offset to begin at, in code points.")
    last_event_id: str | None = Field(
        None,
        pattern="^[0-9]{1,20}:[0-9]{1,10}$",
        description="As the header `Last-Event-ID`, which counts first.",
        examples=["7:2"],
    )


@router.get(
    "/replies/{id}/stream",
    summary="Read a reply while it is written",
    response={200: None, 204: None},
    openapi_extra=sse.EVENTS,
)
async def stream(request: Call, id: Id, begin: Query[Beginning]) -> HttpResponseBase:
    """One event for each character, from the beginning or from any offset; at last how it ended.

    Who loses the line comes again with the `id` of the last event, and misses nothing. Going
    away does not stop the reply.
    """
    message, place = await in_database(actions.find_reply_and_place, request.auth, id)
    last = sse.last_event(request, begin.last_event_id)
    if last is not None:
        if last[0] != id:
            raise Refused("not_found", "Last-Event-ID: is of another reply.")
        return sse.resumed(request.auth, message, sse.DELTAS, last[1], place.role)
    sse.check_offset(message, begin.at)
    return sse.stream(request.auth, message, sse.DELTAS, begin.at, place.role)
