"""A reply whose writer is gone goes on by itself; one whose writer lives is left alone."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError

from chat import actions, service
from chat.live.hub import hub
from chat.models import COMPLETE, STOPPED, Conversation, Message
from chat.people import Person
from chat.process import PROCESS
from chat.reply import run, turns
from chat.reply.watchdog import STILL, Watchdog
from tests.test_saving import waiting_reply, watching, written

pytestmark = pytest.mark.django_db(transaction=True)


async def orphan(lease: str = "a dead process", text: str = "", speed: float = 0) -> Message:
    reply = await sync_to_async(waiting_reply)("From the first to the last.", speed=speed)
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


async def test_living_writer_keeps_its_reply(caplog: pytest.LogCaptureFixture) -> None:
    reply = await orphan()
    dog = Watchdog()
    for beat in range(2 * STILL):
        await Message.objects.filter(pk=reply.pk).aupdate(beat=beat)
        await dog.look()
    assert not run.runs()
    (said,) = caplog.records  # without Redis neither process hears of the other
    assert "another process (a dead process)" in said.getMessage()
    assert "set REDIS_URL" in said.getMessage()


async def test_reply_let_go_is_claimed_at_once() -> None:
    reply = await orphan(lease="")
    await Watchdog().look()
    assert (await written(reply)).status == COMPLETE


async def test_looking_goes_on_after_a_defect(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "LOOK_EVERY", 0)
    looks = asyncio.Queue[Exception | None]()
    trouble = iter([ValueError("a defect"), *[DatabaseError("no database")] * 3, None])

    async def look() -> None:
        await looks.put(what := next(trouble, None))
        if what:
            raise what

    watching = asyncio.create_task(service.again_and_again(look))
    while await looks.get():
        pass
    watching.cancel()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "a defect",
        "no database",
    ]


async def test_stop_in_the_moment_of_takeover() -> None:
    """The claim comes first, the stop finds nobody writing here yet: it is final all the same."""
    reply = await orphan(text="From the", speed=1)
    conversation = await Conversation.objects.select_related("owner").aget(kind="private")
    owner = Person.account(conversation.owner)
    async with watching(await Message.objects.select_related("assistant").aget()) as frames:
        await asyncio.gather(
            Watchdog()._take_over({reply.pk: ("a dead process", 0)}),
            actions.stop(owner, conversation, reply.pk, 4),
        )
        changed = await frames.until(lambda frame: frame["type"] == "message.changed")
        end = await frames.until(lambda frame: frame["type"] == "reply.end")
    assert (changed["message"]["status"], changed["message"]["text"]) == (STOPPED, "From")
    assert (end["status"], end["length"]) == (STOPPED, 4)
    saved = await written(reply)
    assert (saved.status, saved.text) == (STOPPED, "From")
    assert not hub().live


async def test_stop_reaches_whoever_took_it_over() -> None:
    """Its former writer was frozen meanwhile, and has not given it up yet."""
    reply = await sync_to_async(waiting_reply)(speed=1)
    conversation = await Conversation.objects.select_related("owner").aget(kind="private")
    running = run.start(reply)
    await Message.objects.filter(pk=reply.pk).aupdate(lease="another process", text="Every char")
    running._on_lost()
    await actions.stop(Person.account(conversation.owner), conversation, reply.pk, 5)
    saved = await written(reply)
    assert (saved.status, saved.text) == (STOPPED, "Every")


async def test_what_is_asked_for_in_the_moment_of_an_end_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end is saved, and so another version may be asked for, before it is told everyone."""
    reply = await sync_to_async(waiting_reply)("Once.")
    former = run.start(reply)
    finish, saved, told = former._hub.finish, asyncio.Event(), asyncio.Event()

    async def hold(*args: Any) -> None:
        saved.set()
        await told.wait()
        await finish(*args)

    monkeypatch.setattr(former._hub, "finish", hold)
    await saved.wait()
    again = await Message.objects.select_related("assistant", "conversation").aget()
    await sync_to_async(again.reopen)(PROCESS, **{**again.content, "text": "", "script": "Twice."})
    turns.begin(again)
    told.set()
    await asyncio.gather(*turns._tasks())
    written = await Message.objects.aget()
    assert (written.status, written.text) == (COMPLETE, "Twice.")


async def test_only_one_of_two_claims_it() -> None:
    reply = await orphan()
    claim = sync_to_async(Message.objects.live().claim)
    assert await claim(reply.pk, "a dead process", 0, new_lease="first")
    assert not await claim(reply.pk, "a dead process", 0, new_lease="second")


async def test_own_replies_are_not_claimed() -> None:
    reply = await sync_to_async(waiting_reply)(speed=1)
    writing = run.start(reply)
    dog = Watchdog()
    for _ in range(2 * STILL):
        await dog.look()
    assert run.runs()[reply.pk] is writing
    await writing.stop(None)
