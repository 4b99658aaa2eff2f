"""The clock's door: scripted replies that come again every so many seconds."""

import time
from uuid import UUID

from chat import actions
from chat.assistants import scripted
from chat.database import in_database
from chat.live.hub import hub
from chat.models import ScriptedReply

Alarm = tuple[UUID, int]  # a conversation, an interval reply


class Clock:
    """Rings at every look; it knows from the last when the next reply is due."""

    def __init__(self) -> None:
        self._due: dict[Alarm, float] = {}

    async def look(self) -> None:
        self._due = await ring(self._due, time.monotonic())


async def ring(due: dict[Alarm, float], now: float) -> dict[Alarm, float]:
    """Write the interval replies that are due at `now`; return when each is due next.

    The first comes when somebody was in a conversation for its interval.
    """
    watched = hub().watched()
    every = await in_database(_intervals) if watched else {}
    coming = {}
    for alarm in ((conversation, rule) for conversation in watched for rule in every):
        seconds = every[alarm[1]]
        at = min(due.get(alarm, now + seconds), now + seconds)
        if at <= now:
            await actions.remind(*alarm)
            at = now + seconds
        coming[alarm] = at
    return coming


def _intervals() -> dict[int, float]:
    rules = ScriptedReply.objects.filter(on=True, trigger=scripted.INTERVAL)
    return {rule.pk: rule.every for rule in rules if rule.every}
