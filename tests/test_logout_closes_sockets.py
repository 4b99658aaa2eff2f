"""Whoever logs out is cut off at once, wherever they do, and nobody else."""

import asyncio
import re
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.client import Client, session
from tests.conftest import Visit
from tests.doors import ask
from tests.server import Server

NOT_SIGNED_IN, NOT_FOUND = 4401, 4404
PASSWORD = "correct horse battery staple"
ANOTHER = "a wholly different phrase"


class Browser:
    """Somebody's browser, without its pages: it fills in forms, and keeps cookies."""

    def __init__(self, server: Server) -> None:
        self._url, self._cookies = server.url, CookieJar()
        self._open = build_opener(HTTPCookieProcessor(self._cookies)).open

    def open(self, path: str) -> str:
        with self._open(self._url + path) as page:
            return str(page.read().decode())

    def submit(self, path: str, to: str = "", **fields: str) -> None:
        """Open the page at `path`, fill in its form and send it, there or `to` another path."""
        found = re.search(r'csrfmiddlewaretoken" value="(\w+)"', self.open(path))
        assert found
        form = {**fields, "csrfmiddlewaretoken": found[1]}
        self._open(self._url + (to or path), urlencode(form).encode()).close()

    @property
    def cookie(self) -> str:
        return next(f"sessionid={it.value}" for it in self._cookies if it.name == "sessionid")


@pytest.fixture(scope="module")
def people(server: Server) -> dict[str, str]:
    """API keys, by name."""
    return {name: server.account(name) for name in ("leaving-alice", "leaving-bob")}


def login(server: Server, username: str = "leaving-alice", password: str = PASSWORD) -> Browser:
    browser = Browser(server)
    browser.submit("/accounts/login/", login=username, password=password)
    return browser


async def answers(client: Client) -> bool:
    await client.send("ping")
    return await client.until(lambda frame: frame["type"] == "pong") is not None


@pytest.mark.parametrize(
    ("page", "logout"), [("/accounts/logout/",) * 2, ("/admin/", "/admin/logout/")]
)
async def test_logout_closes_what_the_session_has_open(
    visit: Visit, server: Server, people: dict[str, str], page: str, logout: str
) -> None:
    alice = await asyncio.to_thread(login, server)
    elsewhere = await asyncio.to_thread(login, server)
    bob = await asyncio.to_thread(login, server, "leaving-bob")
    async with (
        visit(cookie=alice.cookie) as one,
        visit(cookie=alice.cookie) as other,
        visit(cookie=elsewhere.cookie) as third,
        visit(cookie=bob.cookie) as fourth,
        visit() as guest,
        Client(server.url, authorization=f"Bearer {people['leaving-alice']}") as program,
    ):
        cookie = alice.cookie
        await asyncio.to_thread(alice.submit, page, to=logout)
        assert await one.closed() == NOT_SIGNED_IN
        assert await other.closed() == NOT_SIGNED_IN
        for still in (third, fourth, guest, program):
            assert await answers(still)
        async with visit(path=one.own_path, cookie=cookie) as again:
            assert await again.closed() == NOT_FOUND, "who was here is nobody now"


async def test_login_closes_what_the_guest_had_open(
    visit: Visit, server: Server, people: dict[str, str]
) -> None:
    browser = Browser(server)
    await asyncio.to_thread(browser.open, "/")
    async with visit(cookie=browser.cookie) as guest:
        await guest.end(await guest.post("hi"))
        fields = {"login": "leaving-alice", "password": PASSWORD}
        await asyncio.to_thread(browser.submit, "/accounts/login/", **fields)
        assert await guest.closed() == NOT_SIGNED_IN
    async with visit(guest.own_path, cookie=browser.cookie) as alice:
        assert alice.ready["you"]["name"] == "leaving-alice"
        said = [message["text"] for message in alice.ready["messages"]]
        assert said == [guest.texts[id] for id in guest.texts]
        assert alice.ready["messages"][1]["author"]["name"] == "leaving-alice"


async def test_new_password_closes_what_other_sessions_have_open(
    visit: Visit, server: Server
) -> None:
    key = server.account("changing")
    here = await asyncio.to_thread(login, server, "changing")
    there = await asyncio.to_thread(login, server, "changing")
    form = {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER}
    async with (
        visit(cookie=here.cookie) as own,
        visit(cookie=there.cookie) as other,
        Client(server.url, authorization=f"Bearer {key}") as program,
    ):
        former = here.cookie
        await asyncio.to_thread(here.submit, "/accounts/password/change/", **form)
        assert await other.closed() == NOT_SIGNED_IN
        assert await answers(own), "it has another key, and is the same session"
        assert await answers(program)
        assert here.cookie != former
        await asyncio.to_thread(here.submit, "/accounts/logout/")
        assert await own.closed() == NOT_SIGNED_IN


async def test_everybody_hears_of_a_new_name(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as one, visit(cookie=cookie) as other, visit() as bob:
        asked = await asyncio.to_thread(ask, server.url, cookie, "/name/", {"name": "Zoë Live"})
        assert asked == (200, {"name": "Zoë Live"})
        for page in (one, other):
            told = await page.until(lambda frame: frame["type"] == "you")
            assert told
            assert told["you"] == {**page.ready["you"], "name": "Zoë Live"}
        await one.end(await one.post("hi"))
        mine = next(it for it in one.messages.values() if it["author"]["kind"] == "person")
        assert mine["author"]["name"] == "Zoë Live"
        assert await answers(bob)
        assert not [frame for frame in bob.frames if frame["type"] == "you"]
    async with visit(one.own_path, cookie=cookie) as again:
        assert again.ready["you"]["name"] == "Zoë Live"
