"""From where somebody comes: what a limit counts by, and what the settings say of a proxy."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chat import people, proxies
from tests.client import PATIENCE, Client
from tests.server import Server, running

TOKEN = "a token for tests, used nowhere else"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that believes in a proxy, and lets an address do little."""
    few = {"NEW_GUESTS_PER_MINUTE": "3", "METRICS_TOKEN": TOKEN}
    with running(tmp_path_factory.mktemp("proxied"), SECURE_PROXY="1", **few) as it:
        yield it


def coming_from(server: Server, *addresses: str, path: str = "/ws/chat/") -> Client:
    """Somebody who has no cookie, as a proxy tells of them."""
    told = {"x-forwarded-proto": "https", "x-forwarded-for": ", ".join(addresses)}
    return Client(server.url, path, origin=server.url, **told)


async def said_by_somebody_new(server: Server, address: str) -> str | None:
    """Say something in the Lobby; return the code with which it was refused, if it was."""
    async with coming_from(server, address, path="/ws/rooms/lobby/") as guest:
        await guest.send("message.send", text="me again", key="again")
        answer = await guest.until(lambda frame: frame.get("key") == "again")
        return answer and answer.get("code")


async def test_who_throws_their_cookie_away_is_limited_all_the_same(proxied: Server) -> None:
    opened = 0
    for number in range(8):  # a minute may end among them
        async with coming_from(proxied, f"10.0.0.{number}", "203.0.113.9") as guest:
            if not guest.ready:
                assert await guest.closed() == 4429
                break
            opened += 1
    assert opened in range(3, 7)
    async with coming_from(proxied, "203.0.113.9", "203.0.113.10") as other:
        assert other.ready, "somebody else may"
        codes = [await said_by_somebody_new(proxied, "203.0.113.9") for _ in range(7)]
        assert "rate_limited" in codes, "in a room one may read, but not write"
        for _ in range(5):
            await other.end(await other.post("hi"))
    for _ in range(5):
        async with Client(proxied.url, origin=proxied.url) as guest:
            assert guest.ready, "from this very machine nobody is limited"


async def test_without_the_proxy_it_is_said_once(proxied: Server) -> None:
    async with httpx.AsyncClient(base_url=proxied.url, timeout=PATIENCE, trust_env=False) as http:
        told = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert told.status_code == 200, "Prometheus asks each process by itself"
        assert "SECURE_PROXY" not in proxied.log.read_text()
        for _ in range(2):
            assert (await http.get("/")).status_code == 301
    assert proxied.log.read_text().count("came without X-Forwarded-Proto and X-Forwarded-For") == 1


@pytest.mark.parametrize(
    ("proxy", "headers", "words"),
    [
        (False, {}, ""),
        (False, {"x-forwarded-proto": "http", "x-forwarded-for": "203.0.113.9"}, ""),
        (False, {"x-forwarded-proto": "https"}, "Set SECURE_PROXY=1"),
        (False, {"x-forwarded-for": "203.0.113.9"}, "Set SECURE_PROXY=1"),
        (True, {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}, ""),
        (True, {"x-forwarded-proto": "https"}, "without X-Forwarded-For: have the proxy set it"),
    ],
)
def test_proxy_and_settings_have_to_fit(
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    proxy: bool,
    headers: dict[str, str],
    words: str,
) -> None:
    settings.SECURE_PROXY = proxy
    watch = proxies.Watch()
    asked = [(name.encode(), value.encode()) for name, value in headers.items()]
    for path in ("/healthz", "/", "/"):
        watch.look({"path": path, "headers": asked})
    assert len(caplog.records) == bool(words)
    assert words in caplog.text


@pytest.mark.parametrize(
    ("proxy", "peer", "forwarded", "wanted"),
    [
        (False, "203.0.113.9", "", "203.0.113.9"),
        (False, "203.0.113.9", "198.51.100.7", "203.0.113.9"),
        (True, "127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (True, "127.0.0.1", "made-up, 198.51.100.7", "198.51.100.7"),
        (True, "203.0.113.9", "", "203.0.113.9"),
        (True, "127.0.0.1", "198.51.100.7:4711", "198.51.100.7:4711"),
        (False, "2001:db8::1:2:3", "", "2001:db8::/64"),
        (False, "::ffff:203.0.113.9", "", "203.0.113.9"),
        *((False, own, "", "") for own in ("", "127.0.0.1", "::1", "::ffff:127.0.0.1")),
    ],
)
def test_by_what_somebody_is_counted(
    settings: Any, proxy: bool, peer: str, forwarded: str, wanted: str
) -> None:
    settings.SECURE_PROXY = proxy
    assert people.address_of(peer, forwarded) == wanted
