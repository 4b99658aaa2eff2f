"""Delete what guests left behind, and what was deleted and not brought back."""

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from chat import rooms
from chat.conversations import BATCH, SLICE, UNDO, remove_slice
from chat.models import Conversation, Membership, Message, User

KEPT_FOR = timedelta(days=30)


class Command(BaseCommand):
    help = "Delete guests and their conversations that nobody used for 30 days."

    def handle(self, *args: Any, **options: Any) -> None:
        before = timezone.now() - KEPT_FOR
        owner = User.objects.filter(pk=OuterRef("owner_id"), is_guest=False)
        seats = Membership.objects.filter(conversation=OuterRef("pk"))
        accounts = seats.filter(person__is_guest=False)
        of_guests = Q(~Exists(owner), ~Exists(accounts), kind=Conversation.PRIVATE)
        of_rooms = Q(Exists(seats.filter(role="owner")), ~Exists(accounts), kind=Conversation.ROOM)
        given_up = Q(deleted__lt=timezone.now() - UNDO)
        unused = Conversation.objects.filter((of_guests | of_rooms) & Q(used__lt=before) | given_up)
        conversations = _remove(unused)
        kept = Conversation.objects.filter(owner_id=OuterRef("pk"))
        said = Message.objects.filter(person=OuterRef("pk"))  # in rooms, where it stays
        idle = User.objects.filter(~Exists(kept), ~Exists(said), is_guest=True)
        idle = idle.filter(date_joined__lt=before)
        lately = Membership.objects.filter(person=OuterRef("pk"), joined__gte=before)
        gone = list(idle.filter(~Exists(lately)).values_list("pk", flat=True))
        for start in range(0, len(gone), SLICE):
            some = gone[start : start + SLICE]
            rooms.hand_over_all(some)
            User.objects.filter(pk__in=some).delete()
        Session.objects.filter(expire_date__lt=timezone.now()).delete()
        self.stdout.write(f"deleted {len(gone)} guests and {conversations} conversations")


def _remove(conversations: QuerySet[Conversation]) -> int:
    """Delete them, slice by slice, as the site goes on meanwhile; return how many there were."""
    count = 0
    while batch := list(conversations.values_list("pk", flat=True)[:BATCH]):
        count += len(batch)
        for id in batch:
            while remove_slice(id):
                pass
    return count
