"""Where a camera may live: nobody makes the box call itself, its neighbours' metadata, or a whole network."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from vmsd.errors import FieldProblem, Invalid
from vmsd.vendors.urls import POINTER

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# This network, protocol assignments, benchmarks, and Teredo, whose servers are strangers (RFC 6890).
_NO_PLACE = tuple(map(ip_network, ("0.0.0.0/8", "192.0.0.0/24", "198.18.0.0/15", "2001::/32")))
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")
# The spellings of inet_aton that are no dotted quad: 2130706433, 0x7f.1, 0177.0.0.1
_ODD_IPV4 = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CameraNetworks:
    """`allowed` lifts every refusal except that of the box's own ports on its own addresses."""

    allowed: tuple[Network, ...] = ()
    own_ports: frozenset[int] = frozenset()
    own_addresses: frozenset[Address] = frozenset()


def refuse_unsafe(host_ips: Iterable[Address | str], port: int, policy: CameraNetworks) -> None:
    """Invalid unless every one of the addresses may be called at `port`."""
    addresses = [plain(ip_address(ip) if isinstance(ip, str) else ip) for ip in host_ips]
    if not addresses:
        raise _refused("the host has no address")
    for address in addresses:
        is_own = address.is_loopback or address.is_unspecified or address in policy.own_addresses
        if is_own and (port in policy.own_ports or not _is_allowed(address, policy)):
            raise _refused("the address points at this box itself")
        if _is_special(address) and not _is_allowed(address, policy):
            raise _refused("no camera lives at an address of this kind")


def plain(address: Address) -> Address:
    """IPv4 address that an IPv6 spelling of it leads to."""
    if isinstance(address, IPv4Address):
        return address
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and address in _NAT64:
        embedded = IPv4Address(int(address) & 0xFFFFFFFF)
    if embedded is None and address in _COMPATIBLE and int(address) > 1:
        embedded = IPv4Address(int(address))
    return embedded or IPv6Address(int(address))


def _is_allowed(address: Address, policy: CameraNetworks) -> bool:
    return any(address in network for network in policy.allowed)


def _is_special(address: Address) -> bool:
    odd = any(address in network for network in _NO_PLACE)
    return odd or address.is_link_local or address.is_multicast or address.is_reserved


def literal(host: str) -> Address | None:
    """The address that `host` spells, None for a name; Invalid for a spelling that hides an address."""
    bare = host.removeprefix("[").removesuffix("]").rstrip(".")
    try:
        return ip_address(bare)
    except ValueError:
        if _ODD_IPV4.fullmatch(bare) or not bare.isascii():
            raise _refused("an IPv4 address is written as four plain decimal numbers") from None
    return None


def look_up(name: str) -> tuple[Address, ...]:
    """What the machine's resolver answers, the one to try first in front; nothing when it knows none.

    Blocks for as long as the resolver likes: to be called in a thread that may be left behind.
    """
    try:
        found = socket.getaddrinfo(name.rstrip("."), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(ip_address(place[0]) for *_, place in found))


def _refused(detail: str) -> Invalid:
    return Invalid("the address of the camera cannot be used", FieldProblem(POINTER, detail))
