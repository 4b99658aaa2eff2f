"""Whom a message calls by name: `@alice`, `@Guest 4821`, `@Assistant`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import regex
from django.db.models import Q, QuerySet

from chat.models import Assistant, Conversation, User

MOST = 20  # in one message
LONGEST_NAME = 80  # code points

T = TypeVar("T")

_CALL = regex.compile(rf"(?<![\w@])@(\S.{{0,{LONGEST_NAME}}})")
_WORD = regex.compile(r"\w+|\S")


@dataclass(frozen=True, slots=True)
class Mentions:
    people: list[User] = field(default_factory=list)
    assistants: list[Assistant] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [str(user.pk) for user in self.people]


def found_in(text: str, conversation: Conversation) -> Mentions:
    """Return who of the people with a seat in `conversation`, and which assistants, are called.

    Of two names that both fit, the longer one is meant. At most MOST calls are looked at.
    """
    calls = [call[1] for call in islice(_CALL.finditer(text, overlapped=True), MOST)]
    if not calls:
        return Mentions()
    people, assistants = _seated(conversation, calls), list(Assistant.objects.filter(on=True))
    found = Mentions()
    for call in calls:
        person = _best(call, ((str(user), user) for user in people))
        names = (name for each in assistants for name in ((each.name, each), (each.slug, each)))
        assistant = _best(call, names)
        if person and person not in found.people:
            found.people.append(person)
        elif not person and assistant and assistant not in found.assistants:
            found.assistants.append(assistant)
    return found


def suggestions(start: str, conversation: Conversation, limit: int) -> list[User]:
    """Return people with a seat in `conversation` whose names begin with `start`."""
    return list(_named(conversation, [start])[:limit])


def _seated(conversation: Conversation, calls: list[str]) -> list[User]:
    """Return those whose names begin with the first word of one of `calls`."""
    words = {word[0] for call in calls if (word := _WORD.match(call))}
    return list(_named(conversation, words)) if words else []


def _named(conversation: Conversation, starts: Iterable[str]) -> QuerySet[User]:
    fits = Q()
    for start in starts:
        fits |= Q(name__istartswith=start) | Q(name="", username__istartswith=start)
    here = Q(memberships__conversation=conversation) & ~Q(memberships__role="banned")
    owner = Q(pk=conversation.owner_id) if conversation.owner_id else Q()
    return User.objects.filter(fits, here | owner if owner else here).order_by("name").distinct()


def _best(call: str, named: Iterable[tuple[str, T]]) -> T | None:
    """Return whose name is the longest that `call` begins with, as whole words."""
    fitting = [(len(name), whose) for name, whose in named if _begins(call, name)]
    return max(fitting, key=lambda fit: fit[0])[1] if fitting else None


def _begins(call: str, name: str) -> bool:
    after = call[len(name) : len(name) + 1]
    fits = call[: len(name)].casefold() == name.casefold()
    return bool(name) and fits and not (after.isalnum() or after == "_")
