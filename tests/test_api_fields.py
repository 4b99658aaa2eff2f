"""What the API's description says of texts is what is taken of them; and cursors lead somewhere."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from openapi_spec_validator import validate

from chat import protocol
from chat.api.fields import CLEAN, NOT_BLANK, from_cursor, to_cursor
from chat.protocol import Refused

LETTERS = [chr(code) for code in range(0x10000) if not 0xD800 <= code <= 0xDFFF]


def takes(check: Callable[[Any], Any], text: str) -> bool:
    try:
        return bool(check(text) == text)
    except Refused:
        return False


@pytest.mark.parametrize(
    ("pattern", "check"), [(NOT_BLANK, protocol.message_text), (CLEAN, protocol.clean_text)]
)
def test_patterns_say_what_is_taken(pattern: str, check: Callable[[Any], Any]) -> None:
    described = re.compile(pattern)
    for around in ("", " "):
        texts = [f"{around}{letter}{around}" for letter in LETTERS]
        wrong = [text for text in texts if bool(described.search(text)) != takes(check, text)]
        assert wrong == []


@pytest.mark.parametrize("place", ["1", "lobby", "é", "a" * 60])
def test_cursor_leads_back(place: str) -> None:
    cursor = to_cursor(place)
    assert re.fullmatch("[A-Za-z0-9_-]+", cursor)
    assert from_cursor(cursor, str) == place


@pytest.mark.parametrize("cursor", ["A", "é", "_w", "", "AAAA"])
def test_no_cursor_leads_nowhere(cursor: str) -> None:
    with pytest.raises(Refused) as refused:
        from_cursor(cursor, int)
    assert refused.value.code == "unprocessable"


@pytest.mark.parametrize("path", ["/api/v1/", "/api/", "/"])
def test_description_is_one_of_openapi(client: Client, path: str) -> None:
    validate(client.get(f"{path}openapi.json").json())


def test_each_refusal_has_an_example_of_its_own(client: Client) -> None:
    refusals = client.get("/api/v1/openapi.json").json()["components"]["responses"].values()
    examples = [refusal["content"]["application/json"]["example"] for refusal in refusals]
    said = [refusal["description"].partition(": ")[2].strip("`") for refusal in refusals]
    assert [example["code"] for example in examples] == said
    assert len({example["detail"] for example in examples}) == len(said)
