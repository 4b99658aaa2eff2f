"""Older messages come as they are: also a reply that ends while they are looked up."""

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from chat import actions
from chat.models import COMPLETE, STREAMING, Assistant, Conversation, Message
from chatproject.asgi import application
from tests.client import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def live_elsewhere(conversation: str) -> Message:
    assistant = Assistant.objects.get_or_create(slug="assistant", name="Assistant")[0]
    return Conversation.objects.get(pk=conversation).messages.create(
        assistant=assistant, status=STREAMING, text="Hel", lease="another process"
    )


async def test_reply_that_ends_meanwhile_is_not_left_streaming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headers = [(b"origin", b"http://localhost")]
    alice = WebsocketCommunicator(application, "/ws/chat/", headers=headers)
    await alice.connect(timeout=PATIENCE)
    ready = await alice.receive_json_from(timeout=PATIENCE)
    reply = await sync_to_async(live_elsewhere)(ready["conversation"]["id"])
    look_up = actions.page

    def page(conversation: Conversation, before: int | None = None) -> tuple[list[Message], bool]:
        found = look_up(conversation, before)
        Message.objects.filter(pk=reply.pk).update(status=COMPLETE, text="Hello")
        return found

    monkeypatch.setattr(actions, "page", page)
    await alice.send_json_to({"type": "earlier", "before": reply.pk + 1})
    while (frame := await alice.receive_json_from(timeout=PATIENCE))["type"] != "earlier":
        pass
    shown = frame["messages"][-1]
    assert (shown["id"], shown["status"], shown["text"]) == (reply.pk, COMPLETE, "Hello")
    await alice.disconnect(timeout=PATIENCE)
