"""Characters, acks, pings and typing notices touch no thread and no database.

Shown by blocking the one thread that all database work goes through: they flow all the same.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from chat import listing
from chat.models import Assistant, ScriptedReply
from chatproject.asgi import application
from tests.client import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

HEADERS = [(b"origin", b"http://localhost")]
TEXT = "Typed while the database is busy with something else."


def one_greeting(speed: float = 100) -> None:
    Assistant.objects.get_or_create(slug="assistant", name="Assistant")
    ScriptedReply.objects.all().delete()
    ScriptedReply.objects.create(name="greeting", trigger="greeting", text=TEXT, speed=speed)


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
    await alice.connect(timeout=PATIENCE)
    ready = await alice.receive_json_from(timeout=PATIENCE)
    reply = ready["messages"][0]["id"]
    typed = ""
    async with blocked_database():
        while typed != TEXT:
            frame = await alice.receive_json_from(timeout=PATIENCE)
            assert (frame["type"], frame["at"]) == ("char", len(typed))
            typed += frame["char"]
        await alice.send_json_to({"type": "ack", "reply": reply, "at": len(typed)})
        await alice.send_json_to({"type": "typing"})
        await alice.send_json_to({"type": "ping", "t": 1})
        assert await until_pong(alice) == {"type": "pong", "t": 1}
    await alice.disconnect(timeout=PATIENCE)


async def test_characters_flow_while_it_is_looked_up_whom_news_of_a_room_are_for() -> None:
    await sync_to_async(one_greeting)(speed=20)
    alice = WebsocketCommunicator(application, "/ws/chat/", headers=HEADERS)
    await alice.connect(timeout=PATIENCE)
    await alice.receive_json_from(timeout=PATIENCE)
    looked, look = asyncio.Event(), listing._tell_here

    async def noted(news: list[tuple[UUID, list[int]]]) -> None:
        looked.set()
        await look(news)

    typed = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "_tell_here", noted)
        async with blocked_database():
            listing._news().count(uuid4(), [1])
            await asyncio.wait_for(looked.wait(), PATIENCE)
            while typed != TEXT:
                typed += (await alice.receive_json_from(timeout=PATIENCE))["char"]
    await alice.disconnect(timeout=PATIENCE)


async def until_pong(client: WebsocketCommunicator) -> dict[str, object]:
    while (frame := await client.receive_json_from(timeout=PATIENCE))["type"] == "reply.end":
        pass
    answer: dict[str, object] = frame
    return answer
