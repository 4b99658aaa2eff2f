"""The paths of the WebSocket."""

from urllib.parse import ParseResult

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.urls import path, re_path

from chat import protocol
from chat.consumers import ChatConsumer


class NoSuchSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Any other path: closed with a code that says so, instead of a traceback in the log."""

    channel_layer_alias = ""

    async def connect(self) -> None:
        await self.accept()
        await self.close(protocol.NOT_FOUND)


class AllowedOrigins(OriginValidator):  # type: ignore[misc]
    """A page may only connect from an allowed host; a program, which sends no Origin, needs a key.

    So a foreign page cannot act with a visitor's cookie.
    """

    def valid_origin(self, parsed_origin: ParseResult | None) -> bool:
        return parsed_origin is None or bool(self.validate_origin(parsed_origin))


websocket = AllowedOrigins(
    URLRouter(
        [
            path("ws/chat/", ChatConsumer.as_asgi()),
            path("ws/chat/<uuid:conversation>/", ChatConsumer.as_asgi()),
            path("ws/rooms/<slug:slug>/", ChatConsumer.as_asgi()),
            path("ws/shared/<str:token>/", ChatConsumer.as_asgi()),
            re_path("", NoSuchSocket.as_asgi()),
        ]
    ),
    settings.ALLOWED_HOSTS,
)
