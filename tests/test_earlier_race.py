"""Older messages come as they are: also what ends, or is changed, while they are looked up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from chat import actions
from chat.live.hub import hub
from chat.models import COMPLETE, STREAMING, Assistant, Conversation, Message
from chatproject.asgi import application
from tests.client import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def written_elsewhere(conversation: str, status: str) -> Message:
    assistant = Assistant.objects.get_or_create(slug="assistant", name="Assistant")[0]
    return Conversation.objects.get(pk=conversation).messages.create(
        assistant=assistant, status=status, text="Hel", lease="another process"
    )


@pytest_asyncio.fixture
async def alice() -> AsyncIterator[WebsocketCommunicator]:
    headers = [(b"origin", b"http://localhost")]
    alice = WebsocketCommunicator(application, "/ws/chat/", headers=headers)
    await alice.connect(timeout=PATIENCE)
    yield alice
    await alice.disconnect(timeout=PATIENCE)


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
