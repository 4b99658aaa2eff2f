"""A conversation leaves as a file, and comes back from one: everything in it, or nothing."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chat import limits
from chat.models import Assistant, Conversation, Message, User, Version
from chat.portable import load, places, schema
from chat.portable.places import Misplaced

NOW = datetime(2025, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client: Client) -> User:
    alice = User.objects.create_user("alice")
    client.force_login(alice)
    return alice


@pytest.fixture
def usual() -> Assistant:
    return Assistant.objects.get()


@pytest.fixture
def talk(alice: User, usual: Assistant) -> Conversation:
    """A conversation with all there can be in one."""
    talk = Conversation.objects.create(owner=alice, title="Größe & <b>", created=NOW)
    other = Assistant.objects.create(slug="poet", name="The Poet", kind="openai")
    says = talk.messages.create
    says(assistant=usual, text="Hello!", created=NOW)
    asked = says(
        person=alice,
        text="Hi 👨‍👩‍👧‍👦\n# not a heading",
        key="k1",
        created=NOW,
        version=2,
        versions=2,
    )
    Version.objects.create(message=asked, number=1, text="Hii", created=NOW)
    says(person=alice, text="what followed Hii", branch_of=asked, branch_version=1)
    said = {"assistant": other, "text": "A poem…", "created": NOW, "reply_to": asked}
    also = {"version": 2, "versions": 3, "thoughts": "Hmm.", "thought": 4, "status": "stopped"}
    reply = says(**said, **also)
    for number, text in ((3, "third"), (1, "first")):
        fields = {"text": text, "created": NOW, "assistant": usual}
        Version.objects.create(message=reply, number=number, **fields)
    fault = {"error_code": "provider_down", "error_detail": "It does not answer."}
    says(assistant=other, text="", created=NOW, status="failed", reply_to=asked, **fault)
    return talk


def exported(client: Client, conversation: Conversation) -> dict[str, Any]:
    document: dict[str, Any] = client.get(f"/c/{conversation.pk}/export.json").json()
    return document


def take_in(client: Client, data: bytes | str | dict[str, Any]) -> Any:
    text = json.dumps(data) if isinstance(data, dict) else data
    return client.post("/c/import/", text, content_type="application/json")


def refused(client: Client, data: bytes | str | dict[str, Any], status: int = 422) -> str:
    """Try to import `data`; return why that was refused, after which nothing is there."""
    before = Conversation.objects.count(), Message.objects.count(), Version.objects.count()
    answer = take_in(client, data)
    after = Conversation.objects.count(), Message.objects.count(), Version.objects.count()
    assert answer.status_code == status, answer.text
    assert after == before
    detail: str = answer.json()["detail"]
    assert answer.json()["code"]
    return detail


def document(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    at = NOW.isoformat()
    said = [
        {"author": "me", "text": "hi", "created": at} | message for message in messages or ({},)
    ]
    return {"format": "streaming-chat", "version": 1, **fields, "messages": said}


# --- out ---------------------------------------------------------------------------------------


def test_json_holds_all_that_is_shown(client: Client, talk: Conversation) -> None:
    answer = client.get(f"/c/{talk.pk}/export.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    told = answer.json()
    assert datetime.fromisoformat(told.pop("exported"))
    messages = told.pop("messages")
    at = "2025-03-01T12:30:15.123456Z"
    assert told == {
        "format": "streaming-chat",
        "version": 1,
        "title": "Größe & <b>",
        "created": at,
    }
    usual = {"slug": "assistant", "name": "Assistant"}
    poet = {"slug": "poet", "name": "The Poet"}
    done = {"created": at, "status": "complete"}
    hello, hi, poem, failed = messages
    assert hello == {"author": "assistant", "text": "Hello!", **done, "assistant": usual}
    assert hi == {
        "author": "me",
        "text": "Hi 👨‍👩‍👧‍👦\n# not a heading",
        "created": at,
        "version": 2,
        "others": [{"text": "Hii", "created": at}],
    }
    assert poem == {
        "author": "assistant",
        "text": "A poem…",
        "created": at,
        "status": "stopped",
        "assistant": poet,
        "thoughts": "Hmm.",
        "reply_to": 2,
        "version": 2,
        "others": [{"text": text, **done, "assistant": usual} for text in ("first", "third")],
    }
    assert failed == {
        "author": "assistant",
        "text": "",
        "created": at,
        "status": "failed",
        "assistant": poet,
        "reply_to": 2,
        "error": {"code": "provider_down", "detail": "It does not answer."},
    }
    assert answer.text.count("\n") == len(messages) + 3, "one message a line"


def test_markdown_is_for_people(client: Client, talk: Conversation) -> None:
    answer = client.get(f"/c/{talk.pk}/export.md")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    beginning = "# Größe & <b>\n\n## Assistant, 2025-03-01 12:30\n\nHello!\n\n"
    assert answer.text.startswith(f"{beginning}## You, 2025-03-01 12:30\n\nHi ")
    assert "## The Poet, 2025-03-01 12:30\n\nA poem…\n" in answer.text
    assert "Hii" not in answer.text


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("", "conversation"),
        ("Plain", "Plain"),
        ("../../etc/passwd", "etc passwd"),
        ('a"b\\c:d*e?f<g>h|i%j', "a b c d e f g h i j"),
        ("line\r\nSet-Cookie: x", "line Set-Cookie x"),
        ("Größe", "Größe"),
        ("\u202egnp.exe", "gnp exe"),
        ("...", "conversation"),
        ("x" * 200, "x" * 80),
    ],
)
def test_file_name_is_safe(client: Client, talk: Conversation, title: str, name: str) -> None:
    Conversation.objects.filter(pk=talk.pk).update(title=title)
    for ending in ("md", "json"):
        header = client.get(f"/c/{talk.pk}/export.{ending}").headers["Content-Disposition"]
        assert header.startswith("attachment; filename")
        quoted = name.replace("ö", "%C3%B6").replace("ß", "%C3%9F").replace(" ", "%20")
        assert header.endswith((f'"{name}.{ending}"', f"''{quoted}.{ending}"))


def test_export_is_only_the_owners(client: Client, talk: Conversation) -> None:
    for ending in ("json", "md"):
        path = f"/c/{talk.pk}/export.{ending}"
        assert Client().get(path).status_code == 404
        assert client.get(f"/c/{uuid4()}/export.{ending}").status_code == 404
        assert client.post(path).status_code == 405
        Conversation.objects.update(deleted=timezone.now())
        assert client.get(path).status_code == 404
        Conversation.objects.update(deleted=None)


def test_what_is_being_written_leaves_as_interrupted(
    client: Client, talk: Conversation, usual: Assistant
) -> None:
    talk.messages.create(assistant=usual, text="so f", status="streaming", script="so far so good")
    told = exported(client, talk)["messages"][-1]
    assert (told["text"], told["status"]) == ("so f", "interrupted")


# --- and in again ------------------------------------------------------------------------------


def test_what_went_out_comes_in_the_same(client: Client, talk: Conversation, alice: User) -> None:
    told = exported(client, talk)
    answer = take_in(client, told)
    assert answer.status_code == 201
    assert answer.json()["title"] == "Größe & <b>"
    made = Conversation.objects.get(pk=answer.json()["id"])
    assert made.pk != talk.pk
    assert made.written is not None
    assert client.get(made.get_absolute_url()).status_code == 200
    again = exported(client, made)
    assert {**again, "exported": told["exported"]} == told
    assert not set(made.messages.values_list("pk", flat=True)) & set(
        talk.messages.values_list("pk", flat=True)
    )
    assert set(made.messages.values_list("key", flat=True)) == {None}
    assert not made.messages.live().exists()
    [asked] = made.messages.by_people()
    assert asked.person == alice


def test_versions_can_be_gone_through_after_import(client: Client, talk: Conversation) -> None:
    made = Conversation.objects.get(pk=take_in(client, exported(client, talk)).json()["id"])
    reply = made.messages.get(text="A poem…")
    texts = [reply.text]
    for number in (3, 1, 2):
        reply.show_version(number)
        texts.append(reply.text)
    assert texts == ["A poem…", "third", "first", "A poem…"]


def test_everything_said_by_people_becomes_ones_own(talk: Conversation, client: Client) -> None:
    told = exported(client, talk)
    bob = Client()
    bob.force_login(User.objects.create_user("bob"))
    made = Conversation.objects.get(pk=take_in(bob, told).json()["id"])
    assert made.owner.username == "bob"
    assert {message.person.username for message in made.messages.by_people()} == {"bob"}


def test_guest_can_import(client: Client, db: None) -> None:
    client.get("/")
    answer = take_in(client, document())
    assert answer.status_code == 201
    assert Conversation.objects.get(kind="private").owner_id == UUID(client.session["visitor"])
    User.objects.update(is_active=False)
    assert refused(client, document(), 403)


def test_unknown_assistants_words_are_the_usual_ones(client: Client, alice: User) -> None:
    Assistant.objects.create(slug="poet", name="The Poet")
    Assistant.objects.create(slug="inner", name="For staff", audience="staff")
    Assistant.objects.create(slug="off", name="Off", on=False)
    says = {"author": "assistant", "text": "Yes."}
    slugs = ("poet", "inner", "off", "nowhere")
    messages = [{**says, "assistant": {"slug": slug, "name": "The King"}} for slug in slugs]
    answer = take_in(client, document({}, *messages, says))
    made = Conversation.objects.get(pk=answer.json()["id"])
    names = [str(message.author) for message in made.messages.all()][1:]
    assert names == ["The Poet", "Assistant", "Assistant", "Assistant", "Assistant"]
    assert Assistant.objects.count() == 4, "none is made"


def test_without_any_assistant_replies_belong_to_nobody(client: Client, alice: User) -> None:
    Assistant.objects.all().delete()
    assert take_in(client, document()).status_code == 201
    assert "no assistant" in refused(client, document({"author": "assistant"}), 409)


def test_title_is_made_where_there_is_none(client: Client, alice: User) -> None:
    assert take_in(client, document({"text": "What is it?"})).json()["title"] == "What is it?"
    assert take_in(client, document(title="a\nb")).json()["title"] == "a b"


def test_byte_order_mark_and_other_times_are_fine(client: Client, alice: User) -> None:
    data = json.dumps(document({"created": "2025-01-31T12:00:00+05:30"}), indent=1)
    assert take_in(client, b"\xef\xbb\xbf" + data.encode()).status_code == 201
    assert Message.objects.get().created == datetime(2025, 1, 31, 6, 30, tzinfo=UTC)


def test_ten_thousand_messages_come_in(client: Client, alice: User) -> None:
    said: list[dict[str, Any]] = [{}] * schema.MOST_MESSAGES
    assert take_in(client, document(*said)).status_code == 201
    assert Message.objects.count() == schema.MOST_MESSAGES
    assert "messages: must have at most 10000 entries" in refused(client, document(*said, {}))
    other = {"text": "hi", "created": NOW.isoformat()}
    said[-1] = {"others": [other]}
    assert "messages: must have at most 10000 entries" in refused(client, document(*said))


# --- what is refused ---------------------------------------------------------------------------

AT = NOW.isoformat()
REPLY = {"author": "assistant"}


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        ({"text": 5}, 12, "text: must be a string"),
        ({"text": None}, 12, "text: must be a string"),
        ({"text": ["a"]}, 12, "text: must be a string"),
        ({"text": "a\0b"}, 12, "text: must not contain U+0000"),
        ({"text": "a\x1bb"}, 12, "text: must not contain U+001B"),
        ({"text": "\ud83d"}, 12, "text: must not contain U+D83D"),
        ({"text": " \n"}, 10, "text: must not be empty or blank"),
        ({"text": "x" * 32_001}, 10, "text: must have at most 32,000 characters"),
        ({**REPLY, "text": "x" * 200_001}, 10, "text: must have at most 200,000 characters"),
        ({"author": "alice"}, 11, "author: must be 'me' or 'assistant'"),
        ({"author": None}, 11, "author: must be 'me' or 'assistant'"),
        ({"created": "yesterday"}, 13, "created: must be a time like"),
        ({"created": "2025-01-01"}, 13, "created: must be a time like"),
        ({"created": 1e9}, 13, "created: must be a time like"),
        ({"created": "0001-01-01T00:00:00+14:00"}, 13, "created: must be a time like"),
        ({"created": "9999-12-31T23:59:59Z"}, 13, "created: must be between 1970 and today"),
        ({**REPLY, "status": "streaming"}, 14, "status: must be 'complete'"),
        ({"status": "failed"}, 10, "status: what oneself wrote is complete"),
        ({"assistant": {"slug": "assistant"}}, 10, "status: what oneself wrote is complete"),
        ({"thoughts": "hm"}, 10, "status: what oneself wrote is complete"),
        ({**REPLY, "assistant": "assistant"}, 14, "assistant: must be an object"),
        ({**REPLY, "assistant": {"slug": "x" * 51}}, 15, "slug: must have at most 50"),
        ({**REPLY, "assistant": {"name": "x"}}, 14, "slug: is missing"),
        ({**REPLY, "reply_to": 0}, 14, "reply_to: must be at least 1"),
        ({**REPLY, "reply_to": -1}, 14, "reply_to: must be at least 1"),
        ({**REPLY, "reply_to": 1.5}, 14, "reply_to: must be a whole number"),
        ({**REPLY, "reply_to": True}, 14, "reply_to: must be a whole number"),
        ({**REPLY, "reply_to": 10**30}, 14, "reply_to: must be a whole number"),
        ({**REPLY, "reply_to": 2}, 14, "reply_to: must be the number of something oneself"),
        ({**REPLY, "reply_to": 99}, 14, "reply_to: must be the number of something oneself"),
        ({"version": 0}, 14, "version: must be at least 1"),
        ({"version": 2}, 10, "version: there are not so many"),
        ({"others": {}}, 14, "others: must be a list"),
        ({"others": [{"text": "x"}]}, 15, "created: is missing"),
        ({"others": [{"text": "", "created": AT}]}, 10, "text: must not be empty or blank"),
        ({"id": 1}, 14, "id: is not known"),
        ({"person": "alice"}, 14, "person: is not known"),
        ({**REPLY, "error": {"code": "A B"}}, 15, "code: must consist of small letters"),
    ],
)
def test_line_and_reason_are_told(
    client: Client, alice: User, change: dict[str, Any], line: int, reason: str
) -> None:
    data = document({}, change)
    data["messages"][1] = {
        key: data["messages"][1][key] for key in ("author", "text", "created")
    } | change
    detail = refused(client, json.dumps(data, indent=1))
    assert detail.startswith(f"line {line}: {reason}"), detail


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "line 1: is not JSON: Expecting value"),
        (b"\n\n{", "line 3: is not JSON: Expecting property name"),
        (b'{"format":\n"streaming-chat",', "line 2: is not JSON"),
        (b"[]", "line 1: the file: must be an object"),
        (b"null", "line 1: the file: must be an object"),
        (b"{}", "line 1: format: is missing"),
        (b'{"format":\n"other"}', "line 2: format: must be 'streaming-chat'"),
        (b'{"format":"streaming-chat",\n"version":2}', "line 2: version: must be 1"),
        (b'{"format":"streaming-chat","version":1}', "line 1: messages: is missing"),
        (b"{\n\n" + b'"a":NaN}', "line 3: NaN is not JSON"),
        (b'{"a":\n-Infinity}', "line 2: -Infinity is not JSON"),
        (b'{"a":1,\n"a":2}', "line 2: a: is there twice"),
        (b'{"a":[{"b":1,"c":{}},{"b":1,\n"c":{"d":1},"b":3}]}', "line 2: b: is there twice"),
        (b"[\n" * 100_000, "line 101: is nested too deeply"),
        (b'{"\\"[":"]",\n"a":' + b"[" * 99 + b"\n[1", "line 3: is nested too deeply"),
        (b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", "line 1: format: is missing"),
        (b'"' + b'\\"' * 100_000, "line 1: is not JSON: Unterminated string"),
        (b'{"a":' * 100_000, "line 1: is nested too deeply"),
        (b'\n{"a":"\xff"}', "line 2: is not UTF-8"),
        ('{"a":"ä"}'.encode("latin-1"), "line 1: is not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "line 1: is not UTF-8"),
        (b"\0\0\0", "line 1: is not JSON"),
        (b'{"a":"\n"}', "line 1: is not JSON: Invalid control character"),
        (b'{"\\ud800":1}', "line 1:"),
        (b"1" * 100_000, "line 1: the file: must be an object"),
        (b"PK\x03\x04\x80", "line 1: is not UTF-8"),
        (b"<html>", "line 1: is not JSON"),
    ],
)
def test_what_is_no_such_file(client: Client, alice: User, data: bytes, detail: str) -> None:
    assert refused(client, data).startswith(detail)


def test_what_is_cut_off_is_refused(client: Client, talk: Conversation) -> None:
    whole = client.get(f"/c/{talk.pk}/export.json").text.rstrip()
    for length in range(0, len(whole), 97):
        assert "is not JSON" in refused(client, whole[:length])


def test_million_messages_are_refused(client: Client, alice: User) -> None:
    head = b'{"format":"streaming-chat","version":1,"messages":['
    detail = refused(client, head + b"{},\n" * 1_000_000 + b"{}]}")
    assert detail == "line 124999: has too many values up to here"


@pytest.mark.parametrize(
    "change",
    [
        {"others": [0] * 1000},
        {"others": [{}] * 1000},
        {str(n): 0 for n in range(1000)},
        {"assistant": {str(n): 0 for n in range(1000)}},
        {"others": [{str(n): 0 for n in range(1000)}]},
    ],
)
def test_no_file_has_more_than_a_few_errors(change: dict[str, Any]) -> None:
    said = document(change, change, **{str(n): 0 for n in range(1000)})
    with pytest.raises(ValidationError) as caught:
        schema.Document.model_validate(said)
    assert caught.value.error_count() < 10


def test_too_large_a_file_is_refused(client: Client, alice: User) -> None:
    assert "At most 5,120 KiB" in refused(client, b" " * (load.LARGEST + 1), 413)


def test_nothing_is_half_imported(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Misplaced(1, "in the middle")

    monkeypatch.setattr(load._Importer, "_join", fail)
    with pytest.raises(Misplaced):
        take_in(client, document())
    assert not Conversation.objects.filter(kind="private").exists()


def test_import_is_posted_with_a_token(client: Client, alice: User) -> None:
    assert client.get("/c/import/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert take_in(strict, document()).status_code == 403
    assert not Conversation.objects.filter(kind="private").exists()


def test_large_files_cost_a_guest_more(
    client: Client, db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "time", Mock(time=lambda: 0.0, monotonic=time.monotonic))
    settings.GUEST_MESSAGES_PER_MINUTE = 3
    client.get("/")
    assert refused(client, b" " * load.LARGEST) != "", "it takes a whole minute's share"
    assert "At most 3 messages a minute" in refused(client, document(), 429)


# --- whatever there is in it -------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=50)
own = texts.filter(lambda text: any(c.isalnum() for c in text))
times = st.datetimes(datetime(1970, 1, 2), datetime(2024, 1, 1)).map(
    lambda at: f"{at.isoformat()}Z"
)
content = st.fixed_dictionaries({"text": own, "created": times})
said = st.fixed_dictionaries(
    {"author": st.just("me"), "text": own, "created": times},
    optional={"others": st.lists(content, max_size=3)},
)
replied = st.fixed_dictionaries(
    {"author": st.just("assistant"), "text": texts, "created": times},
    optional={
        "status": st.sampled_from(["complete", "stopped", "failed", "interrupted"]),
        "thoughts": texts,
        "others": st.lists(content, max_size=3),
    },
)
often = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@often
@given(messages=st.lists(said | replied, min_size=1, max_size=8), title=texts)
def test_anything_comes_in_and_out_the_same(
    client: Client, alice: User, messages: list[dict[str, Any]], title: str
) -> None:
    answer = take_in(client, document(*messages, title=title))
    assert answer.status_code == 201, answer.text
    told = exported(client, Conversation.objects.get(pk=answer.json()["id"]))
    for given_, back in zip(messages, told["messages"], strict=True):
        assert back["text"] == given_["text"]
        assert datetime.fromisoformat(back["created"]) == datetime.fromisoformat(given_["created"])
        assert back.get("status", "complete") == given_.get("status", "complete")
        others = [[other["text"] for other in it.get("others", [])] for it in (given_, back)]
        assert others[0] == others[1]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@often
@given(value=junk | st.fixed_dictionaries({"format": junk, "version": junk, "messages": junk}))
def test_no_junk_comes_in(client: Client, alice: User, value: Any) -> None:
    assert refused(client, json.dumps(value)).startswith("line ")


@often
@given(value=junk, indent=st.sampled_from([None, 0, 2]))
def test_every_value_is_found_in_its_line(value: Any, indent: int | None) -> None:
    """What is told of a line is what a reader sees there."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    for path, part in walk(value):
        line = text.split("\n")[places.line_of(text, path) - 1]
        start = json.dumps(part, ensure_ascii=False)[:1]
        assert start in line


def walk(value: Any, path: places.Path = ()) -> Any:
    yield path, value
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in items:
        yield from walk(part, (*path, key))


def test_clocks_may_differ_a_little(client: Client, alice: User) -> None:
    soon = (timezone.now() + timedelta(hours=23)).isoformat()
    assert take_in(client, document({"created": soon})).status_code == 201
