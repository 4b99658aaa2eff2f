"""FastAPI on uvicorn: a StreamingResponse that yields a character as an event, and sleeps."""

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

TEXT = os.environ["REPLY_TEXT"]
SPEED = float(os.environ["REPLY_SPEED"])

app = FastAPI()
local = threading.local()


class Said(BaseModel):
    user_id: str = Field(min_length=1, max_length=200)
    message: str = Field(min_length=1, max_length=32_000)


class Answer(BaseModel):
    response: str
    conversation_id: str
    timestamp: datetime


class Exchange(BaseModel):
    user_message: str
    bot_response: str
    timestamp: datetime


class History(BaseModel):
    conversations: list[Exchange]


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(os.environ["DATABASE"], timeout=5)
        local.connection.execute("PRAGMA journal_mode=WAL")
        local.connection.execute("PRAGMA synchronous=NORMAL")
        local.connection.execute(
            "CREATE TABLE IF NOT EXISTS exchange"
            " (id INTEGER PRIMARY KEY, user TEXT, message TEXT, response TEXT, created TEXT)"
        )
        local.connection.execute("CREATE INDEX IF NOT EXISTS of_user ON exchange (user, id)")
    with local.connection as connection:
        yield connection


def save(said: Said, moment: datetime) -> None:
    with database() as connection:
        connection.execute(
            "INSERT INTO exchange (user, message, response, created) VALUES (?, ?, ?, ?)",
            (said.user_id, said.message, TEXT, moment.isoformat()),
        )


@app.post("/chat")
def chat(said: Said) -> Answer:
    moment = datetime.now(UTC)
    save(said, moment)
    return Answer(response=TEXT, conversation_id=said.user_id, timestamp=moment)


@app.get("/history/{user_id}")
def history(user_id: str) -> History:
    with database() as connection:
        found = connection.execute(
            "SELECT message, response, created FROM exchange"
            " WHERE user = ? ORDER BY id DESC LIMIT 10",
            (user_id,),
        ).fetchall()
    names = ("user_message", "bot_response", "timestamp")
    return History(conversations=[Exchange(**dict(zip(names, row, strict=True))) for row in found])


@app.post("/chat/stream")
async def chat_stream(said: Said) -> StreamingResponse:
    await asyncio.to_thread(save, said, datetime.now(UTC))
    return StreamingResponse(type_out(), media_type="text/event-stream")


async def type_out() -> AsyncIterator[str]:
    for character in TEXT:
        yield event(chunk=character, delta=character, done=False)
        await asyncio.sleep(1 / SPEED)
    yield event(chunk="", delta="", done=True)


def event(**fields: Any) -> str:
    return f"data: {json.dumps(fields)}\n\n"
