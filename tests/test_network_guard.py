"""No provider has a link-local address or a cloud's own, however it is spelled or looked up."""

import asyncio
import socket
from ipaddress import ip_network
from typing import Any

import pytest

from chat.assistants.base import Endpoint, Network, Provider, ProviderError, Request, Told, Turn
from chat.assistants.kinds import KINDS, connect
from chat.assistants.network import LONGEST_URL, check_url, is_forbidden, resolve
from tests.providers import FakeProvider, provider_fixture  # noqa: F401 - a fixture

SECRETS = "169.254.169.254"

SPELLINGS = [
    "169.254.169.254",
    "169.254.0.1",
    "2852039166",
    "0xA9FEA9FE",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[febf::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "100.100.100.200",
    "168.63.129.16",
]
FINE = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "[::1]", "[fd00::1]", "8.8.8.8", "localhost"]


@pytest.mark.parametrize("host", SPELLINGS)
def test_forms_refuse_it(host: str) -> None:
    with pytest.raises(ValueError, match="may not be asked"):
        check_url(f"http://{host}:8080/v1")


@pytest.mark.parametrize("host", [*FINE, "models.example.org", "modèles.example.org", "1.example"])
def test_forms_take_others(host: str) -> None:
    check_url(f"https://{host}/v1/")
    check_url(f"http://{host}:8080")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "http"),
        ("models.example.org/v1", "http"),
        ("ftp://models.example.org", "http"),
        ("file:///etc/passwd", "http"),
        ("http://", "host"),
        ("http:///v1", "host"),
        ("http://:80/", "host"),
        ("http://sk-key@models.example.org", "password"),
        ("http://name:sk-key@models.example.org", "password"),
        ("http://@models.example.org", "password"),
        ("http://models.example.org/?key=sk", "“\\?”"),
        ("http://models.example.org/#key", "“#”"),
        ("http://models.example.org/?", "“\\?”"),
        ("http://models.example.org:port/", "port"),
        ("http://models.example.org:99999/", "port"),
        ("http://[::1/", "read"),
        ("http://models.example.org/a b", "blanks"),
        (" http://models.example.org", "blanks"),
        ("http://models.example.org\n", "blanks"),
        ("http://models.\0example.org", "blanks"),
        ("http://models.example.org\\@169.254.169.254", "blanks"),
        (f"http://models.example.org/{'a' * LONGEST_URL}", "too long"),
    ],
)
def test_forms_say_what_to_mend(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_url(url)


@pytest.mark.parametrize("host", ["169.254.9.9", "[::ffff:169.254.9.9]", "2851997961"])
def test_what_is_allowed_is_taken(host: str) -> None:
    check_url(f"http://{host}", [ip_network("169.254.9.9/32")])
    with pytest.raises(ValueError, match="may not"):
        check_url(f"http://{host}", [ip_network("169.254.9.8/32"), ip_network("fe80::/10")])


@pytest.mark.parametrize("name", ["", "localhost", "fe80::zz", "1.2.3", "::ffff:"])
def test_name_is_no_address(name: str) -> None:
    assert not is_forbidden(name, ())


class Names:
    """A name server that says what a test wants, each time anew."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int, **options: Any) -> list[Any]:
        self.asked += 1
        addresses = self.answers[min(self.asked, len(self.answers)) - 1]
        return [(None, None, None, "", (address, port)) for address in addresses]


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Names:
    names = Names(*answers)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)
    return names


async def code_of(kind: str, url: str, allowed: tuple[Network, ...] = ()) -> str:
    try:
        model = connect(Endpoint(kind, url, allowed=allowed))
    except ProviderError as error:  # an SDK that does not take the spelling
        return error.code
    try:
        return await ask(model)
    finally:
        await model.close()


async def ask(model: Provider) -> str:
    """Return the code of the error; empty if there is none."""
    try:
        pieces = model.stream(Request("m", (Turn(True, "Hello?"),)), Told())
        assert [piece async for piece in pieces]
    except ProviderError as error:
        return error.code
    return ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", SPELLINGS)
async def test_it_is_not_connected_to(kind: str, host: str) -> None:
    assert await code_of(kind, f"http://{host}") in ("forbidden_address", "unreachable")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["2852039166", "0xA9FEA9FE", "169.254.43518", SECRETS])
async def test_odd_spellings_are_seen_through(kind: str, host: str) -> None:
    assert await code_of(kind, f"http://{host}") == "forbidden_address"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("address", [SECRETS, "fe80::1%lo", "::ffff:169.254.169.254"])
async def test_name_for_it_is_no_way_round(
    kind: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, [address])
    assert await code_of(kind, "http://innocent.example") == "forbidden_address"
    assert await code_of(kind, "https://innocent.example") == "forbidden_address"


@pytest.mark.parametrize("kind", KINDS)
async def test_name_that_changes_its_mind(
    provider: FakeProvider, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = []
    real = asyncio.get_running_loop().create_connection

    async def create_connection(protocol: Any, host: str, port: int, **options: Any) -> Any:
        connected.append(host)
        return await real(protocol, host, port, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    names = answering(monkeypatch, ["127.0.0.1"], [SECRETS])
    url = provider.base_url(kind).replace("127.0.0.1", "innocent.example")
    model = connect(Endpoint(kind, url))
    assert await ask(model) == ""
    assert names.asked == 1  # what was checked is what was connected to
    await model.close()
    assert await code_of(kind, url) == "forbidden_address"
    assert connected == ["127.0.0.1"]
    assert provider.requests[0].headers["host"].startswith("innocent.example:")


@pytest.mark.parametrize("kind", KINDS)
async def test_next_address_is_tried(
    provider: FakeProvider, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, [SECRETS, "127.0.0.2", "127.0.0.1"])  # nothing listens at the second
    assert await code_of(kind, provider.base_url(kind).replace("127.0.0.1", "some.example")) == ""


async def test_what_is_allowed_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [SECRETS, "169.254.9.9", "127.0.0.1"])
    assert await resolve("some.example", 80, ()) == ["127.0.0.1"]
    allowed = (ip_network("169.254.9.0/24"),)
    assert await resolve("some.example", 80, allowed) == ["169.254.9.9", "127.0.0.1"]


async def test_host_without_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(ProviderError) as raised:
        await resolve("nowhere.example", 80, ())
    assert raised.value.code == "unreachable"
