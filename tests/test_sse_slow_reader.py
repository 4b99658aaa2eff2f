"""Who does not read what they asked for over HTTP costs little, and is cut off in the end."""

import asyncio
import select
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.events import Program
from tests.measured import measured
from tests.server import Server

LETTERS = "".join(chr(ord("a") + n % 26) for n in range(32_000 - 8))
STALLED = 10
PATIENCE = 100_000  # milliseconds
BOUND = 20 * 1024  # KiB for all who stall; the events of one reply have as many


def memory(server: Server, name: str) -> int:
    """Return how much the server has (`VmRSS`), or had at most (`VmHWM`), in KiB."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def forget_most(server: Server) -> None:
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


def asked(server: Server, path: str, key: str) -> socket.socket:
    """Ask, and read nothing."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", server.port))
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
    line.sendall(head.encode())
    return line


def cut(line: socket.socket) -> bytes:
    """Wait until the other end cuts the line, reading nothing; return what had come by then."""
    lost = select.poll()
    lost.register(line, 0)  # tells of nothing but that
    assert lost.poll(PATIENCE), "it was not cut"
    found = b""
    with suppress(ConnectionResetError):
        while piece := line.recv(1 << 20):
            found += piece
    return found


async def test_who_does_not_read_costs_a_bounded_amount_of_memory(server: Server) -> None:
    """Takes as long as the server's patience: half a minute."""
    rule = ("--trigger", "keyword", "--keywords", "tenfold", "--speed", "0")
    server.manage("reply", "tenfold", "--text", "{message}" * 10, *rule)
    key = server.account("slow")
    said = {"user_id": "me", "message": f"tenfold {LETTERS}"}
    async with Program(server.url, key) as alice:
        async with alice.stream("/chat/stream", said) as stream:
            await stream.read(1)
        path = f"/api/v1/replies/{stream.last.partition(':')[0]}/stream"
        async with alice.stream(path) as stream:  # so that all is there, and has been sent once
            assert (await stream.ended())["length"] == 200_000
        forget_most(server)
        before = memory(server, "VmRSS")
        with ExitStack() as lines:
            stalled = [lines.enter_context(asked(server, path, key)) for _ in range(STALLED)]
            closed = measured(server, "chat_slow_readers_closed_total")
            left = await asyncio.gather(*(asyncio.to_thread(cut, line) for line in stalled))
        grown = memory(server, "VmHWM") - before
        assert measured(server, "chat_slow_readers_closed_total") == closed + STALLED
        assert all(b"HTTP/1.1 200" in each and b'"done":true' not in each for each in left)
        assert grown < BOUND, f"{grown / 1024:.0f} MB"
        # Nobody else waited, and a large answer that is read comes as a whole.
        async with alice.stream(path, at=190_000) as stream:
            await stream.ended()
        assert len(stream.events) == 10_001
