"""Delete what guests left behind, and what was deleted and not brought back."""

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chat.conversations import UNDO
from chat.models import Conversation, User

KEPT_FOR = timedelta(days=30)


class Command(BaseCommand):
    help = "Delete guests and their conversations that nobody used for 30 days."

    def handle(self, *args: Any, **options: Any) -> None:
        before = timezone.now() - KEPT_FOR
        accounts = User.objects.filter(pk=OuterRef("owner_id"), is_guest=False)
        of_guests = Q(~Exists(accounts), used__lt=before)
        given_up = Q(deleted__lt=timezone.now() - UNDO)
        unused = Conversation.objects.filter(of_guests | given_up)
        conversations = unused.count()
        unused.delete()
        kept = Conversation.objects.filter(owner_id=OuterRef("pk"))
        idle = User.objects.filter(~Q(Exists(kept)), is_guest=True, date_joined__lt=before)
        guests = idle.count()
        idle.delete()
        Session.objects.filter(expire_date__lt=timezone.now()).delete()
        self.stdout.write(f"deleted {guests} guests and {conversations} conversations")
