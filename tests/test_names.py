"""What people may be called: no name is unseen, nobody looks like somebody else."""

# ruff: noqa: RUF001 - letters that look like others are what this is about

import json
import time
import unicodedata
from unittest.mock import Mock
from uuid import UUID

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from chat import limits, names
from chat.models import Assistant, User
from chat.people import guest_name

GOOD = [
    *("Al", "alice", "Alice Smith", "O'Neil", "Jean-Luc", "J. R. R.", "José", "Zoë", "Ångström"),
    *("Иван", "Ελένη", "محمد", "דוד", "राम कुमार", "สมชาย", "김철수", "山田太郎", "さくらサクラ"),
    *("Kim 철수", "山田 Taro", "Nguyễn", "R2D2", "🦊🦊", "Fox 🦊", "👩‍👩‍👧 Fam", "❤️ Ann", "x" * 40),
    *("Ali", "Mila", "bob_1", "  Ann   Lee ", "A.B.", "Ⅻ Caesar", "ﬁona"),
]
UNSEEN, SCRIPTS, RESERVED = "cannot be seen", "one script", "reserved"
BAD = [
    ("", "Give a name"),
    (" \t\n", "Give a name"),
    ("x", "at least 2"),
    ("👩‍👩‍👧", "at least 2"),
    ("x" * 41, "At most 40"),
    ("x" * 100_000, "At most 40"),
    ("ﷺ" * 20, "At most 40"),
    ("👩‍👩‍👧" * 40, "At most 40"),
    ("--", "letter or digit"),
    ("...", "letter or digit"),
    ("al\u200bice", UNSEEN),
    ("al\u200dice", UNSEEN),
    ("alice\u202e", UNSEEN),
    ("\u2066alice", UNSEEN),
    ("al\u00adice", UNSEEN),
    ("alice\ufe0f", UNSEEN),
    ("al\x00ice", UNSEEN),
    ("al\nice", UNSEEN),
    ("\u3164\u3164", UNSEEN),
    ("\u2800\u2800\u2800", UNSEEN),
    ("a\u034fb", UNSEEN),
    ("a\U000e0041b", UNSEEN),
    ("al\ud800ice", "U+D800"),
    ("al\ue000ice", "U+E000"),
    ("al\U0010fffeice", "U+10FFFE"),
    ("Z" + "\u0301" * 5 + "algo", "marks"),
    ("\u0301alice", "marks"),
    ("аlice", SCRIPTS),
    ("Ivаn", SCRIPTS),
    ("αlice", SCRIPTS),
    ("Иванツ", SCRIPTS),
    ("김さん", SCRIPTS),
    ("admin", RESERVED),
    ("Admin", RESERVED),
    ("ＡＤＭＩＮ", RESERVED),
    ("a d m i n", RESERVED),
    ("a.d-m_i.n", RESERVED),
    ("adm1n", RESERVED),
    ("Adm1n", RESERVED),
    ("ádmin", RESERVED),
    ("adrnin", RESERVED),
    ("AdmIn", RESERVED),
    ("r00t", RESERVED),
    ("аll", SCRIPTS),
    ("AII", RESERVED),
    ("moderator", RESERVED),
    ("SYSTEM", RESERVED),
    ("everyone", RESERVED),
    ("nu11", RESERVED),
    ("you", RESERVED),
    ("Guest 4821", "for guests"),
    ("guest_1", "for guests"),
    ("GUEST-99", "for guests"),
]
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _forget_limits() -> None:
    cache.clear()


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name: str) -> None:
    clean = names.clean(name)
    names.check_reserved(clean)
    assert clean == " ".join(unicodedata.normalize("NFKC", name).split())
    assert names.skeleton(clean)


@pytest.mark.parametrize(("name", "reason"), BAD, ids=[ascii(name)[:30] for name, _ in BAD])
def test_bad_names_say_why(name: str, reason: str) -> None:
    with pytest.raises(names.Unfit, match=reason.replace("+", r"\+")):
        names.check_reserved(names.clean(name))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("alice", "ALICE"), ("alice", "a l i c e"), ("Alice", "A1ice"), ("Alice", "AIice")),
        *(("bob", "b0b"), ("Tom", "Torn"), ("Иван", "иван"), ("Anna-Lee", "Anna Lee")),
        *(("ВОВ", "BOB"), ("ﬁona", "fiona"), ("Zoë", "Zoe\u0308"), ("scope", "ѕсоре")),
    ],
)
def test_names_that_look_the_same(one: str, other: str) -> None:
    assert names.likenesses(one) & names.likenesses(other)


@pytest.mark.parametrize(("one", "other"), [("José", "Jose"), ("alice", "alicia"), ("Ali", "Al")])
def test_names_that_do_not(one: str, other: str) -> None:
    assert not names.likenesses(one) & names.likenesses(other)


STRANGE = st.text(st.characters(exclude_categories=()), max_size=60)


@given(STRANGE | st.text("aаα1lI|0oО\u0301\u200d\ufe0f🦊👩山か김 -._", max_size=60))
def test_any_text_is_a_name_or_has_a_reason(text: str) -> None:
    try:
        name = names.clean(text)
        names.check_reserved(name)
    except names.Unfit:
        return
    assert names.clean(name) == name, "it is one for good"
    assert 2 <= len(name) <= 80
    assert 0 < len(names.skeleton(name)) <= 400


# --- who has which -----------------------------------------------------------------------------


def named(client: Client, name: object) -> tuple[int, str]:
    """Choose a name; return the status, and the name or what is wrong."""
    answer = client.post("/name/", json.dumps({"name": name}), "application/json")
    told = answer.json()
    return answer.status_code, told.get("name") or told["detail"]


@pytest.fixture
def guest(client: Client, db: None) -> Client:
    client.get("/")
    return client


def person(client: Client) -> User:
    return User.objects.get(pk=UUID(client.session["visitor"]))


def test_guest_chooses_a_name_and_is_somebody_by_that(guest: Client) -> None:
    assert not User.objects.exists()
    assert named(guest, " Zoë  the ﬁrst ") == (200, "Zoë the first")
    assert (person(guest).name, person(guest).is_guest) == ("Zoë the first", True)
    assert "Zoë the first" in guest.get("/").text
    assert named(guest, "zoe\u0308 THE first") == (200, "zoë THE first"), "it is their own"


def test_guest_may_be_called_as_at_first_again(guest: Client) -> None:
    own = guest_name(UUID(guest.session["visitor"]))
    assert named(guest, own) == (200, own)
    assert person(guest).name_key == ""
    number = int(own.split()[1])
    assert named(guest, f"Guest {number + 1}")[0] == 422
    assert person(guest).name == own


@pytest.mark.parametrize(("name", "reason"), BAD[:3] + BAD[10:12] + BAD[29:36])
def test_bad_name_changes_nothing(guest: Client, name: str, reason: str) -> None:
    status, told = named(guest, name)
    assert status == 422
    assert reason in told
    assert not User.objects.exists()


@pytest.mark.parametrize("name", [None, 7, ["Zoë"], {"name": "Zoë"}, True])
def test_name_that_is_no_text(guest: Client, name: object) -> None:
    assert named(guest, name)[0] == 400
    assert not User.objects.exists()


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"name": "Zoë", "id": 1}', "\ud800", "[" * 9999])
def test_body_that_is_no_name(guest: Client, body: str) -> None:
    answer = guest.post("/name/", body.encode(errors="surrogatepass"), "application/json")
    assert answer.status_code == 400


def test_nobody_is_called_as_somebody_else(guest: Client) -> None:
    User.objects.create_user("alice", name="Alice Liddell")
    User.objects.create_user("bob")
    Assistant.objects.create(slug="helper-one", name="Marvin")
    for taken in (
        "Alice",
        "A1ice",
        "alice liddell",
        "a l i c e",
        "AIice",
        "b0b",
        "Marvin",
        "rnarvin",
    ):
        assert named(guest, taken)[0] == 422, taken
    assert named(guest, "helper one")[0] == 422
    assert not User.objects.filter(is_guest=True).exists()
    assert named(guest, "Alice the third")[0] == 200


def test_assistant_is_not_called_as_somebody(db: None) -> None:
    User.objects.create_user("alice")
    marvin = Assistant(slug="marvin", name="A1ice")
    with pytest.raises(ValidationError, match="Somebody is called so"):
        marvin.full_clean()


def test_two_who_choose_the_same_at_once(db: None) -> None:
    """Both were told that it is free; the database lets one of them."""
    User.objects.create_user("alice")
    with pytest.raises(IntegrityError):
        User.objects.create_user("another", name="Al ice")


def test_who_loses_that_race_is_told(guest: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("alice")
    monkeypatch.setattr("chat.naming.check", lambda text, **_: text)
    status, told = named(guest, "Alice")
    assert status == 422
    assert "Somebody is called so" in told


def test_account_changes_its_name_on_its_page(client: Client, db: None) -> None:
    User.objects.create_user("bob")
    alice = User.objects.create_user("alice")
    client.force_login(alice)
    page = client.post("/accounts/", {"name": "B0B"})
    assert page.status_code == 422
    assert 'value="B0B"' in page.text, "what was typed is kept"
    assert 'aria-invalid="true"' in page.text
    assert 'id="id_name_error"' in page.text
    assert client.post("/accounts/", {"name": "Alice Liddell"}).status_code == 302
    alice.refresh_from_db()
    assert (str(alice), alice.username) == ("Alice Liddell", "alice")
    assert client.post("/accounts/").status_code == 422


def test_too_many_names_at_once(guest: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "time", Mock(time=lambda: 0.0, monotonic=time.monotonic))
    statuses = [named(guest, f"Zoë {number}00")[0] for number in range(22)]
    assert statuses == [200] * 20 + [429] * 2


@pytest.mark.parametrize("is_off", [True, False])
def test_who_was_switched_off_chooses_none(guest: Client, is_off: bool) -> None:
    named(guest, "Zoë")
    User.objects.update(is_active=not is_off)
    assert named(guest, "Zora")[0] == (403 if is_off else 200)


# --- staff -------------------------------------------------------------------------------------


def test_staff_have_names_that_are_reserved(db: None, client: Client) -> None:
    admin = User.objects.create_superuser("admin")
    client.force_login(admin)
    assert named(client, "The Owner") == (200, "The Owner")
    assert named(client, "root") == (200, "root")
    User.objects.create_user("bob")
    assert named(client, "b0b")[0] == 422


def test_createsuperuser_makes_nobody_who_looks_like_somebody(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_user("alice")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    with pytest.raises(CommandError, match="Somebody is called"):
        call_command("createsuperuser", "--noinput", username="a1ice", email="")


def test_admin_keeps_to_the_rule(admin_client: Client, db: None) -> None:
    alice = User.objects.create_user("alice")
    path = f"/admin/chat/user/{alice.pk}/change/"
    form = {"username": "alice", "name": "", "email": "", "is_active": "on"}
    for bad in ("adm1n", "al\u200bice", "\u0430lice", "support"):
        page = admin_client.post(path, {**form, "name": bad})
        assert page.status_code == 200, bad
        assert "errorlist" in page.text
    assert admin_client.post(path, {**form, "name": "Alice L"}).status_code == 302
    alice.refresh_from_db()
    assert alice.name_key == names.skeleton("Alice L")
    assert admin_client.post(path, {**form, "name": "support", "is_staff": "on"}).status_code == 302
    new = {"username": "Root", "password1": PASSWORD, "password2": PASSWORD}
    page = admin_client.post("/admin/chat/user/add/", {**new, "usable_password": "true"})
    assert "reserved" in page.text
