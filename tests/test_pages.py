"""The pages: who may see them, what is ready, and that a stranger learns nothing."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.test import Client

from chat.models import Conversation, User
from chat.people import VISITOR
from tests.client import fetch
from tests.server import ROOT, Server, free_port

PASSWORD = "correct horse battery staple"
PATIENCE = 20.0  # seconds


def visitor(client: Client) -> UUID:
    """Return the id that the visitor behind `client` has since they opened the page."""
    return UUID(client.session[VISITOR])


def opened(client: Client) -> Conversation:
    """Return a conversation of the visitor behind `client`."""
    client.get("/")
    return Conversation.objects.create(owner_id=visitor(client))


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password=PASSWORD)


# --- the chat ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_looking_makes_a_session_and_nothing_else(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "Chat Messages" in page.text
    assert 'data-socket-path="/ws/chat/"' in page.text
    private = Conversation.objects.filter(kind="private")
    assert (User.objects.count(), private.count()) == (0, 0)
    first = visitor(client)
    client.get("/")
    assert visitor(client) == first, "they are known again"


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["header", "messages", "composer", "input", "send", "connection"])
def test_page_has_the_stable_hooks(client: Client, role: str) -> None:
    assert client.get("/").text.count(f'data-role="{role}"') == 1


@pytest.mark.django_db
def test_page_may_not_be_cached(client: Client) -> None:
    for path in ("/", opened(client).get_absolute_url(), "/healthz", "/readyz"):
        assert "no-store" in client.get(path).headers["Cache-Control"]


@pytest.mark.django_db
def test_home_is_the_newest_conversation(client: Client) -> None:
    opened(client)
    newest = opened(client)
    opened(Client())  # a stranger's, newer still
    assert f'data-socket-path="/ws/chat/{newest.pk}/"' in client.get("/").text


@pytest.mark.django_db
def test_owner_sees_their_conversation(client: Client) -> None:
    conversation = opened(client)
    page = client.get(conversation.get_absolute_url())
    assert page.status_code == 200
    assert f'data-conversation="{conversation.pk}"' in page.text


@pytest.mark.django_db
def test_stranger_is_not_told_that_it_exists(client: Client, alice: User) -> None:
    of_alice = Conversation.objects.create(owner=alice)
    of_visitor = opened(Client())
    ids = (uuid4(), of_alice.pk, of_visitor.pk)
    pages = [client.get(f"/c/{id}/") for id in ids]
    assert [page.status_code for page in pages] == [404, 404, 404]
    assert len({page.text for page in pages}) == 1


@pytest.mark.django_db
def test_account_sees_its_conversation_when_logged_in(client: Client, alice: User) -> None:
    path = Conversation.objects.create(owner=alice).get_absolute_url()
    assert client.get(path).status_code == 404
    client.force_login(alice)
    assert client.get(path).status_code == 200
    client.force_login(User.objects.create_user("charlie"))
    assert client.get(path).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_pages_are_only_read(client: Client, method: str) -> None:
    for path in ("/", opened(client).get_absolute_url(), "/healthz", "/readyz"):
        assert getattr(client, method)(path).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/accounts/login/"])
def test_head_is_answered(client: Client, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


# --- accounts ----------------------------------------------------------------------------------


def log_in(client: Client, password: str = PASSWORD, following: str = "") -> tuple[int, str]:
    """Log in as alice; return the status, and where it leads."""
    data = {"username": "alice", "password": password, "next": following}
    answer = client.post("/accounts/login/", data)
    return answer.status_code, answer.headers.get("Location", "")


def test_login_and_logout(client: Client, alice: User) -> None:
    assert client.get("/accounts/login/").status_code == 200
    assert log_in(client) == (302, "/")
    assert ">alice<" in client.get("/").text
    assert client.get("/accounts/login/").headers["Location"] == "/", "they are in already"
    answer = client.post("/accounts/logout/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert ">alice<" not in client.get("/").text


def test_login_leads_back_to_the_page_one_came_from(client: Client, alice: User) -> None:
    path = Conversation.objects.create(owner=alice).get_absolute_url()
    assert log_in(client, following=path) == (302, path)


def test_login_leads_to_no_other_site(client: Client, alice: User) -> None:
    assert log_in(client, following="https://elsewhere.example.org/") == (302, "/")


def test_wrong_password_is_refused(client: Client, alice: User) -> None:
    assert log_in(client, "wrong")[0] == 200
    page = client.post("/accounts/login/", {"username": "alice", "password": "wrong"})
    assert 'role="alert"' in page.text
    assert ">alice<" not in client.get("/").text


def test_guest_cannot_log_in(client: Client, db: None) -> None:
    User.objects.guest(uuid4(), "Guest")
    name = User.objects.get().username
    for password in ("", "!", name):
        page = client.post("/accounts/login/", {"username": name, "password": password})
        assert page.status_code == 200


def test_logout_is_no_link(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert "Log out?" in client.get("/accounts/logout/").text
    assert ">alice<" in client.get("/").text


def test_login_needs_the_csrf_token(alice: User) -> None:
    assert log_in(Client(enforce_csrf_checks=True))[0] == 403


# --- requests that are refused -----------------------------------------------------------------


def test_foreign_host_is_one_line_in_the_log(server: Server) -> None:
    since = len(server.log.read_text())
    request = urllib.request.Request(f"{server.url}/", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE)
    with refused.value:
        assert refused.value.code == 400
    log = written(server, since)
    assert "evil.example" in log
    assert "Traceback" not in log


def test_nobody_can_move_the_links(server: Server) -> None:
    request = urllib.request.Request(f"{server.url}/", headers={"Daphne-Root-Path": "/evil"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as page:
        assert "/evil" not in page.read().decode()


# --- health ------------------------------------------------------------------------------------


@contextmanager
def unready(server: Server) -> Iterator[str]:
    """A server that listens, though not all it needs is there; its address."""
    daphne = [sys.executable, "-m", "daphne", "-p", str(server.port)]
    with subprocess.Popen(
        [*daphne, "chatproject.asgi:application"],
        cwd=ROOT,
        env=server.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            next(line for line in process.stderr if "Listening" in line)
            yield server.url
        finally:
            process.kill()


def test_healthy_server_is_ready(server: Server) -> None:
    status, text = fetch(f"{server.url}/readyz")
    assert (status, json.loads(text)) == (200, {"status": "ok", "failing": []})
    assert fetch(f"{server.url}/healthz")[0] == 200


@pytest.mark.parametrize(
    ("variable", "scheme", "part"),
    [("DATABASE_URL", "postgres", "database"), ("REDIS_URL", "redis", "channel_layer")],
)
def test_unready_server_lives_and_names_the_failing_part(
    tmp_path: Path, variable: str, scheme: str, part: str
) -> None:
    Server(tmp_path).manage("migrate")
    nobody_there = f"{scheme}://127.0.0.1:{free_port()}/0"
    with unready(Server(tmp_path, **{variable: nobody_there})) as url:
        assert fetch(f"{url}/healthz")[0] == 200
        status, text = fetch(f"{url}/readyz")
        assert (status, json.loads(text)) == (503, {"status": "unavailable", "failing": [part]})


def test_server_whose_database_was_not_migrated_is_not_ready(tmp_path: Path) -> None:
    with unready(Server(tmp_path)) as url:
        assert json.loads(fetch(f"{url}/readyz")[1])["failing"] == ["database"]
        assert fetch(f"{url}/")[0] == 503


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_by_address(client: Client, path: str) -> None:
    assert client.get(path, headers={"host": "10.1.2.3:8000"}).status_code == 200


# --- what the server serves itself -------------------------------------------------------------


def written(server: Server, since: int) -> str:
    """Return what the server has logged since its log had `since` characters."""
    return server.log.read_text()[since:]


def test_static_files_are_served(server: Server) -> None:
    since = len(server.log.read_text())
    pages = [fetch(server.url + path)[1] for path in ("/", "/admin/login/")]
    linked = [path for page in pages for path in re.findall(r'"(/static/[^"]+)"', page)]
    assert {"/static/chat/chat.css", "/static/chat/chat.js"} <= set(linked)
    assert "/static/chat/account.css" in linked, "also staff log in on a page of the chat"
    linked.append("/static/admin/css/base.css")
    assert {path: fetch(server.url + path)[0] for path in linked} == dict.fromkeys(linked, 200)
    log = written(server, since)
    assert not re.search("WARN|ERROR|Traceback", log), log


def test_no_file_beside_the_static_ones_is_served(server: Server) -> None:
    for path in ("/static/../manage.py", "/static/%2e%2e/manage.py", "/static/nowhere.css"):
        assert fetch(server.url + path)[0] == 404


@pytest.mark.parametrize(
    "path", ["/nowhere", "/c/1/", f"/c/{UUID(int=1)}/", "/static/", "/docs.php"]
)
def test_unknown_path_has_a_page_of_its_own(server: Server, path: str) -> None:
    since = len(server.log.read_text())
    status, text = fetch(server.url + path)
    assert status == 404
    assert "There is nothing here" in text
    assert 'href="/"' in text
    assert "urlconf" not in text.lower()
    assert "Traceback" not in written(server, since)
