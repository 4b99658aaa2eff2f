"""The application that Daphne serves: `daphne chatproject.asgi:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # sets Django up; the models can be imported now

from chat import service  # noqa: E402
from chat.routing import websocket  # noqa: E402

application = ProtocolTypeRouter({"http": django_application, "websocket": websocket})

service.start_with_server()
