"""A reply is saved while it is typed, if it is still ours; trouble with that loses nothing."""

import asyncio
import json
import resource
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from chat import protocol
from chat.live.hub import Viewer, hub
from chat.models import COMPLETE, FAILED, STOPPED, STREAMING, Assistant, Conversation, Message, User
from chat.process import PROCESS
from chat.reply import journal, run
from chat.reply.journal import keeper
from tests.client import Client, session
from tests.conftest import Visit
from tests.measured import measured
from tests.server import Server

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "Every character is saved. " * 4


def waiting_reply(text: str = TEXT, speed: float = 0, to: str = "alice") -> Message:
    conversation = User.objects.create(username=to).conversations.create()
    assistant, _ = Assistant.objects.get_or_create(slug="assistant", name="Assistant")
    message = conversation.messages.create(
        assistant=assistant, status="waiting", script=text, speed=speed, lease=PROCESS
    )
    return Message.objects.select_related("assistant").get(pk=message.pk)


async def written(reply: Message) -> Message:
    """Wait until the reply is written; return it as it was saved."""
    if running := run.runs().get(reply.pk):
        await running.finished()
    return await Message.objects.aget(pk=reply.pk)


async def test_end_is_saved_at_once() -> None:
    reply = await sync_to_async(waiting_reply)()
    run.start(reply)
    saved = await written(reply)
    assert (saved.status, saved.text) == (COMPLETE, TEXT)
    assert saved.created <= saved.started <= saved.ended
    assert not hub().live
    assert not keeper().journals


async def test_journal_that_is_closed_is_in_nobodys_way() -> None:
    """Its reply may be written anew, here, while its last save is on its way."""
    reply = await sync_to_async(waiting_reply)()
    former, saving = keeper().open(reply, lambda: None), keeper()
    keeper().close(former)
    now = saving.open(reply, lambda: None)
    saving._settle(former, lost=True, ended=False)
    assert saving.journals == {reply.pk: now}
    assert not await former.end(COMPLETE, TEXT)
    assert await now.end(COMPLETE, TEXT)


async def test_text_and_heartbeat_are_saved_on_the_way() -> None:
    reply = await sync_to_async(waiting_reply)(TEXT * 20, speed=20)
    await typed(reply, 10)
    await keeper().save()
    saved = await Message.objects.aget(pk=reply.pk)
    assert saved.status == STREAMING
    assert len(saved.text) > 10
    assert saved.script.startswith(saved.text)
    assert saved.beat > 0
    await run.runs()[reply.pk].stop(None)


class Frames(asyncio.Queue[dict[str, Any]]):
    async def see(self, packed: dict[str, Any]) -> None:
        await self.put(json.loads(packed["text"]))

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not wanted(frame := await self.get()):
            pass
        return frame


@asynccontextmanager
async def watching(reply: Message) -> AsyncIterator[Frames]:
    """Watch the reply's conversation; the frames that a viewer gets."""
    frames = Frames()
    viewer = Viewer(uuid.uuid4(), reply.conversation_id, frames.see, AsyncMock())
    hub().watch(viewer)
    await hub().join(viewer, [reply.as_frame()], lambda: protocol.frame("ready"))
    yield frames
    hub().leave(viewer)


async def typed(reply: Message, at: int) -> None:
    """Start the reply; wait until the character at `at` has been typed."""
    async with watching(reply) as frames:
        run.start(reply)
        await frames.until(lambda frame: frame.get("at", -1) >= at)


async def test_stop_stored_elsewhere_is_final() -> None:
    """The notice is lost, and still: the next save finds the reply stopped, and obeys."""
    reply = await sync_to_async(waiting_reply)(speed=20)
    await typed(reply, 5)
    await Message.objects.filter(pk=reply.pk).aupdate(status=STOPPED, text="Every")
    saved = await written(reply)
    assert (saved.status, saved.text) == (STOPPED, "Every")


async def test_reply_taken_over_is_written_no_more() -> None:
    """A writer that lost its lease, frozen for too long perhaps, writes nothing when it wakes."""
    reply = await sync_to_async(waiting_reply)(speed=20)
    await typed(reply, 5)
    await Message.objects.filter(pk=reply.pk).aupdate(lease="another process", text="Ours now")
    saved = await written(reply)
    assert (saved.text, saved.lease) == ("Ours now", "another process")


async def test_deleted_conversation_ends_its_replies() -> None:
    reply = await sync_to_async(waiting_reply)(speed=20)
    running = run.start(reply)
    await Conversation.objects.all().adelete()
    await running.finished()
    assert not hub().live


async def test_many_replies_are_saved_together() -> None:
    """They are more than SQLite takes in one statement."""
    replies = [
        await sync_to_async(waiting_reply)(f"I am {number}", to=f"bob {number}")
        for number in range(150)
    ]
    for reply in replies:
        run.start(reply)
    for reply in replies:
        saved = await written(reply)
        assert (saved.status, saved.text) == (COMPLETE, saved.script)


async def test_whatever_goes_wrong_it_is_saved_the_next_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await sync_to_async(waiting_reply)()
    write = Mock(side_effect=[RuntimeError("who would have thought"), set()])
    monkeypatch.setattr(journal, "_write", write)
    await run.start(reply).finished()
    assert write.call_count == 2
    assert "who would have thought" in caplog.text
    assert "Traceback" in caplog.text


async def test_keeper_that_is_woken_in_vain_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = await sync_to_async(waiting_reply)(speed=20)
    write = Mock(wraps=journal._write)
    monkeypatch.setattr(journal, "_write", write)
    await typed(reply, 5)
    keeper().wake()
    await run.runs()[reply.pk].stop(None)
    assert (await written(reply)).status == STOPPED
    assert all(rows for (rows,), _ in write.call_args_list)


async def test_text_that_no_database_takes_ends_its_reply_only() -> None:
    good = await sync_to_async(waiting_reply)(speed=200)
    bad = await sync_to_async(waiting_reply)("Half of a pair: ", speed=200, to="bob")
    bad.script += "\ud83d"  # as a careless source could yield
    async with watching(bad) as frames:
        run.start(good)
        run.start(bad)
        end = await frames.until(lambda frame: frame["type"] == "reply.end")
    assert (end["status"], end["error"]["code"]) == (FAILED, "not_saved")
    assert (await Message.objects.aget(pk=bad.pk)).status == FAILED
    assert (await written(good)).text == TEXT


@contextmanager
def locked(database: str | Path) -> Iterator[None]:
    """Hold the database's only write lock, as a backup or a runaway script would."""
    blocker = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()


async def test_locked_database_delays_saving_only(visit: Visit, server: Server) -> None:
    rule = ("--trigger", "keyword", "--keywords", "locked", "--speed", "10")
    server.manage("reply", "locked", "--text", TEXT, *rule)
    cookie = session(server.url)
    missed = measured(server, "chat_database_saves_failed_total")
    async with visit(cookie=cookie) as alice:
        reply = await alice.post("locked")
        await alice.until(lambda frame: frame.get("reply") == reply and frame.get("at") == 5)
        alice.patience = 60.0
        with locked(server.database):
            await alice.until(lambda frame: frame.get("at") == len(TEXT) - 1)
            await asyncio.to_thread(wait_for_log, server, "replies cannot be saved")
        assert (await alice.end(reply))["status"] == "complete"
    async with visit(alice.own_path, cookie=cookie) as alice:
        assert alice.texts[reply] == TEXT
    assert measured(server, "chat_database_saves_failed_total") > missed


def wait_for_log(server: Server, words: str) -> None:
    waited = threading.Event()
    while words not in server.log.read_text():
        waited.wait(0.1)


async def test_what_cannot_be_saved_has_failed_until_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reply = await sync_to_async(waiting_reply)()
    monkeypatch.setattr(run, "SAVE_PATIENCE", 0.1)
    database = await sync_to_async(lambda: connection.settings_dict["NAME"])()
    async with watching(reply) as frames:
        with locked(database):
            run.start(reply)
            end = await frames.until(lambda frame: frame["type"] == "reply.end")
            assert (end["status"], end["error"]["code"]) == (FAILED, "not_saved")
        changed = await frames.until(lambda frame: frame["type"] == "message.changed")
    assert (changed["message"]["status"], changed["message"]["text"]) == (COMPLETE, TEXT)
    assert (await Message.objects.aget(pk=reply.pk)).status == COMPLETE


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """Let no file of the server grow past what a log needs, as on a disk that is full."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (16 * 1024, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


async def test_full_disk_loses_nothing(own_server: Server) -> None:
    own_server.manage("reply", "answer", "--text", TEXT * 2, "--speed", "15")
    url = own_server.url
    cookie = session(url)
    async with Client(url, origin=url, cookie=cookie) as alice:
        reply = await alice.post("hello")
        await alice.until(lambda frame: frame.get("reply") == reply and frame.get("at") == 5)
        alice.patience = 60.0
        with full_disk(own_server):
            await asyncio.to_thread(wait_for_log, own_server, "replies cannot be saved")
            await alice.send("message.send", text="and now?", key="kept")
            refused = await alice.until(lambda frame: frame["type"] == "error")
            assert refused
            assert (refused["code"], refused["key"]) == ("unavailable", "kept")
            await alice.until(lambda frame: frame.get("at") == len(TEXT) * 2 - 1)
        assert (await alice.end(reply))["status"] == "complete"
    async with Client(url, alice.own_path, origin=url, cookie=cookie) as alice:
        assert alice.texts[reply] == TEXT * 2
        await alice.end(await alice.post("and now?", key="kept"))
