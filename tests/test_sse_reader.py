"""A reader of a reply ends with its text, wherever it is written."""

import asyncio
from zlib import crc32

import pytest
from asgiref.sync import sync_to_async

from chat import protocol, sse
from chat.live.hub import hub
from chat.models import COMPLETE, STREAMING, Message, User
from chat.people import Person
from chat.reply import run
from chat.sse import Reader
from tests.test_saving import TEXT, waiting_reply

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LOOK_EVERY", 0.01)


async def reading(reply: Message, at: int = 0) -> Reader:
    alice = await User.objects.aget(username="alice")
    return Reader(Person.account(alice), reply, at)


async def rest(reader: Reader) -> str:
    pieces = []
    while (characters := await reader.more()) is not None:
        pieces += characters
    return "".join(pieces)


async def elsewhere(text: str = "", **more: object) -> Message:
    reply = await sync_to_async(waiting_reply)()
    await Message.objects.filter(pk=reply.pk).aupdate(lease="another process", text=text, **more)
    return await Message.objects.aget(pk=reply.pk)


@pytest.mark.parametrize("speed", [0, 2000], ids=["in one piece", "character by character"])
@pytest.mark.parametrize("at", [0, 7])
async def test_written_here(speed: float, at: int) -> None:
    reply = await sync_to_async(waiting_reply)(speed=speed)
    async with await reading(reply, at) as reader:
        run.start(reply)
        assert await rest(reader) == TEXT[at:]
        assert reader.end
        assert reader.end["crc32"] == crc32(TEXT.encode())
    assert not hub().everyone()


async def test_written_by_another_process() -> None:
    reply = await elsewhere(TEXT[:10], status=STREAMING)
    saved = Message.objects.filter(pk=reply.pk)
    async with await reading(reply) as reader:
        assert "".join(await reader.more() or []) == TEXT[:10]
        await saved.aupdate(text=TEXT[:20])
        assert "".join(await reader.more() or []) == TEXT[10:20]
        await saved.aupdate(text=TEXT, status=COMPLETE)
        assert await rest(reader) == TEXT[20:]
        assert reader.end
        assert reader.end["status"] == COMPLETE


async def test_begun_elsewhere_and_carried_on_here() -> None:
    reply = await elsewhere(TEXT[:10], status=STREAMING)
    async with await reading(reply) as reader:
        assert "".join(await reader.more() or []) == TEXT[:10]
        hub_reply = hub().open(await Message.objects.select_related("assistant").aget(pk=reply.pk))
        await hub().extend(hub_reply, list(TEXT[10:]))
        assert "".join(await reader.more() or []) == TEXT[10:]
        hub().let_go(hub_reply)
        await Message.objects.filter(pk=reply.pk).aupdate(text=TEXT, status=COMPLETE)
        assert await rest(reader) == ""
        assert reader.end


async def test_reply_that_is_gone() -> None:
    reply = await elsewhere()
    async with await reading(reply) as reader:
        reading_on = asyncio.create_task(rest(reader))
        await Message.objects.filter(pk=reply.pk).adelete()
        assert await reading_on == ""
        assert reader.end is None


async def test_sent_away() -> None:
    reply = await sync_to_async(waiting_reply)(speed=10)
    async with await reading(reply) as reader:
        run.start(reply)
        await reader.more()
        await hub().send_away(protocol.RESTART)
        assert await reader.more() is None
        assert reader.end is None
    await run.runs()[reply.pk].stop(None)


async def test_slow_reader_of_a_reply_that_is_written_anew() -> None:
    """They read the version that they began with, to its end."""
    reply = await sync_to_async(waiting_reply)(text="x" * 1000)
    async with await reading(reply) as reader:
        running = run.start(reply)
        assert await reader.more()
        await running.finished()
        hub().drop(reply.pk)
        await Message.objects.filter(pk=reply.pk).aupdate(text="another")
        await rest(reader)
        assert reader.end
        assert reader.end["length"] == 1000


async def test_comments_keep_the_line_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE", 0.01)
    reply = await elsewhere()
    alice = Person.account(await User.objects.aget(username="alice"))
    events = sse._events(alice, reply, sse.DELTAS, 0, "owner")
    first, comment, another = [await anext(events) for _ in range(3)]
    assert f"id: {reply.pk}:0\n\n" in first.decode()
    assert comment == another == b": \n\n"
    await events.aclose()
    assert not hub().everyone()
