"""What a program's own users say, each in conversations of their own within its account.

All here run in the thread that speaks with the database.
"""

from datetime import datetime
from uuid import UUID

from chat import access, limits
from chat.models import Conversation, Message, User
from chat.people import Person


def place(person: Person, end_user: str, id: UUID | None = None) -> access.Place:
    """Return the place for what an end user says: their newest conversation, or that with `id`.

    If there is none yet it is made, without a greeting: the program has something to say. Nobody
    else changes it until the transaction ends. Raises Refused (`not_found`).
    """
    rows = Conversation.objects.select_for_update().with_company().of(person.id)
    theirs = rows.filter(end_user=end_user, kind=Conversation.PRIVATE)
    newest = theirs.filter(archived=False).order_by("-used")
    found = newest.first() if id is None else theirs.filter(pk=id).first()
    if found is None:
        if id is not None:
            raise access.unknown()
        limits.count_message(person)  # it too fills the database
        # Who asks for the first time at the same moment waits here, and then finds it.
        User.objects.select_for_update(no_key=True).get(pk=person.user().pk)
        if found := newest.first():
            return access.Place(found, access.OWNER)
        found = Conversation.objects.create(owner_id=person.id, end_user=end_user)
        found.is_shared = False
    return access.Place(found, access.OWNER)


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
