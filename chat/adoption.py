"""What somebody wrote as a guest goes to their account when they sign up or log in."""

from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import Exists, OuterRef

from chat import sessions
from chat.models import Conversation, Link, Membership, Message, User
from chat.people import VISITOR, Person

Role = Membership.Role
ORDER: list[str] = [Role.MEMBER, Role.MODERATOR, Role.OWNER, Role.BANNED]


def adopt(session: SessionBase, visitor: UUID, account: User) -> None:
    """Give everything of the guest `visitor` to `account`; the guest is gone then.

    Twice is harmless: whoever comes second finds nothing. A guest who was switched off brings
    nothing along, and stays so.
    """
    if visitor == account.pk or not _adopt(visitor, account):
        return
    session.pop(VISITOR, None)
    sessions.leave_all(visitor)


@transaction.atomic
def _adopt(visitor: UUID, account: User) -> bool:
    """Return whether the guest may; another login of the same guest waits here until this ends."""
    guest = User.objects.select_for_update().filter(pk=visitor).first()
    if guest is not None and not (guest.is_guest and guest.is_active):
        return False
    # What is on its way from their other pages is refused, or it would make the guest anew. The
    # pages keep it, and send it again as the account.
    Person(visitor, "", True).mark_forgotten()
    Conversation.objects.filter(owner_id=visitor).update(owner=account)
    written = Message.objects.filter(person=visitor)
    # A key posts once for one person in one conversation. Where both used the same, which only
    # happens where both wrote, the guest's has long served its purpose.
    same = Message.objects.filter(
        conversation=OuterRef("conversation"), person=account, key=OuterRef("key")
    )
    written.filter(Exists(same)).update(key=None)
    written.update(person=account)
    Message.objects.filter(asked_by=visitor).update(asked_by=account)
    Link.objects.filter(creator=visitor).update(creator=account)
    for seat in Membership.objects.filter(person=visitor):
        _take_seat(seat, account)
    if guest is not None:
        guest.delete()
    return True


def _take_seat(seat: Membership, account: User) -> None:
    """Give a guest's seat to `account`; of two in the same room the one with more rights stays.

    But who was banned there, as whomever, stays banned.
    """
    own, is_new = Membership.objects.get_or_create(
        conversation=seat.conversation, person=account, defaults={"role": seat.role}
    )
    if not is_new:
        own.role = max(own.role, seat.role, key=ORDER.index)
    own.seen = max(own.seen, seat.seen)
    own.save(update_fields=["role", "seen"])
