"""Replies: what is written of them by now, and the ways to stop them and have them anew."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from ninja import Router
from ninja.params.functions import Body

from chat import actions
from chat.api.doors import Call
from chat.api.fields import Given, Id, Offset, Slug
from chat.api.told import Message
from chat.database import in_database
from chat.models import Conversation
from chat.people import Person

router = Router(tags=["Replies"])

Rewrite = Callable[[Person, Conversation, int, str | None], Awaitable[None]]


class Stop(Given):
    """`at`: how much of it the reader saw, which is what it keeps; else what there is."""

    at: Offset | None = None


class Anew(Given):
    """By whom; left out, by who wrote it, or who usually answers."""

    assistant: Slug | None = None


Seen = Annotated[Stop, Body()]
Wished = Annotated[Anew, Body()]
AS_IT_IS, AS_BEFORE = Stop(), Anew()  # what it means to send no body


@router.get("/replies/{id}", response=Message, summary="Read a reply")
async def one(request: Call, id: Id) -> dict[str, Any]:
    return actions.as_told(request.auth, await in_database(actions.find_reply, request.auth, id))


@router.post("/replies/{id}/stop", response={202: Message}, summary="Stop a reply")
async def stop(request: Call, id: Id, given: Seen = AS_IT_IS) -> dict[str, Any]:
    """It is stopped everywhere, and keeps the text that it has."""
    person = request.auth
    reply = await in_database(actions.find_reply, person, id)
    await actions.stop(person, reply.conversation, id, given.at)
    return await one(request, id)


@router.post("/replies/{id}/retry", response={202: Message}, summary="Try a reply again")
async def retry(
    request: Call, id: Id, given: Annotated[Anew, Body()] = AS_BEFORE
) -> dict[str, Any]:
    """One that failed, or was interrupted."""
    return await _have(actions.retry, request, id, given)


@router.post("/replies/{id}/regenerate", response={202: Message}, summary="Have another version")
async def regenerate(
    request: Call, id: Id, given: Annotated[Anew, Body()] = AS_BEFORE
) -> dict[str, Any]:
    """The former one is kept."""
    return await _have(actions.regenerate, request, id, given)


@router.post("/replies/{id}/continue", response={202: Message}, summary="Carry a reply on")
async def carry_on(
    request: Call, id: Id, given: Annotated[Anew, Body()] = AS_BEFORE
) -> dict[str, Any]:
    """One that was stopped, failed or was interrupted, from its last character."""
    return await _have(actions.carry_on, request, id, given)


async def _have(rewrite: Rewrite, request: Call, id: int, given: Anew) -> dict[str, Any]:
    reply = await in_database(actions.find_reply, request.auth, id)
    await rewrite(request.auth, reply.conversation, id, given.assistant)
    return await one(request, id)
