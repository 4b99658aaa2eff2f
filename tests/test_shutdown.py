"""A server that is asked to end sends everyone away, saves, and leaves its replies to the next."""

import asyncio

from tests.client import Client, session
from tests.server import Server

TEXT = "".join(f"{number} " for number in range(100))


async def test_replies_go_on_at_the_exact_character(own_server: Server) -> None:
    own_server.manage("reply", "answer", "--text", TEXT, "--speed", "20")
    page = {"origin": own_server.url, "cookie": session(own_server.url)}
    async with Client(own_server.url, **page) as alice:
        path = f"/ws/chat/{alice.conversation}/"
        async with Client(own_server.url, path, **page) as other:
            reply = await alice.post("count")
            await alice.until(lambda frame: frame.get("at") == 50)
            await asyncio.to_thread(own_server.stop)  # which fails if it does not end soon
            assert [await alice.closed(), await other.closed()] == [1012, 1012]
            before = alice.texts[reply]
    own_server.start()
    async with Client(own_server.url, path, **page) as alice:
        message = alice.messages[reply]
        alice.patience = 60.0
        assert message["status"] == "streaming"
        assert message["text"].startswith(before), "all that was seen was saved"
        assert (await alice.end(reply))["status"] == "complete"
        assert message["text"] + "".join(alice.chars(reply)) == TEXT
    assert "Traceback" not in own_server.log.read_text()


async def test_nobody_can_hold_it_up(own_server: Server) -> None:
    """Neither a client that answers nothing any more, nor many, nor one that keeps sending."""
    page = {"origin": own_server.url}
    clients = [Client(own_server.url, **page) for _ in range(20)]
    await asyncio.gather(*(client.__aenter__() for client in clients))
    silent, busy, *_ = clients
    silent.socket.transport.pause_reading()

    async def keep_sending() -> None:
        while not busy._reading.done():
            await busy.send("message.send", text="hi", key="once")
            await busy.until(lambda frame: frame.get("key") == "once", or_closed=True)
            busy.frames.clear()

    sending = asyncio.create_task(keep_sending())
    await busy.until(lambda frame: frame.get("key") == "once")
    await asyncio.to_thread(own_server.stop)
    await asyncio.wait([sending])
    assert [await client.closed() for client in clients[1:]] == [1012] * 19
    silent.socket.transport.abort()
    await asyncio.gather(*(client.__aexit__() for client in clients))
    assert "Traceback" not in own_server.log.read_text()
