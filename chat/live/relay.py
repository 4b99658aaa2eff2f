"""What happens here is told to the other processes, and what happens there is done here.

Those hear of a conversation, or of a person, who have somebody in it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Max

from chat.database import in_database
from chat.live.hub import Hub, Viewer, hub
from chat.live.per_loop import PerLoop, on_its_own
from chat.live.remote import Event, remote
from chat.models import Message

EVERYONE = "everyone"  # the group of all processes
OF_PEOPLE = {"tell_person", "leave_all", "close_sessions", "close_person"}
OF_SESSIONS = {"close_session", "move_session"}  # nobody knows where those are
CHUNK = 500  # conversations that are asked for at a time
MOST_HEARD = 20_000  # events that wait to be worked off; who missed more reads what there is

logger = logging.getLogger(__name__)

Verb = Callable[..., Any]


def group_of_conversation(conversation: UUID) -> str:
    return f"conversation.{conversation.hex}"


def group_of_person(person: UUID) -> str:
    return f"person.{person.hex}"


class Relay:
    def __init__(self) -> None:
        self._hub, self._remote = hub(), remote()
        self._verbs: dict[str, Verb] = {}
        self._plain: dict[str, Verb] = {}
        self._groups: set[str] = set()
        self._was_deaf = False
        self._heard: deque[Event] = deque()
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._hub.tell_others = self._tell_others
        self._remote.start(self._hear)

    async def attend(self, viewer: Viewer) -> None:
        """Hear from now on what concerns `viewer`; to be awaited before the database is read."""
        if self._remote.is_alone:
            return
        groups = _groups_of([viewer])
        self._groups |= groups
        await self._remote.join(EVERYONE, *groups)

    def on(self, name: str, verb: Verb) -> None:
        """Have `verb` called with what other processes `tell` under that name."""
        self._verbs[name] = verb

    def on_plain(self, name: str, verb: Verb) -> None:
        """The same for what `tell_plain` tells."""
        self._plain[name] = verb

    def tell(self, group: str, name: str, *about: Any) -> None:
        """Have the verb called `name` called in the other processes in `group`."""
        if not self._remote.is_alone:
            self._remote.say(group, [name, list(map(_packed, about)), {}])

    def tell_plain(self, group: str, name: str, *about: Any) -> None:
        """The same with texts, numbers and lists of them: these need not be looked through."""
        if not self._remote.is_alone:
            self._remote.say(group, [name, about, {}])

    async def look(self) -> None:
        """Leave groups in which nobody is any more; and catch up with what was not heard."""
        if self._remote.is_alone:
            return
        needed = _groups_of(self._hub.everyone())
        for group in self._groups - needed:
            self._remote.leave(group)
        self._groups = needed
        await self._heal()

    async def _heal(self) -> None:
        hears = self._remote.hears
        if hears and self._remote.lost:
            lost, self._remote.lost = self._remote.lost, set()
            for group in lost:
                kind, _, id = group.partition(".")
                if kind == "conversation":
                    self.tell(group, "renew", UUID(id))
        if hears and self._was_deaf:
            for conversation in await self._missed():
                here(self._hub, "renew")(conversation)
        self._was_deaf = not hears

    async def _missed(self) -> list[UUID]:
        """Return the conversations in which more was said than those who are there know."""
        watched = self._hub.watched()
        missed = []
        for start in range(0, len(watched), CHUNK):
            newest = await in_database(_newest, watched[start : start + CHUNK])
            missed += [each for each, id in newest.items() if id > self._hub.newest.get(each, 0)]
        return missed

    def _tell_others(self, name: str, *about: Any, **more: Any) -> None:
        if self._remote.is_alone or about[0] is None:
            return
        packed = {key: _packed(value) for key, value in more.items()}
        self._remote.say(_group_of(name, about[0]), [name, list(map(_packed, about)), packed])

    def queue(self, name: str, *about: Any) -> None:
        """Have the verb called `name` called here, as if another process had told it."""
        self._queue([name, about, {}])

    def _queue(self, event: Event) -> None:
        if len(self._heard) >= MOST_HEARD:
            self._was_deaf = True
            return
        self._heard.append(event)
        if self._working is None or self._working.done():
            self._working = on_its_own(self._work_off(), name="what other processes said")

    async def _hear(self, who: str, event: Event) -> None:
        """Do at once what is plain; all else may have to wait for the database, beside that."""
        if plain := self._plain.get(event[0]):
            await plain(*event[1])
        else:
            self._queue(event)

    async def _work_off(self) -> None:
        while self._heard:
            event = self._heard.popleft()
            try:
                await self._do(*event)
            except Exception:
                logger.exception("%s, as another process said it, failed", event[0])

    async def _do(self, name: str, about: Iterable[Any], more: dict[str, Any]) -> None:
        known = [await _unpacked(each) for each in about]
        if any(each is _GONE for each in known):
            return
        verb = self._verbs.get(name) or here(self._hub, name)
        done = verb(*known, **{key: await _unpacked(value) for key, value in more.items()})
        if isinstance(done, Awaitable):
            await done


class _Gone:
    """A message that is not there any more."""


_GONE = _Gone()


def _packed(value: Any) -> Any:
    """Return `value` as the channel layer takes it; of a message its id, as its truth is kept."""
    if isinstance(value, UUID):
        return {"uuid": value.hex}
    if isinstance(value, Message):
        return {"message": value.pk}
    return [*map(_packed, value)] if isinstance(value, list | tuple) else value


async def _unpacked(value: Any) -> Any:
    match value:
        case {"uuid": id}:
            return UUID(id)
        case {"message": id}:
            return await in_database(Message.objects.find, id) or _GONE
        case list():
            return [await _unpacked(each) for each in value]
    return value


def _group_of(name: str, whom: Any) -> str:
    if name in OF_SESSIONS:
        return EVERYONE
    if name in OF_PEOPLE:
        return group_of_person(whom)
    return group_of_conversation(whom.conversation_id if isinstance(whom, Message) else whom)


def here(of: Hub, name: str) -> Verb:
    """Return the hub's verb `name`, to be done for those who are connected here alone."""
    told = getattr(Hub, name)
    return partial(told.__wrapped__, of)


def _groups_of(viewers: Iterable[Viewer]) -> set[str]:
    viewers = list(viewers)
    conversations = {group_of_conversation(each.conversation) for each in viewers}
    return conversations | {group_of_person(each.person) for each in viewers}


def _newest(conversations: list[UUID]) -> dict[UUID, int]:
    shown = Message.objects.filter(conversation__in=conversations).order_by()
    rows = shown.values_list("conversation").annotate(newest=Max("pk"))
    return dict(rows)


relay = PerLoop(Relay)
