"""API keys, as those whom they belong to make and revoke them."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from chat import guard
from chat.database import in_database
from chat.models import ApiKey, User
from chat.protocol import Refused

MOST_KEYS = 50  # of one account


def of(owner: UUID) -> Iterable[ApiKey]:
    """Return somebody's keys, the newest first."""
    return ApiKey.objects.filter(user=owner).order_by("-pk")


def named(owner: UUID, id: int) -> ApiKey:
    """Return one of somebody's keys. Raises Refused (`not_found`), whoever else's it may be."""
    found = ApiKey.objects.filter(user=owner, pk=id).first()
    if found is None:
        raise Refused("not_found", "There is no such key, or it is revoked already.")
    return found


def issue(owner: UUID, name: str) -> str:
    """Return a new key of somebody, which cannot be read again. Raises Refused (`conflict`).

    Names differ, so that what is sent twice makes one key, and everybody knows which one to revoke.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=owner)
        names = list(user.api_keys.values_list("name", flat=True))
        if name in names:
            raise Refused("conflict", "You have a key of this name. Revoke it first.")
        if len(names) >= MOST_KEYS:
            raise Refused("conflict", f"You have {MOST_KEYS} keys. Revoke one first.")
        return ApiKey.issue(user, name)


async def revoke(owner: UUID, id: int) -> None:
    """Let a key open nothing any more, and close what it has open. Raises as `named` does."""
    await in_database(lambda: named(owner, id).delete())
    await guard.recheck_keys()
