"""Who gets in, as whom, and what those who do not get in are told: nothing about what exists."""

import json
import uuid
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from websockets.exceptions import InvalidStatus

from tests.client import Client, session
from tests.conftest import Visit
from tests.server import Server

PASSWORD = "correct horse battery staple"
NEW_PEOPLE = """
import json
from chat.models import ApiKey, User
people = {}
for name in ("alice", "bob", "gone", "revoked"):
    user = User.objects.create_user(f"{name}-at-the-door", password="PASSWORD")
    people[name] = {"id": str(user.pk), "key": ApiKey.issue(user)}
User.objects.filter(username="gone-at-the-door").update(is_active=False)
ApiKey.objects.filter(user__username="revoked-at-the-door").delete()
print(json.dumps(people))
""".replace("PASSWORD", PASSWORD)


class Account(NamedTuple):
    id: str
    key: str

    @property
    def bearer(self) -> str:
        return f"Bearer {self.key}"


@pytest.fixture(scope="module")
def people(server: Server) -> dict[str, Account]:
    """Accounts, by name."""
    printed = server.manage("shell", "-c", NEW_PEOPLE).splitlines()[-1]
    return {name: Account(**account) for name, account in json.loads(printed).items()}


@pytest.fixture(autouse=True)
def _no_traceback(server: Server) -> Iterator[None]:
    before = server.log.stat().st_size
    yield
    assert "Traceback" not in server.log.read_bytes()[before:].decode()


def logged_in(server: Server, username: str) -> str:
    """Log in as a browser would; return the session cookie."""
    cookies = CookieJar()
    browser = build_opener(HTTPCookieProcessor(cookies))
    browser.open(f"{server.url}/accounts/login/").close()
    token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
    form = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token}
    browser.open(f"{server.url}/accounts/login/", urlencode(form).encode()).close()
    return next(f"sessionid={cookie.value}" for cookie in cookies if cookie.name == "sessionid")


async def refused(client: Client) -> int:
    """Return what a connection is closed with that was accepted only to be told why not."""
    async with client:
        code = await client.closed()
        assert client.frames == [], "not a word"
        return code


# --- as whom


async def test_visitor_with_a_session_is_the_same_guest_again(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as once, visit(cookie=cookie) as again:
        assert once.ready["you"] == again.ready["you"]
        assert once.ready["you"]["guest"]


async def test_session_of_an_account(
    visit: Visit, server: Server, people: dict[str, Account]
) -> None:
    async with visit(cookie=logged_in(server, "alice-at-the-door")) as alice:
        assert alice.ready["you"] == {
            "id": people["alice"].id,
            "name": "alice-at-the-door",
            "guest": False,
        }


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_program_with_a_key(server: Server, people: dict[str, Account], scheme: str) -> None:
    async with Client(server.url, authorization=f"{scheme} {people['alice'].key}") as alice:
        assert alice.ready["you"] == {
            "id": people["alice"].id,
            "name": "alice-at-the-door",
            "guest": False,
        }
        await alice.end(await alice.post("hi"))


async def test_page_with_a_key(server: Server, people: dict[str, Account]) -> None:
    bearer = people["alice"].bearer
    async with Client(server.url, origin=server.url, authorization=bearer) as alice:
        assert alice.ready["you"]["name"] == "alice-at-the-door"


async def test_session_counts_before_the_key(
    visit: Visit, server: Server, people: dict[str, Account]
) -> None:
    cookie = logged_in(server, "bob-at-the-door")
    async with visit(cookie=cookie, authorization=people["alice"].bearer) as bob:
        assert bob.ready["you"]["name"] == "bob-at-the-door"


async def test_guest_without_a_cookie_lasts_as_long_as_the_connection(server: Server) -> None:
    async with Client(server.url, origin=server.url) as charlie:
        assert charlie.ready["you"]["guest"]
        await charlie.end(await charlie.post("hi"))
        path = f"/ws/chat/{charlie.conversation}/"
    assert await refused(Client(server.url, path, origin=server.url)) == 4404
    async with Client(server.url, origin=server.url) as another:
        assert another.ready["you"]["id"] != charlie.ready["you"]["id"]


@pytest.mark.parametrize(
    "cookie",
    [
        "sessionid=",
        "sessionid=nobody",
        "sessionid=" + "x" * 5000,
        "sessionid='; DROP TABLE chat_user; --",
        'sessionid="\\000\\012"',
        "sessionid=%00",
        "sessionid=ünïcödé",
        "sessionid",
        "=",
        ";;;",
        "a@b=1; c,d=2; (e)=3; [f]=4; {g}=5",
        "=sessionid=sessionid=",
    ],
)
async def test_garbage_for_a_cookie_makes_a_guest(server: Server, cookie: str) -> None:
    async with Client(server.url, origin=server.url, cookie=cookie) as charlie:
        assert charlie.ready["you"]["guest"]


@pytest.mark.parametrize("beside", ["a@b=1", "c,d=2", "(e)=3", "f", '"', "g=[1,2]", "h={};i"])
async def test_garbage_beside_the_session_does_not_hide_it(
    visit: Visit, server: Server, beside: str
) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice, visit(cookie=f"{beside}; {cookie}; {beside}") as same:
        assert same.ready["you"] == alice.ready["you"]


# --- who does not get in


async def test_program_without_a_key(server: Server) -> None:
    assert await refused(Client(server.url)) == 4401


async def test_program_with_only_a_cookie(server: Server) -> None:
    """Without an Origin nobody can tell whether a page of ours sent it."""
    assert await refused(Client(server.url, cookie=session(server.url))) == 4401


@pytest.mark.parametrize(
    "authorization",
    [
        *("Bearer nonsense", "Bearer", "Bearer ", "Bearer  ", "nonsense", "", "Bearer ünïcödé"),
        *("Basic YWxpY2U6cGFzc3dvcmQ=", "Bearer " + "x" * 5000, "Bearer sc_"),
    ],
)
async def test_program_with_a_wrong_key(server: Server, authorization: str) -> None:
    assert await refused(Client(server.url, authorization=authorization)) == 4401


@pytest.mark.parametrize("name", ["gone", "revoked"])
async def test_key_of_a_deactivated_account_and_revoked_key(
    server: Server, people: dict[str, Account], name: str
) -> None:
    bearer = people[name].bearer
    assert await refused(Client(server.url, authorization=bearer)) == 4401
    assert await refused(Client(server.url, origin=server.url, authorization=bearer)) == 4401


SWITCH_OFF = "from chat.models import User; User.objects.filter(pk='{}').update(is_active=False)"
DELETE = "from chat.models import User; User.objects.filter(pk='{}').delete()"


async def is_refused(client: Client, key: str) -> None:
    """Wait until a message is refused; or the connection is closed, as it is after a while."""
    error = await client.until(lambda frame: frame["type"] == "error", or_closed=True)
    if error is None:
        assert client.close_code == 4403
    else:
        assert (error["code"], error["key"]) == ("forbidden", key)


async def test_guest_who_was_switched_off(visit: Visit, server: Server) -> None:
    """Their open pages can post nothing more, and they do not come in again."""
    cookie = session(server.url)
    async with visit(cookie=cookie) as charlie:
        await charlie.post("hi")
        server.manage("shell", "-c", SWITCH_OFF.format(charlie.ready["you"]["id"]))
        await charlie.send("message.send", text="hi again", key="again")
        await is_refused(charlie, "again")
    assert await refused(visit(cookie=cookie)) == 4403
    assert await refused(visit(charlie.own_path, cookie=cookie)) == 4403
    with pytest.raises(HTTPError) as page:
        build_opener().open(Request(f"{server.url}/", headers={"Cookie": cookie}))
    with page.value:
        assert page.value.code == 403


@pytest.mark.parametrize(("name", "end"), [("off", SWITCH_OFF), ("deleted", DELETE)])
async def test_account_that_ends_while_connected(server: Server, name: str, end: str) -> None:
    key = server.account(name)
    async with Client(server.url, authorization=f"Bearer {key}") as dora:
        await dora.end(await dora.post("hi"))
        server.manage("shell", "-c", end.format(dora.ready["you"]["id"]))
        await dora.send("message.send", text="hi again", key="again")
        await is_refused(dora, "again")


async def handshake(client: Client) -> int:
    """Return the HTTP status with which the handshake is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        async with client:
            pass
    return refusal.value.response.status_code


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example"),
        *("http://evil.example#localhost", "http://localhost@evil.example", "http://[::2]"),
        *("null", "file://"),
    ],
)
async def test_page_of_a_foreign_origin(
    server: Server, people: dict[str, Account], origin: str
) -> None:
    """Neither a visitor's cookie nor a key helps it."""
    cookie, bearer = session(server.url), people["alice"].bearer
    assert await handshake(Client(server.url, origin=origin)) == 403
    assert await handshake(Client(server.url, origin=origin, cookie=cookie)) == 403
    assert await handshake(Client(server.url, origin=origin, authorization=bearer)) == 403


@pytest.mark.parametrize(
    "origin",
    ["localhost", "http://", "http://[", "http://[::1", "//", "http://localhost:port", "ünïcödé"],
)
async def test_origin_that_is_none(server: Server, origin: str) -> None:
    assert await handshake(Client(server.url, origin=origin, cookie=session(server.url))) == 400


async def test_page_of_an_allowed_host_under_any_port(server: Server) -> None:
    for origin in ("http://localhost", "https://localhost:8443", "http://[::1]:8000"):
        async with Client(server.url, origin=origin) as charlie:
            assert charlie.ready["you"]["guest"]


# --- into which conversation


async def test_strangers_cannot_tell_a_foreign_conversation_from_none(
    visit: Visit, server: Server, people: dict[str, Account]
) -> None:
    async with visit() as alice:
        await alice.end(await alice.post("my secret"))
        foreign, unknown = alice.conversation, uuid.uuid4()
        for charlie in (
            {"origin": server.url, "cookie": session(server.url)},
            {"origin": server.url},
            {"authorization": people["bob"].bearer},
        ):
            for id in (foreign, unknown):
                assert await refused(Client(server.url, f"/ws/chat/{id}/", **charlie)) == 4404


async def test_accounts_cannot_enter_each_others_conversations(
    server: Server, people: dict[str, Account]
) -> None:
    async with Client(server.url, authorization=people["alice"].bearer) as alice:
        await alice.end(await alice.post("my secret"))
        path = f"/ws/chat/{alice.conversation}/"
    bob = Client(server.url, path, authorization=people["bob"].bearer)
    assert await refused(bob) == 4404
    async with Client(server.url, path, authorization=people["alice"].bearer) as alice:
        assert alice.ready["messages"][1]["text"] == "my secret"


async def test_without_a_key_not_even_whether_a_conversation_exists(
    visit: Visit, server: Server
) -> None:
    async with visit() as alice:
        for id in (alice.conversation, uuid.uuid4()):
            assert await refused(Client(server.url, f"/ws/chat/{id}/")) == 4401


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/ws/", "/ws/chat", "/ws/chat//", "/ws/chat/nonsense/", "/ws/chat/../chat/"),
        *("/ws/chat/123e4567-e89b-12d3-a456/", "/ws/chat/%00/", "/ws/chat/%ff%fe/", "/ws/%F0%9F/"),
        *("/ws/chat/123e4567-e89b-12d3-a456-42661417400g/", "/ws/rooms/../chat/", "/" + "x" * 5000),
        "/ws/chat/123e4567-e89b-12d3-a456-426614174000",
    ],
)
async def test_path_that_leads_nowhere(visit: Visit, path: str) -> None:
    assert await refused(visit(path)) == 4404


@pytest.mark.parametrize(
    "header",
    [{"daphne-root-path": "/evil"}, {"daphne-root-path": "/%ff"}, {"sec-websocket-protocol": "é"}],
    ids=lambda header: str(header),
)
async def test_header_that_only_confuses(visit: Visit, header: dict[str, str]) -> None:
    async with visit(**header) as alice:
        assert alice.ready["you"]["guest"]


async def test_looking_makes_no_account(visit: Visit, server: Server) -> None:
    """A guest is only made an account when they first write."""
    count = "from chat.models import User; print(User.objects.count())"
    before = int(server.manage("shell", "-c", count).splitlines()[-1])
    async with visit() as charlie:
        await charlie.end(charlie.ready["messages"][0]["id"])
        await charlie.send("ping")
        await charlie.until(lambda frame: frame["type"] == "pong")
    async with visit() as alice:
        await alice.post("hi")
    assert int(server.manage("shell", "-c", count).splitlines()[-1]) == before + 1
