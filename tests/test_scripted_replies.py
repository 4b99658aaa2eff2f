"""The rules of the scripted replies decide which one answers, and say why."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from chat import answers
from chat.assistants import scripted
from chat.assistants.scripted import Occasion, Rule, judge, words
from chat.models import ScriptedReply

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def verdict(message: str = "hello", returning: bool = False, **rule: Any) -> tuple[bool, str]:
    """Return whether the one `rule` matches `message` at noon, and why."""
    occasion = Occasion(scripted.MESSAGE, returning, NOW, message)
    made = Rule(**{"id": 1, "name": "rule", "trigger": scripted.MESSAGE, **rule})
    (found,) = judge([made], occasion)
    assert found.rule == made
    return found.matches, found.why


def has(message: str, *keywords: str) -> bool:
    """Return whether a rule with these keywords answers `message`."""
    return verdict(message, trigger=scripted.KEYWORD, keywords=keywords)[0]


# --- keywords ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "keyword"),
    [
        ("hi", "hi"),
        ("Hi!", "hi"),
        ("oh, HI there", "hi"),
        ("(hi)", "hi"),
        ("well…hi", "hi"),
        ("snake_hi_case", "hi"),
        ("first\nhi\nlast", "hi"),
        ("no\u00a0breaking hi", "hi"),
        ("hi, how are you?", "How ARE you"),
        ("opening   hours?", "opening hours"),
        ("opening-hours", "opening hours"),
        ("opening hours", "opening-hours"),
        ("room 101, please", "101"),
        ("what is C3PO?", "c3po"),
        ("a CAFÉ", "café"),
        ("a café", unicodedata.normalize("NFD", "café")),
        (unicodedata.normalize("NFD", "CAFÉ?"), "café"),
        ("Việt Nam", unicodedata.normalize("NFD", "việt")),
        ("ΣΟΦΟΣ", "σοφος"),
        ("σοφοσ", "σοφος"),
        ("Große STRASSE", "straße"),
        ("Straße", "STRASSE"),
        ("ẞ", "ß"),
        ("Привет, мир", "ПРИВЕТ"),
        ("ЁЛКА", "ёлка"),
        ("नमस्ते दुनिया", "नमस्ते"),
        ("আমি ভালো আছি", "ভালো"),
        ("தமிழ் பேசு", "தமிழ்"),
        ("مرحبا بك", "مرحبا"),
        ("שלום עולם", "שלום"),
        ("안녕하세요 여러분", "안녕하세요"),
        ("你们的价格是多少", "价格"),
        ("価格を教えてください", "教えて"),
        ("サーバーの時間", "サーバー"),
        ("ราคาเท่าไหร่", "ราคา"),
        ("ขอทราบราคาค่ะ", "ราคา"),
        ("\uff28\uff29 in full width", "hi"),
        ("ﬁne", "fine"),
        ("Ⅷ", "viii"),
    ],
)
def test_keyword_matches_in_any_case_and_script(message: str, keyword: str) -> None:
    assert has(message, keyword)


@pytest.mark.parametrize(
    ("message", "keyword"),
    [
        ("this", "hi"),
        ("his", "hi"),
        ("hi5", "hi"),
        ("hí", "hi"),
        (unicodedata.normalize("NFD", "hí"), "hi"),
        ("hours of opening", "opening hours"),
        ("opening the hours", "opening hours"),
        ("cafe", "café"),
        ("Приветик", "привет"),
        ("नमस्तेजी", "नमस्ते"),
        ("दिन", "दि"),
        ("格价", "价格"),
        ("价的格", "价格"),
        ("ก้า", "กา"),
        ("", "hi"),
        ("!?", "!"),
        ("👍", "👍"),
    ],
)
def test_keyword_does_not_match_a_part_of_a_word(message: str, keyword: str) -> None:
    assert not has(message, keyword)


def test_any_of_the_keywords_is_enough() -> None:
    assert has("good evening", "hello", "good evening", "hi")
    assert not has("evening, good sir", "hello", "good evening", "hi")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ("hello", "world")),
        ("STRASSE straße", ("strasse", "strasse")),
        ("价格 v2", ("价", "格", "v2")),
        ("नमस्ते", ("नमस्ते",)),
        (" …! ", ()),
    ],
)
def test_words(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


def test_marks_beyond_all_writing_do_not_count() -> None:
    """Sorting many thousands of them would hold up everyone."""
    above, below = "\u0301", "\u0316"
    assert words(f"a{above * 16_000}{below * 15_000}b") == words(f"a{above * scripted.MARKS}b")


def test_long_message_is_judged() -> None:
    assert has("ha " * 10_000 + "hi", "ha ha hi")


# --- which rules apply, and why ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, (True, "applies")),
        ({"on": False}, (False, "is off")),
        ({"starts": NOW + MINUTE}, (False, "has not begun")),
        ({"starts": NOW}, (True, "applies")),
        ({"ends": NOW}, (False, "is over")),
        ({"ends": NOW + MINUTE}, (True, "applies")),
        ({"starts": NOW - MINUTE, "ends": NOW + MINUTE}, (True, "applies")),
        ({"audience": scripted.NEW}, (True, "applies")),
        ({"audience": scripted.RETURNING}, (False, "is for someone who was here before")),
        ({"trigger": scripted.GREETING}, (False, "is for another occasion (greeting)")),
        ({"trigger": scripted.INTERVAL}, (False, "is for another occasion (interval)")),
        ({"trigger": scripted.KEYWORD, "keywords": ("bye", "Hello")}, (True, "has “Hello”")),
        ({"trigger": scripted.KEYWORD, "keywords": ("bye",)}, (False, "has none of its keywords")),
        ({"trigger": scripted.KEYWORD}, (False, "has none of its keywords")),
    ],
)
def test_verdict_on_hello_of_someone_new(rule: dict[str, Any], expected: tuple[bool, str]) -> None:
    assert verdict("hello", **rule) == expected


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        (scripted.ANYONE, (True, "applies")),
        (scripted.RETURNING, (True, "applies")),
        (scripted.NEW, (False, "is for someone new")),
    ],
)
def test_verdict_on_someone_who_was_here_before(audience: str, expected: tuple[bool, str]) -> None:
    assert verdict(returning=True, audience=audience) == expected


@pytest.mark.parametrize("trigger", [scripted.GREETING, scripted.INTERVAL])
def test_every_occasion_has_its_own_replies(trigger: str) -> None:
    triggers = ScriptedReply.Trigger.values
    rules = [Rule(number, name, name, keywords=("hi",)) for number, name in enumerate(triggers)]
    verdicts = judge(rules, Occasion(trigger, False, NOW, "hi"))
    assert [found.rule.trigger for found in verdicts if found.matches] == [trigger]


# --- which one answers -------------------------------------------------------------------------


def answer(message: str, *, trigger: str = scripted.MESSAGE, returning: bool = False) -> str:
    """Return the name of the stored reply that answers."""
    occasion = Occasion(trigger, returning, timezone.now(), message)
    _, chosen, _ = answers.try_out(occasion, "Alice")
    return chosen.name if chosen else ""


def keep(name: str, **fields: Any) -> None:
    ScriptedReply.objects.create(name=name, **{"text": f"This is {name}.", **fields})


@pytest.mark.django_db
def test_highest_priority_that_matches_answers() -> None:
    keep("low", priority=1)
    keep("off", priority=9, on=False)
    keep("other words", priority=8, trigger=scripted.KEYWORD, keywords="bye")
    keep("high", priority=2, trigger=scripted.KEYWORD, keywords="hello, hi")
    assert answer("hi") == "high"
    assert answer("bye") == "other words"
    assert answer("well") == "low"


@pytest.mark.django_db
def test_elder_answers_where_priorities_are_equal() -> None:
    keep("elder", priority=3)
    keep("younger", priority=3)
    assert answer("hi") == "elder"


@pytest.mark.django_db
def test_reply_may_be_for_some_people_only() -> None:
    keep("to new", audience=scripted.NEW)
    keep("to returning", audience=scripted.RETURNING)
    assert answer("hi") == "to new"
    assert answer("hi", returning=True) == "to returning"


@pytest.mark.django_db
def test_reply_may_be_for_some_time_only() -> None:
    now = timezone.now()
    keep("over", priority=3, ends=now - MINUTE)
    keep("to come", priority=2, starts=now + MINUTE)
    keep("now", priority=1, starts=now - MINUTE, ends=now + MINUTE)
    assert answer("hi") == "now"


@pytest.mark.django_db
def test_nothing_answers_where_nothing_matches() -> None:
    ScriptedReply.objects.all().delete()
    keep("hello", trigger=scripted.KEYWORD, keywords="hello")
    assert answer("bye") == ""
    assert answer("", trigger=scripted.GREETING) == ""


# --- what staff may save -----------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "answer"}, "name"),  # there is one of that name
        ({"trigger": "never"}, "trigger"),
        ({"audience": "nobody"}, "audience"),
        ({"text": ""}, "text"),
        ({"text": " \n\t "}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": "a\udcffb"}, "text"),
        ({"text": "Hello {nmae}"}, "text"),
        ({"text": "Hello {name"}, "text"),
        ({"text": "x" * 100_001}, "text"),
        ({"trigger": "keyword"}, "keywords"),
        ({"trigger": "keyword", "keywords": " , ,"}, "keywords"),
        ({"trigger": "keyword", "keywords": "?, 👍"}, "keywords"),
        ({"trigger": "keyword", "keywords": "a," * 1001}, "keywords"),
        ({"trigger": "interval"}, "every"),
        ({"trigger": "interval", "every": 0}, "every"),
        ({"trigger": "interval", "every": float("inf")}, "every"),
        ({"trigger": "interval", "every": 0.5}, "every"),
        ({"trigger": "interval", "every": 86_401}, "every"),
        ({"trigger": "interval", "every": float("nan")}, "every"),
        ({"every": -1}, "every"),
        ({"speed": -1}, "speed"),
        ({"speed": 10_001}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"speed": -float("inf")}, "speed"),
        ({"speed": 0.05}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"speed": None}, "speed"),
        ({"priority": 1_000_001}, "priority"),
        ({"priority": -1_000_001}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"starts": "soon"}, "starts"),
        ({"starts": NOW, "ends": NOW}, "ends"),
        ({"starts": NOW, "ends": NOW - MINUTE}, "ends"),
    ],
)
def test_refused_at_the_field(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ScriptedReply(**{"name": "new", "text": "Hello.", **fields}).full_clean()
    assert list(refused.value.message_dict) == [wrong]
    (told,) = refused.value.message_dict[wrong]
    assert told


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": "x" * 100_000},
        {"text": "{name}, {message}, {date}, {time}, {{braces}}\nmore 👩‍👩‍👧‍👦"},
        {"trigger": "keyword", "keywords": "hi, ?, 价格"},
        {"trigger": "interval", "every": 1},
        {"trigger": "interval", "every": 86_400.0},
        {"speed": 0},
        {"speed": 0.5},
        {"speed": 10_000},
        {"starts": NOW, "ends": NOW + MINUTE},
        {"ends": NOW},
    ],
)
def test_accepted(fields: dict[str, Any]) -> None:
    reply = ScriptedReply(**{"name": "new", "text": "Hello.", **fields})
    reply.full_clean()
    reply.save()
    assert ScriptedReply.objects.filter(name="new").exists()
