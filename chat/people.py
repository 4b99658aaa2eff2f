"""Who somebody is: the person behind a session cookie, an API key, or nothing at all."""

import uuid
from dataclasses import dataclass, field, replace
from importlib import import_module
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from chat.models import ApiKey, User
from chat.protocol import Refused

FORGETTING = 300  # seconds in which pages of somebody who is forgotten may still come again
VISITOR = "visitor"  # the session's key of the id that a visitor's guest account has, or will have


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a door. A guest is only made a User when they first write."""

    id: uuid.UUID
    name: str
    guest: bool
    active: bool = True
    staff: bool = False
    api_key: int | None = field(default=None, compare=False)  # by which they came, if they did
    session: str = field(default="", compare=False)  # the key of the one they came by, if any
    address: str = field(default="", compare=False)  # where a guest comes from, for limits

    @classmethod
    def account(cls, user: User, api_key: int | None = None) -> "Person":
        return cls(user.pk, str(user), user.is_guest, user.is_active, user.is_staff, api_key)

    @classmethod
    def visitor(cls, id: uuid.UUID) -> "Person":
        user = User.objects.filter(pk=id).first()
        return cls.account(user) if user else cls(id, guest_name(id), True)

    def as_frame(self) -> dict[str, Any]:
        return {"id": str(self.id), "name": self.name, "guest": self.guest}

    def user(self) -> User:
        """Return the person's User, made now if they are a guest who never wrote before.

        Raises Refused (`forbidden`) if they may not write any more.
        """
        self.check_not_forgotten()
        accounts = User.objects.filter(pk=self.id)
        user = User.objects.guest(self.id, self.name) if self.guest else accounts.first()
        if user is None or not user.is_active:
            raise switched_off()
        return user

    def mark_forgotten(self) -> None:
        """Note that they are deleted, or a guest would be made anew by what is on its way."""
        cache.set(f"forgotten:{self.id}", True, FORGETTING)

    def check_not_forgotten(self) -> None:
        if cache.get(f"forgotten:{self.id}"):
            raise Refused("forbidden", "Everything of yours was deleted.")


def guest_name(id: uuid.UUID) -> str:
    """Return what a guest is called who has not chosen a name."""
    return f"Guest {1000 + id.int % 9000}"


def switched_off() -> Refused:
    return Refused("forbidden", "This account was switched off.")


def in_session(request: HttpRequest) -> Person:
    """Return who `request` comes from; somebody unknown gets an id for their next visits.

    Raises Refused (`forbidden`) if their account was switched off.
    """
    person = known_in_session(request)
    if person is None:
        id = uuid.uuid4()
        request.session[VISITOR] = str(id)
        person = replace(Person.visitor(id), address=_address_in(request))
    return person


def known_in_session(request: HttpRequest) -> Person | None:
    """Return who `request` comes from, if they were here before. Raises as `in_session` does."""
    person = _of_session(request.session, request.user)
    if person is None:
        return None
    session = request.session.session_key or ""
    return replace(person, session=session, address=_address_in(request))


def visitor_in(session: SessionBase) -> uuid.UUID | None:
    """Return the id of the visitor that a session is of, or was until they logged in; if any."""
    try:
        return uuid.UUID(str(session[VISITOR]))
    except (KeyError, ValueError):
        return None


def guest_before_login(request: HttpRequest) -> Person | None:
    """Return the guest that somebody with an account was here until they logged in, if any."""
    id = visitor_in(request.session)
    guest = Person.visitor(id) if id else None
    return guest if guest and request.user.is_authenticated and guest.guest else None


def at_socket(headers: list[tuple[bytes, bytes]], peer: str = "") -> Person | None:
    """Return who opened a WebSocket from the address `peer`, by the headers of its handshake.

    The session cookie counts, else an API key, else a browser's page makes one a guest for as
    long as the connection lasts; a program (which sends no Origin) without a key is nobody: None.
    Raises Refused (`forbidden`) for somebody whose account was switched off.
    """
    named = {name: value.decode("latin1") for name, value in headers}
    address = address_of(peer, named.get(b"x-forwarded-for", ""))
    if b"origin" in named and (person := _of_cookies(named.get(b"cookie", ""))):
        return replace(person, address=address)
    if key := key_in(named.get(b"authorization", "")):
        return holder(key)
    guest = Person.visitor(uuid.uuid4())
    return replace(guest, address=address) if b"origin" in named else None


def address_of(peer: str, forwarded: str) -> str:
    """Return by what somebody is counted who comes from `peer`; empty for this very machine.

    A proxy adds to the end of X-Forwarded-For (`forwarded`) from where it was asked; what stands
    before that may be made up. Of IPv6, homes have as much as 64 bits can tell apart.
    """
    added = forwarded.rpartition(",")[2].strip()
    told = added if settings.SECURE_PROXY and added else peer
    try:
        address = ip_address(told)
    except ValueError:
        return told
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return ""
    return str(address if address.version == 4 else ip_network((address, 64), strict=False))


def _address_in(request: HttpRequest) -> str:
    told = request.META
    return address_of(told.get("REMOTE_ADDR", ""), told.get("HTTP_X_FORWARDED_FOR", ""))


def key_in(authorization: str) -> str:
    """Return the API key in an Authorization header; empty if it is of another kind.

    A proxy may ask for a password of its own, which the browser then sends to us, too.
    """
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def holder(key: str) -> Person | None:
    """Return whose API key it is; None if it is nobody's."""
    known = ApiKey.known(key)
    return Person.account(known.user, known.pk) if known else None


def _of_cookies(header: str) -> Person | None:
    cookie = parse_cookie(header).get(settings.SESSION_COOKIE_NAME)
    if cookie is None:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    person = _of_session(request.session, get_user(request))
    return person and replace(person, session=cookie)


def again(person: Person) -> Person:
    """Return who `person` is now: they may have another name."""
    user = User.objects.filter(pk=person.id).first()
    if user is None:
        return person
    known = Person.account(user, person.api_key)
    return replace(known, session=person.session, address=person.address)


def check_session(person: Person) -> None:
    """Raise Refused (`not_signed_in`) if somebody has logged out since they came."""
    if person.session:
        store = import_module(settings.SESSION_ENGINE).SessionStore
        if not store().exists(person.session):
            raise Refused("not_signed_in", "You have logged out.")


def _of_session(session: SessionBase, user: Any) -> Person | None:
    if user.is_authenticated:
        return Person.account(user)
    id = visitor_in(session)
    if id is None:
        return None
    person = Person.visitor(id)
    if not person.active:
        raise switched_off()
    person.check_not_forgotten()
    return person
