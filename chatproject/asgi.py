"""The application that Daphne serves: `daphne chatproject.asgi:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")

import django
from channels.routing import ProtocolTypeRouter

django.setup(set_prefix=False)  # the models can be imported now

from chat import handler, service  # noqa: E402
from chat.routing import websocket  # noqa: E402

application = ProtocolTypeRouter({"http": handler.Handler(), "websocket": websocket})

handler.mend()
service.start_with_server()
