"""While the database can be read only, people read; who would write is told to come again."""

import asyncio

from tests.client import Client, fetch, session
from tests.server import Server
from tests.test_saving import locked

LONG_AGO = """
from datetime import timedelta
from chat.models import ApiKey, Conversation
from django.utils import timezone
then = timezone.now() - timedelta(days=1)
Conversation.objects.update(used=then)
ApiKey.objects.update(last_used=then)
"""


async def test_who_was_here_reads_on(own_server: Server) -> None:
    url, key = own_server.url, own_server.account("bob")
    cookie = session(url)
    async with Client(url, origin=url, cookie=cookie) as alice:
        await alice.end(await alice.post("hi"))
    async with Client(url, authorization=f"Bearer {key}") as bob:
        await bob.end(await bob.post("hi"))
    own_server.manage("shell", "-c", LONG_AGO)
    with locked(own_server.database):
        page = f"{url}/c/{alice.conversation}/"
        assert (await asyncio.to_thread(fetch, page, cookie))[0] == 200
        async with Client(url, bob.own_path, authorization=f"Bearer {key}") as again:
            assert [message["text"] for message in again.messages.values()][1] == "hi"
    assert "Traceback" not in own_server.log.read_text()


async def test_newcomers_are_told_to_come_again(own_server: Server) -> None:
    url = own_server.url
    with locked(own_server.database):
        code, page = await asyncio.to_thread(fetch, f"{url}/")
        assert code == 503
        assert "moment" in page
        async with Client(url, origin=url) as charlie:
            assert await charlie.closed() == 1012
    assert (await asyncio.to_thread(fetch, f"{url}/"))[0] == 200
    assert "Traceback" not in own_server.log.read_text()
