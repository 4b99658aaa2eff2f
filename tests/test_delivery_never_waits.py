"""Characters, acks, pings and typing notices touch no thread and no database.

Shown by blocking the one thread that all database work goes through: they flow all the same.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from chat.models import Assistant, ScriptedReply
from chatproject.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)

HEADERS = [(b"origin", b"http://localhost")]
TEXT = "Typed while the database is busy with something else."


def one_greeting() -> None:
    Assistant.objects.get_or_create(slug="assistant", name="Assistant")
    ScriptedReply.objects.all().delete()
    ScriptedReply.objects.create(name="greeting", trigger="greeting", text=TEXT, speed=100)


@asynccontextmanager
async def blocked_database() -> AsyncIterator[None]:
    blocked, done = threading.Event(), threading.Event()

    def block() -> None:
        blocked.set()
        done.wait()

    blocking = sync_to_async(block)()
    task = asyncio.create_task(blocking)
    await asyncio.to_thread(blocked.wait)
    try:
        yield
    finally:
        done.set()
        await task


async def test_characters_flow_while_the_database_is_blocked() -> None:
    await sync_to_async(one_greeting)()
    alice = WebsocketCommunicator(application, "/ws/chat/", headers=HEADERS)
    await alice.connect()
    ready = await alice.receive_json_from()
    reply = ready["messages"][0]["id"]
    typed = ""
    async with blocked_database():
        while typed != TEXT:
            frame = await alice.receive_json_from(timeout=10)
            assert (frame["type"], frame["at"]) == ("char", len(typed))
            typed += frame["char"]
        await alice.send_json_to({"type": "ack", "reply": reply, "at": len(typed)})
        await alice.send_json_to({"type": "typing"})
        await alice.send_json_to({"type": "ping", "t": 1})
        assert await until_pong(alice) == {"type": "pong", "t": 1}
    await alice.disconnect()


async def until_pong(client: WebsocketCommunicator) -> dict[str, object]:
    while (frame := await client.receive_json_from(timeout=10))["type"] == "reply.end":
        pass
    answer: dict[str, object] = frame
    return answer
