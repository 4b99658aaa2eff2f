"""Looks after replies whose writer is gone."""

import logging

from chat import metrics
from chat.database import in_database
from chat.live.hub import hub
from chat.live.remote import remote
from chat.models import LIVE, STREAMING, Message
from chat.process import PROCESS
from chat.reply import run, turns

STILL = 3  # looks in a row, a second apart, that find a heartbeat unmoved: then the writer is gone

logger = logging.getLogger(__name__)

Pulse = tuple[str, int]


class Watchdog:
    """Claims replies whose heartbeat stands still, and goes on writing them.

    It compares what it saw itself, look by look, so no clocks of different hosts are compared;
    and while the database does not answer nothing counts as still.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Pulse, int]] = {}  # reply -> its pulse, looks it stood still

    async def look(self) -> None:
        """Look once at all live replies, and claim those whose writer is gone."""
        before, self._seen = self._seen, {}
        pulses = await in_database(_pulses)
        ours = run.runs()
        self._seen = {
            id: (pulse, _stood_still(pulse, *before.get(id, (None, 0))))
            for id, pulse in pulses.items()
            if id not in ours
        }
        for id, (pulse, looks) in list(self._seen.items()):
            if looks >= STILL or not pulse[0]:
                await self._take_over(id, pulse)

    async def _take_over(self, id: int, pulse: Pulse) -> None:
        message = await in_database(_claim, id, pulse)
        if message is not None:
            logger.info("reply %s goes on here", id)
            metrics.TAKEOVERS.inc()
            heard = hub().live.get(id)
            if heard and heard.text != message.text and heard.text.startswith(message.text):
                message.text, message.status = heard.text, STREAMING  # it told more than it saved
                await in_database(_save, message)  # from where others, too, go on
            # It may go on otherwise than readers at other processes saw it go on.
            if message.is_by_model and not remote().is_alone:
                await hub().reopen(message)
            turns.begin(message, found=True)


def _stood_still(pulse: Pulse, before: Pulse | None, looks: int) -> int:
    return looks + 1 if before == pulse else 0


def _pulses() -> dict[int, Pulse]:
    rows = Message.objects.to_be_written().values_list("pk", "lease", "beat")
    return {id: (lease, beat) for id, lease, beat in rows}


def _save(message: Message) -> None:
    Message.objects.written_by(PROCESS).filter(pk=message.pk).update(
        text=message.text, status=message.status
    )


def _claim(id: int, pulse: Pulse) -> Message | None:
    if not Message.objects.live().claim(id, *pulse, new_lease=PROCESS):
        return None
    message = Message.objects.find(id)
    return message if message and message.status in LIVE else None
