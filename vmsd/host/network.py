"""The machine's own addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6

import psutil


def own_addresses() -> frozenset[IPv4Address | IPv6Address]:
    """Of every interface, loopback too, as they are now."""
    found = [
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family in (AF_INET, AF_INET6)
    ]
    return frozenset(ip_address(address.partition("%")[0]) for address in found)
