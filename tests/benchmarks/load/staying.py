"""People who watch replies over lines that break, come back, and check all that they read.

Everybody is in one conversation, in which a reply is typed all the time: its first person asks
anew as soon as one has ended. What each of them has read, over however many connections, has to be
every reply's text, with its length and checksum. The server's memory is compared when all have
left: after a first round, that made it load and reserve what it needs for so many, and at the end.
"""

import asyncio
import random
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import Any

from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport, ws_connect

from ..accounting import memory_kb
from .connection import Connection
from .crowd import AT_A_TIME, CONNECT_SECONDS
from .plan import Plan

AWAY = 2.0  # seconds, at most, until somebody comes back
HANG_UP = 10.0  # seconds in which the server answers a close
LOOK_EVERY = 2.0  # seconds
LONGEST_SLEEP = 60.0  # seconds
LONG_SLEEP = 0.05  # the share of sleeps that outlast the server's patience
LINGER_NOT = struct.pack("ii", 1, 0)  # a line that is cut says so at once, as a crash would


class Tally:
    """What happened to all of them, and what went wrong."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.drops: Counter[str] = Counter()
        self.trouble: Counter[str] = Counter()
        self.most_memory = 0


class Talk:
    """One conversation: what was asked in it. The reply to each question is known beforehand."""

    def __init__(self, number: int, identity: dict[str, str], plan: Plan) -> None:
        self.number = number
        self.identity = identity
        self.plan = plan
        self.path = "/ws/chat/"
        self.asked: list[str] = []
        self.has_begun = asyncio.get_running_loop().create_future()
        self.is_over = False  # nothing more is asked

    def next_question(self) -> str:
        if not self.has_begun.done():
            self.has_begun.set_result(None)
        self.asked.append(f"question {self.number}.{len(self.asked)}")
        return self.asked[-1]

    def reply_to(self, question: str) -> str:
        return f"{question}: {self.plan.text}"


class Line(Connection):
    """One of the connections over which somebody reads."""

    def __init__(self, reader: "Reader") -> None:
        super().__init__()
        self.reader = reader
        self.gone = asyncio.Event()
        self.is_ending = False  # by this side, or because it slept for too long

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            self.examine(frame.get_payload_as_bytes(), monotonic())

    def welcome(self, ready: dict[str, Any]) -> None:
        self.reader.arrive(self, ready)

    def hear(self, frame: dict[str, Any], payload: bytes, now: float) -> None:
        self.reader.hear(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.is_ending:
            super().on_ws_disconnected(transport)
        self.reader.tally.trouble.update(self.trouble)
        self.gone.set()

    @property
    def tcp(self) -> asyncio.Transport:
        return self.transport.underlying_transport

    async def close(self) -> None:
        self.is_ending = True
        self.transport.send_close(WSCloseCode.GOING_AWAY)
        await self.until_gone(HANG_UP)
        if not self.gone.is_set():
            self.reader.tally.trouble["does not hang up"] += 1
            await self.cut()

    async def cut(self) -> None:
        self.is_ending = True
        if not self.gone.is_set():
            line: socket.socket = self.tcp.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            self.tcp.abort()
            await self.gone.wait()

    async def sleep(self) -> None:
        """Stop reading for a while, and go on; the server may have given up meanwhile."""
        has_time = self.reader.until - monotonic() > LONGEST_SLEEP
        is_long = has_time and random.random() < LONG_SLEEP
        self.is_ending = is_long
        self.tcp.pause_reading()
        await asyncio.sleep(random.uniform(45, LONGEST_SLEEP) if is_long else random.uniform(1, 12))
        self.tcp.resume_reading()

    async def faint(self) -> None:
        """Stop reading, and be cut off like that."""
        self.tcp.pause_reading()
        await asyncio.sleep(random.uniform(0, 5))
        await self.cut()

    async def until_gone(self, patience: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), max(0, patience))


WAYS = {"closed": Line.close, "cut": Line.cut, "slept": Line.sleep, "fainted": Line.faint}


class Reader:
    """Somebody who reads a conversation over one line after the other."""

    def __init__(self, talk: Talk, tally: Tally, asks: bool) -> None:
        self.talk = talk
        self.tally = tally
        self.asks = asks
        self.line: Line
        self.until = 0.0
        self.questions: dict[int, str] = {}  # by their messages' ids
        self.replies: dict[int, str] = {}  # the question that each answers
        self.texts: dict[int, str] = {}  # of the replies, as far as they are known here
        self.acked: dict[int, int] = {}
        self.right: set[str] = set()  # questions whose replies were read to their end

    async def stay(self, until: float, gate: asyncio.Semaphore) -> None:
        """Break off and come back until then, and leave when everything has been read."""
        plan, self.until = self.talk.plan, until
        while True:
            await self.connect(gate)
            stays = random.expovariate(1 / plan.stay)
            await self.line.until_gone(min(stays, until - monotonic()))
            if monotonic() >= until and not self.line.gone.is_set():
                break
            await self.break_off()
        self.talk.is_over = self.talk.is_over or self.asks
        deadline = until + plan.grace + 2 * plan.length / plan.speed
        while not (self.talk.is_over and self.has_all) and monotonic() < deadline:
            if self.line.gone.is_set():
                break
            await asyncio.sleep(0.2)
        await self.line.close()

    async def connect(self, gate: asyncio.Semaphore) -> None:
        async with gate:
            self.line = line = Line(self)
            await ws_connect(
                lambda: line,
                self.talk.plan.url + self.talk.path,
                extra_headers=self.talk.identity,
                websocket_handshake_timeout=CONNECT_SECONDS,
            )
            self.tally.counts["connections"] += 1
            await asyncio.wait_for(line.ready.wait(), CONNECT_SECONDS)

    async def break_off(self) -> None:
        if not self.line.gone.is_set():
            way = random.choice(list(WAYS))
            self.tally.drops[way] += 1
            if self.open_replies:
                self.tally.counts["in_the_middle_of_a_reply"] += 1
            await WAYS[way](self.line)
            if way == "slept" and not self.line.gone.is_set():
                await self.line.until_gone(1)  # what came meanwhile, perhaps the end, is read first
                await self.line.close()
        await asyncio.sleep(random.choice((0, random.uniform(0, AWAY))))

    @property
    def has_all(self) -> bool:
        return len(self.right) == len(self.talk.asked)

    @property
    def open_replies(self) -> bool:
        return len(self.replies) > len(self.right)

    # --- what comes

    def arrive(self, line: Line, ready: dict[str, Any]) -> None:
        self.line = line
        self.talk.path = f"/ws/chat/{ready['conversation']['id']}/"
        for message in ready["messages"]:
            self.take(message)
        if not self.asks:
            return
        if self.talk.asked and self.talk.asked[-1] not in self.questions.values():
            self.tally.counts["questions_asked_again"] += 1
            self.send_question()  # the line broke before anybody said that it had come
        self.ask_next()

    def ask_next(self) -> None:
        if self.asks and self.has_all and not self.talk.is_over:
            self.talk.next_question()
            self.send_question()

    def send_question(self) -> None:
        text = self.talk.asked[-1]
        self.line.send(type="message.send", text=text, key=text)

    def hear(self, frame: dict[str, Any]) -> None:
        match frame:
            case {"type": "char", "reply": reply, "at": at, "char": text}:
                self.tally.counts["characters"] += 1
                self.extend(reply, at, text)
            case {"type": "reply.text", "reply": reply, "at": at, "text": text}:
                self.extend(reply, at, text)
            case {"type": "message" | "message.changed", "message": message}:
                self.take(message)
            case {"type": "reply.end", "reply": reply}:
                self.end(reply, frame)

    def take(self, message: dict[str, Any]) -> None:
        id, text = message["id"], message["text"]
        if message["author"]["kind"] == "person":
            if text in self.questions.values() and self.questions.get(id) != text:
                self.tally.trouble["a question is there twice"] += 1
            self.questions[id] = text
            return
        question = self.replies[id] = self.questions[message["reply_to"]]
        known, self.texts[id] = self.texts.get(id, ""), text
        self.tally.counts["characters_caught_up"] += max(0, len(text) - len(known))
        if not self.talk.reply_to(question).startswith(text):
            self.tally.trouble["wrong text"] += 1
        if message["status"] == "complete":
            self.note_end(id)
        elif message["status"] not in ("waiting", "streaming"):
            self.tally.trouble[message["status"]] += 1

    def extend(self, reply: int, at: int, text: str) -> None:
        known = self.texts[reply]
        if at > len(known):
            self.tally.trouble["a hole"] += 1
            self.line.send(type="sync", reply=reply, at=len(known))
        elif at < len(known):
            self.tally.trouble["repeated"] += 1
        else:
            self.texts[reply] = known + text
            if len(known) + len(text) >= self.acked.get(reply, 0) + self.talk.plan.ack_every:
                self.acked[reply] = len(known) + len(text)
                self.line.send(type="ack", reply=reply, at=self.acked[reply])

    def end(self, reply: int, end: dict[str, Any]) -> None:
        text = self.texts[reply]
        said = (end["status"], end["length"], end["crc32"])
        if said != ("complete", len(text), zlib.crc32(text.encode())):
            self.tally.trouble["wrong end"] += 1
        self.note_end(reply)

    def note_end(self, reply: int) -> None:
        question = self.replies[reply]
        if self.texts[reply] == self.talk.reply_to(question):
            if question not in self.right:
                self.tally.counts["replies_read"] += 1
            self.right.add(question)
        else:
            self.tally.trouble["wrong whole text"] += 1
        self.ask_next()


async def round_of(plan: Plan, seconds: float, first: int, tally: Tally) -> list[Reader]:
    """Let all come, stay for so long, and leave."""
    until = monotonic() + seconds
    gate = asyncio.Semaphore(AT_A_TIME)
    readers: list[Reader] = []

    async def one(number: int) -> None:
        await asyncio.sleep(random.uniform(0, plan.spread))
        talk = Talk(first + number, plan.identities[number % len(plan.identities)], plan)
        asker, *others = [Reader(talk, tally, asks=not each) for each in range(plan.watchers)]
        readers.extend([asker, *others])
        staying = asyncio.create_task(asker.stay(until, gate))
        await asyncio.wait([staying, talk.has_begun], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(staying, *(other.stay(until, gate) for other in others))

    watching = asyncio.create_task(watch_memory(plan.pid, tally))
    await asyncio.gather(*map(one, range(plan.count)))
    watching.cancel()
    return readers


async def watch_memory(pid: int, tally: Tally) -> None:
    while True:
        tally.most_memory = max(tally.most_memory, memory_kb(pid)["rss"])
        await asyncio.sleep(LOOK_EVERY)


def lost(readers: list[Reader]) -> Iterator[str]:
    for reader in readers:
        yield from set(reader.talk.asked) - reader.right


async def staying(plan: Plan) -> dict[str, Any]:
    """Two rounds, and peace after each."""
    tally, memory = Tally(), {"at_first": memory_kb(plan.pid)["rss"]}
    readers = await round_of(plan, plan.warm_up, 0, tally)
    await asyncio.sleep(plan.quiet)
    memory["before"] = memory_kb(plan.pid)["rss"]
    readers += await round_of(plan, plan.seconds, plan.count, tally)
    await asyncio.sleep(plan.quiet)
    memory["after"] = memory_kb(plan.pid)["rss"]
    return {
        "memory_kb": memory | {"most": tally.most_memory},
        "replies": sum(len(reader.talk.asked) for reader in readers if reader.asks),
        "lost": len(list(lost(readers))),
        "drops": dict(tally.drops),
        "trouble": dict(tally.trouble),
        **tally.counts,
    }
