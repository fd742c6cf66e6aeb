"""What this machine is: its system, its kernel, its names, its network cards."""

from __future__ import annotations

import platform
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import psutil

OS_RELEASE = Path("/etc/os-release")
RELEASE_BYTES = 16_384


@dataclass(frozen=True)
class Interface:
    """A network card that is up; `addresses` without those that hold on this wire alone."""

    name: str
    mac: str | None
    addresses: tuple[str, ...]


def interfaces() -> Sequence[Interface]:
    """By name; no loopback."""
    states = psutil.net_if_stats()
    found = []
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        mac = next((one.address.lower() for one in addresses if one.family == psutil.AF_LINK), None)
        own = [one.address for one in addresses if one.family in (socket.AF_INET, socket.AF_INET6)]
        parsed = [ip_address(one.partition("%")[0]) for one in own]
        if name in states and states[name].isup and not any(one.is_loopback for one in parsed):
            found.append(Interface(name, mac, tuple(str(one) for one in parsed if not one.is_link_local)))
    return found


def host_name() -> str:
    return socket.gethostname()


def kernel() -> str:
    """Such as `Linux 6.1.0-26-amd64 x86_64`."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def system_name() -> str:
    """As the distribution calls itself; empty where it does not."""
    with suppress(OSError, ValueError):
        for line in OS_RELEASE.read_bytes()[:RELEASE_BYTES].decode().splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.removeprefix("PRETTY_NAME=").strip("\"'")
    return ""
