"""What somebody wrote as a guest comes along when they sign up or log in."""

from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from chat import adoption
from chat.models import Assistant, Conversation, Message, User
from chat.people import VISITOR, Person
from chat.protocol import Refused

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _begin_anew(settings: Any) -> None:
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password=PASSWORD)


def visitor(client: Client) -> UUID:
    client.get("/")
    return UUID(client.session[VISITOR])


def wrote(client: Client, name: str = "Guest 1234", key: str = "1") -> Conversation:
    """Let a guest write; return where."""
    guest = User.objects.guest(visitor(client), name)
    made = Conversation.objects.create(owner=guest, title="A talk", written=timezone.now())
    asked = made.messages.create(person=guest, text="hello", key=key)
    made.messages.create(assistant=Assistant.objects.get(), text="hi", reply_to=asked)
    return made


def log_in(client: Client, username: str = "alice") -> None:
    answer = client.post("/accounts/login/", {"login": username, "password": PASSWORD})
    assert answer.status_code == 302


def sign_up(client: Client, username: str = "alice") -> User:
    form = {"username": username, "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/signup/", form).status_code == 302
    return User.objects.get(username=username)


def test_signing_up_keeps_what_was_written(client: Client, db: None) -> None:
    made = wrote(client)
    account = sign_up(client)
    made.refresh_from_db()
    assert made.owner == account
    assert made.messages.by_people().get().person == account
    assert User.objects.get() == account, "the guest is gone"
    assert VISITOR not in client.session
    page = client.get(made.get_absolute_url())
    assert page.status_code == 200
    assert "A talk" in client.get("/").text


def test_logging_in_adds_it_to_what_was_there(client: Client, alice: User) -> None:
    own = Conversation.objects.create(owner=alice)
    made = wrote(client)
    log_in(client)
    assert set(Conversation.objects.of(alice.pk)) == {own, made}
    assert User.objects.get() == alice


def test_visitor_who_never_wrote_brings_what_they_opened(client: Client, alice: User) -> None:
    made = Conversation.objects.create(owner_id=visitor(client))
    log_in(client)
    made.refresh_from_db()
    assert made.owner == alice


def test_nobody_elses_comes_along(client: Client, alice: User) -> None:
    bob = Client()
    of_bob = wrote(bob)
    wrote(client)
    log_in(client)
    of_bob.refresh_from_db()
    assert of_bob.owner_id == visitor(bob)
    assert of_bob.messages.by_people().get().person_id == visitor(bob)


def test_name_of_the_guest_stays_theirs(client: Client, db: None) -> None:
    wrote(client, "Zoë the first")
    account = sign_up(client, "zoe")
    assert (account.username, str(account)) == ("zoe", "Zoë the first")
    account.take_keys()
    assert account.name_key == User.objects.get().name_key


def test_guest_may_sign_up_under_the_name_they_have(client: Client, db: None) -> None:
    wrote(client, "Alice")
    account = sign_up(client)
    assert str(account) == "alice"
    form = {"username": "A1ice", "password1": PASSWORD, "password2": PASSWORD}
    other = Client()
    wrote(other, "Alice the second")
    assert other.post("/accounts/signup/", form).status_code == 200, "that is somebody else's"


def test_sign_up_that_fails_leaves_the_guest_as_they_were(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote(client, "Zoë")
    before = User.objects.get()
    User.objects.create_user("alice")
    monkeypatch.setattr("chat.naming.check", lambda text, **_: text)
    form = {"username": "a1ice", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/signup/", form).status_code == 200
    before.refresh_from_db()
    assert before.name_key
    assert client.session[VISITOR] == str(before.pk)


def test_guest_who_was_switched_off_brings_nothing_and_stays_so(
    client: Client, alice: User
) -> None:
    made = wrote(client)
    User.objects.filter(is_guest=True).update(is_active=False)
    log_in(client)
    made.refresh_from_db()
    assert made.owner.is_guest
    assert not made.owner.is_active
    assert list(Conversation.objects.of(alice.pk)) == []


def test_account_is_nobodys_guest(client: Client, alice: User) -> None:
    """Whatever stands in a session, accounts are not taken over by it."""
    bob = User.objects.create_user("bob")
    of_bob = Conversation.objects.create(owner=bob)
    session = client.session
    session[VISITOR] = str(bob.pk)
    session.save()
    log_in(client)
    of_bob.refresh_from_db()
    assert of_bob.owner == bob
    for nonsense in ("", "x", None, 7):
        broken = Client()
        session = broken.session
        session[VISITOR] = nonsense
        session.save()
        log_in(broken)


def test_same_key_of_both_in_one_conversation(client: Client, alice: User) -> None:
    made = wrote(client, key="same")
    made.messages.create(person=alice, text="mine", key="same")
    log_in(client)
    written = made.messages.by_people()
    assert [message.person for message in written] == [alice, alice]
    assert {message.key for message in written} == {None, "same"}


def test_twice_is_harmless(client: Client, alice: User) -> None:
    made = wrote(client)
    guest, session = visitor(client), client.session
    bob = User.objects.create_user("bob")
    adoption.adopt(session, guest, alice)
    adoption.adopt(session, guest, alice)
    adoption.adopt(client.session, guest, bob)
    made.refresh_from_db()
    assert made.owner == alice
    assert Message.objects.by_people().get().person == alice


def test_what_is_on_its_way_makes_no_guest_anew(client: Client, alice: User) -> None:
    wrote(client)
    guest = Person.visitor(visitor(client))
    log_in(client)
    with pytest.raises(Refused):
        guest.user()
    assert User.objects.get() == alice


def test_forget_me_takes_what_came_along_too(client: Client, alice: User) -> None:
    wrote(client)
    log_in(client)
    assert client.post("/forget-me/").headers["Location"] == "/forgotten/"
    assert not User.objects.exists()
    assert not Conversation.objects.filter(kind="private").exists()
