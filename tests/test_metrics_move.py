"""Each metric moves when that happens of which it tells."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.client import Client, session
from tests.events import Program
from tests.measured import TOKEN, measured, wait_for
from tests.models import KINDS, TitledProvider, arrived, make_assistants, provider_with_titles
from tests.providers import Held, Status
from tests.redis import Redis, running_redis
from tests.server import Server, running


@pytest.fixture(scope="module")
def parts(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Redis, TitledProvider]]:
    folder = tmp_path_factory.mktemp("measured")
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder))
        provider = stack.enter_context(provider_with_titles())
        told = {"REDIS_URL": redis.url, "METRICS_TOKEN": TOKEN}
        server = stack.enter_context(running(folder, **told))
        make_assistants(server, provider, *({"slug": kind, "kind": kind} for kind in KINDS))
        yield server, redis, provider


@pytest.fixture
def server(parts: tuple[Server, Redis, TitledProvider]) -> Server:
    return parts[0]


@pytest.fixture
def redis(parts: tuple[Server, Redis, TitledProvider]) -> Redis:
    return parts[1]


@pytest.fixture
def provider(parts: tuple[Server, Redis, TitledProvider]) -> TitledProvider:
    return parts[2]


async def test_people_and_what_they_do(server: Server, provider: TitledProvider) -> None:
    assert measured(server, "chat_viewers") == 0
    assert measured(server, "chat_replies_total", status="complete") == 0, "told before the first"
    async with Client(server.url, origin=server.url) as bob:
        assert measured(server, "chat_viewers") == measured(server, "chat_connections") == 1
        await bob.end(await bob.post("hi", key="once"))
        wait_for(server, 2, "chat_replies_total", status="complete")  # with the greeting
        assert measured(server, "chat_characters_delivered_total") == 2 * len("Hello from server!")
        assert measured(server, "chat_character_late_seconds_count") > 0
        assert measured(server, "chat_database_save_seconds_count") > 0

        bob.frames.clear()
        await bob.send("message.send", text="hi", key="once")
        await bob.until(lambda frame: frame.get("key") == "once")
        assert measured(server, "chat_duplicates_dropped_total") == 1

        held = provider.next(Held())
        reply = await bob.post("think", assistant="openai")
        held.give("Half of it")
        await arrived(bob, reply, "Half")
        assert measured(server, "chat_first_character_seconds_count") == 1
        assert measured(server, "chat_replies_being_written") == 1
        await bob.send("sync", reply=reply, at=0)
        await bob.until(lambda frame: frame["type"] == "reply.text")
        assert measured(server, "chat_gaps_healed_total") == 1
        await bob.send("reply.stop", reply=reply)
        await bob.end(reply)
        wait_for(server, 1, "chat_replies_total", status="stopped")
        assert measured(server, "chat_provider_cancel_seconds_count") == 1

        provider.next(Status(400))
        await bob.end(await bob.post("think", assistant="anthropic"))
        wait_for(server, 1, "chat_replies_total", status="failed")
        assert measured(server, "chat_provider_errors_total", code="refused") == 1
        assert measured(server, "chat_replies_being_written") == 0
    while measured(server, "chat_viewers"):  # they have gone a moment later
        pass


async def test_programs_count_too(server: Server, provider: TitledProvider) -> None:
    before = measured(server, "chat_characters_delivered_total")
    said = {"user_id": "me", "message": "hi", "assistant": "openai"}
    held = provider.next(Held())
    held.give("Hello, program!")
    async with (
        Program(server.url, server.account("alice")) as alice,
        alice.stream("/chat/stream", said) as stream,
    ):
        await stream.read(3)
        assert measured(server, "chat_connections") == 1
        held.end()
        await stream.ended()
    found = measured(server, "chat_characters_delivered_total") - before
    assert found == len(stream.text) == len("Hello, program!")


async def test_other_processes(server: Server, redis: Redis) -> None:
    wait_for(server, 1, "chat_layer_events_total", outcome="sent")
    redis.stop()
    wait_for(server, 1, "chat_layer_events_total", outcome="missed")
    redis.start()


async def test_death_of_a_process(server: Server) -> None:
    server.manage("reply", "answer", "--text", "word " * 20, "--speed", "10")
    cookie = session(server.url)
    async with Client(server.url, origin=server.url, cookie=cookie) as bob:
        reply = await bob.post("count")
        await arrived(bob, reply, "word word")
        await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    async with Client(server.url, bob.own_path, origin=server.url, cookie=cookie) as bob:
        bob.patience = 60.0
        if bob.messages[reply]["status"] != "complete":
            await bob.end(reply)
    assert measured(server, "chat_takeovers_total") == 1
