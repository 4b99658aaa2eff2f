"""Staff say who replies, in the admin, and test whether a model answers."""

import html
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from chat.models import Assistant, Conversation, User, Version
from tests.client import PATIENCE, fetch
from tests.providers import (
    Answer,
    Events,
    FakeProvider,
    Held,
    Said,
    Silent,
    Status,
    provider_fixture,  # noqa: F401 - a fixture
)
from tests.providers import provider as fake_provider
from tests.server import Server, free_port, running
from tests.test_adapters import own_certificate

ASSISTANTS = "/admin/chat/assistant/"
KEY = "sk-proj-0123456789abcdefXYZ"
PASSWORD = "correct horse battery staple"
DORA = {
    "DJANGO_SUPERUSER_USERNAME": "dora",
    "DJANGO_SUPERUSER_EMAIL": "dora@example.org",
    "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
}

FIELDS = {
    "name": "Llama",
    "slug": "llama",
    "kind": "ollama",
    "on": "on",
    "audience": "everyone",
    "fallback": "",
    "base_url": "",
    "model": "llama3.2",
    "key_variable": "",
    "system": "Be brief.",
    "temperature": "0.5",
    "top_p": "",
    "max_tokens": "",
    "stop": "END\r\nSTOP",
    "prefill": "unknown",
    "context_budget": "4000",
    "connect_timeout": "5",
    "first_timeout": "60",
    "silence_timeout": "30",
    "paced": "on",
}


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("alice"))
    return client


@pytest.fixture
def first(db: None) -> Assistant:
    """The default, who is there from the start."""
    return Assistant.objects.get(default=True)


def change_of(assistant: Assistant, page: str = "change") -> str:
    return reverse(f"admin:chat_assistant_{page}", args=[assistant.pk])


def test_of(assistant: Assistant) -> str:
    return reverse("admin:test_assistant", args=[assistant.pk])


test_of.__test__ = False  # type: ignore[attr-defined]  # for pytest it looks like one


def filled(assistant: Assistant, **fields: str) -> dict[str, str]:
    """Return the form of an assistant that is there from the start, with these changes."""
    own = {"name": assistant.name, "slug": assistant.slug, "kind": assistant.kind}
    return {**FIELDS, **own, "default": "on", **fields}


def save(staff: Client, path: str, fields: dict[str, str], *without: str) -> str:
    """Send the form, without some of its boxes; return what it says then, with its messages."""
    sent = {name: value for name, value in fields.items() if name not in without}
    answer = staff.post(path, sent, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def faults_at(page: str, field: str) -> list[str]:
    row = re.search(rf'<div class="form-row errors field-{field}".*?</ul>', page, re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", row[0]) if row else []


def add(**fields: Any) -> Assistant:
    known = {"slug": "llama", "name": "Llama", "kind": "ollama", "model": "llama3.2"}
    return Assistant.objects.create(**{**known, **fields})


# --- who there is ------------------------------------------------------------------------------


def test_assistant_is_added(staff: Client) -> None:
    assert "was added successfully" in save(staff, f"{ASSISTANTS}add/", FIELDS)
    made = Assistant.objects.get(slug="llama")
    assert (made.kind, made.model, made.system) == ("ollama", "llama3.2", "Be brief.")
    assert (made.temperature, made.top_p, made.prefill) == (0.5, None, None)
    assert made.stop_words == ("END", "STOP")
    assert (made.on, made.default, made.paced) == (True, False, True)


def test_assistants_are_listed_and_found(staff: Client, first: Assistant) -> None:
    add(fallback=first, audience=Assistant.Audience.STAFF)
    page = staff.get(ASSISTANTS).text
    for shown in ("Llama", "Ollama", "llama3.2", "staff", "Scripted replies"):
        assert shown in page
    for query in ("q=llama3", "kind__exact=ollama", "audience__exact=staff"):
        page = staff.get(f"{ASSISTANTS}?{query}").text
        assert "Llama</a>" in page
        assert "Assistant</a></th>" not in page


def test_list_asks_as_often_for_many(
    staff: Client, first: Assistant, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        add(slug=f"a{number}", fallback=first)
    with django_assert_num_queries(5):
        staff.get(ASSISTANTS)


BAD = [
    ("name", " ", "required"),
    ("slug", "no slug", "valid “slug”"),
    ("slug", "assistant", "already exists"),
    ("kind", "parrot", "not one of the available choices"),
    ("model", "", "Name the model"),
    ("model", " ", "Name the model"),
    ("model", "a\x07b", "must not contain U+0007"),
    ("base_url", "localhost:11434", "must begin with http:// or https://"),
    ("base_url", "http://", "names no host"),
    ("base_url", "http://localhost:port", "is its port right?"),
    ("base_url", "http://me:word@localhost", "no name or password"),
    ("base_url", "http://localhost/?key=1", "no “?” or “#”"),
    ("base_url", "http://169.254.169.254/latest", "may not be asked"),
    ("base_url", "http://[fe80::1]/", "may not be asked"),
    ("base_url", "http://2852039166/", "may not be asked"),
    ("base_url", "http://x" + "x" * 500, "at most 500 characters"),
    ("key_variable", KEY, "never the key"),
    ("key_variable", "gsk_" + "a" * 30, "never the key"),
    ("key_variable", "0123456789abcdef0123456789abcdef", "never the key"),
    ("key_variable", "f0123456789abcdef0123456789abcde", "never the key"),
    ("key_variable", "MY KEY", "never the key"),
    ("key_variable", "SECRET_KEY", "another secret"),
    ("key_variable", "DATABASE_URL", "another secret"),
    ("key_variable", "PGPASSWORD", "another secret"),
    ("key_variable", "METRICS_TOKEN", "another secret"),
    ("system", "a\x1bb", "must not contain U+001B"),
    ("system", "x" * 100_001, "at most 100000 characters"),
    ("temperature", "-0.1", "greater than or equal to 0"),
    ("temperature", "2.1", "less than or equal to 2"),
    ("temperature", "nan", "Enter a number"),
    ("temperature", "inf", "Enter a number"),
    ("top_p", "1.1", "less than or equal to 1"),
    ("max_tokens", "0", "greater than or equal to 1"),
    ("stop", "a\nb\nc\nd\ne", "at most 4, of at most 100"),
    ("stop", "x" * 101, "at most 4, of at most 100"),
    ("stop", "a\x00", "Null characters"),
    ("stop", "x" * 1001, "at most 1000 characters"),
    ("context_budget", "99", "greater than or equal to 100"),
    ("connect_timeout", "0", "greater than or equal to 0.1"),
    ("first_timeout", "3601", "less than or equal to 3600"),
    ("silence_timeout", "long", "Enter a number"),
    ("audience", "nobody", "not one of the available choices"),
    ("fallback", "999", "not one of the available choices"),
]


@pytest.mark.parametrize(("field", "value", "told"), BAD, ids=[f"{f}={v:.20}" for f, v, _ in BAD])
def test_bad_value_is_refused_at_its_field(
    staff: Client, field: str, value: str, told: str
) -> None:
    page = save(staff, f"{ASSISTANTS}add/", {**FIELDS, field: value})
    faults = faults_at(page, field)
    assert len(faults) == 1, "it is told at the field, and once"
    assert told in faults[0]
    assert not Assistant.objects.filter(slug="llama").exists()


@pytest.mark.parametrize("given", [KEY, "gsk_" + "a" * 30, "AIza" + "b" * 35, "x" * 101])
def test_key_that_was_given_for_its_variable_is_shown_nowhere(staff: Client, given: str) -> None:
    page = save(staff, f"{ASSISTANTS}add/", {**FIELDS, "key_variable": given})
    assert faults_at(page, "key_variable")
    assert given not in page
    assert "llama3.2" in page, "what else was typed is there still"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "key", "_K2", "HF_HUB_TOKEN_OF_THE_SHOP_2"])
def test_name_of_a_variable_is_taken(staff: Client, name: str) -> None:
    save(staff, f"{ASSISTANTS}add/", {**FIELDS, "key_variable": name})
    assert Assistant.objects.get(slug="llama").key_variable == name


@pytest.mark.parametrize(
    "url", ["", "http://localhost:11434", "https://models.example/v1", "http://10.0.0.7"]
)
def test_address_is_taken(staff: Client, url: str) -> None:
    save(staff, f"{ASSISTANTS}add/", {**FIELDS, "base_url": url})
    assert Assistant.objects.get(slug="llama").base_url == url


def test_scripted_assistant_needs_nothing_of_a_model(staff: Client) -> None:
    scripted = {**FIELDS, "kind": "scripted", "model": "", "base_url": "nonsense"}
    assert "was added successfully" in save(staff, f"{ASSISTANTS}add/", scripted)
    assert not Assistant.objects.get(slug="llama").is_model


@pytest.mark.parametrize("key", ["", "HOME"])
def test_key_that_is_there_or_not_needed_is_not_mentioned(staff: Client, key: str) -> None:
    page = save(staff, f"{ASSISTANTS}add/", {**FIELDS, "key_variable": key})
    assert "environment yet" not in page


def test_key_that_is_missing_is_mentioned_and_no_fault(staff: Client) -> None:
    page = save(staff, f"{ASSISTANTS}add/", {**FIELDS, "key_variable": "NOWHERE_KEY"})
    assert "There is no variable NOWHERE_KEY in this server's environment yet." in page
    assert Assistant.objects.filter(slug="llama").exists()


# --- the default, and who stands in ------------------------------------------------------------


def test_new_default_takes_it_from_the_former(staff: Client, first: Assistant) -> None:
    save(staff, f"{ASSISTANTS}add/", {**FIELDS, "default": "on"})
    assert Assistant.objects.get(default=True).slug == "llama"
    save(staff, change_of(first), filled(first))
    assert Assistant.objects.get(default=True) == first


DEFAULTS = [
    ({}, ["default"], "default", "There must be a default"),
    ({}, ["on"], "on", "The default must be on"),
    ({"audience": "staff"}, [], "audience", "The default is for everyone"),
    ({"audience": "accounts"}, [], "audience", "The default is for everyone"),
]


@pytest.mark.parametrize(("fields", "without", "at", "told"), DEFAULTS)
def test_there_is_always_a_default_that_may_be_used(
    staff: Client, first: Assistant, fields: dict[str, str], without: list[str], at: str, told: str
) -> None:
    page = save(staff, change_of(first), filled(first, **fields), *without)
    (fault,) = faults_at(page, at)
    assert told in fault
    assert "Make another one the default" in fault
    assert Assistant.objects.filter(default=True, on=True, audience="everyone").get() == first


def test_new_default_must_be_of_use(staff: Client, first: Assistant) -> None:
    page = save(staff, f"{ASSISTANTS}add/", {**FIELDS, "default": "on"}, "on")
    assert faults_at(page, "on")
    assert Assistant.objects.get() == first


def test_fallback_is_somebody_else(staff: Client) -> None:
    made = add()
    page = save(staff, change_of(made), {**FIELDS, "fallback": str(made.pk)})
    assert faults_at(page, "fallback") == ["This leads back to where it began: Llama → Llama."]


def test_fallbacks_lead_not_back_however_far(staff: Client, first: Assistant) -> None:
    two = add(slug="two", name="Two", fallback=first)
    three = add(slug="three", name="Three", fallback=two)
    page = save(staff, change_of(first), filled(first, fallback=str(three.pk)))
    (fault,) = faults_at(page, "fallback")
    assert "Assistant → Three → Two → Assistant" in fault
    save(staff, f"{ASSISTANTS}add/", {**FIELDS, "fallback": str(three.pk)})
    assert Assistant.objects.get(slug="llama").fallback == three


def test_circle_elsewhere_is_nobodys_else_fault(staff: Client) -> None:
    """Whatever brought it there did not look."""
    two = add(slug="two", name="Two")
    three = add(slug="three", name="Three", fallback=two)
    Assistant.objects.filter(pk=two.pk).update(fallback=three)
    save(staff, f"{ASSISTANTS}add/", {**FIELDS, "fallback": str(two.pk)})
    assert Assistant.objects.get(slug="llama").fallback == two


# --- to be rid of one --------------------------------------------------------------------------


def test_assistant_without_history_is_deleted(staff: Client) -> None:
    made = add()
    assert "Are you sure" in staff.get(change_of(made, "delete")).text
    staff.post(change_of(made, "delete"), {"post": "yes"})
    assert not Assistant.objects.filter(pk=made.pk).exists()


def test_assistant_with_history_is_switched_off_instead(staff: Client) -> None:
    made = add()
    talk = Conversation.objects.create(owner=User.objects.create_user("bob"))
    message = talk.messages.create(assistant=made, text="What I said is secret.")
    Version.objects.create(message=message, number=1, assistant=made)
    for page in (
        staff.get(change_of(made, "delete")),
        staff.post(change_of(made, "delete"), {"post": "yes"}),
    ):
        assert "It wrote 2 of the messages that are kept." in page.text
        assert "switch it off" in page.text
        assert "secret" not in page.text, "they are counted, not listed"
    assert Assistant.objects.filter(pk=made.pk).exists()


def test_default_is_not_deleted(staff: Client, first: Assistant) -> None:
    page = staff.post(change_of(first, "delete"), {"post": "yes"}).text
    assert "It is the default." in page
    assert "Make another assistant the default first." in page
    assert Assistant.objects.get() == first


def test_they_are_not_deleted_in_a_heap(staff: Client, first: Assistant) -> None:
    sent = {"action": "delete_selected", "_selected_action": str(first.pk), "post": "yes"}
    staff.post(ASSISTANTS, sent)
    assert Assistant.objects.get() == first


# --- test connection: the page -----------------------------------------------------------------


def test_change_page_offers_the_test(staff: Client) -> None:
    made = add()
    page = staff.get(change_of(made)).text
    assert f'<form method="post" action="{test_of(made)}"' in page
    page = staff.get(test_of(made)).text
    assert "What is saved of this assistant" in page
    assert "data-outcome" not in page, "to look at it tests nothing"


def test_scripted_assistant_has_nothing_to_test(staff: Client, first: Assistant) -> None:
    for page in (staff.get(test_of(first)), staff.post(test_of(first))):
        assert "There is nothing to test" in page.text
        assert reverse("admin:try_reply") in page.text


def test_assistant_that_is_not_there_is_not_tested(staff: Client) -> None:
    for id in ("999", "one", "999999999999999999999"):
        assert staff.post(f"{ASSISTANTS}{id}/test/").status_code == 404


@pytest.mark.parametrize(
    ("permission", "status"),
    [("view_assistant", 200), ("change_assistant", 200), ("view_scriptedreply", 403)],
)
def test_test_is_for_who_may_see_assistants(
    db: None, first: Assistant, permission: str, status: int
) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename=permission))
    client = Client()
    client.force_login(bob)
    assert client.post(test_of(first)).status_code == status


def test_test_is_for_staff(first: Assistant) -> None:
    client = Client()
    for _ in range(2):
        assert client.post(test_of(first)).status_code == 302, "to the login"
        client.force_login(User.objects.get_or_create(username="charlie")[0])


def test_test_needs_the_token_of_the_form(first: Assistant) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("alice"))
    assert client.post(test_of(first)).status_code == 403


# --- test connection: what it finds, from the real server --------------------------------------


class Desk:
    """The admin of a real server, where somebody has logged in."""

    def __init__(self, server: Server, client: httpx.Client) -> None:
        self.server, self._client = server, client
        server.manage("createsuperuser", "--noinput", **DORA)
        client.get("/admin/login/")
        self.post("/admin/login/?next=/admin/", username="dora", password=PASSWORD)

    def post(self, path: str, **fields: str) -> str:
        token = self._client.cookies["csrftoken"]
        sent = {**fields, "csrfmiddlewaretoken": token}
        answer = self._client.post(path, data=sent)
        assert answer.status_code == 200
        self.assert_no_key(answer.text)
        return html.unescape(answer.text)

    def tested(self, slug: str, **fields: str) -> str:
        """Return the page with the result of testing an assistant that has these fields."""
        saved = self.post(
            f"{ASSISTANTS}add/", **{**FIELDS, "slug": slug, **fields, "_continue": "1"}
        )
        found = re.search(rf'action="({ASSISTANTS}\d+/test/)"', saved)
        assert found, saved
        return self.post(found[1])

    def assert_no_key(self, page: str) -> None:
        assert KEY not in page
        assert KEY not in self.server.log.read_text()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A server that has a provider's key in its environment."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("desk")
        server = stack.enter_context(running(folder, MODELS_KEY=KEY, LOG_LEVEL="DEBUG"))
        client = httpx.Client(
            base_url=server.url, follow_redirects=True, trust_env=False, timeout=PATIENCE
        )
        yield Desk(server, stack.enter_context(client))


LIST = {"data": [{"id": "llama3.2", "object": "model"}], "models": [{"model": "llama3.2"}]}


def outcome(page: str) -> str:
    """Return the result that the page shows, without its tags."""
    section = re.search(r'<section class="test .*?</section>', page, re.DOTALL)
    assert section, page
    return " ".join(re.sub("<[^>]*>", " ", section[0]).split())


def listed_in(page: str) -> list[str]:
    """Return the models that the page lists."""
    items = re.findall(r"<li[^>]*>(.*?)</li>", page.partition('data-role="models"')[2])
    return [re.sub("<[^>]*>", "", item) for item in items]


@pytest.mark.parametrize("kind", ["openai", "ollama", "anthropic"])
def test_model_answers(desk: Desk, provider: FakeProvider, kind: str) -> None:
    provider.models = ["zebra", "llama3.2", "alpaca"]
    provider.says("Hello & good <b>day</b>!")
    page = desk.tested(
        f"good-{kind}", kind=kind, base_url=provider.base_url(kind), key_variable="MODELS_KEY"
    )
    assert "It answers. Hello & good day ! The first character came after" in outcome(page)
    assert listed_in(page) == ["llama3.2 this assistant's", "alpaca", "zebra"]
    assert "is not among them" not in page
    assert "MODELS_KEY is set" in page
    asked = provider.requests[-1]
    assert KEY in str(asked.headers), "with the key"
    assert "Be brief." in str(asked.body), "and as it is saved"


def test_server_connects_once_for_many_tests(desk: Desk, provider: FakeProvider) -> None:
    """The provider is that of the server's own loop, which keeps its connections."""
    for number in range(3):
        desk.tested(f"again-{number}", base_url=provider.url)
    assert provider.connections == 1


def test_model_that_is_not_listed_is_told(desk: Desk, provider: FakeProvider) -> None:
    page = desk.tested("other-name", base_url=provider.url)
    assert "llama3.2 is not among them." in page
    assert "It answered all the same" in page


def test_ollamas_own_ending_of_a_name_is_known(desk: Desk, provider: FakeProvider) -> None:
    provider.models = ["llama3.2:latest"]
    page = desk.tested("latest", base_url=provider.url)
    assert "is not among them" not in page
    assert "this assistant's" in page


def test_long_lists_and_answers_are_cut(desk: Desk, provider: FakeProvider) -> None:
    provider.models = [f"model-{number}" for number in range(400)]
    provider.says("long " * 10_000)
    page = desk.tested("long", base_url=provider.url)
    assert len(listed_in(page)) == 50
    assert "and 350 more" in page
    assert len(outcome(page)) < 500


def test_key_that_a_provider_says_is_not_shown(desk: Desk, provider: FakeProvider) -> None:
    provider.models = [f"model {KEY}"]
    provider.says(f"Your key is {KEY}.")
    page = desk.tested("echo", base_url=provider.url, key_variable="MODELS_KEY")
    assert "Your key is …." in outcome(page)


def test_model_that_only_thinks_so_far_answers_too(desk: Desk, provider: FakeProvider) -> None:
    provider.next(Status(200, LIST))
    provider.next(Said("", thoughts=["Hm.", "Well."]))
    assert "It answers. It thought" in outcome(desk.tested("thinker", base_url=provider.url))


def test_provider_without_a_list_may_answer(desk: Desk, provider: FakeProvider) -> None:
    provider.next(Status(404, "nothing here"))
    page = desk.tested("no-list", kind="openai", base_url=provider.base_url("openai"))
    assert outcome(page).startswith("It answers. Hello.")
    assert "It does not tell which models there are." in page


Ask = Callable[[Desk, FakeProvider], str]


def failing(slug: str, *answers: Answer, **fields: str) -> Ask:
    """Return what tests an assistant whose provider gives these answers."""

    def ask(desk: Desk, provider: FakeProvider) -> str:
        for answer in answers:
            provider.next(answer)
        kind = fields.get("kind", "openai")
        url = fields.get("base_url", provider.base_url(kind)).replace(
            "{rest}", provider.url.removeprefix("http")
        )
        key = {"key_variable": "MODELS_KEY"}
        return desk.tested(slug, **{"kind": kind, **key, **fields, "base_url": url})

    return ask


def refused(status: int, said: str) -> Status:
    return Status(status, {"error": {"message": said}})


listed = Status(200, LIST)
wrong_key = refused(401, f"Incorrect API key provided: {KEY}.")
keyless = refused(401, "You gave no API key.")
page_of_html = Status(200, "<html>Welcome!</html>", {"Content-Type": "text/html"})

FAILURES = {
    "wrong key": (
        failing("wrong-key", wrong_key, wrong_key),
        ["Incorrect API key provided: ….", "Look whether the key in that variable"],
    ),
    "no key": (
        failing("no-key-sent", keyless, keyless, key_variable=""),
        ["You gave no API key.", "No key is sent. Name the environment variable"],
    ),
    "key not set": (
        failing("not-set", key_variable="NOWHERE_KEY"),
        ["There is no variable NOWHERE_KEY in the server's environment.", "Set that variable"],
    ),
    "unknown model": (
        failing("unknown-model", listed, refused(404, "The model does not exist.")),
        ["The model does not exist.", "Take one of the models that the provider lists."],
    ),
    "nothing listens": (
        failing("nobody", base_url=f"http://127.0.0.1:{free_port()}/v1"),
        ["Nothing listens at http://127.0.0.1:", "whether the base URL is right"],
    ),
    "no host": (
        failing("no-host", base_url="http://models.invalid/v1"),
        ["There is no host models.invalid.", "whether the base URL is right"],
    ),
    "web page": (
        failing("web-page", page_of_html, page_of_html),
        ["answered with a web page: Welcome!", "often ends in /v1"],
    ),
    "no protocol": (
        failing("no-protocol", listed, Events(b"What do you want?")),
        ["gave an answer that makes no sense", "whether kind and base URL are right"],
    ),
    "too slow": (
        failing("slow", Silent(), first_timeout="0.2"),
        ["Nothing came in 0.2 seconds.", "It may still be loading the model"],
    ),
    "too slow to say": (
        failing("slow-to-say", listed, Silent(), first_timeout="0.5"),
        ["Nothing came in 0.5 seconds.", "It may still be loading the model"],
    ),
    "rate limit": (
        failing("limited", listed, refused(429, "Too many requests.")),
        ["is being asked too much", "Too many requests.", "Wait a little"],
    ),
    "overloaded": (
        failing("overloaded", listed, refused(503, "Come back later.")),
        ["Come back later.", "Try again in a while."],
    ),
    "refused": (
        failing("refused", listed, refused(400, "temperature: too hot"), refused(400, "too hot")),
        ["too hot", "Look at the settings under “How it answers”"],
    ),
    "empty": (
        failing("empty", listed, Said("")),
        ["The assistant gave no answer.", "Try again; if it stays so"],
    ),
}


@pytest.mark.parametrize("way", FAILURES)
def test_what_is_wrong_is_told_with_what_to_do(
    desk: Desk, provider: FakeProvider, way: str
) -> None:
    ask, told = FAILURES[way]
    said = outcome(ask(desk, provider))
    assert said.startswith("It does not answer. ")
    assert "What to do:" in said
    for part in told:
        assert part in said


def test_certificate_of_somebody_else_is_told(desk: Desk, tmp_path: Path) -> None:
    with fake_provider(tls=own_certificate(tmp_path)) as it:
        said = outcome(desk.tested("certificate", base_url=it.url))
    assert "cannot be reached safely" in said
    assert "Give the host name that the certificate is for" in said


def test_address_that_turns_out_forbidden_is_told(desk: Desk) -> None:
    """A name says nothing of its address; here it came by a way round the form."""
    saved = desk.post(f"{ASSISTANTS}add/", **{**FIELDS, "slug": "metadata", "_continue": "1"})
    found = re.search(rf'action="({ASSISTANTS}(\d+)/test/)"', saved)
    assert found
    address = "update chat_assistant set base_url='http://169.254.169.254' where slug='metadata'"
    with closing(sqlite3.connect(desk.server.database)) as database, database:
        database.execute(address)
    said = outcome(desk.post(found[1]))
    assert "169.254.169.254, which may not be asked." in said
    assert "let the setting PROVIDER_ADDRESSES allow it" in said


def test_server_answers_others_while_a_test_waits(desk: Desk, provider: FakeProvider) -> None:
    provider.next(listed)
    held = provider.next(Held())
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(desk.tested, "held", base_url=provider.url)
        provider.wait_for_request(2)
        for path in ("/readyz", "/", "/admin/login/"):
            assert fetch(f"{desk.server.url}{path}")[0] == 200
        held.give("At last.")
        held.end()
        assert "It answers. At last." in outcome(page.result())
