"""Sessions in the database, as Django's; and who logs out is cut off at once, wherever they do.

Django knows of no better place that every way of logging out passes: the page, the admin, being
forgotten, and a password that was changed elsewhere.
"""

from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib.sessions.backends import db

from chat.live.hub import hub
from chat.protocol import NOT_SIGNED_IN


class SessionStore(db.SessionStore):
    def _validate_session_key(self, key: str | None) -> bool:
        """Take for a key only what one can be: PostgreSQL refuses to look for a NUL."""
        return key is not None and len(key) >= 8 and key.isalnum()

    def flush(self) -> None:
        """Log out, and close what this session has open."""
        key = self.session_key
        super().flush()
        if key:
            async_to_sync(_close_session)(key)

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
    async_to_sync(_close_others)(person, but)


def leave_all(person: UUID) -> None:
    """Close what `person` has open, however they came."""
    async_to_sync(_leave_all)(person)


async def _leave_all(person: UUID) -> None:
    await hub().leave_all(person, NOT_SIGNED_IN)


async def _close_session(key: str) -> None:
    await hub().close_session(key, NOT_SIGNED_IN)


async def _close_others(person: UUID, but: str | None) -> None:
    await hub().close_sessions(person, NOT_SIGNED_IN, but=but)


async def _move(former: str, now: str) -> None:
    hub().move_session(former, now)
