"""Looks after replies whose writer is gone."""

import logging

from chat import logs, metrics
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
        self._thinks_alone = remote().is_alone

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
        if self._thinks_alone:
            self._notice_others(before)
        still = {
            id: pulse for id, (pulse, looks) in self._seen.items() if looks >= STILL or not pulse[0]
        }
        if still:
            await self._take_over(still)

    def _notice_others(self, before: dict[int, tuple[Pulse, int]]) -> None:
        """Say it once if another process lives, which nobody here hears."""
        for id, ((lease, beat), _) in self._seen.items():
            known, _ = before.get(id, (("", 0), 0))
            if lease and lease == known[0] and beat != known[1]:
                self._thinks_alone = False
                logger.warning(
                    "another process (%s) writes replies into this database, and neither hears the "
                    "other: set REDIS_URL for both, or run one process",
                    lease,
                )
                return

    async def _take_over(self, still: dict[int, Pulse]) -> None:
        """Go on with replies, all of which are claimed at once: a process that dies wrote many."""
        heard = {id: live.text for id in still if (live := hub().live.get(id))}
        for message in await in_database(_claim, still, heard):
            about = logs.about(message.conversation_id, message.pk)
            logger.info("reply %s goes on here", message.pk, extra=about)
            metrics.TAKEOVERS.inc()
            # It may go on otherwise than readers at other processes saw it go on.
            if message.is_by_model and not remote().is_alone:
                await hub().reopen(message)
            turns.take_up(message, found=True)


def _stood_still(pulse: Pulse, before: Pulse | None, looks: int) -> int:
    return looks + 1 if before == pulse else 0


def _pulses() -> dict[int, Pulse]:
    rows = Message.objects.to_be_written().values_list("pk", "lease", "beat")
    return {id: (lease, beat) for id, lease, beat in rows}


def _claim(still: dict[int, Pulse], heard: dict[int, str]) -> list[Message]:
    """Return those of the replies that are this process's from now on."""
    claimed = []
    for id, pulse in still.items():
        if Message.objects.live().claim(id, *pulse, new_lease=PROCESS):
            message = Message.objects.find(id)
            if message and message.status in LIVE:
                _catch_up(message, heard.get(id, ""))
                claimed.append(message)
    return claimed


def _catch_up(message: Message, heard: str) -> None:
    """Save what its writer told, and did not save; all go on from there."""
    if len(heard) > len(message.text) and heard.startswith(message.text):
        message.text, message.status = heard, STREAMING
        ours = Message.objects.written_by(PROCESS).filter(pk=message.pk)
        ours.update(text=heard, status=STREAMING)
