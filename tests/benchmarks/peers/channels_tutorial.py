"""The Channels tutorial's chat under Daphne: every character goes through the channel layer."""

import asyncio
import itertools
import os
import uuid
from typing import Any

import django
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

TEXT = os.environ["REPLY_TEXT"]
SPEED = float(os.environ["REPLY_SPEED"])

settings.configure(
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()
replies = itertools.count(1)


class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        kwargs = self.scope["url_route"]["kwargs"]
        self.conversation = kwargs.get("conversation") or str(uuid.uuid4())
        self.group = f"chat_{self.conversation}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send_json({"type": "ready", "conversation": {"id": self.conversation}})

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        if content["type"] == "message.send":
            self.typing = asyncio.create_task(self.type_out(next(replies)))

    async def type_out(self, reply: int) -> None:
        for at, char in enumerate(TEXT):
            event = {"type": "char", "reply": reply, "at": at, "char": char}
            await self.channel_layer.group_send(self.group, event)
            await asyncio.sleep(1 / SPEED)

    async def char(self, event: dict[str, Any]) -> None:
        await self.send_json(event)


application = ProtocolTypeRouter(
    {
        "websocket": URLRouter(
            [
                path("ws/chat/", ChatConsumer.as_asgi()),
                path("ws/chat/<str:conversation>/", ChatConsumer.as_asgi()),
            ]
        )
    }
)
