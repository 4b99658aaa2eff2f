"""Clients that are hostile, slow or broken; and the people who are answered meanwhile.

A small `python -m tests.siege`, which measures lateness, too: here other tests run beside it.
"""

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from chat import limits
from tests.client import PATIENCE
from tests.server import Server
from tests.siege import Sizes, run, text_from

SIZES = Sizes(
    people=10, silent=10, flooding=6, idle=100, huge=1, mute=5, handshake=10, body=10, upload=1,
    seconds=10,
)  # fmt: skip
LARGEST = 5 * 1024 * 1024
HEAD = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.timeout(600)
def test_nobody_else_notices() -> None:
    seen = run(SIZES)
    assert not seen["wrong"], text_from(seen, SIZES)
    assert seen["others"]["flooding 4429"] > 0
    assert seen["others"]["huge 1009"] > 0
    assert seen["others"]["upload HTTP/1.1 413 Request Entity Too Large"] > 0


def test_only_who_comes_again_for_more_is_made_to_wait() -> None:
    offenders = limits.Offenders()
    offenders.note("alice")
    assert offenders.wait("alice") == 0
    waits = []
    for _ in range(5):
        offenders.note("alice")
        waits.append(offenders.wait("alice"))
    assert waits == [0.5, 2, 8, 30, 30]
    assert offenders.wait("bob") == 0


def test_those_who_offended_are_not_remembered_without_end() -> None:
    offenders = limits.Offenders()
    for number in range(2 * limits.MOST_REMEMBERED + 2):
        offenders.note(str(number // 2))
    assert offenders.wait("1") > 0
    assert offenders.wait("0") == 0


def answer(server: Server, *sent: bytes) -> http.client.HTTPResponse:
    """Send exactly that; return the answer, which may come before the request has been sent."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as line:
        for part in sent:
            line.sendall(part)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        return answer


@pytest.mark.parametrize(
    "sent",
    [
        (b"Content-Length: %d\r\n\r\n" % (LARGEST + 1),),
        (b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (LARGEST + 1),),
        (b"Content-Length: %d\r\n\r\n" % (LARGEST + 1), b"x" * 3 * 1024 * 1024),
        (b"Transfer-Encoding: chunked\r\n\r\n", *[b"100000\r\n" + b"x" * 0x100000 + b"\r\n"] * 6),
    ],
    ids=["by its length", "that asks first", "half of it", "of unknown length"],
)
def test_body_that_is_too_large_is_refused_before_it_has_come(
    server: Server, sent: tuple[bytes, ...]
) -> None:
    refused = answer(server, HEAD + sent[0], *sent[1:])
    assert refused.status == 413
    assert '"code": "too_large"' in refused.text  # type: ignore[attr-defined]


def test_largest_body_is_taken(server: Server) -> None:
    """As far as this goes: the call itself takes less."""
    length = b"Content-Length: %d\r\n\r\n" % LARGEST
    refused = answer(server, HEAD + length, b"x" * LARGEST)
    assert refused.status in (401, 413)
    assert refused.getheader("Connection") != "close"
