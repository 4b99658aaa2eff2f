"""Messages come as they are: also what is said, changed or ended while they are looked up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from chat import actions, protocol
from chat.access import Place
from chat.live.hub import hub
from chat.models import COMPLETE, STREAMING, Assistant, Conversation, Message
from chat.people import Person
from chatproject.asgi import application
from tests.client import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def written_elsewhere(conversation: str, status: str) -> Message:
    assistant = Assistant.objects.get_or_create(slug="assistant", name="Assistant")[0]
    return Conversation.objects.get(pk=conversation).messages.create(
        assistant=assistant, status=status, text="Hel", lease="another process"
    )


Visit = Callable[[str], Awaitable[WebsocketCommunicator]]


@pytest_asyncio.fixture
async def visit(client: Client) -> AsyncIterator[Visit]:
    """Open a socket of Alice's."""
    await sync_to_async(client.get)("/")
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    headers = [(b"origin", b"http://localhost"), (b"cookie", cookie)]
    opened = []

    async def come(path: str) -> WebsocketCommunicator:
        alice = WebsocketCommunicator(application, path, headers=headers)
        await alice.connect(timeout=PATIENCE)
        opened.append(alice)
        return alice

    yield come
    for alice in opened:
        await alice.disconnect(timeout=PATIENCE)


@pytest_asyncio.fixture
async def alice(visit: Visit) -> WebsocketCommunicator:
    return await visit("/ws/chat/")


async def heard(who: WebsocketCommunicator, kind: str) -> dict[str, Any]:
    while (frame := await who.receive_json_from(timeout=PATIENCE))["type"] != kind:
        pass
    return frame


async def test_reply_that_ends_meanwhile_is_not_left_streaming(
    alice: WebsocketCommunicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await heard(alice, "ready")
    reply = await sync_to_async(written_elsewhere)(ready["conversation"]["id"], STREAMING)
    look_up = actions.page

    def page(conversation: Conversation, before: int | None = None) -> tuple[list[Message], bool]:
        found = look_up(conversation, before)
        Message.objects.filter(pk=reply.pk).update(status=COMPLETE, text="Hello")
        return found

    monkeypatch.setattr(actions, "page", page)
    await alice.send_json_to({"type": "earlier", "before": reply.pk + 1})
    shown = (await heard(alice, "earlier"))["messages"][-1]
    assert (shown["id"], shown["status"], shown["text"]) == (reply.pk, COMPLETE, "Hello")


async def test_message_that_is_taken_away_meanwhile_does_not_come_back(
    alice: WebsocketCommunicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await heard(alice, "ready")
    reply = await sync_to_async(written_elsewhere)(ready["conversation"]["id"], COMPLETE)
    loop, here, look_up = asyncio.get_running_loop(), hub(), actions.page

    def page(conversation: Conversation, before: int | None = None) -> tuple[list[Message], bool]:
        found = look_up(conversation, before)
        if Message.objects.filter(pk=reply.pk).delete()[0]:
            gone = here.take_away(conversation.pk, [reply.pk])
            asyncio.run_coroutine_threadsafe(gone, loop).result(PATIENCE)
        return found

    monkeypatch.setattr(actions, "page", page)
    await alice.send_json_to({"type": "earlier", "before": reply.pk + 1})
    assert (await heard(alice, "message.removed"))["messages"] == [reply.pk]
    earlier = await heard(alice, "earlier")
    assert reply.pk not in [message["id"] for message in earlier["messages"]]


async def test_message_that_is_posted_meanwhile_is_not_lost(
    alice: WebsocketCommunicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The conversation is read anew, and is changed once more before that is told."""
    ready = await heard(alice, "ready")
    id = UUID(ready["conversation"]["id"])
    loop, here, look_up, reads = asyncio.get_running_loop(), hub(), actions.page, count(1)
    posted = await sync_to_async(written_elsewhere)(str(id), COMPLETE)

    def page(conversation: Conversation, before: int | None = None) -> tuple[list[Message], bool]:
        found, has_earlier = look_up(conversation, before)
        if next(reads) == 1:
            loop.call_soon_threadsafe(here.renew, id)
        else:  # it is read, and then said
            frame = protocol.frame("message", message=posted.as_frame())
            saying = here.post(posted, frame, own=frame)
            asyncio.run_coroutine_threadsafe(saying, loop).result(PATIENCE)
        return [message for message in found if message.pk != posted.pk], has_earlier

    monkeypatch.setattr(actions, "page", page)
    here.renew(id)
    await heard(alice, "ready")
    await heard(alice, "ready")
    assert (await heard(alice, "message"))["message"]["id"] == posted.pk


async def test_reply_that_ends_as_one_comes_is_read(
    alice: WebsocketCommunicator, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = (await heard(alice, "ready"))["conversation"]["id"]
    enter = actions.enter

    def come_in(person: Person, conversation: UUID) -> Place:
        place = enter(person, conversation)
        Conversation.objects.filter(pk=id).update(unread=True)  # nobody watched it just then
        return place

    monkeypatch.setattr(actions, "enter", come_in)
    again = await visit(f"/ws/chat/{id}/")
    await heard(again, "ready")
    assert not (await Conversation.objects.aget(pk=id)).unread
