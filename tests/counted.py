"""The application; at `/sockets` it tells how many WebSockets are in memory, gone or not.

Nobody looks for garbage in this process: what is gone has to go by itself.
"""

import gc
from typing import Any

from chatproject.asgi import application as chat

gc.disable()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["path"] != "/sockets":
        await chat(scope, receive, send)
        return
    from chat.sockets import Socket  # Django is set up by now

    count = sum(type(it) is Socket for it in gc.get_objects())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % count})
