"""Issue an API key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.models import ApiKey, User


class Command(BaseCommand):
    help = "Print a new API key for the account USERNAME. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the key is for")

    def handle(self, *args: Any, username: str, name: str, **options: Any) -> None:
        try:
            user = User.objects.get(username=username, is_guest=False)
        except User.DoesNotExist:
            raise CommandError(f"there is no account {username!r}") from None
        self.stdout.write(ApiKey.issue(user, name[:80]))
