"""FastAPI on uvicorn: for every viewer a loop of its own that sends a character and sleeps."""

import asyncio
import itertools
import json
import os
import uuid
from collections import defaultdict

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

TEXT = os.environ["REPLY_TEXT"]
SPEED = float(os.environ["REPLY_SPEED"])

app = FastAPI()
viewers: defaultdict[str, set[WebSocket]] = defaultdict(set)
replies = itertools.count(1)
typing: set[asyncio.Task[None]] = set()


@app.websocket("/ws/chat/")
async def open_chat(websocket: WebSocket) -> None:
    await join_chat(websocket, str(uuid.uuid4()))


@app.websocket("/ws/chat/{conversation}/")
async def join_chat(websocket: WebSocket, conversation: str) -> None:
    await websocket.accept()
    await websocket.send_text(json.dumps({"type": "ready", "conversation": {"id": conversation}}))
    viewers[conversation].add(websocket)
    try:
        while True:
            if json.loads(await websocket.receive_text())["type"] == "message.send":
                answer(conversation)
    except WebSocketDisconnect:
        viewers[conversation].discard(websocket)


def answer(conversation: str) -> None:
    reply = next(replies)
    for viewer in viewers[conversation]:
        task = asyncio.create_task(type_out(viewer, reply))
        typing.add(task)
        task.add_done_callback(typing.discard)


async def type_out(viewer: WebSocket, reply: int) -> None:
    for at, char in enumerate(TEXT):
        frame = {"type": "char", "reply": reply, "at": at, "char": char}
        await viewer.send_text(json.dumps(frame))
        await asyncio.sleep(1 / SPEED)
