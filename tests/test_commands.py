"""The commands do what they say in one line, and refuse what is wrong in one line."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat import answers
from chat.assistants import scripted
from chat.assistants.scripted import Occasion
from chat.models import ApiKey, Conversation, ScriptedReply, User
from tests.client import fetch
from tests.server import ROOT, START_PATIENCE, Server


def manage(*arguments: str) -> str:
    """Run a command in this process; return what it printed."""
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


# --- reply -------------------------------------------------------------------------------------

EVERYTHING = {
    "text": "Hello {name}, here is the desk.",
    "trigger": "keyword",
    "keywords": "desk,help me",
    "audience": "returning",
    "speed": 12.5,
    "every": 60.0,
    "priority": -7,
    "on": False,
}


def stored(name: str = "desk") -> dict[str, Any]:
    """Return what is stored of a reply, in the words of the command's options."""
    found: dict[str, Any] = ScriptedReply.objects.filter(name=name).values(*EVERYTHING).get()
    return found


def make_everything() -> str:
    options = [f"--{name}={value}" for name, value in EVERYTHING.items() if name != "on"]
    return manage("reply", "desk", *options, "--off")


@pytest.mark.django_db
def test_reply_is_created_with_all_that_is_given() -> None:
    assert make_everything() == "created the scripted reply 'desk'\n"
    assert stored() == EVERYTHING


@pytest.mark.django_db
def test_reply_is_created_with_sensible_defaults() -> None:
    assert manage("reply", "desk", "--text", "Hi.") == "created the scripted reply 'desk'\n"
    defaults = {"trigger": "message", "keywords": "", "audience": "anyone", "speed": 30.0}
    assert stored() == {"text": "Hi.", **defaults, "every": None, "priority": 0, "on": True}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("text", "New.", "New."),
        ("trigger", "message", "message"),
        ("keywords", "door", "door"),
        ("audience", "new", "new"),
        ("speed", "0", 0.0),
        ("every", "5", 5.0),
        ("priority", "3", 3),
    ],
)
def test_update_leaves_what_is_not_given(option: str, value: str, expected: Any) -> None:
    make_everything()
    said = manage("reply", "desk", f"--{option}", value, "--off")
    assert said == "updated the scripted reply 'desk'\n"
    assert stored() == {**EVERYTHING, option: expected}
    assert ScriptedReply.objects.filter(name="desk").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--text", ""], "text"),
        (["--text", "Hello {nmae}"], "{nmae}"),
        (["--text", "Hello {name.__class__}"], "text"),
        (["--text", "\udcff"], "text"),
        (["--text", "x" * 100_001], "text"),
        (["--text", "Hi.", "--speed", "-1"], "speed"),
        (["--text", "Hi.", "--speed", "10001"], "speed"),
        (["--text", "Hi.", "--speed", "fast"], "--speed"),
        (["--text", "Hi.", "--speed", "nan"], "speed"),
        (["--text", "Hi.", "--every", "0"], "every"),
        (["--text", "Hi.", "--every", "86401"], "every"),
        (["--text", "Hi.", "--every", "often"], "--every"),
        (["--text", "Hi.", "--keywords", "?!"], "keywords"),
        (["--text", "Hi.", "--keywords", ""], "keywords"),
        (["--text", "Hi.", "--priority", "1000001"], "priority"),
        (["--text", "Hi.", "--priority", "high"], "--priority"),
        (["--text", "Hi.", "--trigger", "never"], "--trigger"),
        (["--text", "Hi.", "--audience", "nobody"], "--audience"),
    ],
)
def test_bad_reply_is_refused_and_nothing_changed(options: list[str], wrong: str) -> None:
    make_everything()
    for name in ("desk", "new"):
        with pytest.raises(CommandError) as refused:
            manage("reply", name, "--trigger=keyword", *options)
        assert wrong in str(refused.value)
        assert "\n" not in str(refused.value)
    assert stored() == EVERYTHING
    assert not ScriptedReply.objects.filter(name="new").exists()


@pytest.mark.django_db
def test_new_reply_needs_a_text() -> None:
    with pytest.raises(CommandError, match=r"^there is no reply 'new' yet, .* needs --text$"):
        manage("reply", "new", "--speed", "5")
    assert not ScriptedReply.objects.filter(name="new").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("text", "", "This field cannot be blank."),
        ("text", " ", "The text must not be blank."),
        ("speed", "inf", "Ensure this value is less than or equal to 10000."),
        ("speed", "-inf", "Ensure this value is greater than or equal to 0."),
        ("speed", "nan", "Give a number."),
        ("every", "0", "Ensure this value is greater than or equal to 1."),
        ("every", "inf", "Ensure this value is less than or equal to 86400."),
        ("every", "nan", "Give a number."),
    ],
)
def test_every_fault_is_told_once(option: str, value: str, told: str) -> None:
    make_everything()
    with pytest.raises(CommandError) as refused:
        manage("reply", "desk", "--trigger", "interval", f"--{option}={value}")
    assert str(refused.value) == f"{option}: {told}"


# --- apikey ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_api_key_is_printed_once_and_only_a_digest_is_stored() -> None:
    alice = User.objects.create_user("alice")
    key = manage("apikey", "alice", "--name", "the shop").removesuffix("\n")
    kept = ApiKey.objects.values("user", "name", "digest", "last_used").get()
    digest = sha256(key.encode()).hexdigest()
    assert kept == {"user": alice.pk, "name": "the shop", "digest": digest, "last_used": None}
    assert key not in json.dumps(list(ApiKey.objects.values()), default=str)
    assert len(key.split()) == 1
    assert len(key) >= 40


@pytest.mark.django_db
def test_every_api_key_is_another_and_lets_its_account_in() -> None:
    alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
    keys = [manage("apikey", name).strip() for name in ("alice", "alice", "bob")]
    assert [ApiKey.holder(key) for key in keys] == [alice, alice, bob]
    assert ApiKey.holder(keys[0][:-1]) is None
    assert len(set(keys)) == 3


@pytest.mark.django_db
def test_api_key_of_the_same_name_is_replaced() -> None:
    alice = User.objects.create_user("alice")
    kept = manage("apikey", "alice", "--name", "till").strip()
    keys = [manage("apikey", "alice", "--name", "shop").strip() for _ in range(2)]
    assert [ApiKey.holder(key) for key in (kept, *keys)] == [alice, None, alice]


@pytest.mark.django_db
def test_api_key_is_only_for_an_account() -> None:
    User.objects.create(username="guest", is_guest=True)
    User.objects.create_user("dora", is_active=False)
    with pytest.raises(CommandError, match=r"^the account 'dora' is switched off$"):
        manage("apikey", "dora")
    for nobody in ("charlie", "guest"):
        with pytest.raises(CommandError, match=f"^there is no account '{nobody}'$"):
            manage("apikey", nobody)
    assert not ApiKey.objects.exists()


# --- prune -------------------------------------------------------------------------------------

LONG_AGO = timedelta(days=30, minutes=1)
LATELY = timedelta(days=29, hours=23)


def somebody(name: str, joined: timedelta, used: timedelta, *, is_guest: bool) -> Conversation:
    """Make a person who joined and used a conversation so long ago."""
    now = timezone.now()
    person = User.objects.create(username=name, is_guest=is_guest, date_joined=now - joined)
    conversation = person.conversations.create(title=name, used=now - used)
    conversation.messages.create(person=person, text="hi", key="1", created=now - used)
    return conversation


def left() -> tuple[set[str], set[str]]:
    """Return the names of the people and the titles of the conversations that are left."""
    people = User.objects.values_list("username", flat=True)
    private = Conversation.objects.filter(kind="private")
    return set(people), set(private.values_list("title", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("is_guest", "joined", "used", "goes"),
    [
        (True, LONG_AGO, LONG_AGO, True),
        (True, LONG_AGO, LATELY, False),
        (True, LATELY, LATELY, False),
        (False, LONG_AGO, LONG_AGO, False),
        (False, LONG_AGO, LATELY, False),
    ],
)
def test_prune_deletes_guests_unused_for_30_days(
    is_guest: bool, joined: timedelta, used: timedelta, goes: bool
) -> None:
    conversation = somebody("alice", joined, used, is_guest=is_guest)
    count = int(goes)
    assert manage("prune") == f"deleted {count} guests and {count} conversations\n"
    assert left() == ((set(), set()) if goes else ({"alice"}, {"alice"}))
    assert conversation.messages.exists() is not goes
    assert manage("prune") == "deleted 0 guests and 0 conversations\n"


@pytest.mark.django_db
def test_prune_deletes_an_unused_conversation_of_a_guest_who_stays() -> None:
    used = somebody("alice", LONG_AGO, LATELY, is_guest=True)
    old = timezone.now() - LONG_AGO
    used.owner.conversations.create(title="old", used=old)
    assert manage("prune") == "deleted 0 guests and 1 conversations\n"
    assert left() == ({"alice"}, {"alice"})


@pytest.mark.django_db
def test_prune_deletes_what_visitors_opened_and_never_wrote_in() -> None:
    now = timezone.now()
    for title, used in (("old", LONG_AGO), ("new", LATELY)):
        owner = User().pk  # the id that a guest would have; there is no such user
        Conversation.objects.create(owner_id=owner, title=title, used=now - used)
    assert manage("prune") == "deleted 0 guests and 1 conversations\n"
    assert left() == (set(), {"new"})


@pytest.mark.django_db
@pytest.mark.parametrize("is_guest", [True, False])
def test_prune_keeps_an_account_without_conversations(is_guest: bool) -> None:
    somebody("alice", LONG_AGO, LATELY, is_guest=is_guest).delete()
    manage("prune")
    assert left()[0] == (set() if is_guest else {"alice"})


@pytest.mark.django_db
def test_prune_hands_over_the_room_of_a_guest() -> None:
    now = timezone.now()
    room = Conversation.objects.create(kind="room", slug="kitchen", title="Kitchen")
    people = [
        User.objects.create(username=name, is_guest=is_guest, date_joined=now - LONG_AGO)
        for name, is_guest in (("alice", True), ("bob", False), ("charlie", True))
    ]
    for person, role, joined in zip(
        people, ("owner", "member", "member"), (LONG_AGO, LONG_AGO, LATELY), strict=True
    ):
        room.memberships.create(person=person, role=role, joined=now - joined)
    assert manage("prune") == "deleted 1 guests and 0 conversations\n"
    roles = dict(room.memberships.values_list("person__username", "role"))
    assert roles == {"bob": "owner", "charlie": "member"}


@pytest.mark.django_db
def test_prune_deletes_sessions_that_are_over() -> None:
    now = timezone.now()
    for key, days in (("over", -1), ("going on", 1)):
        Session.objects.create(session_key=key, expire_date=now + timedelta(days=days))
    manage("prune")
    assert [session.session_key for session in Session.objects.all()] == ["going on"]


# --- loaddata support_desk ---------------------------------------------------------------------


def answer(message: str, returning: bool, trigger: str = scripted.MESSAGE) -> tuple[str, str]:
    """Return the name and the text of what Alice is answered."""
    occasion = Occasion(trigger, returning, timezone.now(), message)
    _, chosen, text = answers.try_out(occasion, "Alice")
    return (chosen.name, text) if chosen else ("", "")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("message", "returning", "name", "has"),
    [
        ("When are you open?", False, "opening hours", "Monday to Friday"),
        ("What are your opening hours", True, "opening hours", "Saturday"),
        ("How much is it?", False, "prices", "€8 a month"),
        ("PRICES please", True, "prices", "**Starter** is free"),
        ("help", False, "help", "Gladly, Alice!"),
        ("I need help with my password", False, "password reset", "1. Open the page"),
        ("I cannot log in", True, "password reset", "](https://example.org/password)"),
        ("I still cannot log in", False, "password reset", "press **Send**"),
        ("I still cannot log in", True, "still having trouble", "sorry"),
        ("It does still not work.", True, "still having trouble", "Alice"),
        ("A distillery is open-minded", False, "opening hours", "Sunday"),
        ("What a distillery!", True, "answer", "Hello from server!"),
        ("hi", False, "answer", "Hello from server!"),
    ],
)
def test_support_desk_answers(message: str, returning: bool, name: str, has: str) -> None:
    manage("loaddata", "support_desk")
    chosen, text = answer(message, returning)
    assert chosen == name
    assert has in text


@pytest.mark.django_db
def test_support_desk_welcomes_back_whom_it_knows() -> None:
    manage("loaddata", "support_desk")
    assert answer("", False, scripted.GREETING)[0] == "greeting"
    name, text = answer("", True, scripted.GREETING)
    assert name == "welcome back"
    assert text.startswith("Welcome back, Alice!")


@pytest.mark.django_db
def test_support_desk_updates_what_has_its_names() -> None:
    manage("reply", "prices", "--text", "Ask us.")
    manage("loaddata", "support_desk")
    assert "**Starter**" in ScriptedReply.objects.get(name="prices").text


@pytest.mark.django_db
def test_support_desk_is_loaded_as_often_as_one_likes() -> None:
    before = set(ScriptedReply.objects.values_list("pk", flat=True))
    for _ in range(2):
        assert manage("loaddata", "support_desk") == "Installed 6 object(s) from 1 fixture(s)\n"
    new = ScriptedReply.objects.exclude(pk__in=before)
    assert new.count() == 6
    for reply in new:
        reply.full_clean()


# --- runserver ---------------------------------------------------------------------------------


class Development(Server):
    """`python manage.py runserver` in a fresh copy of the project, with its reloader."""

    def __init__(self, folder: Path, **environment: str) -> None:
        super().__init__(folder)
        self.environment = environment
        self.database = folder / "project" / "db.sqlite3"
        for part in ("chat", "chatproject", "templates", "static", "manage.py"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            self.database.parent.mkdir(exist_ok=True)
            copy(ROOT / part, self.database.parent / part)

    def start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "runserver", str(self.port)],
                cwd=self.database.parent,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        """Wait until it lives; where nobody has migrated, it is never ready."""
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, how)  # the reloader, and the server that it started
            self._process.wait(timeout=20)
            self._process = None


@contextmanager
def developing(folder: Path, **environment: str) -> Iterator[Development]:
    server = Development(folder, **environment)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def tables(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def test_runserver_needs_nothing_else(tmp_path: Path) -> None:
    with developing(tmp_path) as server:
        status, text = fetch(server.url)
        assert (status, "Chat Messages" in text) == (200, True)
        assert "DEBUG = True" in fetch(f"{server.url}/nowhere")[1]
        assert fetch(f"{server.url}/static/chat/chat.css")[0] == 200
    assert "chat_message" in tables(server.database)
    assert "Traceback" not in server.log.read_text()


def test_runserver_never_migrates_a_configured_database(tmp_path: Path) -> None:
    configured = tmp_path / "configured.sqlite3"
    environment = {"DATABASE_URL": f"sqlite:///{configured}", "DEBUG": "0"}
    with developing(tmp_path, PYTHONUNBUFFERED="1", **environment) as server:
        assert "DEBUG = True" not in fetch(f"{server.url}/nowhere")[1]
    assert tables(configured) == set()
    assert not server.database.exists()
    assert "unapplied migration(s)" in server.log.read_text()


def test_commands_say_what_a_new_database_needs(tmp_path: Path) -> None:
    server = Server(tmp_path)
    done = subprocess.run(
        [sys.executable, "manage.py", "reply", "answer", "--speed", "50"],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "python manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr
