"""Replies that other processes write, for those who watch them here; and the other way round.

Who watches asks the writer's process to be told. That tells all text from what it has saved on,
each time: so whoever misses it is whole with the next, or after one look into the database, which
is taken whenever nothing was heard for a while.
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass

from chat import characters, metrics, protocol
from chat.database import in_database
from chat.live.hub import LiveReply, hub
from chat.live.per_loop import PerLoop
from chat.live.relay import Verb, here, relay
from chat.live.remote import group_of, remote
from chat.models import LIVE, Message
from chat.process import PROCESS
from chat.reply import pace

QUIET = 1.2  # seconds without news of a reply, after which the database is asked
LOOK_EVERY = 0.5  # seconds
TOLD_FOR = 15.0  # seconds that a process is told of a reply after it asked; it asks again before
ASK_EVERY = 5.0
# Seconds in which what is to be told to a process is gathered: to tell it, and to hear of it, costs
# much more than the text of a hundred replies that is in it. It is half of a burst, as which text
# is early or late at its writer's, too.
GATHER = pace.LONGEST / 2


@dataclass(slots=True)
class Followed:
    """A reply that is written elsewhere."""

    reply: LiveReply
    heard: float  # when there was news of it
    asked: float = 0.0  # when its writer was asked for that


class Following:
    def __init__(self) -> None:
        self._hub, self._remote, self._relay = hub(), remote(), relay()
        self._followed: dict[int, Followed] = {}
        self._told: dict[int, dict[str, float]] = defaultdict(dict)  # whom, until when
        # To be told, by process: replies, each from where it was saved before there was more of it.
        self._news: dict[str, dict[int, tuple[LiveReply, int]]] = defaultdict(dict)

    def start(self) -> None:
        if not self._remote.is_alone:
            self._hub.tell_text = self._tell
            self._relay.on("follow", self._ask)
            self._relay.on_plain("text", self._hear)
            self._relay.on("look", self._read)
            self._relay.on("post", self._post)
            self._relay.on("reopen", self._reopen)

    def follow(self, *messages: Message) -> None:
        """Let those who watch here see a reply typed that another process writes, or will."""
        if self._remote.is_alone:
            return
        for message in messages:
            if message.status in LIVE and message.pk not in self._hub.live:
                followed = Followed(self._hub.open(message), heard=time.monotonic())
                self._followed[message.pk] = followed
                self._ask_writer(followed)

    def was_followed(self, reply: int) -> bool:
        """Whether somebody at another process watched a reply to its end; to be asked once."""
        return bool(self._told.pop(reply, None))

    # --- here, of what is written elsewhere

    async def _post(self, message: Message, frame: str, own: str) -> None:
        await self._here("post")(message, frame, own)
        self.follow(message)
        if message.assistant_id is not None and message.status not in LIVE:  # so soon
            changed = protocol.frame("message.changed", message=message.as_frame())
            await self._here("publish")(message.conversation_id, changed, about=message.pk)

    async def _reopen(self, message: Message) -> None:
        await self._here("reopen")(message)
        self.follow(message)

    def _here(self, verb: str) -> Verb:
        return here(self._hub, verb)

    def _ask_writer(self, followed: Followed) -> None:
        lease = followed.reply.message.lease
        if lease and lease != PROCESS:
            followed.asked = time.monotonic()
            self._relay.tell(group_of(lease), "follow", PROCESS, [followed.reply.id])

    async def _hear(self, texts: list[tuple[int, int, str]]) -> None:
        """Take `texts`: of each reply all that is known from an offset on."""
        behind = []
        for id, base, tail in texts:
            followed = self._known(id)
            if followed is None:
                continue
            at = len(followed.reply.text)
            if base > at:
                behind.append(id)
                metrics.GAPS.inc()
            else:
                if tail and at >= base + len(tail):
                    metrics.DUPLICATES.inc()
                followed.heard = time.monotonic()
                await self._extend(followed.reply, tail[at - base :])
        if behind:  # which the texts of others do not wait for
            self._relay.queue("look", behind)

    async def _extend(self, reply: LiveReply, text: str) -> None:
        if text:
            await self._hub.extend(reply, characters.split(text))

    def _known(self, id: int) -> Followed | None:
        followed = self._followed.get(id)
        if followed and self._hub.live.get(id) is not followed.reply:
            del self._followed[id]  # it is written here now, or nobody is left
            return None
        return followed

    async def look(self) -> None:
        """Ask the database for what nothing was heard of; to be called again and again."""
        if self._remote.is_alone:
            return
        now = time.monotonic()
        for id, told in list(self._told.items()):
            if now > max(told.values()):  # nobody asks any more
                del self._told[id]
        for id in list(self._followed):
            if (followed := self._known(id)) and not self._hub.watching(
                followed.reply.conversation
            ):
                del self._followed[id]
                self._hub.let_go(followed.reply)
        await self._read([id for id, it in self._followed.items() if now - it.heard > QUIET])
        for followed in self._followed.values():
            if now - followed.asked > ASK_EVERY:
                self._ask_writer(followed)

    async def _read(self, ids: list[int]) -> None:
        """Bring replies to where the database says that they are."""
        ids = [id for id in ids if self._known(id)]
        if not ids:
            return
        rows = await in_database(_rows, ids)
        for id in ids:
            followed = self._known(id)
            if followed is None:
                continue
            message = rows.get(id)
            if message is None:
                self._followed.pop(id)
                self._hub.let_go(followed.reply)
            elif message.status in LIVE:
                await self._take(followed, message)
            else:
                self._followed.pop(id)
                followed.reply.message = message
                await self._hub.finish(followed.reply, message.text)

    async def _take(self, followed: Followed, message: Message) -> None:
        reply, former = followed.reply, followed.reply.message.lease
        reply.message.lease = message.lease
        if message.version != reply.message.version:
            reply.message = message
        if former != message.lease:
            self._ask_writer(followed)
        if len(message.text) > len(reply.text):
            await self._extend(reply, message.text[len(reply.text) :])

    # --- there, of what is written here

    async def _ask(self, process: str, ids: list[int]) -> None:
        """Tell `process` of these replies from now on, for a while."""
        until = time.monotonic() + TOLD_FOR
        for id in ids:
            reply = self._hub.live.get(id)
            if reply is not None and self._known(id) is None:  # it is written here
                self._told[id][process] = until
                self._tell_soon(process, reply)
            elif reply is None:
                self._relay.tell(group_of(process), "look", [id])

    def _tell(self, reply: LiveReply) -> None:
        if reply.id not in self._told:
            return
        now = time.monotonic()
        for process, until in list(self._told[reply.id].items()):
            if now > until:
                del self._told[reply.id][process]
            else:
                self._tell_soon(process, reply)
        if not self._told[reply.id]:
            self._told.pop(reply.id)

    def _tell_soon(self, process: str, reply: LiveReply) -> None:
        """All that is said within a moment goes to a process together."""
        if not self._news:
            asyncio.get_running_loop().call_later(GATHER, self._tell_all)
        known = self._news[process].get(reply.id)
        if known is None or known[0] is not reply:
            self._news[process][reply.id] = (reply, reply.saved)

    def _tell_all(self) -> None:
        news, self._news = self._news, defaultdict(dict)
        for process, replies in news.items():
            ended = [id for id, (reply, _) in replies.items() if reply.end is not None]
            texts = [
                (id, base, reply.text[base:])
                for id, (reply, base) in replies.items()
                if reply.end is None
            ]
            if texts:
                self._relay.tell_plain(group_of(process), "text", texts)
            if ended:
                self._relay.tell(group_of(process), "look", ended)


def _rows(ids: list[int]) -> dict[int, Message]:
    found = Message.objects.select_related("assistant", "conversation").filter(pk__in=ids)
    return {message.pk: message for message in found}


following = PerLoop(Following)
