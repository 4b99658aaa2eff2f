"""A model's reply, from the provider's first token to the end that people see."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.client import Client
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
from tests.providers import Held, Said, Silent, Status
from tests.server import Server

TEXT = "Grüße an 👩‍👩‍👧‍👦, e\u0301 and\n日本語. Good bye!"


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[TitledProvider]:
    """One provider, and one assistant of each kind, for all tests here."""
    with provider_with_titles() as it:
        make_assistants(
            server,
            it,
            *({"slug": kind, "kind": kind, "system": "Be kind."} for kind in KINDS),
            {"slug": "hasty", "kind": "openai", "silence_timeout": 0.3},
            {"slug": "unpaced", "kind": "openai", "paced": False},
            {"slug": "small", "kind": "openai", "system": "Short.", "context_budget": 100},
            {"slug": "nowhere", "kind": "openai", "base_url": "http://127.0.0.1:1/v1"},
            {"slug": "keyless", "kind": "openai", "key_variable": "NO_SUCH_KEY"},
            {"slug": "careful", "kind": "openai", "fallback": "ollama"},
            {"slug": "lost", "kind": "openai", "base_url": "http://127.0.0.1:1/v1",
             "fallback": "anthropic"},
            {"slug": "stranded", "kind": "openai", "base_url": "http://127.0.0.1:1/v1",
             "fallback": "assistant"},
            {"slug": "round", "kind": "openai", "base_url": "http://127.0.0.1:1/v1",
             "fallback": "lost"},
            {"slug": "members", "kind": "openai", "audience": "accounts"},
            {"slug": "team", "kind": "openai", "audience": "staff"},
            {"slug": "gone", "kind": "openai", "on": False},
        )  # fmt: skip
        yield it


@pytest.fixture(params=["in one piece", "character by character"])
def provider(shared: TitledProvider, request: pytest.FixtureRequest) -> TitledProvider:
    forget(shared)
    shared.byte_by_byte = request.param != "in one piece"
    return shared


@pytest.fixture
def once(shared: TitledProvider) -> TitledProvider:
    """For tests that are not about how the stream is cut."""
    forget(shared)
    return shared


@pytest.mark.parametrize("kind", KINDS)
async def test_is_typed_character_by_character(
    visit: Visit, provider: TitledProvider, kind: str
) -> None:
    provider.says(TEXT)
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant=kind)
        assert (await alice.end(reply))["status"] == "complete"
        assert "".join(alice.chars(reply)) == TEXT
        assert "👩‍👩‍👧‍👦" in alice.chars(reply), "no character comes in halves"
        assert alice.messages[reply]["author"]["name"] == kind.title()
    assert turns(asked(provider)[0])[-1] == ("user", "Hi!")


async def test_text_without_pace_is_the_same(visit: Visit, provider: TitledProvider) -> None:
    provider.says(TEXT * 20)
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="unpaced")
        await alice.end(reply)
        assert alice.texts[reply] == TEXT * 20


@pytest.mark.parametrize("kind", KINDS)
async def test_stop_reaches_the_provider(visit: Visit, once: TitledProvider, kind: str) -> None:
    held = once.next(Held())
    async with visit() as alice:
        reply = await alice.post("Tell me a story", assistant=kind)
        held.give("Once upon a time, ")
        await arrived(alice, reply, "Once upon")
        await alice.send("reply.stop", reply=reply, at=4)
        await once.disconnected()
        end = await alice.end(reply)
        assert (end["status"], end["length"]) == ("stopped", 4)


async def test_stop_before_the_first_word(visit: Visit, once: TitledProvider) -> None:
    once.next(Silent())
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="openai")
        await once.requested()
        await alice.send("reply.stop", reply=reply)
        await once.disconnected()
        assert (await alice.end(reply))["status"] == "stopped"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_is_tried_again_before_the_first_word(
    visit: Visit, once: TitledProvider, status: int
) -> None:
    once.next(Status(status, headers={"Retry-After": "0"}))
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="openai")
        assert (await alice.end(reply))["status"] == "complete"
        waits = await alice.until(lambda frame: frame["type"] == "reply.waits")
        assert waits
        assert waits["waits"]["code"] == "retrying"
    assert len(asked(once)) == 2


async def test_tries_come_to_an_end(visit: Visit, once: TitledProvider) -> None:
    for _ in range(5):
        once.next(Status(503))
    async with visit() as alice:
        end = await alice.end(await alice.post("Hi!", assistant="openai"))
        assert (end["status"], end["error"]["code"]) == ("failed", "overloaded")
    assert len(asked(once)) == 3


async def test_who_asks_for_a_long_pause_is_not_waited_for(
    visit: Visit, once: TitledProvider
) -> None:
    once.next(Status(429, headers={"Retry-After": "3600"}))
    async with visit() as alice:
        end = await alice.end(await alice.post("Hi!", assistant="openai"))
        assert (end["status"], end["error"]["code"]) == ("failed", "rate_limited")
    assert len(asked(once)) == 1


@pytest.mark.parametrize(
    ("slug", "status", "code"),
    [("openai", 401, "wrong_key"), ("ollama", 404, "unknown_model"), ("anthropic", 400, "refused")],
)
async def test_what_would_come_again_is_not_tried_again(
    visit: Visit, once: TitledProvider, slug: str, status: int, code: str
) -> None:
    once.next(Status(status, {"error": {"message": "secret inside"}}))
    async with visit() as alice:
        end = await alice.end(await alice.post("Hi!", assistant=slug))
        assert (end["status"], end["length"], end["error"]["code"]) == ("failed", 0, code)
        assert "secret" not in end["error"]["detail"], "the provider's words are not for everyone"
    assert len(asked(once)) == 1


async def test_nobodys_words_are_in_the_log(
    visit: Visit, once: TitledProvider, server: Server
) -> None:
    words = "what nobody else shall read"
    once.next(Status(400, {"error": {"message": f"I refuse: {words}"}}))
    async with visit() as alice:
        await alice.end(await alice.post(words, assistant="anthropic"))
    log = server.log.read_text()
    assert "anthropic does not answer: refused" in log
    assert words not in log


@pytest.mark.parametrize(("slug", "code"), [("nowhere", "unreachable"), ("keyless", "no_key")])
async def test_who_cannot_be_asked_fails(
    visit: Visit, once: TitledProvider, slug: str, code: str
) -> None:
    async with visit() as alice:
        end = await alice.end(await alice.post("Hi!", assistant=slug))
        assert (end["status"], end["error"]["code"]) == ("failed", code)


async def test_empty_answer_is_a_failure(visit: Visit, once: TitledProvider) -> None:
    once.next(Said(""))
    async with visit() as alice:
        end = await alice.end(await alice.post("Hi!", assistant="openai"))
        assert (end["status"], end["error"]["code"]) == ("failed", "empty")


@pytest.mark.parametrize("kind", KINDS)
async def test_cut_in_the_middle_keeps_the_text(
    visit: Visit, provider: TitledProvider, kind: str
) -> None:
    held = provider.next(Held())
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant=kind)
        held.give("Half of the")
        await arrived(alice, reply, "Half of th")
        held.cut()
        end = await alice.end(reply)
        assert (end["status"], end["error"]["code"]) == ("failed", "cut")
        assert alice.texts[reply] == "Half of the"
    assert len(asked(provider)) == 1, "what was shown is never silently asked for again"


@pytest.mark.parametrize("pings", [False, True])
async def test_silence_ends_in_a_failure(visit: Visit, once: TitledProvider, pings: bool) -> None:
    held = once.next(Held())
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="hasty")
        held.give("Then")
        for _ in range(3 * pings):
            held.ping()
        end = await alice.end(reply)
        assert (end["status"], end["error"]["code"]) == ("failed", "silent")
        await once.disconnected()


async def test_thinking_is_told_and_kept(visit: Visit, once: TitledProvider) -> None:
    once.next(Said("So it is.", thoughts=["Hm. "] * 6, pieces=None))
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="openai")
        end = await alice.end(reply)
        assert (end["status"], end["thought"]) == ("complete", 24)
        assert alice.texts[reply] == "So it is."
        waits = await alice.until(lambda frame: frame["type"] == "reply.waits")
        assert waits
        assert waits["waits"] == {"code": "thinking"}
        await alice.send("reply.thoughts", reply=reply)
        thoughts = await alice.until(lambda frame: frame["type"] == "reply.thoughts")
        assert thoughts
        assert thoughts["text"] == "Hm. " * 6
        async with visit(alice.own_path, cookie=alice.headers["cookie"]) as again:
            assert again.messages[reply]["thought"] == 24
        await alice.end(await alice.post("And?", assistant="openai"))
    assert "Hm." not in str(asked(once)[-1]), "thoughts are not sent back"


async def test_foreign_characters_are_made_harmless(visit: Visit, provider: TitledProvider) -> None:
    provider.next(Said(pieces=["a\0b", "\ud83d", "\ude00 c\ud83d", " d"]))
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="openai")
        assert (await alice.end(reply))["status"] == "complete"
        assert alice.texts[reply] == "a\ufffdb😀 c\ufffd d"


async def test_usage_and_times_are_stored(
    visit: Visit, once: TitledProvider, server: Server
) -> None:
    once.next(Said("Counted.", usage=(123, 45)))
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="anthropic")
        await alice.end(reply)
    with closing(sqlite3.connect(server.database)) as database:
        ask = "SELECT tokens_in, tokens_out FROM chat_message WHERE id = ?"
        assert database.execute(ask, [reply]).fetchone() == (123, 45)


@pytest.mark.parametrize("usage", [("n/a", 4), (2**70, -1), ({}, True)])
async def test_usage_that_is_no_number_harms_nobody(
    visit: Visit, once: TitledProvider, usage: Any
) -> None:
    once.next(Said("Counted.", usage=usage))
    async with visit() as alice:
        end = await alice.end(await alice.post("Hi!", assistant="openai"))
        assert (end["status"], end["length"]) == ("complete", len("Counted."))


# --- who answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["lost", "round"])
async def test_stand_in_answers_in_its_own_name(
    visit: Visit, once: TitledProvider, slug: str
) -> None:
    once.says("In its place.")
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant=slug)
        assert (await alice.end(reply))["status"] == "complete"
        assert alice.texts[reply] == "In its place."
        assert alice.messages[reply]["author"]["name"] == "Anthropic"


async def test_scripted_replies_stand_in(visit: Visit, once: TitledProvider) -> None:
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="stranded")
        assert (await alice.end(reply))["status"] == "complete"
        assert alice.texts[reply] == "Hello from server!"
        assert alice.messages[reply]["author"]["name"] == "Assistant"


async def test_nobody_stands_in_once_there_is_text(visit: Visit, once: TitledProvider) -> None:
    held = once.next(Held())
    async with visit() as alice:
        reply = await alice.post("Hi!", assistant="careful")
        held.give("Begun by one")
        await arrived(alice, reply, "Begun")
        held.cut()
        end = await alice.end(reply)
        assert (end["status"], alice.texts[reply]) == ("failed", "Begun by one")
        assert alice.messages[reply]["author"]["name"] == "Careful"


async def test_choice_is_remembered(visit: Visit, once: TitledProvider) -> None:
    async with visit() as alice:
        assert "assistant" not in alice.ready["conversation"]
        await alice.end(await alice.post("Hi!", assistant="ollama"))
        reply = await alice.post("And again")
        await alice.end(reply)
        assert alice.messages[reply]["author"]["name"] == "Ollama"
        async with visit(alice.own_path, cookie=alice.headers["cookie"]) as again:
            assert again.ready["conversation"]["assistant"] == "ollama"


@pytest.mark.parametrize("slug", ["members", "team", "gone", "nobody"])
async def test_guest_cannot_ask_whom_they_may_not(
    visit: Visit, once: TitledProvider, slug: str
) -> None:
    async with visit() as charlie:
        assert slug not in [one["slug"] for one in charlie.ready["assistants"]]
        await charlie.send("message.send", text="Hi!", key="k", assistant=slug)
        refused = await error(charlie)
        assert (refused["code"], refused["key"]) == ("not_found", "k")
    assert not once.requests


async def test_staff_are_offered_more(server: Server, once: TitledProvider) -> None:
    key = server.account("erin")
    async with Client(server.url, authorization=f"Bearer {key}") as erin:
        slugs = [one["slug"] for one in erin.ready["assistants"]]
        assert {"members", "team", "openai"} <= {*slugs}
        assert "gone" not in slugs
        assert (await erin.end(await erin.post("Hi!", assistant="team")))["status"] == "complete"


# --- what a model is given ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_is_given_the_conversation(visit: Visit, once: TitledProvider, kind: str) -> None:
    once.says("Indeed.")
    async with visit() as alice:
        for text in ("one", "two"):
            await alice.end(await alice.post(text, assistant=kind))
    first, second = asked(once)
    assert turns(second)[-3:] == [("user", "one"), ("assistant", "Indeed."), ("user", "two")]
    assert "Be kind." in str(first)
    assert "Be kind." in str(second)
    assert "temperature" not in str(first), "only what is set is sent"


async def test_oldest_is_left_out_first_and_whole(visit: Visit, once: TitledProvider) -> None:
    once.says("B" * 90)
    async with visit() as alice:
        for number in range(4):
            await alice.end(await alice.post(f"{number}" * 60, assistant="small"))
    last = asked(once)[-1]
    assert turns(last) == [("user", "2" * 60), ("assistant", "B" * 90), ("user", "3" * 60)]
    assert "Short." in str(last), "the system prompt is never left out"


async def test_even_too_long_a_question_is_asked(visit: Visit, once: TitledProvider) -> None:
    async with visit() as alice:
        await alice.end(await alice.post("?" * 5000, assistant="small"))
    assert turns(asked(once)[-1]) == [("user", "?" * 5000)]


# --- titles ------------------------------------------------------------------------------------


async def test_model_gives_the_title(visit: Visit, once: TitledProvider) -> None:
    once.titles["What apples"] = Said('"**Apples, and their colours**"\n')
    async with visit() as alice:
        await alice.end(await alice.post("What apples are there?", assistant="openai"))
        title = await alice.until(lambda frame: frame["type"] == "title")
        assert title
        assert title["title"] == "Apples, and their colours"


@pytest.mark.parametrize("answer", [Status(401), Said(""), Said("\n \n")])
async def test_words_are_the_title_where_the_model_gives_none(
    visit: Visit, once: TitledProvider, answer: Said | Status
) -> None:
    once.titles["are those"] = answer
    async with visit() as alice:
        await alice.end(await alice.post("Whose  apples\nare those?", assistant="openai"))
        title = await alice.until(lambda frame: frame["type"] == "title")
        assert title
        assert title["title"] == "Whose apples are those?"


async def test_long_words_are_cut_between_two(visit: Visit) -> None:
    async with visit() as alice:
        await alice.end(await alice.post("many words, " * 20))
        title = await alice.until(lambda frame: frame["type"] == "title")
        assert title
        assert title["title"] == "many words, many words, many words, many words, many words…"
