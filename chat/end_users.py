"""What a program's own users say, each in conversations of their own within its account.

All here run in the thread that speaks with the database.
"""

from datetime import datetime
from uuid import UUID

from chat import access, limits
from chat.models import Conversation, Message
from chat.people import Person


def conversation_of(person: Person, end_user: str, id: UUID | None = None) -> Conversation:
    """Return the newest conversation for one of a program's own users, or the one with that id.

    If there is none yet it is made, without a greeting: the program has something to say.
    """
    theirs = Conversation.objects.of(person.id).filter(end_user=end_user, kind=Conversation.PRIVATE)
    if id is not None:
        found = theirs.filter(pk=id).first()
        if found is None:
            raise access.unknown()
        return found
    found = theirs.filter(archived=False).order_by("-used").first()
    if found is None:
        limits.count_message(person)  # it too fills the database
        found = Conversation.objects.create(owner_id=person.id, end_user=end_user)
    return found


def exchanges(
    person: Person, end_user: str, limit: int, before: datetime | None = None
) -> list[tuple[str, datetime, int | None, str | None]]:
    """Return what a program's user said and when, with the id and the text of each reply.

    The newest come first.
    """
    asked = Message.objects.shown().filter(
        person=person.id,
        conversation__owner=person.id,
        conversation__end_user=end_user,
        conversation__kind=Conversation.PRIVATE,
        conversation__deleted=None,
    )
    if before is not None:
        asked = asked.filter(created__lt=before)
    newest = asked.order_by("-created", "-pk").values_list("pk", "text", "created")
    found = list(newest[:limit])
    replies = Message.objects.shown().filter(reply_to__in=[id for id, _, _ in found])
    answers = {to: (id, text) for to, id, text in replies.values_list("reply_to", "pk", "text")}
    return [(text, created, *answers.get(id, (None, None))) for id, text, created in found]
