"""What was said is found again: by the titles and the texts of one's own conversations."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from chat import limits, search
from chat.models import Assistant, Conversation, User
from tests.client import fetch, session
from tests.server import Server

pytestmark = pytest.mark.django_db

Talk = Callable[..., Conversation]


@pytest.fixture
def alice(client: Client) -> User:
    alice = User.objects.create_user("alice")
    client.force_login(alice)
    return alice


@pytest.fixture
def talk(alice: User) -> Talk:
    """Make a conversation of Alice's in which so much was said; each is newer than those before."""
    start, count = timezone.now() - timedelta(hours=1), iter(range(1000))

    def make(*texts: str, title: str = "", owner: User = alice, **fields: Any) -> Conversation:
        written = start + timedelta(seconds=next(count))
        made = Conversation.objects.create(owner=owner, title=title, written=written, **fields)
        for text in texts:
            made.messages.create(person=owner, text=text)
        return made

    return make


def found(client: Client, words: str) -> list[str]:
    """Return the ids of the conversations that are found, in their order."""
    return [result["id"] for result in results(client, words)]


def results(client: Client, words: str) -> list[dict[str, Any]]:
    answer = client.get(f"/c/search/?{urlencode({'q': words})}")
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_titles_and_texts_are_searched_the_newest_first(client: Client, talk: Talk) -> None:
    in_title = talk("nothing", title="All about whales")
    in_text = talk("hello", "How heavy is a WHALE, really?", "and an elephant?")
    talk("something else", title="Elephants")
    assert found(client, "whale") == [str(in_text.pk), str(in_title.pk)]
    [newest, _] = results(client, "whale")
    assert newest["title"] == {"before": "", "match": "", "after": ""}
    assert newest["text"] == {"before": "How heavy is a ", "match": "WHALE", "after": ", really?"}


def test_replies_are_searched_too(client: Client, talk: Talk) -> None:
    conversation = talk("hello")
    conversation.messages.create(assistant=Assistant.objects.get(), text="I am a parrot.")
    assert found(client, "parrot") == [str(conversation.pk)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Die Größe der Schuhe", "GRÖßE"),
        ("DIE GRÖßE", "größe"),
        ("ПЁТР И ВОЛК", "пётр"),
        ("Ελλάδα", "ΕΛΛΆΔΑ"),
        ("Crème brûlée", "CRÈME"),
        ("cafe", "CAFE"),
    ],
)
def test_case_does_not_matter_in_any_script(
    client: Client, talk: Talk, text: str, words: str
) -> None:
    by_text, by_title = talk(text), talk("x", title=text)
    assert found(client, words) == [str(by_title.pk), str(by_text.pk)]
    assert {result["title"]["match"] for result in results(client, words)} - {""}


@pytest.mark.parametrize("words", ["50%", "a_b", "c\\d", "(.*)", "[x]", "ö%", "ö_ö", "ö.", "'; --"])
def test_no_character_is_a_wildcard(client: Client, talk: Talk, words: str) -> None:
    conversation = talk(f"here: {words} it is")
    talk("here: 50 aXb cd x öö öXö ö it is (none)")
    [result] = results(client, words)
    assert result["id"] == str(conversation.pk)
    assert result["text"]["match"] == words


def test_only_own_living_conversations_are_found(client: Client, talk: Talk) -> None:
    talk("a secret", owner=User.objects.create_user("bob"))
    talk("a secret", deleted=timezone.now())
    archived = talk("a secret", archived=True)
    assert found(client, "secret") == [str(archived.pk)]


def test_what_is_not_shown_is_not_found(client: Client, talk: Talk) -> None:
    conversation = talk("a question")
    asked = conversation.messages.get()
    conversation.messages.create(text="a former answer", branch_of=asked, branch_version=1)
    assert found(client, "former answer") == []
    assert found(client, "question") == [str(conversation.pk)]


def test_guest_finds_what_they_said(client: Client) -> None:
    client.get("/")
    guest = User.objects.guest(UUID(client.session["visitor"]), "Guest")
    mine = Conversation.objects.create(owner=guest, written=timezone.now(), title="Mine")
    assert found(client, "mine") == [str(mine.pk)]
    assert found(Client(), "mine") == []


def test_there_are_at_most_so_many_results(client: Client, talk: Talk) -> None:
    all_of_them = [str(talk("again").pk) for _ in range(search.RESULTS + 5)]
    assert found(client, "again") == all_of_them[: -search.RESULTS - 1 : -1]


def test_snippet_is_what_stands_around_the_newest_match(client: Client, talk: Talk) -> None:
    talk("needle, an old one", "hay " * 100 + "a needle " + "straw " * 100)
    [result] = results(client, "needle")
    text = result["text"]
    assert text["match"] == "needle"
    assert text["before"].startswith("…hay ")
    assert text["before"].endswith("hay a ")
    assert text["after"].endswith(" straw…")
    assert len("".join(text.values())) < 200


def test_snippet_tears_no_character(client: Client, talk: Talk) -> None:
    family = "👨‍👩‍👧‍👦"
    talk(family * 60 + "needle" + family * 60)
    text = results(client, "needle")[0]["text"]
    assert set(text["before"].removeprefix("…").replace(family, "")) == set()
    assert set(text["after"].removesuffix("…").replace(family, "")) == set()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "at least 2"),
        ("a", "at least 2"),
        ("  a  ", "at least 2"),
        ("\u3000\u3000", "at least 2"),
        ("a\0b", "U+0000"),
        ("x" * 201, "at most 200"),
    ],
)
def test_bad_words_are_refused(client: Client, alice: User, words: str, reason: str) -> None:
    answer = client.get(f"/c/search/?{urlencode({'q': words})}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.json()["detail"].startswith("q: must")
    assert reason in answer.json()["detail"]


def test_search_needs_words_and_is_only_read(client: Client, alice: User) -> None:
    assert client.get("/c/search/").status_code == 400
    assert client.get("/c/search/?q=%ff%fe").status_code == 200, "broken UTF-8 is just not found"
    assert client.post("/c/search/", {"q": "hello"}).status_code == 405


def test_searches_are_limited(client: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEARCHES_A_MINUTE", 3)
    statuses = [client.get("/c/search/?q=hello").status_code for _ in range(8)]
    assert 429 in statuses
    answer = client.get("/c/search/?q=hello")
    if answer.status_code == 429:  # else another minute has begun
        assert answer.json()["code"] == "rate_limited"
        assert 0 < answer.json()["retry_after"] <= 60
        assert answer.headers["Retry-After"]


def test_words_are_not_in_the_servers_log(server: Server) -> None:
    cookie = session(server.url)
    assert fetch(f"{server.url}/c/search/?q=diagnosis", cookie)[0] == 200
    assert fetch(f"{server.url}/no-such-page/?q=diagnosis", cookie)[0] == 404
    log = server.log.read_text()
    assert '"GET /c/search/" 200' in log
    assert "diagnosis" not in log


def test_what_was_said_where_one_has_a_seat_is_found(
    client: Client, talk: Talk, alice: User
) -> None:
    bob = User.objects.create_user("bob")
    shared = talk("a whale, shared", owner=bob)
    room = Conversation.objects.create(kind="room", slug="sea", title="Sea", written=timezone.now())
    room.messages.create(person=bob, text="a whale in the room")
    assert found(client, "whale") == []
    for conversation in (shared, room):
        conversation.memberships.create(person=alice)
    assert found(client, "whale") == [str(room.pk), str(shared.pk)]
    room.memberships.update(role="banned")
    assert found(client, "whale") == [str(shared.pk)]
