"""A reply whose writer is gone goes on by itself; one whose writer lives is left alone."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError

from chat.models import COMPLETE, Message
from chat.reply import run, watchdog
from chat.reply.journal import PROCESS
from chat.reply.watchdog import STILL, Watchdog
from tests.test_saving import waiting_reply, written

pytestmark = pytest.mark.django_db(transaction=True)


async def orphan(lease: str = "a dead process", text: str = "") -> Message:
    reply = await sync_to_async(waiting_reply)("From the first to the last.")
    await Message.objects.filter(pk=reply.pk).aupdate(lease=lease, text=text)
    return reply


async def test_goes_on_from_what_was_saved() -> None:
    reply = await orphan(text="From the first")
    dog = Watchdog()
    for _ in range(STILL + 1):
        assert reply.pk not in run.runs()
        await dog.look()
    saved = await written(reply)
    assert (saved.status, saved.text) == (COMPLETE, "From the first to the last.")
    assert saved.lease == PROCESS


async def test_living_writer_keeps_its_reply() -> None:
    reply = await orphan()
    dog = Watchdog()
    for beat in range(2 * STILL):
        await Message.objects.filter(pk=reply.pk).aupdate(beat=beat)
        await dog.look()
    assert not run.runs()


async def test_reply_let_go_is_claimed_at_once() -> None:
    reply = await orphan(lease="")
    await Watchdog().look()
    assert (await written(reply)).status == COMPLETE


async def test_looking_goes_on_after_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = asyncio.Queue[int]()
    defects = iter([ValueError("a defect"), DatabaseError("no database"), None])

    async def look(dog: Watchdog) -> None:
        looks.put_nowait(1)
        if defect := next(defects, None):
            raise defect

    monkeypatch.setattr(watchdog, "LOOK_EVERY", 0)
    monkeypatch.setattr(Watchdog, "look", look)
    watching = asyncio.create_task(Watchdog().run())
    for _ in range(3):
        await looks.get()
    watching.cancel()


async def test_only_one_of_two_claims_it() -> None:
    reply = await orphan()
    claim = sync_to_async(Message.objects.live().claim)
    assert await claim(reply.pk, "a dead process", 0, new_lease="first")
    assert not await claim(reply.pk, "a dead process", 0, new_lease="second")


async def test_own_replies_are_not_claimed() -> None:
    reply = await sync_to_async(waiting_reply)(speed=20)
    run.start(reply)
    writing = run.runs()[reply.pk]
    dog = Watchdog()
    for _ in range(2 * STILL):
        await dog.look()
    assert run.runs()[reply.pk] is writing
    await writing.stop(None)
