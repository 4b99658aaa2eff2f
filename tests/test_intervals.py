"""Some replies come again every so many seconds, while somebody is there."""

import uuid
from unittest.mock import AsyncMock

import pytest
from asgiref.sync import sync_to_async

from chat import intervals
from chat.live.hub import Viewer, hub
from chat.models import Assistant, Conversation, Message, ScriptedReply, User
from chat.reply import run
from tests.client import Client, session
from tests.server import Server

pytestmark = pytest.mark.django_db(transaction=True)


def conversation() -> Conversation:
    Assistant.objects.get_or_create(slug="assistant", name="Assistant")
    tip = {"trigger": "interval", "every": 60, "text": "Did you know?", "speed": 0}
    ScriptedReply.objects.create(name="tip", **tip)
    alice, _ = User.objects.get_or_create(username="alice")
    made: Conversation = alice.conversations.create()
    return made


def somebody_in(conversation: Conversation) -> Viewer:
    viewer = Viewer(uuid.uuid4(), conversation.pk, AsyncMock(), AsyncMock())
    hub().watch(viewer)
    return viewer


async def texts() -> list[str]:
    for running in list(run.runs().values()):
        await running.finished()
    return [text async for text in Message.objects.values_list("text", flat=True)]


async def test_comes_after_its_interval_and_again() -> None:
    somebody_in(await sync_to_async(conversation)())
    due = await intervals.ring({}, now=0)
    due = await intervals.ring(due, now=59)
    assert await texts() == []
    due = await intervals.ring(due, now=60)
    assert await texts() == ["Did you know?"]
    due = await intervals.ring(due, now=61)
    assert len(await texts()) == 1


async def test_starts_anew_when_everybody_had_left() -> None:
    room = await sync_to_async(conversation)()
    viewer = somebody_in(room)
    due = await intervals.ring({}, now=0)
    hub().leave(viewer)
    due = await intervals.ring(due, now=30)
    somebody_in(room)
    due = await intervals.ring(due, now=31)
    await intervals.ring(due, now=61)
    assert await texts() == []


async def test_shorter_interval_counts_at_once() -> None:
    somebody_in(await sync_to_async(conversation)())
    due = await intervals.ring({}, now=0)
    await ScriptedReply.objects.filter(name="tip").aupdate(every=5)
    due = await intervals.ring(due, now=1)
    await intervals.ring(due, now=6)
    assert await texts() == ["Did you know?"]


async def test_two_processes_write_it_once() -> None:
    somebody_in(await sync_to_async(conversation)())
    for _ in range(2):
        due = await intervals.ring({}, now=0)
        await intervals.ring(due, now=60)
    assert await texts() == ["Did you know?"]


async def test_is_for_those_it_is_for() -> None:
    somebody_in(await sync_to_async(conversation)())
    await ScriptedReply.objects.filter(name="tip").aupdate(audience="returning")
    due = await intervals.ring({}, now=0)
    await intervals.ring(due, now=60)
    assert await texts() == []


async def test_real_server_rings_by_itself(own_server: Server) -> None:
    tip = ("--trigger", "interval", "--every", "1")
    own_server.manage("reply", "tip", "--text", "Still there?", *tip)
    url = own_server.url
    async with Client(url, origin=url, cookie=session(url)) as alice:
        opened = await alice.until(
            lambda frame: frame["type"] == "message" and frame["message"]["reply_to"] is None
        )
        assert opened
        await alice.end(opened["message"]["id"])
        assert alice.texts[opened["message"]["id"]] == "Still there?"
