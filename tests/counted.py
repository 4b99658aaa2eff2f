"""The application; at `/kept` it tells what is in memory of connections and replies, gone or not.

Nobody looks for garbage in this process: what is gone has to go by itself.
"""

import gc
import json
from collections import Counter
from typing import Any

from chatproject.asgi import application as chat

gc.disable()
KEPT = ("chat.sockets.Socket", "chat.reply.run.Run")


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["path"] != "/kept":
        await chat(scope, receive, send)
        return
    kinds = Counter(f"{type(it).__module__}.{type(it).__name__}" for it in gc.get_objects())
    told = json.dumps({kind: kinds[kind] for kind in KEPT if kind in kinds})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": told.encode()})
