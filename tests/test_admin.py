"""Staff manage the replies, try them, and read the conversations, in the admin."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission
from django.http import HttpResponse
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
        ("keywords", "x" * 2001, "at most 2000 characters"),
        ("every", "0", "greater than or equal to 1"),
        ("every", "often", "Enter a number"),
        ("priority", "9999999", "less than or equal to 1000000"),
        ("ends", "tomorrow", "valid date"),
    ],
)
def test_bad_value_is_refused_at_its_field(
    staff: Client, field: str, value: str, told: str
) -> None:
    sent = {field: value, "ends_0": value if field == "ends" else ""}
    sent |= {"trigger": "interval"} if field == "every" else {}
    page = save(staff, f"{REPLIES}add/", **sent)
    row = re.search(rf'<div class="form-row errors field-{field}".*?</ul>', page, re.DOTALL)
    assert row, "the error stands at the field"
    assert told in html.unescape(row[0])
    assert row[0].count("<li>") == 1, "and is told once"
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


def save_list(staff: Client, **rows: str) -> HttpResponse:
    """Send the list, where only the replies in `rows` are on, with these priorities."""
    sent: dict[str, Any] = {"_save": "Save"}
    replies = list(ScriptedReply.objects.in_order())
    sent |= dict.fromkeys(("form-TOTAL_FORMS", "form-INITIAL_FORMS"), len(replies))
    for number, reply in enumerate(replies):
        sent[f"form-{number}-id"] = reply.pk
        sent[f"form-{number}-priority"] = rows.get(reply.name, reply.priority)
        if reply.name in rows:
            sent[f"form-{number}-on"] = "on"
    return staff.post(REPLIES, sent)


def test_reply_is_switched_off_in_the_list(staff: Client) -> None:
    assert save_list(staff, answer="7").status_code == 302
    assert ScriptedReply.objects.get(name="answer").priority == 7
    assert async_to_sync(actions.start)(Person.visitor(uuid4()))[1] is None


def test_faulty_reply_is_switched_off_in_the_list(staff: Client) -> None:
    """Whatever brought it there did not look at what it says."""
    faults = {"text": "Hello {nmae}", "trigger": "keyword", "keywords": "", "every": 0}
    faulty = ScriptedReply.objects.create(name="faulty", **faults)
    assert save_list(staff, greeting="0", answer="0").status_code == 302
    faulty.refresh_from_db()
    assert (faulty.on, faulty.text) == (False, "Hello {nmae}")


def test_bad_priority_is_refused_in_the_list(staff: Client) -> None:
    page = save_list(staff, greeting="0", answer="9999999").text
    assert page.count("less than or equal to 1000000") == 1
    assert ScriptedReply.objects.get(name="answer").priority != 9999999


def test_field_that_is_emptied_is_told_nothing_of_what_it_held(staff: Client) -> None:
    ScriptedReply.objects.filter(name="answer").update(text="Hello {nmae}")
    page = save(staff, change_of("answer"), text="")
    assert "This field is required." in page
    assert "There is no variable" not in page


def test_reply_is_deleted_and_what_it_said_stays(staff: Client) -> None:
    conversation, greeting = async_to_sync(actions.start)(Person.visitor(uuid4()))
    staff.post(change_of("greeting").replace("change", "delete"), {"post": "yes"})
    assert not ScriptedReply.objects.filter(name="greeting").exists()
    assert list(conversation.messages.all()) == [greeting]


# --- try it ------------------------------------------------------------------------------------


def tried(client: Client, message: str, **more: str) -> str:
    """Return the page that says what `message` would be answered."""
    asked = {"message": message, "trigger": "message", "audience": "new", "name": "Bob", **more}
    answer = client.post(reverse("admin:try_reply"), asked)
    assert answer.status_code == 200
    return answer.text


def verdicts(page: str) -> dict[str, str]:
    """Return what the page says of each reply, in the order of the page."""
    rows = re.findall(r'change/">(.*?)</a></td>\s*<td>\d+</td>\s*<td>(.*?)</td>', page)
    return {name: re.sub("<.*?>", "", why) for name, why in rows}


def test_form_of_try_it_comes_empty(staff: Client) -> None:
    for query in ("", "?message=hi&trigger=message&audience=new"):
        page = staff.get(reverse("admin:try_reply") + query)
        assert page.status_code == 200
        assert "Why" not in page.text
        assert "errorlist" not in page.text


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


def test_try_it_takes_nothing_from_another_site(staff: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    page = strict.get(reverse("admin:try_reply")).text
    (token,) = re.findall(
        'class="try".*?name="csrfmiddlewaretoken" value="([^"]*)"', page, re.DOTALL
    )
    asked = {"message": "hi", "trigger": "message", "audience": "new"}
    answer = strict.post(reverse("admin:try_reply"), asked)
    assert answer.status_code == 403
    assert "Why" in tried(strict, "hi", csrfmiddlewaretoken=token)


def test_try_it_changes_nothing(staff: Client) -> None:
    tried(staff, "hi")
    private = Conversation.objects.filter(kind="private")
    assert (private.count(), Message.objects.count()) == (0, 0)


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
    talk = bob.conversations.create()
    assistant, now = Assistant.objects.get(), timezone.now()
    asked = talk.messages.create(person=bob, text=f"Is it open? {HOSTILE}", key="1")
    first = {"assistant": assistant, "reply_to": asked, "created": now}
    started = now + timedelta(seconds=1.25)
    talk.messages.create(text="It is.", status=COMPLETE, started=started, ended=started, **first)
    failure = {"error_code": "internal", "error_detail": "Something went wrong."}
    talk.messages.create(status=FAILED, ended=now, **failure, **first)
    return talk


CONVERSATIONS = "/admin/chat/conversation/"
PRIVATE = f"{CONVERSATIONS}?kind__exact=private"


def rows(page: str) -> list[list[str]]:
    """Return what the cells of a list say, without the tags."""
    table = page[page.index('<table id="result_list"') :].partition("</table>")[0]
    return [
        [html.unescape(re.sub("<.*?>", "", cell)) for cell in re.findall("<t[hd].*?</t[hd]>", row)]
        for row in table.split("<tr")[2:]
    ]


def transcript(staff: Client, talk: Conversation) -> str:
    answer = staff.get(f"{CONVERSATIONS}{talk.pk}/change/")
    assert answer.status_code == 200
    return answer.text


def test_conversations_are_listed_by_how_they_began(staff: Client, talk: Conversation) -> None:
    talk.messages.create(person=talk.owner, text="And then?", key="2")
    ((begins, who, _, _, size),) = rows(staff.get(PRIVATE).text)
    whole = f"Is it open? {HOSTILE}"
    assert (begins, who, size) == (whole, "Bob", "4")
    talk.messages.filter(key="1").update(text=f"So,\n  {'long ' * 5_000}")
    ((begins, *_),) = rows(staff.get(PRIVATE).text)
    assert re.fullmatch(r"So, (long )+l?o?n?g?…", begins)
    assert len(begins) == 100


def test_conversation_that_was_used_last_is_listed_first(staff: Client) -> None:
    now = timezone.now()
    for hours, name in ((2, "Bob"), (1, "Charlie"), (3, "Dora")):
        person, used = User.objects.guest(uuid4(), name), now - timedelta(hours=hours)
        person.conversations.create(used=used, created=now - timedelta(days=9 - hours))
    assert [row[1] for row in rows(staff.get(PRIVATE).text)] == ["Charlie", "Bob", "Dora"]


def test_list_of_conversations_leads_to_what_was_said(staff: Client, talk: Conversation) -> None:
    (link,) = re.findall(
        rf'href="({CONVERSATIONS}{talk.pk}/change/[^"]*)"', staff.get(CONVERSATIONS).text
    )
    page = staff.get(html.unescape(link)).text
    assert re.findall(r"<h[12]>(.*?)</h[12]>", page)[-1] == html.escape(f"Is it open? {HOSTILE}")
    assert "View on site" not in page, "as staff may not enter"


def test_conversation_where_nobody_wrote_is_read(staff: Client) -> None:
    talk = Conversation.objects.create(owner_id=uuid4())
    ((begins, who, *_),) = rows(staff.get(PRIVATE).text)
    assert (begins, who) == ("(nothing written yet)", "a visitor who has not written")
    assert "Nothing was said yet." in transcript(staff, talk)
    assert staff.get(f"{CONVERSATIONS}{talk.pk}/history/").status_code == 200
    talk.messages.create(assistant=Assistant.objects.get(), text="Hello.")
    assert rows(staff.get(PRIVATE).text)[0][0] == "(only the assistant has written)"


def test_conversations_are_found_by_what_was_said(staff: Client, talk: Conversation) -> None:
    talk.messages.create(person=talk.owner, text="Is it open now?", key="2")
    ((begins, *_, size),) = rows(staff.get(f"{CONVERSATIONS}?q=open").text)
    assert (begins[:12], size) == ("Is it open? ", "4"), "though two of them have the word"
    assert "0 conversations" in staff.get(f"{CONVERSATIONS}?q=closed").text


def test_transcript_tells_who_when_what_and_how_it_ended(staff: Client, talk: Conversation) -> None:
    noon = datetime(2026, 5, 4, 12, 0, 7, tzinfo=UTC)
    talk.messages.filter(key="1").update(created=noon, text=f"One\n\n  two {HOSTILE}")
    page = transcript(staff, talk)
    said = [re.sub("<.*?>", "", item) for item in re.findall("(?s)<li class=.said.*?</li>", page)]
    asked, first, second = (" ".join(html.unescape(item).split()) for item in said)
    assert asked == f"Bob 4 May 2026, 12:00:07 One two {HOSTILE}"
    assert first.startswith("Assistant ")
    assert first.endswith(" It is. first character after 1.25 s · complete")
    assert second.endswith(" failed: Something went wrong.")
    assert "first character" not in second, "as there was none"
    assert f">{html.escape(f'One{chr(10)}{chr(10)}  two {HOSTILE}')}</p>" in page, "line by line"
    assert "<script>alert" not in page


def test_transcript_shows_the_newest_and_leads_to_all(staff: Client, talk: Conversation) -> None:
    assert "?conversation__id__exact" not in transcript(staff, talk)
    talk.messages.all().delete()
    numbers = range(1, 204)
    Message.objects.bulk_create(
        Message(conversation=talk, person=talk.owner, text=f"#{n}", key=str(n)) for n in numbers
    )
    page = transcript(staff, talk)
    assert re.findall(">#([0-9]+)</p>", page) == [str(n) for n in numbers[-200:]]
    (link,) = re.findall(r'href="(/admin/chat/message/\?conversation[^"]*)"', page)
    assert "203 messages" in staff.get(html.unescape(link)).text


@pytest.mark.parametrize(
    ("may", "status"), [(["conversation"], 403), (["conversation", "message"], 200)]
)
def test_only_who_may_read_messages_reads_conversations(
    client: Client, talk: Conversation, may: list[str], status: int
) -> None:
    charlie = User.objects.create_user("charlie", is_staff=True)
    names = [f"view_{model}" for model in may]
    charlie.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(charlie)
    for path in ("", f"{talk.pk}/change/"):
        assert client.get(CONVERSATIONS + path).status_code == status


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
    page = staff.post("/admin/chat/apikey/add/", {"user": bob.pk, "name": "shop"})
    (key,) = re.findall(r"The key is <strong>(\S+)</strong>", page.text)
    assert "no-store" in page.headers["Cache-Control"]
    assert key not in str(page.cookies)
    assert ApiKey.holder(key) == bob
    made = ApiKey.objects.get()
    assert f">{key[:7]}<" in staff.get("/admin/chat/apikey/").text
    for path in ("", f"{made.pk}/change/", f"{made.pk}/history/"):
        again = staff.get(f"/admin/chat/apikey/{path}").text
        assert key not in again
        assert made.digest not in again


def test_person_is_added_and_logs_in(staff: Client) -> None:
    word = "correct horse battery staple"
    fields = {"username": "bob", "password1": word, "password2": word, "usable_password": "true"}
    assert staff.post("/admin/chat/user/add/", fields).status_code == 302
    assert Client().login(username="bob", password=word)


def test_people_are_listed_by_name(staff: Client, talk: Conversation) -> None:
    page = staff.get("/admin/chat/user/").text
    found = {row[1]: row[2] for row in rows(page)}
    assert found == {"alice": "alice", "Bob": f"guest-{talk.owner_id}"}
    assert re.search(rf'href="/admin/chat/user/{talk.owner_id}/change/[^"]*">Bob<', page)


@pytest.mark.parametrize("in_the_list", [True, False])
def test_person_is_deleted_with_all_they_wrote(
    client: Client, talk: Conversation, in_the_list: bool
) -> None:
    erin = User.objects.create_user("erin", is_staff=True)
    rights = ("view_user", "delete_user")
    erin.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(erin)
    mine = erin.conversations.create()
    mine.messages.create(person=erin, text="Hello?", key="1")
    mine.messages.create(person=talk.owner, text="Hello!", key="1")
    people, bob = "/admin/chat/user/", str(talk.owner_id)
    chosen = {"action": "delete_selected", "_selected_action": bob}
    one = f"{people}{bob}/delete/"
    asked = client.post(people, chosen) if in_the_list else client.get(one)
    for line in ("Users: 1", "Conversations: 1", "Messages: 4", "API keys: 0", ">Bob<"):
        assert line in asked.text
    sure = {"post": "yes"}
    done = client.post(people, chosen | sure) if in_the_list else client.post(one, sure)
    assert done.status_code == 302
    assert list(User.objects.all()) == [erin]
    assert list(Conversation.objects.filter(kind="private")) == [mine]
    assert [message.text for message in Message.objects.all()] == ["Hello?"]


def test_person_is_not_deleted_by_who_may_not(client: Client, talk: Conversation) -> None:
    charlie = User.objects.create_user("charlie", is_staff=True)
    charlie.user_permissions.set(Permission.objects.filter(codename="view_user"))
    client.force_login(charlie)
    path = f"/admin/chat/user/{talk.owner_id}/delete/"
    assert client.post(path, {"post": "yes"}).status_code == 403
    assert talk.messages.count() == 3


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
