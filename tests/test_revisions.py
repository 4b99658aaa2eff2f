"""Retry, regenerate, continue, edit, and the versions that this leaves behind."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client, Frame
from tests.conftest import Visit
from tests.models import arrived, error
from tests.server import running

Scripted = Callable[..., str]


@pytest.fixture
def long_reply(scripted: Scripted) -> str:
    return scripted("slowly", "A reply that takes its time: " + "x" * 200, "--speed", "25")


def told(client: Client, message: int) -> list[Frame]:
    """All that `client` was told of a message since it was opened."""
    return [
        frame
        for frame in client.frames
        if frame.get("message", {}) != {} and frame["type"] == "message.changed"
        if frame["message"]["id"] == message
    ]


async def changed(client: Client, message: int, **wanted: Any) -> Frame:
    """Wait until `message` was changed to what is wanted; return it."""
    frame = await client.until(
        lambda frame: (
            frame["type"] == "message.changed"
            and frame["message"]["id"] == message
            and wanted.items() <= frame["message"].items()
        )
    )
    assert frame
    return frame["message"]  # type: ignore[no-any-return]


async def again(visit: Visit, client: Client) -> dict[int, Frame]:
    """What somebody finds who comes back to the conversation."""
    async with visit(client.own_path, cookie=client.headers["cookie"]) as back:
        return back.messages


async def stopped(client: Client, text: str, at: int) -> int:
    reply = await client.post(text)
    await arrived(client, reply, "A reply that"[:at])
    await client.send("reply.stop", reply=reply, at=at)
    await client.end(reply)
    return reply


# --- another version ---------------------------------------------------------------------------


async def test_regenerate_makes_another_version(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        await alice.send("reply.regenerate", reply=reply)
        await changed(alice, reply, status="waiting", text="", version=2, versions=2)
        end = await alice.end(reply)
        assert (end["status"], end["version"], end["versions"]) == ("complete", 2, 2)
        assert alice.texts[reply] == "Hello from server!"
        assert (await again(visit, alice))[reply]["versions"] == 2


async def test_earlier_version_is_shown_again_on_every_device(
    visit: Visit, long_reply: str
) -> None:
    async with visit() as alice:
        reply = await stopped(alice, long_reply, 7)
        async with visit(alice.own_path, cookie=alice.headers["cookie"]) as phone:
            await phone.send("reply.regenerate", reply=reply)
            await changed(phone, reply, version=2)
            await phone.end(reply)
            await alice.send("message.version", message=reply, version=1)
            for each in (alice, phone):
                shown = await changed(each, reply, version=1, versions=2)
                assert (shown["text"], shown["status"]) == ("A reply", "stopped")
            await phone.send("message.version", message=reply, version=2)
            assert (await changed(alice, reply, version=2, status="complete"))["versions"] == 2


async def test_what_followed_belongs_to_its_version(visit: Visit) -> None:
    async with visit() as alice:
        first = await alice.post("one")
        await alice.end(first)
        second = await alice.post("two")
        await alice.end(second)
        asked = alice.messages[second]["reply_to"]
        await alice.send("reply.regenerate", reply=first)
        removed = await alice.until(lambda frame: frame["type"] == "message.removed")
        assert removed
        assert removed["messages"] == [asked, second]
        await changed(alice, first, version=2)
        await alice.end(first)
        assert {asked, second}.isdisjoint(await again(visit, alice))
        await alice.send("message.version", message=first, version=1)
        await alice.until(lambda frame: frame["type"] == "ready" and frame is not alice.frames[0])
        assert list(alice.messages)[-2:] == [asked, second]
        assert [*await again(visit, alice)][-2:] == [asked, second]


async def test_version_that_does_not_exist(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        await alice.send("message.version", message=reply, version=2)
        refused = await error(alice)
        assert (refused["code"], refused["message"]) == ("not_found", reply)


async def test_shown_version_is_the_one_that_stands_there(visit: Visit, scripted: Scripted) -> None:
    """Also where somebody has not yet read what was written last."""
    keyword = scripted("long answer", "A" * 3000, "--speed", "0")
    async with visit() as alice:
        reply = await alice.post(keyword)
        await alice.end(reply)
        scripted("long answer", "B" * 3000, "--speed", "0")
        async with visit(alice.own_path, cookie=alice.headers["cookie"]) as phone:
            phone.acks = False
            await alice.send("reply.regenerate", reply=reply)
            await changed(alice, reply, version=2)
            await alice.end(reply)
            await alice.send("message.version", message=reply, version=1)
            for each in (alice, phone):
                first = each.frames[0]
                await each.until(lambda frame, f=first: frame["type"] == "ready" and frame is not f)
                assert each.texts[reply] == "A" * 3000


async def test_version_that_is_shown_already_changes_nothing(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        await alice.send("message.version", message=reply, version=1)
        await alice.send("ping", t="after")
        await alice.end(await alice.post("more"))
        assert len([frame for frame in alice.frames if frame["type"] == "ready"]) == 1


# --- carrying on -------------------------------------------------------------------------------


async def test_stopped_reply_goes_on_from_its_last_character(visit: Visit, long_reply: str) -> None:
    async with visit() as alice:
        reply = await stopped(alice, long_reply, 7)
        before = len(alice.frames)
        await alice.send("reply.continue", reply=reply)
        live = await changed(alice, reply, status="streaming")
        assert (live["text"], live["version"], live["error"]) == ("A reply", 1, None)
        end = await alice.end(reply)
        assert (end["status"], end["versions"]) == ("complete", 1)
        assert alice.texts[reply] == "A reply that takes its time: " + "x" * 200
        first = next(frame for frame in alice.frames[before:] if frame["type"] == "char")
        assert first["at"] == 7


async def test_stopped_before_its_first_character_it_begins(visit: Visit, long_reply: str) -> None:
    async with visit() as alice:
        await alice.end(next(iter(alice.messages)))  # the greeting
        reply = await stopped(alice, long_reply, 0)
        assert alice.texts[reply] == ""
        await alice.send("reply.continue", reply=reply)
        await changed(alice, reply, status="waiting")
        assert (await alice.end(reply))["length"] == 229


async def test_again_and_again(visit: Visit, long_reply: str) -> None:
    async with visit() as alice:
        reply = await stopped(alice, long_reply, 5)
        for at in (50, 120):
            await alice.send("reply.continue", reply=reply)
            await alice.until(lambda _, at=at: len(alice.texts[reply]) >= at)
            await alice.send("reply.stop", reply=reply, at=at)
            await alice.end(reply)
            assert len((await again(visit, alice))[reply]["text"]) == at


# --- editing -----------------------------------------------------------------------------------


async def test_edit_is_answered_anew(visit: Visit, scripted: Scripted) -> None:
    scripted("apples", "Apples it is.", "--speed", "0")
    async with visit() as alice:
        reply = await alice.post("pears")
        await alice.end(reply)
        mine = alice.messages[reply]["reply_to"]
        await alice.send("message.edit", message=mine, text="apples")
        edited = await changed(alice, mine, text="apples", version=2, versions=2)
        assert edited["status"] == "complete"
        opened = await alice.until(
            lambda frame: (
                frame["type"] == "message"
                and frame["message"]["reply_to"] == mine
                and frame["message"]["id"] != reply
            )
        )
        assert opened
        answer = opened["message"]["id"]
        await alice.end(answer)
        assert alice.texts[answer] == "Apples it is."
        found = await again(visit, alice)
        assert [found[mine]["text"], found[answer]["text"]] == ["apples", "Apples it is."]
        assert reply not in found
        # The former version is there with its answer.
        await alice.send("message.version", message=mine, version=1)
        await changed(alice, mine, text="pears", version=1)
        await alice.until(lambda frame: frame["type"] == "ready" and frame is not alice.frames[0])
        found = await again(visit, alice)
        assert [found[mine]["text"], found[reply]["text"]] == ["pears", "Hello from server!"]
        assert answer not in found
        # And one goes on from there.
        await alice.end(await alice.post("more pears"))
        assert len(await again(visit, alice)) == len(found) + 2


@pytest.mark.parametrize("text", ["", "  ", "x" * 32_001, 7, None, "\u200b"])
async def test_nonsense_changes_nothing(visit: Visit, text: Any) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        mine = alice.messages[reply]["reply_to"]
        await alice.send("message.edit", message=mine, text=text)
        assert (await error(alice))["code"] == "bad_request"
        assert (await again(visit, alice))[mine]["text"] == "hi"


async def test_only_ones_own_words_can_be_edited(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        await alice.send("message.edit", message=reply, text="I never said that")
        assert (await error(alice))["code"] == "forbidden"


# --- what cannot be ----------------------------------------------------------------------------

ACTS: list[tuple[str, dict[str, Any]]] = [
    ("reply.retry", {}),
    ("reply.regenerate", {}),
    ("reply.continue", {}),
    ("message.version", {"version": 1}),
    ("message.edit", {"text": "other"}),
]


def about(act: str, id: int) -> dict[str, int]:
    return {act.partition(".")[0]: id}


@pytest.mark.parametrize(("act", "more"), ACTS)
async def test_not_while_it_is_being_written(
    visit: Visit, long_reply: str, act: str, more: dict[str, Any]
) -> None:
    async with visit() as alice:
        reply = await alice.post(long_reply)
        id = alice.messages[reply]["reply_to"] if act == "message.edit" else reply
        await alice.send(act, **about(act, id), **more)
        refused = await error(alice)
        assert (refused["code"], refused[act.partition(".")[0]]) == ("conflict", id)
        await alice.send("reply.stop", reply=reply)
        assert (await alice.end(reply))["versions"] == 1


@pytest.mark.parametrize(("act", "more"), ACTS)
async def test_not_what_is_not_there_or_not_theirs(
    visit: Visit, act: str, more: dict[str, Any]
) -> None:
    async with visit() as alice, visit() as charlie:
        reply = await alice.post("hi")
        await alice.end(reply)
        for id in (reply, alice.messages[reply]["reply_to"], 10**12):
            await charlie.send(act, **about(act, id), **more)
            assert (await error(charlie))["code"] == "not_found"
        assert (await again(visit, alice))[reply]["versions"] == 1


@pytest.mark.parametrize("act", ["reply.retry", "reply.continue"])
async def test_complete_reply_needs_neither(visit: Visit, act: str) -> None:
    async with visit() as alice:
        reply = await alice.post("hi")
        await alice.end(reply)
        await alice.send(act, reply=reply)
        assert (await error(alice))["code"] == "conflict"


async def test_greeting_answers_nobody(visit: Visit) -> None:
    async with visit() as alice:
        greeting = next(iter(alice.messages))
        await alice.end(greeting)
        await alice.send("reply.regenerate", reply=greeting)
        assert (await error(alice))["code"] == "conflict"


@pytest.mark.parametrize(
    "acts",
    [
        ("reply.regenerate", "reply.regenerate"),
        ("reply.continue", "reply.regenerate"),
        ("reply.continue", "reply.continue"),
    ],
)
async def test_of_two_at_the_same_moment_one_wins(
    visit: Visit, long_reply: str, acts: tuple[str, str]
) -> None:
    async with visit() as alice:
        reply = await stopped(alice, long_reply, 7)
        async with visit(alice.own_path, cookie=alice.headers["cookie"]) as phone:
            alice.frames.clear()  # what was told of its first end
            await asyncio.gather(alice.send(acts[0], reply=reply), phone.send(acts[1], reply=reply))
            await changed(alice, reply)
            refusals = asyncio.create_task(error(alice)), asyncio.create_task(error(phone))
            done, rest = await asyncio.wait(refusals, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            assert [task.result()["code"] for task in done] == ["conflict"]
            alone = await alice.end(reply)
            assert alone == await phone.end(reply)
            assert alone["versions"] <= 2


async def test_a_guest_may_not_do_it_without_end(tmp_path: Path) -> None:
    with running(tmp_path, GUEST_MESSAGES_PER_MINUTE="3") as server:
        async with Client(server.url, origin=server.url) as alice:
            reply = await alice.post("hi")
            await alice.end(reply)
            limited: Frame | None = None
            while limited is None or limited["type"] != "error":
                await alice.send("reply.regenerate", reply=reply)
                limited = await alice.until(
                    lambda frame: frame["type"] in ("error", "message.changed")
                )
                assert limited
                alice.frames.remove(limited)
                await alice.end(reply)
            assert (limited["code"], limited["reply"]) == ("rate_limited", reply)
            assert alice.ends[reply]["versions"] < 8
