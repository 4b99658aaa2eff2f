"""Sessions in the database, as Django's; and who logs out is cut off at once, wherever they do.

Django knows of no better place that every way of logging out passes: the page, the admin, being
forgotten, and a password that was changed elsewhere.
"""

from collections.abc import Callable
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib.sessions.backends import db

from chat.live.hub import Viewer, hub
from chat.protocol import NOT_SIGNED_IN


class SessionStore(db.SessionStore):
    def flush(self) -> None:
        """Log out, and close what this session has open."""
        key = self.session_key
        super().flush()
        if key:
            close_where(lambda viewer: viewer.session == key)

    def cycle_key(self) -> None:
        """Get another key; what is open stays so, as it is the same browser still."""
        former = self.session_key
        super().cycle_key()
        if former:
            async_to_sync(_move)(former, self.session_key or "")


def end_others(person: UUID, *, but: str | None = None) -> None:
    """Close what other sessions of `person` have open, which a new password has ended.

    Programs stay: their keys are as good as before.
    """
    close_where(lambda it: it.person == person and it.session not in ("", but))


def close_where(unwanted: Callable[[Viewer], bool]) -> None:
    """Close connections of this process as those of somebody who is not signed in any more.

    From a thread of the server this waits for the loop that started it, where they are. Elsewhere,
    in a command for instance, there is no such loop, and nothing is open.
    """
    async_to_sync(_close)(unwanted)


async def _close(unwanted: Callable[[Viewer], bool]) -> None:
    await hub().close_where(unwanted, NOT_SIGNED_IN)


async def _move(former: str, now: str) -> None:
    hub().move_session(former, now)
