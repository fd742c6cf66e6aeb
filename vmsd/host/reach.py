"""The addresses by which others reach this machine, and keep reaching it."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6

import psutil

Address = IPv4Address | IPv6Address

IF_INET6 = Path("/proc/net/if_inet6")
FLAGS = 4
TEMPORARY = 0x01
"""IFA_F_TEMPORARY of <linux/if_addr.h>: an address made for privacy, gone tomorrow."""


def lasting_addresses(interfaces: Collection[str] = ()) -> tuple[Address, ...]:
    """Of the named interfaces (of all when none is named): no loopback, link-local or temporary address."""
    temporary = temporary_addresses(_if_inet6())
    found = {
        ip_address(one.address.partition("%")[0])
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family in (AF_INET, AF_INET6) and (not interfaces or name in interfaces)
    }
    lasting = [one for one in found - temporary if not (one.is_loopback or one.is_link_local)]
    return tuple(sorted(lasting, key=lambda one: (one.version, int(one))))


def temporary_addresses(if_inet6: str) -> frozenset[Address]:
    """Those the kernel's table marks so; each line is address, interface, prefix, scope, flags, name."""
    lines = [line.split() for line in if_inet6.splitlines()]
    return frozenset(IPv6Address(int(line[0], 16)) for line in lines if int(line[FLAGS], 16) & TEMPORARY)


def _if_inet6() -> str:
    try:
        return IF_INET6.read_text("ascii")
    except OSError:
        return ""
