"""The Channels tutorial's room under Daphne: a consumer for each viewer, a group for all of them.

It saves each message as such tutorials do, into the same kind of database as the product.
"""

import json
import os
from typing import Any

import django
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.db import connection, models
from django.urls import path

settings.configure(
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 5,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    },
    USE_TZ=True,
)
django.setup()


class Message(models.Model):
    room = models.CharField(max_length=100)
    author = models.CharField(max_length=100)
    text = models.TextField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "tutorial"

    def __str__(self) -> str:
        return self.text


with connection.schema_editor() as editor:
    editor.create_model(Message)


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.room_group_name = f"chat_{self.room_name}"
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()
        ready = {"type": "ready", "conversation": {"id": self.room_name}}
        await self.send(text_data=json.dumps(ready))

    async def disconnect(self, close_code: int) -> None:
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive(self, text_data: str) -> None:
        text = json.loads(text_data)["text"]
        message = await self.save_message(self.channel_name[-8:], text)
        event = {
            "type": "chat.message",
            "id": message.pk,
            "author": message.author,
            "text": message.text,
            "created": message.created.isoformat(),
        }
        await self.channel_layer.group_send(self.room_group_name, event)

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def save_message(self, author: str, text: str) -> Message:
        return Message.objects.create(room=self.room_name, author=author, text=text)

    async def chat_message(self, event: dict[str, Any]) -> None:
        message = {name: event[name] for name in ("id", "author", "text", "created")}
        await self.send(text_data=json.dumps({"type": "message", "message": message}))


application = ProtocolTypeRouter(
    {"websocket": URLRouter([path("ws/rooms/<str:room_name>/", ChatConsumer.as_asgi())])}
)
