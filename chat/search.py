"""Finding what was said: in the titles and the texts of somebody's own conversations."""

import re
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, Subquery

from chat import limits
from chat.characters import boundary, split
from chat.models import Conversation, Conversations, Membership, Message
from chat.people import Person
from chat.protocol import Refused, bad_request, clean_text

RESULTS = 50
SHORTEST, LONGEST = 2, 200  # code points of what is looked for
BEFORE, AFTER = 40, 120  # code points of a text that are shown around a match

Marked = dict[str, str]


def find(person: Person, words: str, end_user: str = "") -> list[dict[str, Any]]:
    """Return the conversations with `words` in them, the newest first, and where they are.

    One's own, and those of others, and rooms, in which one has a seat; or those of an end user.

    Each has its `id`, its `title` and the newest `text` with a match (None if only the title has
    one), both in the pieces `before`, `match` and `after`. Raises Refused (`bad_request`,
    `rate_limited`).
    """
    wanted = _wanted(words)
    limits.count_search(person)
    hits = Message.objects.shown().filter(_has("text", wanted), conversation=OuterRef("pk"))
    in_title = _has("title", wanted)
    found = _readable(person, end_user).listed().filter(in_title | Exists(hits))
    newest = Subquery(hits.order_by("-pk").values("text")[:1])
    rows = found.annotate(hit=newest).order_by("-written", "-pk")
    pattern = re.compile(re.escape(wanted), re.IGNORECASE)
    return [
        {
            "id": str(row["pk"]),
            "title": marked(row["title"], pattern),
            "text": None if row["hit"] is None else marked(row["hit"], pattern, BEFORE, AFTER),
        }
        for row in rows.values("pk", "title", "hit")[:RESULTS]
    ]


def _readable(person: Person, end_user: str) -> Conversations:
    if end_user:
        return Conversation.objects.of(person.id).filter(end_user=end_user)
    seats = Membership.objects.seats().filter(person=person.id)
    mine = Q(owner=person.id, end_user="") | Q(pk__in=seats.values("conversation"))
    return Conversation.objects.filter(mine, deleted=None)


def marked(text: str, pattern: re.Pattern[str], before: int = 1000, after: int = 1000) -> Marked:
    """Return the first match of `pattern` in `text`, with so much of what stands around it."""
    match = pattern.search(text)
    start, end = match.span() if match else (0, 0)
    return {
        "before": _end_of(text[:start], before),
        "match": text[start:end],
        "after": _beginning_of(text[end:], after),
    }


def _wanted(words: str) -> str:
    try:
        wanted = clean_text(words).strip()
    except Refused as refused:
        raise bad_request(f"q: {refused.detail}") from None
    if len(wanted) < SHORTEST:
        raise bad_request(f"q: must have at least {SHORTEST} characters")
    if len(wanted) > LONGEST:
        raise bad_request(f"q: must have at most {LONGEST} characters")
    return wanted


def _has(field: str, wanted: str) -> Q:
    # SQLite's LIKE knows only the letters of ASCII, while its REGEXP is Python's.
    if connection.vendor == "sqlite" and not wanted.isascii():
        return Q(**{f"{field}__iregex": re.escape(wanted)})
    return Q(**{f"{field}__icontains": wanted})


def _end_of(text: str, length: int) -> str:
    """Return the last words of `text`."""
    if len(text) <= length:
        return text
    rest = "".join(split(text[-length:])[1:])  # the first character may be cut
    return "…" + (rest.partition(" ")[2] or rest)


def _beginning_of(text: str, length: int) -> str:
    """Return the first words of `text`."""
    if len(text) <= length:
        return text
    rest = text[: boundary(text, length)]
    return (rest.rpartition(" ")[0] or rest) + "…"
