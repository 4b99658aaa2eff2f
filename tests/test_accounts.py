"""Accounts: signed up for, logged into, and never told of to who should not know."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import get_resolver

from chat import mail
from chat.accounts import Backend
from chat.models import User
from tests.server import free_port

PASSWORD = "correct horse battery staple"
ANOTHER = "a wholly different phrase"


@pytest.fixture(autouse=True)
def _begin_anew(settings: Any) -> None:
    """Nobody is limited yet; and what takes long on purpose, does not here."""
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.org", PASSWORD)


def sign_up(client: Client, username: str = "alice", **fields: str) -> tuple[int, str]:
    """Sign up; return the status and the page, or where it leads."""
    form = {"username": username, "password1": PASSWORD, "password2": PASSWORD, **fields}
    answer = client.post("/accounts/signup/", form)
    return answer.status_code, answer.headers.get("Location") or answer.text


def log_in(client: Client, login: str = "alice", password: str = PASSWORD) -> tuple[int, str]:
    form = {"login": login, "password": password}
    answer = client.post("/accounts/login/", form)
    return answer.status_code, answer.headers.get("Location") or answer.text


def is_in(client: Client) -> str:
    """Return the name under which somebody is logged in; empty if they are not."""
    found = re.search(r'href="/accounts/"[^>]*>([^<]+)</a>', client.get("/").text)
    return found[1] if found else ""


def plain(page: str) -> str:
    """Return a page without what differs each time."""
    return re.sub(r'csrfmiddlewaretoken" value="\w+"|csrf\w*=\w+', "", page)


def shown(answer: HttpResponse) -> str:
    """Return a page without the places where a line may break."""
    return answer.text.replace("<wbr>", "")


# --- signing up --------------------------------------------------------------------------------


def test_sign_up_with_a_name_and_a_password(client: Client, db: None) -> None:
    assert sign_up(client) == (302, "/")
    assert is_in(client) == "alice"
    assert client.get("/accounts/signup/").headers["Location"] == "/", "they are in already"
    assert User.objects.get().check_password(PASSWORD)


def test_sign_up_leads_back_to_the_page_one_came_from(client: Client, db: None) -> None:
    assert sign_up(client, next="/c/new/") == (302, "/c/new/")
    assert sign_up(Client(), "bob", next="https://elsewhere.example.org/") == (302, "/")


def test_address_is_optional_and_is_sent_a_link(
    client: Client, db: None, mailoutbox: list[EmailMessage]
) -> None:
    assert "E-mail (optional)" in client.get("/accounts/signup/").text
    assert sign_up(client, email="Alice@Example.org") == (302, "/")
    [sent] = mailoutbox
    assert (sent.to, sent.subject) == (["alice@example.org"], "Confirm your e-mail address")
    path = re.findall(r"http://testserver(/accounts/confirm-email/\S+/)", str(sent.body))[0]
    assert "Yes, it is" in Client().get(path).text
    assert not EmailAddress.objects.get().verified, "looking at it is not saying so"
    assert client.post(path).headers["Location"] == "/accounts/"
    assert EmailAddress.objects.get().verified
    assert "You have confirmed alice@example.org." in client.get("/accounts/").text
    assert "not valid" in client.get("/accounts/confirm-email/nonsense/").text


BAD_SIGN_UPS = [
    ("username", "", "required"),
    ("username", "   ", "required"),
    ("username", "x", "at least 2"),
    ("username", "x" * 200, "at most"),
    ("username", "two words", "valid username"),
    ("username", "alice@example.org", "must not look like an e-mail address"),
    ("username", "al\u200bice", "cannot be seen"),
    ("username", "al\x00ice", "Null characters"),
    ("username", "\u0430lice", "one script"),
    ("username", "admin", "reserved"),
    ("username", "assistant", "reserved"),
    ("username", "guest-1", "for guests"),
    ("username", "BOB", "called so already"),
    ("username", "b0b", "called so already"),
    ("email", "nonsense", "valid email address"),
    ("email", "a@b", "valid email address"),
    ("email", "x" * 300 + "@example.org", "at most 254"),
    ("password1", "", "required"),
    ("password1", "short", "too short"),
    ("password1", "password", "too common"),
    ("password1", "1234567890123", "entirely numeric"),
    ("password1", "alice123", "too similar"),
    ("password2", "", "required"),
    ("password2", ANOTHER, "same password"),
]


@pytest.mark.parametrize(
    ("field", "value", "fault"), BAD_SIGN_UPS, ids=[f"{n}={v[:20]!a}" for n, v, _ in BAD_SIGN_UPS]
)
def test_what_is_wrong_is_said_at_its_field(
    client: Client, db: None, field: str, value: str, fault: str
) -> None:
    User.objects.create_user("bob")
    form = {"username": "alice", "email": "alice@example.org", field: value}
    status, page = sign_up(client, **form)
    assert status == 200
    at = re.search(rf'id="id_{field}_error">(.*?)</p>', page, re.DOTALL)
    assert at, page
    assert fault.lower() in at[1].lower()
    assert PASSWORD not in page, "of all that was typed it alone is not repeated"
    for name in {"username", "email"} - {field}:
        assert f'value="{form[name]}"' in page
    assert User.objects.count() == 1
    assert is_in(client) == ""


def test_nothing_at_all(client: Client, db: None) -> None:
    for path in ("signup", "login", "password/reset"):
        answer = client.post(f"/accounts/{path}/")
        assert answer.status_code == 200
        assert "required" in answer.text


def test_name_that_is_taken_just_then(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.naming.check", lambda text, **_: text)
    status, page = sign_up(client, "a1ice")
    assert status == 200
    assert "called so already" in page
    assert User.objects.count() == 1


def test_sign_up_needs_the_csrf_token(db: None) -> None:
    assert sign_up(Client(enforce_csrf_checks=True))[0] == 403


# --- logging in and out ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "login", ["alice", "ALICE", " alice ", "alice@example.org", "Alice@EXAMPLE.org"]
)
def test_login_with_name_or_address(client: Client, alice: User, login: str) -> None:
    assert log_in(client, login) == (302, "/")
    assert is_in(client) == "alice"


def test_address_is_of_who_confirmed_it_else_of_who_had_it_first(db: None) -> None:
    """Whoever else writes it down can neither take it away, nor tell by it that it is known."""
    squatter, owner = Client(), Client()
    sign_up(squatter, "squatter", email="alice@example.org", password1=ANOTHER, password2=ANOTHER)
    sign_up(owner, "alice", email="alice@example.org")
    assert log_in(Client(), "alice@example.org", ANOTHER)[0] == 302
    EmailAddress.objects.filter(user__username="alice").update(verified=True)
    assert log_in(Client(), "alice@example.org", ANOTHER)[0] == 200
    assert log_in(Client(), "alice@example.org")[0] == 302


def test_address_of_who_was_made_by_a_command_is_theirs_too(alice: User) -> None:
    sign_up(Client(), "squatter", email=alice.email, password1=ANOTHER, password2=ANOTHER)
    assert log_in(Client(), alice.email)[0] == 302
    assert log_in(Client(), alice.email, ANOTHER)[0] == 200


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("alice@example.org", "wrong"),
        ("x@y.org", "wrong"),
    ],
)
def test_wrong_login_says_the_same_for_all(
    client: Client, alice: User, login: str, password: str
) -> None:
    status, page = log_in(client, login, password)
    assert status == 200
    assert 'role="alert">Please enter a correct username and password' in page
    assert f'value="{login}"' in page
    assert password not in page
    likewise = log_in(client, "nobody-else", "wrong-too")[1]
    assert plain(page).replace(login, "") == plain(likewise).replace("nobody-else", "")


@pytest.mark.parametrize("login", ["alice", "nobody", "alice@example.org", "nobody@example.org"])
def test_wrong_login_is_as_much_work_for_all(
    alice: User, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    check, make = User.check_password, User.set_password
    monkeypatch.setattr(
        User, "check_password", lambda *it: (hashed.append("checked"), check(*it))[1]
    )
    monkeypatch.setattr(User, "set_password", lambda *it: (hashed.append("made"), make(*it))[1])
    credentials = {"username": login, **({"email": login} if "@" in login else {})}
    assert Backend().authenticate(None, password="wrong", **credentials) is None
    assert len(hashed) == 1


def test_account_that_is_switched_off_is_told_to_its_owner_alone(
    client: Client, alice: User
) -> None:
    User.objects.update(is_active=False)
    assert log_in(client) == (302, "/accounts/inactive/")
    assert "switched off" in client.get("/accounts/inactive/").text
    assert "correct username" in log_in(client, password="wrong")[1]
    assert is_in(client) == ""


def test_logout_is_asked_for_and_done_at_once(client: Client, alice: User) -> None:
    log_in(client)
    assert 'data-role="logout"' in client.get("/accounts/logout/").text
    assert is_in(client) == "alice"
    assert client.post("/accounts/logout/").headers["Location"] == "/"
    assert is_in(client) == ""
    assert client.post("/accounts/logout/").status_code == 302, "twice is harmless"


# --- passwords ---------------------------------------------------------------------------------


def reset_link(client: Client, email: str, mails: list[EmailMessage]) -> str:
    answer = client.post("/accounts/password/reset/", {"email": email})
    assert answer.headers["Location"] == "/accounts/password/reset/done/"
    return re.findall(r"http://testserver(/accounts/password/reset/key/\S+)", str(mails[-1].body))[
        0
    ]


def test_forgotten_password_is_reset_by_the_mailed_link(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    link = reset_link(client, "ALICE@example.org", mailoutbox)
    assert mailoutbox[0].to == ["alice@example.org"]
    page = client.get(link, follow=True)
    assert "Set a new password" in page.text
    form_path = page.redirect_chain[-1][0]
    assert link.split("-")[-1] not in form_path, "the key is not in what the page may pass on"
    for word, again, fault in (
        ("short", "short", "too short"),
        (ANOTHER, "other", "same password"),
    ):
        bad = client.post(form_path, {"password1": word, "password2": again})
        assert fault in bad.text
    done = client.post(form_path, {"password1": ANOTHER, "password2": ANOTHER}, follow=True)
    assert "Your password is set" in done.text
    assert log_in(client)[0] == 200
    assert log_in(client, password=ANOTHER)[0] == 302
    assert "not valid" in Client().get(link).text, "it works once"


@pytest.mark.parametrize("key", ["x-y", "1-bad-key", "0-0", "zz-" + "x" * 500])
def test_link_that_is_none(client: Client, db: None, key: str) -> None:
    page = client.get(f"/accounts/password/reset/key/{key}/")
    assert page.status_code == 200
    assert "not valid" in page.text
    assert "Ask for another link" in page.text


def test_reset_says_the_same_for_all_and_mails_nobody_else(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    gone = User.objects.create_user("gone", "gone@example.org", PASSWORD, is_active=False)
    told = set()
    for address in ("alice@example.org", "nobody@example.org", gone.email):
        answer = client.post("/accounts/password/reset/", {"email": address}, follow=True)
        told.add((answer.status_code, plain(answer.text)))
    assert len(told) == 1
    assert [mail.to for mail in mailoutbox] == [["alice@example.org"]]


def test_mail_that_cannot_be_sent_tells_nothing(
    client: Client, alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = list[str]()
    monkeypatch.setattr(mail.logger, "error", lambda words, error: said.append(words % error))
    monkeypatch.setattr(mail._postmen, "submit", lambda send, *its: send(*its))
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "chat.mail.Outgoing", "127.0.0.1"
    settings.EMAIL_PORT = free_port()
    for address in ("alice@example.org", "nobody@example.org"):
        answer = client.post("/accounts/password/reset/", {"email": address})
        assert answer.headers["Location"] == "/accounts/password/reset/done/"
    assert len(said) == 1
    assert said[0].startswith("mail cannot be sent: ")
    assert "alice" not in said[0]


def test_taken_address_is_not_told_at_sign_up(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    assert sign_up(client, "bob", email="alice@example.org") == (302, "/")
    assert sign_up(Client(), "carol", email="new@example.org") == (302, "/")
    assert [mail.subject for mail in mailoutbox] == ["Confirm your e-mail address"] * 2


def test_password_is_changed_and_ends_other_sessions(client: Client, alice: User) -> None:
    elsewhere = Client()
    log_in(client)
    log_in(elsewhere)
    form = {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER}
    for bad, fault in (
        ({"oldpassword": "wrong"}, "not your current password"),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password2": "other"}, "same password"),
    ):
        page = client.post("/accounts/password/change/", form | bad)
        assert fault in page.text
        assert ANOTHER not in page.text
    assert client.post("/accounts/password/change/", form).headers["Location"] == "/accounts/"
    assert "Password successfully changed." in client.get("/accounts/").text
    assert (is_in(client), is_in(elsewhere)) == ("alice", "")


def test_account_without_a_password_sets_one(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("alice"))
    assert client.get("/accounts/password/change/").headers["Location"] == "/accounts/password/set/"
    form = {"password1": ANOTHER, "password2": ANOTHER}
    assert client.post("/accounts/password/set/", form).status_code == 302
    assert log_in(Client(), password=ANOTHER)[0] == 302


# --- the address -------------------------------------------------------------------------------


def test_new_address_needs_the_password_and_its_link(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    log_in(client)
    new = {"email": "liddell@example.org", "action_add": ""}
    asked = client.post("/accounts/email/", new)
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    assert mailoutbox == []
    again = asked.headers["Location"]
    assert "not your password" in client.post(again, {"password": "wrong"}).text
    assert client.post(again, {"password": PASSWORD}).status_code == 302
    page = shown(client.get("/accounts/email/"))
    assert "liddell@example.org is not confirmed yet" in page
    alice.refresh_from_db()
    assert alice.email == "alice@example.org", "until it is confirmed"
    [sent] = mailoutbox
    client.post(re.findall(r"testserver(/accounts/confirm-email/\S+/)", str(sent.body))[0])
    alice.refresh_from_db()
    assert alice.email == "liddell@example.org"
    assert log_in(Client(), "liddell@example.org")[0] == 302


def test_nothing_is_said_of_a_mail_that_was_never_sent(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    log_in(client)  # whom a command made: nobody ever confirmed the address
    page = shown(client.get("/accounts/email/"))
    assert "alice@example.org is not confirmed yet" in page
    assert "was sent" not in page
    client.post("/accounts/email/", {"email": alice.email, "action_send": ""})
    assert [mail.to for mail in mailoutbox] == [["alice@example.org"]]


@pytest.mark.parametrize("address", ["", " ", "nonsense", "alice@example.org"])
def test_bad_new_address(client: Client, alice: User, address: str) -> None:
    log_in(client)
    page = client.post("/accounts/email/", {"email": address, "action_add": ""})
    assert page.status_code == 200
    assert 'id="id_email_error"' in page.text


def test_address_that_waits_is_sent_again_or_removed(
    client: Client, db: None, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, email="alice@example.org")
    cache.clear()
    client.post("/accounts/email/", {"email": "alice@example.org", "action_send": ""})
    assert len(mailoutbox) == 2
    client.post("/accounts/email/", {"email": "somebody@example.org", "action_send": ""})
    assert len(mailoutbox) == 2, "only one's own"
    answer = client.post("/accounts/email/", {"email": "alice@example.org", "action_remove": ""})
    client.post(answer.headers["Location"], {"password": PASSWORD})
    assert not EmailAddress.objects.exists()
    assert User.objects.get().email == ""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "email/",
        "keys/",
        "keys/1/revoke/",
        "password/change/",
        "password/set/",
        "reauthenticate/",
    ],
)
def test_only_who_is_logged_in_has_an_account(client: Client, db: None, path: str) -> None:
    for answer in (client.get(f"/accounts/{path}"), client.post(f"/accounts/{path}")):
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/accounts/login/?next=")


# --- limits ------------------------------------------------------------------------------------


def test_guessing_one_password_ends_soon(client: Client, alice: User) -> None:
    for _ in range(5):
        assert log_in(client, password="wrong")[0] == 200
    answer = client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")
    assert "Too many attempts" in answer.text
    assert 'value="alice"' in answer.text
    other = Client(REMOTE_ADDR="203.0.113.9")
    assert log_in(other)[0] == 429, "wherever one guesses from"


def test_guessing_many_passwords_ends_soon_too(client: Client, alice: User) -> None:
    for number in range(10):
        assert log_in(client, f"nobody{number}", "wrong")[0] == 200
    assert log_in(client)[0] == 429
    assert log_in(Client(REMOTE_ADDR="203.0.113.9"))[0] == 302, "others are not concerned"


def test_who_posts_too_often_gets_a_page_that_says_so(client: Client, db: None) -> None:
    for path, times in (("signup", 20), ("login", 30), ("password/reset", 5)):
        cache.clear()
        form = {"email": "alice@example.org", "login": "", "username": ""}
        for _ in range(times):
            assert client.post(f"/accounts/{path}/", form).status_code in (200, 302)
        answer = client.post(f"/accounts/{path}/", form)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
        assert "That was too often" in answer.text
        assert client.get(f"/accounts/{path}/").status_code == 200


def test_address_of_a_client_is_not_what_it_says(client: Client, db: None) -> None:
    for number in range(20):
        sign_up(client, "", HTTP_X=str(number))
    faked = client.post("/accounts/signup/", HTTP_X_FORWARDED_FOR="198.51.100.7")
    assert faked.status_code == 429


@override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1)  # as SECURE_PROXY=1 has it
def test_behind_a_proxy_the_last_address_counts(client: Client, db: None) -> None:
    for number in range(20):
        client.post("/accounts/signup/", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}, 198.51.100.7")
    post = lambda it: client.post("/accounts/signup/", HTTP_X_FORWARDED_FOR=it).status_code  # noqa: E731
    assert post("10.0.0.99, 198.51.100.7") == 429
    assert post("198.51.100.7, 198.51.100.8") == 200


def test_admin_has_the_same_login_with_the_same_limits(client: Client, alice: User) -> None:
    assert client.get("/admin/").headers["Location"] == "/admin/login/?next=/admin/"
    page = client.get("/admin/login/?next=/admin/").text
    assert "Forgot your password?" in page
    for _ in range(5):
        client.post("/admin/login/?next=/admin/", {"login": "alice", "password": "wrong"})
    answer = client.post("/admin/login/?next=/admin/", {"login": "alice", "password": PASSWORD})
    assert answer.status_code == 429
    cache.clear()
    answer = client.post("/admin/login/?next=/admin/", {"login": "alice", "password": PASSWORD})
    assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/login/?next=/admin/").status_code == 403, "no staff, and no loop"
    User.objects.update(is_staff=True)
    assert client.get("/admin/login/?next=/admin/").headers["Location"] == "/admin/"


# --- all of them -------------------------------------------------------------------------------


def test_every_page_of_accounts_is_one_of_ours(client: Client, alice: User) -> None:
    """Nothing that allauth would show in its own clothes can be reached."""
    known = {name for name in get_resolver().reverse_dict if str(name).startswith("account")}
    pages = {
        *("", "login/", "logout/", "signup/", "inactive/", "reauthenticate/", "email/"),
        *("confirm-email/x/", "password/change/", "password/set/", "password/reset/"),
        *("password/reset/done/", "password/reset/key/1-x/", "password/reset/key/done/"),
    }
    assert len(known) == len(pages)
    for path in pages:
        for person in (Client(), client):
            answer = person.get(f"/accounts/{path}")
            if answer.status_code == 200:
                assert 'class="card"' in answer.text, path
                assert "style=" not in answer.text
        log_in(client)
    for path in ("confirm-email/", "login/code/", "password/reset/confirm/", "3rdparty/"):
        assert client.get(f"/accounts/{path}").status_code == 404


def test_account_page_tells_what_is_known(client: Client, alice: User) -> None:
    log_in(client)
    page = shown(client.get("/accounts/"))
    for known in ("alice", "alice@example.org", "/accounts/email/", "/accounts/password/change/"):
        assert known in page
