"""A reader may wish for replies that are typed faster, or stand there at once."""

import uuid
from collections.abc import Callable

import pytest

from chat import answers
from chat.models import Assistant, Conversation, ScriptedReply, User
from chat.people import Person
from tests.conftest import Visit

SLOWLY = ("--speed", "0.1")  # characters a second: nobody could wait for the end of it


def speed(kind: str, pace: str | None) -> float:
    """Return the speed of the usual answer, in a conversation of this kind, to such a wish."""
    answer = {"trigger": "message", "text": "Hello.", "speed": 30}
    Assistant.objects.get_or_create(slug="assistant", defaults={"name": "It", "default": True})
    ScriptedReply.objects.update_or_create(name="answer", defaults=answer)
    alice = User.objects.guest(uuid.uuid4(), "Alice")
    conversation = Conversation.objects.create(owner=alice, kind=kind, answers="always")
    message = conversation.messages.create(person=alice, text="hi")
    reply = answers.to_message(message, Person.account(alice), pace=pace)
    assert reply
    return reply.speed


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "pace", "expected"),
    [
        ("private", None, 30),
        ("private", "faster", 120),
        ("private", "at_once", 0),
        ("room", "faster", 30),  # others read along
        ("room", "at_once", 30),
    ],
)
def test_wish_changes_the_speed(kind: str, pace: str | None, expected: float) -> None:
    assert speed(kind, pace) == expected


async def test_wish_is_for_the_reply_to_this_message_alone(
    visit: Visit, scripted: Callable[..., str]
) -> None:
    text = "Nobody waits for this. " * 40
    scripted("at-a-crawl", text, *SLOWLY)
    async with visit() as alice:
        reply = await alice.post("at-a-crawl", pace="at_once")
        assert (await alice.end(reply))["status"] == "complete"
        assert "".join(alice.chars(reply)) == text, "each character is a frame all the same"
        slow = await alice.post("at-a-crawl")
        await alice.until(lambda frame: frame.get("reply") == slow)
        await alice.send("reply.stop", reply=slow)
        assert (await alice.end(slow))["length"] < len(text)
