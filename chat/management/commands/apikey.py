"""Issue an API key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.models import ApiKey, User


class Command(BaseCommand):
    help = (
        "Print a new API key for the account USERNAME. It cannot be shown again."
        " A key that the account has under the same --name is replaced, and works no more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the key is for")

    def handle(self, *args: Any, username: str, name: str, **options: Any) -> None:
        try:
            user = User.objects.get(username=username, is_guest=False)
        except User.DoesNotExist:
            raise CommandError(f"there is no account {username!r}") from None
        if not user.is_active:
            raise CommandError(f"the account {username!r} is switched off")
        self.stdout.write(ApiKey.replace(user, name[:80]) if name else ApiKey.issue(user))
