"""Kills the process that writes, again and again, and looks whether anything is lost.

    python -m tests.kills [--kills 100] [--seed 1]

Some processes serve one chat. In many conversations people write one message after the other; some
are answered by a scripted reply, some by models. At random moments one of the processes is killed,
as by a crash, and started again a little later. Every conversation has two readers, at different
processes, one of whom writes.
"""

import argparse
import asyncio
import collections
import itertools
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.client import session
from tests.models import make_assistants, provider_with_titles
from tests.providers import Answer, Exchange
from tests.server import Server
from tests.several import Chat, Reader, several

PROCESSES, CONVERSATIONS = 4, 9  # unless fewer are wanted
SETTLED = 6.0  # seconds; one process at least has lived for so long, and sees that others are gone
KINDS = ("assistant", "ollama", "openai")  # a script, a model that goes on, one that is asked to
SPEED = 40  # characters a second
PIECE = 5
PAUSES = (0.3, 1.2)  # seconds between two kills, and until a process is started again
SHORTEST, LONGEST = 10, 240  # characters of a reply
LIMIT = 10.0  # seconds, after which a reply that lost its writer goes on
IN_FLIGHT = 0.3  # seconds in which what a killed process has said may still arrive
CUT_OFF = "Your last message was cut off."
WORDS = ("naïve", "e\u0301te\u0301", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "x\nx")


class Echo(Answer):
    """Says what was asked; and if it is to go on with that, what is missing."""

    async def give_to(self, exchange: Exchange) -> None:
        turns = exchange.asked.body["messages"]
        asks = turns[-1]["role"] == "user" and turns[-1]["content"].startswith(CUT_OFF)
        turns = turns[:-1] if asks else turns
        begun = turns.pop()["content"] if turns[-1]["role"] == "assistant" else ""
        text = turns[-1]["content"]
        rest = text[begun.rfind(" ") + 1 if asks else len(begun) :]
        await exchange.start()
        await exchange.send(exchange.dialect.begin())
        for at in range(0, len(rest), PIECE):
            await exchange.send(exchange.dialect.text(rest[at : at + PIECE]))
            await asyncio.sleep(PIECE / SPEED)
        await exchange.finish(exchange.dialect.end("stop", None, done=True))


@dataclass
class Report:
    kills: int = 0
    replies: collections.Counter[str] = field(default_factory=collections.Counter)
    hit: int = 0  # times that a reply lost its writer
    silent: dict[str, list[float]] = field(default_factory=dict)  # seconds until they went on
    faults: list[str] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """Seconds that one was silent, at most."""
        return max(itertools.chain(*self.silent.values()), default=0)

    @property
    def times(self) -> dict[str, dict[str, float]]:
        return {
            kind: {"median": round(median(times), 1), "most": round(max(times), 1)}
            for kind, times in self.silent.items()
        }


class Scene:
    def __init__(self, chat: Chat, conversations: int, seed: int) -> None:
        self.chat = chat
        self._conversations = conversations
        self.report = Report()
        self._random = random.Random(seed)
        self._alive = set(chat.servers)
        self._settled = set(chat.servers)
        self._more = asyncio.Event()
        self._killed: dict[int, tuple[float, str]] = {}  # reply: when, and what wrote it
        self._kinds: dict[int, str] = {}
        self._ending = False

    async def run(self, kills: int) -> None:
        cookies = [session(self.chat.servers[0].url) for _ in range(self._conversations)]
        talks = [
            asyncio.create_task(self._talk(number, cookie)) for number, cookie in enumerate(cookies)
        ]
        returns: list[asyncio.Task[None]] = []
        for _ in range(kills):
            await asyncio.sleep(self._random.uniform(*PAUSES))
            while not (victims := self._victims()):
                self._more.clear()
                await self._more.wait()
            returns.append(await self._kill(self._random.choice(victims)))
        self._ending = True
        await asyncio.gather(*returns, *talks)

    def _victims(self) -> list[Server]:
        """Return those who may be killed: one that has settled must be left."""
        return [it for it in self.chat.servers if it in self._alive and self._settled - {it}]

    async def _kill(self, victim: Server) -> asyncio.Task[None]:
        """Kill `victim`; return what starts it again."""
        writing = await asyncio.to_thread(self._writing)
        pid = victim.pid
        self._alive.discard(victim)
        self._settled.discard(victim)
        victim.kill()
        now = time.monotonic()
        self.report.kills += 1
        for reply, lease in writing:
            if f":{pid}:" in lease and reply in self._kinds:
                self._killed[reply] = (now, self._kinds[reply])
                self.report.hit += 1
        return asyncio.create_task(self._bring_back(victim))

    async def _bring_back(self, victim: Server) -> None:
        await asyncio.sleep(self._random.uniform(*PAUSES))
        await asyncio.to_thread(victim.start)
        self._alive.add(victim)
        self._more.set()
        pid = victim.pid
        await asyncio.sleep(SETTLED)
        if victim in self._alive and victim.pid == pid:
            self._settled.add(victim)
            self._more.set()

    def _writing(self) -> list[tuple[int, str]]:
        live = "SELECT id, lease FROM chat_message WHERE status IN ('waiting', 'streaming')"
        return [(id, lease) for id, lease in self.chat.postgres.say(live)]

    def _moved(self, _: Reader, reply: int) -> None:
        if reply not in self._killed:
            return
        since, kind = self._killed[reply]
        took = time.monotonic() - since
        if took > IN_FLIGHT:
            del self._killed[reply]
            self.report.silent.setdefault(kind, []).append(took)

    async def _talk(self, number: int, cookie: str) -> None:
        """Write messages into one conversation until it is enough; look at each answer."""
        kind = KINDS[number % len(KINDS)]
        start = number % len(self.chat.servers)
        servers = self.chat.servers[start:] + self.chat.servers[:start]
        async with (
            Reader(servers, cookie) as author,
            Reader(servers[1:] + servers[:1], cookie, author.path) as other,
        ):
            author.on_move = other.on_move = self._moved
            count = 0
            while not self._ending:
                await self._ask(author, other, kind, f"{number}-{count}")
                await author.move(self._random.choice(self.chat.servers))
                count += 1
            self.report.faults += [*author.faults, *other.faults]
            self._check_all(author, count)

    async def _ask(self, author: Reader, other: Reader, kind: str, key: str) -> None:
        text = self._text(key)
        reply = await author.post(text, key, assistant=kind)
        self._kinds[reply] = kind
        await other.until(lambda: reply in other.seen)
        try:
            await self._see_through(author, reply)
            status = author.seen[reply].status
            await other.until(lambda: other.seen[reply].status == status)
        except TimeoutError:
            self.report.faults.append(f"{kind} {reply} does not end, {author.errors}")
        saved = await asyncio.to_thread(self.chat.saved, reply)
        self.report.replies[saved[0]] += 1
        for who, has in (
            ("the database", saved),
            ("its author", (author.seen[reply].status, author.seen[reply].text)),
            ("a reader", (other.seen[reply].status, other.seen[reply].text)),
        ):
            if has != ("complete", text):
                self.report.faults.append(f"{kind} {reply}: {who} has {has}, not {text!r}")

    async def _see_through(self, author: Reader, reply: int) -> None:
        """Wait for its end; and where that is too early, ask for the rest."""
        while await author.ended(reply) == "interrupted":
            self.report.replies["interrupted"] += 1
            line = author.line
            await author.send("reply.continue", reply=reply)
            await author.until(
                lambda line=line: (
                    author.line is not line  # type: ignore[misc]
                    or author.seen[reply].status != "interrupted"
                )
            )
            await author.until(lambda: author.line is not None)

    def _text(self, key: str) -> str:
        words = [f"<{key}>"]
        length = self._random.randint(SHORTEST, LONGEST)
        while len(" ".join(words)) < length:
            known = self._random.choice(WORDS) if self._random.random() < 0.2 else ""
            words.append(known or f"word{len(words)}")
        return " ".join(words)

    def _check_all(self, author: Reader, count: int) -> None:
        rows = self.chat.postgres.say(
            "SELECT count(*) FILTER (WHERE person_id IS NOT NULL),"
            " count(*) FILTER (WHERE reply_to_id IS NOT NULL)"
            " FROM chat_message WHERE conversation_id = %s",
            author.path.split("/")[-2],
        )
        if rows != [(count, count)]:
            self.report.faults.append(f"{rows[0]} messages and replies instead of {count}")


def kill(
    folder: Path,
    kills: int,
    seed: int,
    processes: int = PROCESSES,
    conversations: int = CONVERSATIONS,
) -> Report:
    with provider_with_titles() as provider, several(folder, processes) as chat:
        provider._default = Echo()
        chat.answer("{message}", SPEED)
        models = [{"slug": kind, "kind": kind} for kind in KINDS[1:]]
        make_assistants(chat.servers[0], provider, *models)
        scene = Scene(chat, conversations, seed)
        asyncio.run(scene.run(kills))
        for server in chat.servers:
            if "Traceback" in (log := server.log.read_text()):
                scene.report.faults.append(log)
        return scene.report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        report = kill(Path(folder), options.kills, options.seed)
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s: {report.kills} kills")
    print(f"replies: {dict(report.replies)}; times that one lost its writer: {report.hit}")
    print(f"seconds until they went on: {json.dumps(report.times)}")
    for fault in report.faults:
        print(f"FAULT {fault}")
    sys.exit(bool(report.faults) or report.longest > LIMIT)


if __name__ == "__main__":
    main()
