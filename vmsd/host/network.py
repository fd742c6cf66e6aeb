"""The machine's own addresses, the networks it is in, and who its neighbours there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6

import psutil

ARP = Path("/proc/net/arp")
COMPLETE = 0x2
"""ATF_COM of <net/if_arp.h>: the neighbour has answered."""


@dataclass(frozen=True)
class Attached:
    """One IPv4 address of the machine: the interface it is on, and the network it is in."""

    interface: str
    address: IPv4Address
    network: IPv4Network


def own_addresses() -> frozenset[IPv4Address | IPv6Address]:
    """Of every interface, loopback too, as they are now."""
    found = [
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family in (AF_INET, AF_INET6)
    ]
    return frozenset(ip_address(address.partition("%")[0]) for address in found)


def attached(interfaces: Collection[str] = ()) -> Sequence[Attached]:
    """Of the named interfaces; when none is named, of all that are up, without loopback."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = []
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        if name not in up or (interfaces and name not in interfaces):
            continue
        for one in addresses:
            if one.family == AF_INET and one.netmask:
                there = IPv4Interface(f"{one.address}/{one.netmask}")
                if interfaces or not there.is_loopback:
                    found.append(Attached(name, there.ip, there.network))
    return found


def neighbours(table: Path = ARP) -> Mapping[str, str]:
    """The network card's address of each IPv4 neighbour that the kernel has heard of lately, small with colons."""
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except (OSError, UnicodeDecodeError):
        return {}
    rows = [line.split() for line in lines]
    return {row[0]: row[3].lower() for row in rows if len(row) >= 6 and int(row[2], 16) & COMPLETE}  # noqa: PLR2004 - columns
