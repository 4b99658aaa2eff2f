"""Models' replies under control: carried on, tried again, bounded, in turn, and taken over."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import Client, session
from tests.conftest import Visit
from tests.models import (
    KINDS,
    TitledProvider,
    arrived,
    asked,
    error,
    forget,
    make_assistants,
    provider_with_titles,
    turns,
)
from tests.providers import Held, Said, Status
from tests.server import Server, running
from tests.test_revisions import changed


@pytest.fixture(scope="module")
def shared() -> Iterator[TitledProvider]:
    with provider_with_titles() as it:
        yield it


@pytest.fixture(scope="module")
def small_server(
    shared: TitledProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server on which replies are short, and models write one at a time."""
    folder = tmp_path_factory.mktemp("small")
    environment = {"LONGEST_REPLY": "1000", "REPLIES_PER_PROVIDER": "1"}
    with running(folder, GUEST_MESSAGES_PER_MINUTE="10000", **environment) as it:
        for name in ("greeting", "answer"):
            it.manage("reply", name, "--off")
        price = ("--trigger", "keyword", "--keywords", "price", "--speed", "0")
        it.manage("reply", "price", "--text", "It is free.", *price)
        models = [{"slug": kind, "kind": kind} for kind in KINDS]
        first = {"slug": "first", "kind": "scripted", "fallback": "ollama"}
        make_assistants(it, shared, *models, first)
        yield it


@pytest.fixture
def provider(shared: TitledProvider) -> TitledProvider:
    forget(shared)
    return shared


@pytest.fixture
def visit(small_server: Server) -> Visit:
    def connect(path: str = "/ws/chat/", cookie: str = "", **headers: str) -> Client:
        cookie = cookie or session(small_server.url)
        return Client(small_server.url, path, origin=small_server.url, cookie=cookie, **headers)

    return connect


async def cut_off(alice: Client, provider: TitledProvider, kind: str, text: str) -> int:
    """Let a reply break off after `text`; return it."""
    held = provider.next(Held())
    reply = await alice.post("Go on", assistant=kind)
    held.give(text)
    await arrived(alice, reply, text[:-1])
    held.cut()
    await alice.end(reply)
    return reply


# --- carrying on -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "said", "joined"),
    [
        ("ollama", " jumps.", "The quick fox jumps."),
        ("anthropic", "quick fox jumps.", "The quick fox jumps."),
        ("openai", "fox jumps.", "The quick fox jumps."),
    ],
)
async def test_cut_reply_goes_on_with_a_clean_joint(
    visit: Visit, provider: TitledProvider, kind: str, said: str, joined: str
) -> None:
    async with visit() as alice:
        reply = await cut_off(alice, provider, kind, "The quick fox")
        assert alice.texts[reply] == "The quick fox"
        provider.next(Said(said))
        await alice.send("reply.continue", reply=reply)
        live = await changed(alice, reply, status="streaming")
        assert (live["text"], live["error"]) == ("The quick fox", None)
        end = await alice.end(reply)
        assert (end["status"], end["versions"], end["error"]) == ("complete", 1, None)
        assert alice.texts[reply] == joined
    assert "The quick fox" in str(turns(asked(provider)[-1])[-2:])


async def test_somebody_else_carries_on(visit: Visit, provider: TitledProvider) -> None:
    async with visit() as alice:
        reply = await cut_off(alice, provider, "openai", "The quick fox")
        provider.next(Said(" jumps."))
        await alice.send("reply.continue", reply=reply, assistant="ollama")
        await changed(alice, reply, status="streaming")
        await alice.end(reply)
        assert alice.messages[reply]["author"]["name"] == "Ollama"
        assert alice.texts[reply] == "The quick fox jumps."


async def test_scripted_replies_carry_on_nobody(visit: Visit, provider: TitledProvider) -> None:
    async with visit() as alice:
        reply = await cut_off(alice, provider, "openai", "The quick fox")
        await alice.send("reply.continue", reply=reply, assistant="assistant")
        assert (await error(alice))["code"] == "conflict"


async def test_assistant_that_was_switched_off_carries_on_nothing(
    visit: Visit, provider: TitledProvider, small_server: Server
) -> None:
    make_assistants(small_server, provider, {"slug": "brief", "kind": "ollama"})
    async with visit() as alice:
        reply = await cut_off(alice, provider, "brief", "The quick fox")
        small_server.manage("assistant", "brief", "--off")
        await alice.send("reply.continue", reply=reply)
        assert (await error(alice))["code"] == "conflict"
        await alice.send("reply.continue", reply=reply, assistant="ollama")
        await changed(alice, reply, status="streaming")
        await alice.end(reply)
    assert len(asked(provider)) == 2


async def test_model_at_its_limit_says_so_and_goes_on(
    visit: Visit, provider: TitledProvider
) -> None:
    provider.next(Said("As far as", finish="length"))
    async with visit() as alice:
        reply = await alice.post("Go on", assistant="ollama")
        end = await alice.end(reply)
        assert (end["status"], end["error"]["code"]) == ("complete", "cut_short")
        provider.next(Said(" it goes."))
        await alice.send("reply.continue", reply=reply)
        await changed(alice, reply, status="streaming")
        assert (await alice.end(reply))["error"] is None
        assert alice.texts[reply] == "As far as it goes."


# --- again -------------------------------------------------------------------------------------


async def test_failed_reply_is_tried_again(visit: Visit, provider: TitledProvider) -> None:
    provider.next(Status(401))
    async with visit() as alice:
        reply = await alice.post("Hi", assistant="openai")
        assert (await alice.end(reply))["status"] == "failed"
        await alice.send("reply.retry", reply=reply)
        await changed(alice, reply, status="waiting", error=None)
        end = await alice.end(reply)
        assert (end["status"], end["version"], end["versions"]) == ("complete", 1, 1)


async def test_what_a_failed_reply_had_said_is_kept(visit: Visit, provider: TitledProvider) -> None:
    async with visit() as alice:
        reply = await cut_off(alice, provider, "openai", "The quick fox")
        await alice.send("reply.retry", reply=reply)
        await changed(alice, reply, status="waiting", version=2)
        assert (await alice.end(reply))["versions"] == 2
        await alice.send("message.version", message=reply, version=1)
        first = await changed(alice, reply, version=1)
        assert (first["text"], first["status"], first["error"]["code"]) == (
            "The quick fox",
            "failed",
            "cut",
        )


async def test_another_version_by_somebody_else(visit: Visit, provider: TitledProvider) -> None:
    async with visit() as alice:
        reply = await alice.post("Hi", assistant="openai")
        await alice.end(reply)
        provider.says("As I see it.")
        await alice.send("reply.regenerate", reply=reply, assistant="anthropic")
        await changed(alice, reply, version=2)
        await alice.end(reply)
        assert alice.messages[reply]["author"]["name"] == "Anthropic"
        await alice.send("message.version", message=reply, version=1)
        assert (await changed(alice, reply, version=1))["author"]["name"] == "Openai"


async def test_answer_anew_does_not_know_the_former(visit: Visit, provider: TitledProvider) -> None:
    async with visit() as alice:
        provider.says("The former answer.")
        reply = await alice.post("First", assistant="openai")
        await alice.end(reply)
        await alice.end(await alice.post("Second"))
        await alice.send("reply.regenerate", reply=reply)
        await changed(alice, reply, version=2)
        await alice.end(reply)
    assert turns(asked(provider)[-1]) == [("user", "First")]


# --- scripted replies first --------------------------------------------------------------------


async def test_scripted_replies_answer_first_and_pass_on(
    visit: Visit, provider: TitledProvider
) -> None:
    provider.says("By the model.")
    async with visit() as alice:
        price = await alice.post("What is the price?", assistant="first")
        other = await alice.post("Tell me more", assistant="first")
        assert (await alice.end(price))["status"] == "complete"
        assert (await alice.end(other))["status"] == "complete"
        said = [(alice.messages[id]["author"]["name"], alice.texts[id]) for id in (price, other)]
        assert said == [("First", "It is free."), ("Ollama", "By the model.")]
    assert turns(asked(provider)[-1]) == [
        ("user", "What is the price?"),
        ("assistant", "It is free."),
        ("user", "Tell me more"),
    ]


async def test_nobody_answers_where_no_rule_matches(visit: Visit, provider: TitledProvider) -> None:
    async with visit() as alice:
        await alice.send("message.send", text="Anybody there?", key="k")
        await alice.until(lambda frame: frame.get("key") == "k")
        reply = await alice.post("The price?")
        await alice.end(reply)
        assert [one["author"]["kind"] for one in alice.messages.values()] == [
            "person",
            "person",
            "assistant",
        ]


# --- bounds ------------------------------------------------------------------------------------


async def test_reply_is_bounded(visit: Visit, provider: TitledProvider) -> None:
    held = provider.next(Held())
    for _ in range(500):
        held.give("0123456789")
    async with visit() as alice:
        reply = await alice.post("Count", assistant="openai")
        end = await alice.end(reply)
        assert (end["status"], end["length"], end["error"]["code"]) == (
            "complete",
            1000,
            "too_long",
        )
        assert alice.texts[reply] == "0123456789" * 100
        await provider.disconnected()
        await alice.send("reply.continue", reply=reply)
        assert (await error(alice))["code"] == "conflict"


async def test_people_take_turns_and_see_their_place(
    visit: Visit, provider: TitledProvider
) -> None:
    async with visit() as alice, visit() as bob, visit() as charlie:
        held = provider.next(Held())
        first = await alice.post("Hi", assistant="openai")
        await provider.requested()
        second = await bob.post("Hi", assistant="openai")
        await waits(bob, second, {"code": "place", "place": 1})
        third = await charlie.post("Hi", assistant="openai")
        await waits(charlie, third, {"code": "place", "place": 2})
        async with visit(charlie.own_path, cookie=charlie.headers["cookie"]) as phone:
            assert phone.messages[third]["waits"] == {"code": "place", "place": 2}
        await bob.send("reply.stop", reply=second)
        await waits(charlie, third, {"code": "place", "place": 1})
        held.give("Done.")
        held.end()
        assert (await alice.end(first))["status"] == "complete"
        assert (await charlie.end(third))["status"] == "complete"
        assert (await bob.end(second))["status"] == "stopped"


async def waits(client: Client, reply: int, what: dict[str, object]) -> None:
    await client.until(
        lambda frame: (
            frame["type"] == "reply.waits" and frame["reply"] == reply and frame["waits"] == what
        )
    )


# --- the death of the writer -------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "status"), [("ollama", "complete"), ("openai", "interrupted")])
async def test_reply_of_a_dead_process(
    tmp_path: Path, provider: TitledProvider, kind: str, status: str
) -> None:
    with running(tmp_path) as server:
        make_assistants(server, provider, {"slug": kind, "kind": kind})
        key = server.account("bob")
        async with Client(server.url, authorization=f"Bearer {key}") as bob:
            held = provider.next(Held())
            reply = await bob.post("Hi", assistant=kind)
            held.give("Written by one process")
            await arrived(bob, reply, "Written by")
            await saved(server, reply, "Written by")
            server.kill()
            await bob.closed()
        kept = stored(server, reply)
        provider.says(" and by another.")
        server.start()
        async with Client(server.url, bob.own_path, authorization=f"Bearer {key}") as bob:
            if bob.messages[reply]["status"] != status:
                end = await bob.end(reply)
                assert end["status"] == status
                assert status == "complete" or end["error"]["code"] == "interrupted"
            joined = f"{kept} and by another." if status == "complete" else kept
            assert bob.texts[reply] == joined
            if status == "interrupted":
                await bob.send("reply.continue", reply=reply)
                await changed(bob, reply, status="streaming")
                assert (await bob.end(reply))["status"] == "complete"
                assert bob.texts[reply] == f"{kept} and by another."


async def saved(server: Server, reply: int, text: str) -> None:
    """Wait until the database has `text`, as a journal saves only about once a second."""
    while not (await asyncio.to_thread(stored, server, reply)).startswith(text):
        pass  # each look takes its time


def stored(server: Server, reply: int) -> str:
    """Return what the database has of a reply."""
    look = f"from chat.models import *; print(Message.objects.get(pk={reply}).text)"
    return server.manage("shell", "-v", "0", "-c", look)
