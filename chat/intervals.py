"""The clock's door: scripted replies that come again every so many seconds."""

import asyncio
import logging
import time
from uuid import UUID

from django.db import DatabaseError

from chat import actions
from chat.assistants import scripted
from chat.database import in_database
from chat.live.hub import hub
from chat.models import ScriptedReply

LOOK_EVERY = 1.0  # seconds

logger = logging.getLogger(__name__)

Alarm = tuple[UUID, int]  # a conversation, an interval reply


async def run() -> None:
    """Ring for as long as the process lives."""
    due: dict[Alarm, float] = {}
    while True:
        try:
            due = await ring(due, time.monotonic())
        except Exception as error:  # it must outlive whatever goes wrong once
            known = isinstance(error, DatabaseError)
            logger.warning("interval replies have to wait: %s", error, exc_info=not known)
        await asyncio.sleep(LOOK_EVERY)


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
