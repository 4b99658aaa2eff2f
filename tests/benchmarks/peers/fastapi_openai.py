"""FastAPI on uvicorn, and the openai SDK: every character is sent the moment its token comes."""

import asyncio
import itertools
import json
import os
import uuid
from collections import defaultdict

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI(base_url=os.environ["PROVIDER_URL"], api_key="none")
viewers: defaultdict[str, set[WebSocket]] = defaultdict(set)
replies = itertools.count(1)
writing: set[asyncio.Task[None]] = set()


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
            frame = json.loads(await websocket.receive_text())
            if frame["type"] == "message.send":
                answer(conversation, frame["text"])
    except WebSocketDisconnect:
        viewers[conversation].discard(websocket)


def answer(conversation: str, text: str) -> None:
    task = asyncio.create_task(relay(conversation, text))
    writing.add(task)
    task.add_done_callback(writing.discard)


async def relay(conversation: str, text: str) -> None:
    reply, offsets = next(replies), itertools.count()
    stream = await client.chat.completions.create(
        model="benchmark", messages=[{"role": "user", "content": text}], stream=True
    )
    async for chunk in stream:
        for char in chunk.choices[0].delta.content or "":
            frame = {"type": "char", "reply": reply, "at": next(offsets), "char": char}
            data = json.dumps(frame)
            for viewer in list(viewers[conversation]):
                await viewer.send_text(data)
