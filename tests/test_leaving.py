"""Who has gone is forgotten, however they went; what they said before is not."""

from unittest.mock import Mock
from uuid import uuid4

import pytest
from channels.testing import WebsocketCommunicator

from chat.consumers import ChatConsumer
from chat.live.hub import hub
from chat.models import Conversation, Message
from chat.people import Person
from chat.protocol import NOT_SIGNED_IN, Refused
from chatproject.asgi import application
from tests.client import PATIENCE, session
from tests.conftest import Visit
from tests.server import Server

pytestmark = pytest.mark.django_db(transaction=True)


async def alice_connected() -> WebsocketCommunicator:
    headers = [(b"origin", b"http://localhost")]
    alice = WebsocketCommunicator(application, "/ws/chat/", headers=headers)
    await alice.connect(timeout=PATIENCE)
    assert (await alice.receive_json_from(timeout=PATIENCE))["type"] == "ready"
    assert len(hub().watched()) == 1
    return alice


async def test_leaving_politely() -> None:
    alice = await alice_connected()
    await alice.disconnect(timeout=PATIENCE)
    assert not hub().watched()


async def test_cancelled_by_the_server() -> None:
    """As Daphne does with a connection that takes too long to notice that it was closed."""
    alice = await alice_connected()
    alice.stop()
    await alice.wait(timeout=PATIENCE)
    assert not hub().watched()


async def test_who_was_sent_away_says_nothing_more() -> None:
    """The line stays for a moment after that."""
    alice = await alice_connected()
    (person,) = hub().here()
    await hub().leave_all(person, NOT_SIGNED_IN)
    while (said := await alice.receive_output(timeout=PATIENCE))["type"] != "websocket.close":
        pass
    assert said["code"] == NOT_SIGNED_IN
    await alice.send_json_to({"type": "message.send", "text": "Still here", "key": "late"})
    await alice.disconnect(timeout=PATIENCE)
    assert not await Message.objects.filter(text="Still here").aexists()


async def test_what_was_said_before_leaving_was_said(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    keys = {f"key {number}" for number in range(5)}
    async with visit(cookie=cookie) as alice:
        path = alice.own_path
        for key in sorted(keys):
            await alice.send("message.send", text="hi", key=key)
    async with visit(path, cookie=cookie) as alice:
        await alice.until(lambda _: keys <= {each["key"] for each in alice.messages.values()})


async def test_conversation_that_is_gone_cannot_be_read() -> None:
    consumer = ChatConsumer()
    consumer._viewer, consumer._person = Mock(), Person(uuid4(), "Guest", guest=True)
    consumer._conversation = Conversation(owner_id=consumer._person.id)
    with pytest.raises(Refused, match="no such conversation"):
        await consumer._read()
