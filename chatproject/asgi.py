"""The application that Daphne serves: `daphne chatproject.asgi:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")

import django
from channels.routing import ProtocolTypeRouter

django.setup(set_prefix=False)  # the models can be imported now

from twisted.internet import reactor  # noqa: E402 - Daphne's, which it has installed

from chat import handler, service  # noqa: E402
from chat.routing import websocket  # noqa: E402

application = ProtocolTypeRouter({"http": handler.Handler(), "websocket": websocket})

service.start_with_server()
reactor.callWhenRunning(handler.mend)  # and not where this is only imported
