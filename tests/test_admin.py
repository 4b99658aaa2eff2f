"""Staff manage the replies, try them, and read the conversations, in the admin."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat import actions
from chat.models import (
    COMPLETE,
    FAILED,
    ApiKey,
    Assistant,
    Conversation,
    Message,
    ScriptedReply,
    User,
)
from chat.people import Person

REPLIES = "/admin/chat/scriptedreply/"
HOSTILE = "<script>alert('hi')</script> \"onload=\"x\" {name} & 'friends'"

FIELDS = {
    "name": "door",
    "on": "on",
    "text": "Come in, {name}!",
    "speed": "20",
    "trigger": "keyword",
    "keywords": "knock",
    "every": "",
    "audience": "anyone",
    "priority": "5",
    "starts_0": "",
    "starts_1": "",
    "ends_0": "",
    "ends_1": "",
}


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("alice"))
    return client


def save(staff: Client, path: str, **fields: str) -> str:
    """Send the form of a reply; return the page that comes back, empty if it was saved."""
    answer = staff.post(path, {**FIELDS, **fields})
    assert answer.status_code in (200, 302)
    return answer.text


def change_of(name: str) -> str:
    return reverse(
        "admin:chat_scriptedreply_change", args=[ScriptedReply.objects.get(name=name).pk]
    )


# --- scripted replies --------------------------------------------------------------------------


def test_replies_are_listed(staff: Client) -> None:
    page = staff.get(REPLIES).text
    for shown in ("greeting", "answer", "Hello from server!", "a conversation opens", "-100"):
        assert shown in page
    assert reverse("admin:try_reply") in page


@pytest.mark.parametrize("query", ["q=greet", "trigger__exact=greeting", "on__exact=1&q=greet"])
def test_replies_are_found(staff: Client, query: str) -> None:
    page = staff.get(f"{REPLIES}?{query}").text
    assert change_of("greeting") in page
    assert change_of("answer") not in page


def test_reply_is_added(staff: Client) -> None:
    assert save(staff, f"{REPLIES}add/") == ""
    made = ScriptedReply.objects.get(name="door")
    assert (made.text, made.trigger, made.keywords) == ("Come in, {name}!", "keyword", "knock")
    assert (made.speed, made.priority, made.on, made.every) == (20, 5, True, None)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "answer", "already exists"),
        ("text", "Hello {nmae}", "There is no variable {nmae}. There are {message}, {name},"),
        ("text", "Hello {name", "A lone {: write {{"),
        ("text", " ", "required"),
        ("text", "x" * 100_001, "at most 100000 characters"),
        ("speed", "-1", "greater than or equal to 0"),
        ("speed", "1e9", "less than or equal to 10000"),
        ("speed", "nan", "Enter a number"),
        ("keywords", "!", "at least one keyword"),
        ("every", "0", "greater than or equal to 1"),
        ("priority", "9999999", "less than or equal to 1000000"),
        ("ends", "tomorrow", "valid date"),
    ],
)
def test_bad_value_is_refused_at_its_field(
    staff: Client, field: str, value: str, told: str
) -> None:
    sent = {field: value, "ends_0": value if field == "ends" else ""}
    page = save(staff, f"{REPLIES}add/", **sent)
    row = re.search(rf'<div class="form-row errors field-{field}".*?</ul>', page, re.DOTALL)
    assert row, "the error stands at the field"
    assert told in html.unescape(row[0])
    assert not ScriptedReply.objects.filter(name="door").exists()


def test_end_before_the_beginning_is_refused(staff: Client) -> None:
    begins = {"starts_0": "2026-05-04", "starts_1": "12:00:00"}
    ends = {"ends_0": "2026-05-04", "ends_1": "11:59:59"}
    page = save(staff, f"{REPLIES}add/", **begins, **ends)
    assert "The end must come after the beginning." in page


def test_edit_is_used_at_the_next_conversation(staff: Client) -> None:
    bob = Person.visitor(uuid4())
    _, before = async_to_sync(actions.start)(bob)
    save(staff, change_of("greeting"), name="greeting", trigger="greeting", text="Good day!")
    _, after = async_to_sync(actions.start)(bob)
    assert before
    assert after
    assert (before.script, after.script) == ("Hello from server!", "Good day!")
    assert (before.speed, after.speed) == (30, 20)


def test_reply_is_switched_off_in_the_list(staff: Client) -> None:
    greeting, answer = ScriptedReply.objects.in_order()
    rows: dict[str, Any] = {"form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "_save": "Save"}
    for number, reply in enumerate((greeting, answer)):
        rows |= {f"form-{number}-id": reply.pk, f"form-{number}-priority": reply.priority}
    rows["form-1-on"] = "on"
    assert staff.post(REPLIES, rows).status_code == 302
    assert async_to_sync(actions.start)(Person.visitor(uuid4()))[1] is None


def test_reply_is_deleted_and_what_it_said_stays(staff: Client) -> None:
    conversation, greeting = async_to_sync(actions.start)(Person.visitor(uuid4()))
    staff.post(change_of("greeting").replace("change", "delete"), {"post": "yes"})
    assert not ScriptedReply.objects.filter(name="greeting").exists()
    assert list(conversation.messages.all()) == [greeting]


# --- try it ------------------------------------------------------------------------------------


def tried(client: Client, message: str, **more: str) -> str:
    """Return the page that says what `message` would be answered."""
    asked = {"message": message, "trigger": "message", "audience": "new", "name": "Bob", **more}
    answer = client.get(reverse("admin:try_reply"), asked)
    assert answer.status_code == 200
    return answer.text


def verdicts(page: str) -> dict[str, str]:
    """Return what the page says of each reply, in the order of the page."""
    rows = re.findall(r'change/">(.*?)</a></td>\s*<td>\d+</td>\s*<td>(.*?)</td>', page)
    return {name: re.sub("<.*?>", "", why) for name, why in rows}


def test_form_of_try_it_comes_empty(staff: Client) -> None:
    page = staff.get(reverse("admin:try_reply"))
    assert page.status_code == 200
    assert "Why" not in page.text


def test_try_it_tells_which_reply_matches_and_why(staff: Client) -> None:
    save(staff, f"{REPLIES}add/")
    save(staff, f"{REPLIES}add/", name="asleep", on="", priority="9")
    save(staff, f"{REPLIES}add/", name="again", audience="returning", priority="8")
    page = tried(staff, "Knock, knock!")
    assert list(verdicts(page).items()) == [
        ("asleep", "is off"),
        ("again", "is for someone who was here before"),
        ("door", "answers: has “knock”"),
        ("greeting", "is for another occasion (greeting)"),
        ("answer", "applies, but one above comes first"),
    ]
    assert 'data-text="Come in, Bob!" data-speed="20.0"' in page


def test_try_it_knows_people_and_occasions(staff: Client) -> None:
    save(staff, f"{REPLIES}add/", name="again", audience="returning")
    assert verdicts(tried(staff, "knock", audience="returning"))["again"].startswith("answers")
    assert verdicts(tried(staff, "", trigger="greeting"))["greeting"] == "answers: applies"


def test_try_it_says_when_nothing_matches(staff: Client) -> None:
    ScriptedReply.objects.filter(name="answer").delete()
    assert "Nothing: no reply matches." in tried(staff, "hi")
    ScriptedReply.objects.all().delete()
    assert "There is no scripted reply yet." in tried(staff, "hi")


def test_try_it_changes_nothing(staff: Client) -> None:
    tried(staff, "hi")
    assert (Conversation.objects.count(), Message.objects.count()) == (0, 0)


def test_hostile_message_is_escaped(staff: Client) -> None:
    save(staff, change_of("answer"), name="answer", trigger="message", text="{message} <b>")
    page = tried(staff, HOSTILE, name="<i>Bob</i>")
    assert "<script>alert" not in page
    assert "<i>Bob" not in page
    (text,) = re.findall('data-text="([^"]*)"', page)
    assert html.unescape(text) == f"{HOSTILE} <b>"


@pytest.mark.parametrize("wrong", [{"trigger": "never"}, {"audience": "all"}, {"name": "x" * 81}])
def test_try_it_refuses_what_it_does_not_know(staff: Client, wrong: dict[str, str]) -> None:
    page = tried(staff, "hi", **wrong)
    assert "errorlist" in page
    assert "Why" not in page


def test_try_it_refuses_a_message_nobody_could_write(staff: Client) -> None:
    assert "errorlist" in tried(staff, "x" * 32_001)


# --- conversations and messages ----------------------------------------------------------------


@pytest.fixture
def talk(db: None) -> Conversation:
    """What Bob, a guest, wrote, and two replies: one complete, one failed."""
    bob = User.objects.guest(uuid4(), "Bob")
    talk = bob.conversations.create(title="About doors")
    assistant, now = Assistant.objects.get(), timezone.now()
    asked = talk.messages.create(person=bob, text=f"Is it open? {HOSTILE}", key="1")
    first = {"assistant": assistant, "reply_to": asked, "created": now}
    started = now + timedelta(seconds=1.25)
    talk.messages.create(text="It is.", status=COMPLETE, started=started, ended=started, **first)
    failure = {"error_code": "internal", "error_detail": "Something went wrong."}
    talk.messages.create(status=FAILED, ended=now, **failure, **first)
    return talk


def test_conversations_are_read(staff: Client, talk: Conversation) -> None:
    page = staff.get("/admin/chat/conversation/").text
    assert "About doors" in page
    assert ">Bob<" in page
    (link,) = re.findall(r'href="(/admin/chat/message/\?conversation[^"]*)">3 — read', page)
    assert staff.get(html.unescape(link)).status_code == 200
    assert "About doors" in staff.get(f"/admin/chat/conversation/{talk.pk}/change/").text


def test_conversation_of_a_visitor_who_has_not_written_is_read(staff: Client) -> None:
    talk = Conversation.objects.create(owner_id=uuid4())
    for path in ("", f"{talk.pk}/change/", f"{talk.pk}/history/"):
        page = staff.get(f"/admin/chat/conversation/{path}")
        assert page.status_code == 200
    assert "a visitor who has not written" in staff.get("/admin/chat/conversation/").text


def test_conversations_are_found_by_what_was_said(staff: Client, talk: Conversation) -> None:
    assert "About doors" in staff.get("/admin/chat/conversation/?q=open").text
    assert "About doors" not in staff.get("/admin/chat/conversation/?q=closed").text


def test_messages_tell_who_how_long_and_how_it_ended(staff: Client, talk: Conversation) -> None:
    Conversation.objects.create(owner_id=uuid4()).messages.create(
        assistant=Assistant.objects.get(), text="Elsewhere."
    )
    page = staff.get(f"/admin/chat/message/?conversation__id__exact={talk.pk}").text
    assert "3 messages" in page
    assert "Elsewhere." not in page
    for shown in ("Bob", "Assistant", "It is.", "1.25 s", "failed: Something went wrong."):
        assert shown in page
    assert "<script>alert" not in page


def test_message_is_read(staff: Client, talk: Conversation) -> None:
    for message in talk.messages.all():
        page = staff.get(f"/admin/chat/message/{message.pk}/change/")
        assert page.status_code == 200
        assert html.escape(message.text) in page.text
        assert "<script>alert" not in page.text


@pytest.mark.parametrize("model", ["conversation", "message"])
def test_what_was_said_is_not_changed(staff: Client, talk: Conversation, model: str) -> None:
    one = talk if model == "conversation" else talk.messages.first()
    assert one
    before = list(Message.objects.values()), list(Conversation.objects.values())
    for path in ("add/", f"{one.pk}/change/", f"{one.pk}/delete/"):
        answer = staff.post(f"/admin/chat/{model}/{path}", {"text": "new", "post": "yes"})
        assert answer.status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": str(one.pk), "post": "yes"}
    staff.post(f"/admin/chat/{model}/", chosen)
    assert (list(Message.objects.values()), list(Conversation.objects.values())) == before
    page = staff.get(f"/admin/chat/{model}/{one.pk}/change/").text
    assert 'name="_save"' not in page
    assert "deletelink" not in page


# --- keys and people ---------------------------------------------------------------------------


def test_api_key_is_shown_once(staff: Client) -> None:
    bob = User.objects.create_user("bob")
    page = staff.post("/admin/chat/apikey/add/", {"user": bob.pk, "name": "shop"}, follow=True)
    (key,) = re.findall(r"The key is (\S+)", page.text)
    assert ApiKey.holder(key) == bob
    made = ApiKey.objects.get()
    for path in ("", f"{made.pk}/change/", f"{made.pk}/history/"):
        again = staff.get(f"/admin/chat/apikey/{path}").text
        assert key not in again
        assert made.digest not in again


def test_person_is_added_and_logs_in(staff: Client) -> None:
    word = "correct horse battery staple"
    fields = {"username": "bob", "password1": word, "password2": word, "usable_password": "true"}
    assert staff.post("/admin/chat/user/add/", fields).status_code == 302
    assert Client().login(username="bob", password=word)


PAGES = ["scriptedreply", "assistant", "conversation", "message", "apikey", "user"]


@pytest.mark.parametrize("path", ["", *(f"chat/{model}/" for model in PAGES)])
def test_every_page_opens(staff: Client, talk: Conversation, path: str) -> None:
    assert staff.get(f"/admin/{path}").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["", "chat/scriptedreply/try/", *(f"chat/{m}/" for m in PAGES)])
def test_nobody_but_staff_comes_in(path: str) -> None:
    client = Client()
    assert client.get(f"/admin/{path}").status_code == 302
    client.force_login(User.objects.create_user("charlie"))
    answer = client.get(f"/admin/{path}")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.django_db
def test_staff_without_the_right_may_not_try(client: Client) -> None:
    client.force_login(User.objects.create_user("charlie", is_staff=True))
    assert client.get(reverse("admin:try_reply")).status_code == 403
