"""How much one person may take."""

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache

from chat.models import Message
from chat.people import Person
from chat.protocol import Refused

MINUTE, HOUR = 60, 3600
SEARCHES_A_MINUTE = 120
NAMES_A_MINUTE = 20
SHORTEST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds
REMEMBERED = 10 * MINUTE  # how long it is known whose connection was closed for abuse
MOST_REMEMBERED = 10_000


def count_message(person: Person, messages: int = 1) -> None:
    """Count another message of a guest; raise Refused if it is too many in this minute.

    Or if too many guests are new who come from where they do. What is as large as several
    `messages` counts as so many, at most as all of a minute.
    """
    if not person.guest:
        return
    limit = settings.GUEST_MESSAGES_PER_MINUTE
    if _count("messages", person.id, min(messages, limit) or 1) > limit:
        what = "message" if limit == 1 else "messages"
        raise rate_limited(f"At most {limit} {what} a minute.", retry_after=_rest_of_minute())
    _count_newcomer(person)


def count_search(person: Person) -> None:
    """Count one more search, which may be long; raise Refused if it is too many in this minute."""
    if _count("searches", person.id) > SEARCHES_A_MINUTE:
        raise rate_limited("Too many searches.", retry_after=_rest_of_minute())


def count_name(person: Person) -> None:
    """Count another name that somebody wants; raise Refused if they are too many in this minute."""
    if _count("names", person.id) > NAMES_A_MINUTE:
        raise rate_limited("Too many names at once.", retry_after=_rest_of_minute())


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests somebody may make in this minute, how many are left, and until when."""

    limit: int
    left: int
    seconds: int

    def check(self) -> None:
        """Raise Refused if there were too many."""
        if self.left < 0:
            raise rate_limited("Too many requests.", retry_after=self.seconds)

    def as_headers(self) -> dict[str, str]:
        told = {"Limit": self.limit, "Remaining": max(0, self.left), "Reset": self.seconds}
        return {f"RateLimit-{name}": str(value) for name, value in told.items()}


def count_request(person: Person) -> Allowance | None:
    """Count another request of an account's programs; None where nobody counts."""
    limit = settings.API_REQUESTS_PER_MINUTE
    if not limit:
        return None
    return Allowance(limit, limit - _count("requests", person.id), _rest_of_minute())


def _count_newcomer(person: Person) -> None:
    """Count a guest who writes for the first time, by where they come from.

    Who throws their cookie away is a new guest each time, to whom no other limit applies.
    """
    limit, known = settings.NEW_GUESTS_PER_MINUTE, f"wrote:{person.id}"
    if not (person.address and limit) or cache.get(known):
        return
    if _count("newcomers", person.address) > limit:
        what = "Too many new guests from your network."
        raise rate_limited(what, retry_after=_rest_of_minute())
    cache.set(known, True, HOUR)


def check_replies(person: Person) -> None:
    """Raise Refused if somebody has as many replies going on, or waiting, as they may have."""
    limit = settings.GUEST_REPLIES_AT_A_TIME if person.guest else settings.REPLIES_AT_A_TIME
    going_on = Message.objects.live().filter(reply_to__person=person.id).count()
    if going_on >= limit:
        raise rate_limited("Wait until one of your replies has ended.", retry_after=1)


def check_connections(person: Person, connections: int) -> None:
    """Raise Refused if a guest with so many other `connections` may not have one more."""
    if person.guest and connections >= settings.GUEST_CONNECTIONS:
        raise rate_limited("Too many connections; close another page first.", retry_after=MINUTE)


def rate_limited(detail: str, retry_after: float, **more: Any) -> Refused:
    """`retry_after` is in seconds."""
    wait = math.ceil(retry_after * 1000) / 1000
    return Refused("rate_limited", detail, retry_after=wait, **more)


def _count(what: str, whose: UUID | str, more: int = 1) -> int:
    """Return how many there were in this minute, with these."""
    key = f"{what}:{whose}:{time.time() // MINUTE:.0f}"
    cache.add(key, 0, timeout=2 * MINUTE)
    return cache.incr(key, more)


def _rest_of_minute() -> int:
    return math.ceil(MINUTE - time.time() % MINUTE)


class Bucket:
    """A token bucket: `rate` tokens a second, at most `size` saved up."""

    __slots__ = ("_rate", "_size", "_tokens", "_updated")

    def __init__(self, rate: float, size: float) -> None:
        self._rate = rate
        self._size = self._tokens = size
        self._updated = time.monotonic()

    def take(self, tokens: float = 1) -> float:
        """Take `tokens`; return 0, or the seconds to wait if there are not enough (none taken)."""
        now = time.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        missing = min(tokens, self._size) - self._tokens
        if missing > 0:
            return missing / self._rate
        self._tokens -= tokens
        return 0


class Offenders:
    """Those whose connections were closed for abuse, not long ago.

    Who comes again for more is made to wait: to let them in again and again costs more than
    whatever they then send.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()  # the oldest first

    def note(self, who: str) -> None:
        """Note it of `who`; of nobody in particular (empty) nothing is known."""
        if not who:
            return
        self._known[who] = (time.monotonic(), self._times(who) + 1)
        self._known.move_to_end(who)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def wait(self, who: str) -> float:
        """Return the seconds that `who` waits before they are let in; none after the first time."""
        times = self._times(who)
        return min(SHORTEST_WAIT * 4.0 ** (times - 2), LONGEST_WAIT) if times > 1 else 0

    def _times(self, who: str) -> int:
        when, times = self._known.get(who, (0.0, 0))
        return times if time.monotonic() - when < REMEMBERED else 0
