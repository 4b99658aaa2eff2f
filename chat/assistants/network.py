"""Which addresses a provider may have: neither link-local ones nor a cloud's metadata.

At those a machine in a cloud is told its secrets. Private networks are fine: models run there.
"""

import asyncio
import socket
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from chat.assistants.base import Network
from chat.assistants.failures import failure

LONGEST_URL = 500

FORBIDDEN: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16",  # link-local: AWS, Google, Azure, Oracle, DigitalOcean, Hetzner …
            "fe80::/10",  # link-local
            "100.100.100.200/32",  # Alibaba
            "168.63.129.16/32",  # Azure's own
            "192.0.0.192/32",  # Oracle, the older one
            "fd00:ec2::/64",  # AWS
            "fd20:ce::/64",  # Google
            "fd00:42::42/128",  # Scaleway
            "fd00:a9fe:a9fe::/64",  # Linode
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")


def check_url(url: str, allowed: Iterable[Network] = ()) -> None:
    """Raise ValueError, with a sentence for staff, where `url` cannot be a provider's base URL.

    Asks no name server: what a name stands for is checked each time a connection is made.
    """
    host = unicodedata.normalize("NFKC", read_url(url).hostname or "").rstrip(".")
    addresses = [host]
    with suppress(OSError):
        addresses.append(socket.inet_ntoa(socket.inet_aton(host)))  # 2852039166, 0xA9FEA9FE, 127.1
    if any(is_forbidden(address, allowed) for address in addresses):
        raise ValueError("This address is link-local or a cloud's own, and may not be asked.")


def read_url(url: str) -> SplitResult:
    """Return the parts of a base URL. Raises ValueError as `check_url` does."""
    if len(url) > LONGEST_URL:
        raise ValueError(f"This address is too long: there may be {LONGEST_URL} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("An address has no blanks, control characters or backslashes.")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("This address cannot be read; is its port right?") from None
    _check_parts(parts, url)
    return parts


def _check_parts(parts: SplitResult, url: str) -> None:
    if parts.scheme not in ("http", "https"):
        raise ValueError("The address must begin with http:// or https://.")
    if not parts.hostname:
        raise ValueError("The address names no host.")
    if "@" in parts.netloc:
        raise ValueError("The address may have no name or password: keys are kept elsewhere.")
    if "?" in url or "#" in url:
        raise ValueError("The address may have no “?” or “#”.")


def is_forbidden(address: str, allowed: Iterable[Network]) -> bool:
    """Return whether `address` is one that may not be spoken to; a name is none."""
    try:
        faces = list(_faces(ip_address(address)))
    except ValueError:
        return False
    let_in = list(allowed)
    return any(_in(face, FORBIDDEN) and not _in(face, let_in) for face in faces)


def _faces(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Yield the address, and those of the old kind that it may stand for."""
    yield address
    if isinstance(address, IPv6Address):
        if address in _NAT64 or address in _COMPATIBLE:
            yield IPv4Address(int(address) & 0xFFFFFFFF)
        inside = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
        yield from filter(None, inside)


def _in(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


async def resolve(host: str, port: int, allowed: Iterable[Network]) -> list[str]:
    """Return the addresses of `host` that may be spoken to, best first.

    However they are spelled: it is the result that is checked, and that is to be connected to.
    Raises ProviderError if none may, or if there is none.
    """
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise failure("unreachable", f"There is no host {host}.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    let_in = list(allowed)
    fine = [address for address in addresses if not is_forbidden(address, let_in)]
    if not fine:
        raise failure("forbidden_address", f"{host} is {addresses[0]}, which may not be asked.")
    return fine
