"""What people call themselves: whether they may, and that everybody hears of it."""

from uuid import UUID

from django.db import IntegrityError, transaction

from chat import limits, names, protocol
from chat.database import in_database
from chat.live.hub import hub
from chat.live.presence import presence
from chat.models import Assistant, User
from chat.names import Unfit
from chat.people import Person, guest_name

TAKEN = "Somebody is called so already, or so that it looks the same. Choose another name."


async def rename(person: Person, text: str) -> Person:
    """Let `person` be called `text` from now on; return who they are now.

    A guest who never wrote is made one by that. Raises Refused (`unprocessable`) with the reason.
    """
    renamed = await in_database(_rename, person, text)
    presence().rename(person.id, renamed.name)
    await hub().tell_person(person.id, protocol.frame("you", you=renamed.as_frame()))
    return renamed


def check(text: str, *, own: UUID | None = None, staff: bool = False) -> str:
    """Return the name that `text` is, if whoever has the id `own` may be called so.

    Raises Unfit. Staff may have names that are reserved: they do speak for the server.
    """
    name = names.clean(text)
    if not staff:
        names.check_reserved(name)
    alike = names.likenesses(name)
    people = User.objects.called(alike)
    if _assistants() & alike or (people.exclude(pk=own) if own else people).exists():
        raise Unfit(TAKEN)
    return name


def _assistants() -> set[str]:
    known = Assistant.objects.values_list("name", "slug")
    return {names.skeleton(called) for both in known for called in both}


def _rename(person: Person, text: str) -> Person:
    limits.count_name(person)
    own_default = guest_name(person.id) if person.guest else ""
    try:
        is_default = bool(own_default) and names.tidy(text) == own_default
        name = own_default if is_default else check(text, own=person.id, staff=person.staff)
        user = person.user()
        user.name = name
        user.take_keys()
        with transaction.atomic():
            user.save(update_fields=["name", "name_key", "username_key"])
    except Unfit as unfit:
        raise protocol.Refused("unprocessable", str(unfit), field="name") from None
    except IntegrityError:  # somebody else chose it at the same moment
        raise protocol.Refused("unprocessable", TAKEN, field="name") from None
    return Person.account(user)
