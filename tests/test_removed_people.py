"""Who may not be there any more hears nothing more, however that came about."""

import asyncio
import json

from tests.client import Client
from tests.conftest import Visit
from tests.server import Server
from tests.test_rooms import is_message, open_room

SEATED = """
from chat.models import Conversation, Membership, User
room = Conversation.objects.get(pk="{room}")
person = User.objects.get(pk="{person}")
{code}
"""
WAYS = {
    "banned": "room.memberships.update_or_create(person=person, defaults=dict(role='banned'))",
    "off": "User.objects.filter(pk=person.pk).update(is_active=False)",
    "unlisted": "room.memberships.filter(person=person).delete(); room.listed = False; room.save()",
}


async def _writes(client: Client, text: str) -> None:
    await client.send("message.send", text=text, key=text)
    await client.until(lambda frame: frame.get("key") == text)


async def test_what_another_process_took_away_is_taken_away_here(
    visit: Visit, server: Server
) -> None:
    """Staff may use a command, or another server; each has it from the database."""
    async with asyncio.TaskGroup() as together:
        for way in WAYS:
            together.create_task(_is_sent_away(visit, server, way))


async def _is_sent_away(visit: Visit, server: Server, way: str) -> None:
    made = await asyncio.to_thread(open_room, server, f"away-{way}")
    path = f"/ws/rooms/away-{way}/"
    async with visit(path) as alice, visit(path) as charlie:
        await _writes(alice, "alice is here")
        await _writes(charlie, "charlie is here")
        seat = "room.memberships.filter(person=person).update(role='moderator')"
        person = alice.ready["you"]["id"]
        await asyncio.to_thread(_change, server, made["id"], person, seat)
        await alice.until(lambda frame: frame.get("you", {}).get("role") == "moderator")
        person = charlie.ready["you"]["id"]
        await asyncio.to_thread(_change, server, made["id"], person, WAYS[way])
        assert await charlie.closed() == 4403
        heard = len(charlie.frames)
        await _writes(alice, "charlie is gone")
        assert len(charlie.frames) == heard
        assert not any(is_message("charlie is gone")(frame) for frame in charlie.frames)


def _change(server: Server, room: str, person: str, code: str) -> None:
    server.manage("shell", "-c", SEATED.format(room=room, person=person, code=code))


async def test_a_link_that_is_revoked_leads_nowhere(visit: Visit, server: Server) -> None:
    made = open_room(server, "shown", listed=False)
    watching = f"/ws/shared/{made['link']}/"
    async with visit(watching) as charlie:
        assert charlie.ready["you"]["role"] == "watcher"
        await charlie.send("message.send", text="May I?", key="k")
        refused = await charlie.until(lambda frame: frame["type"] == "error")
        assert refused
        assert (refused["code"], refused["key"]) == ("forbidden", "k")
        code = "from chat.models import Link; from django.utils import timezone;"
        code += f"Link.objects.filter(token={json.dumps(made['link'])})"
        await asyncio.to_thread(
            server.manage, "shell", "-c", code + ".update(revoked=timezone.now())"
        )
        assert await charlie.closed() == 4403
    async with visit(watching) as again:
        assert await again.closed() == 4404
