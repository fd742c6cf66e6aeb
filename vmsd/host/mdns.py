"""The box's name on the local network, without a DNS server: `vmsd.local` and the HTTPS service under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import structlog

from vmsd.errors import Conflict
from vmsd.host.network import own_addresses
from vmsd.host.reach import Address

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

log = structlog.get_logger()

SERVICE = "_https._tcp.local."
TITLE_BYTES = 56
"""A label holds 63; the rest is for a number that tells two boxes of one title apart."""
ASK_MS = 1500
"""An answer told to everybody a moment ago is told again only after a second; RFC 6762, section 6."""
NAMES = 9


@dataclass(frozen=True)
class Announcement:
    """`name` is the host's, without `.local`; `title` is what a list of services shows."""

    name: str
    title: str
    port: int
    addresses: tuple[Address, ...]


class Announcer:
    """Answers for the name it announced until told otherwise; zeroconf is imported only when there is something to say.

    It speaks over IPv4 on the interfaces of the announced IPv4 addresses; IPv6 addresses are told there too.
    """

    def __init__(self) -> None:
        self.announced: Announcement | None = None
        """As it was said: its name has a number when another machine has the name."""
        self._wanted: Announcement | None = None
        self._zeroconf: AsyncZeroconf | None = None

    async def announce(self, wanted: Announcement) -> None:
        """Nothing happens when it is announced already. OSError, or `Conflict` when the network will not have it."""
        if wanted == self._wanted:
            return
        await self.withdraw()
        speaking = [str(one) for one in wanted.addresses if isinstance(one, IPv4Address)]
        if speaking:
            await self._announce(wanted, speaking)
        self._wanted = wanted

    async def withdraw(self) -> None:
        """Say goodbye, so that nobody keeps the old addresses."""
        zeroconf, self._zeroconf, self._wanted, self.announced = self._zeroconf, None, None, None
        if zeroconf is not None:
            await zeroconf.async_close()

    async def _announce(self, wanted: Announcement, speaking: Sequence[str]) -> None:
        from zeroconf import Error, IPVersion  # late: not needed where nothing is announced
        from zeroconf.asyncio import AsyncZeroconf

        zeroconf = self._zeroconf = AsyncZeroconf(interfaces=list(speaking), ip_version=IPVersion.V4Only)
        try:
            said = replace(wanted, name=await _free_name(zeroconf, wanted))
            sent = await zeroconf.async_register_service(_service(said), allow_name_change=True)
            await sent
        except Error as error:
            raise Conflict(f"the network will not have the name: {type(error).__name__}") from error
        self.announced = said
        log.info("mdns.announced", name=f"{said.name}.local", addresses=[*map(str, said.addresses)], port=said.port)


def _service(said: Announcement) -> AsyncServiceInfo:
    from zeroconf.asyncio import AsyncServiceInfo  # late, as above

    title = said.title.encode()[:TITLE_BYTES].decode(errors="ignore")
    return AsyncServiceInfo(
        SERVICE,
        f"{title}.{SERVICE}",
        port=said.port,
        server=f"{said.name}.local.",
        addresses=[one.packed for one in said.addresses],
        properties={"path": "/"},
    )


async def _free_name(zeroconf: AsyncZeroconf, wanted: Announcement) -> str:
    """The wanted name, or with the first number nobody else answers to."""
    for name in (wanted.name, *(f"{wanted.name}-{number}" for number in range(2, NAMES + 1))):
        holders = await _holders(zeroconf, name)
        if holders <= own_addresses() | set(wanted.addresses):
            return name
        log.warning("mdns.name_taken", name=f"{name}.local", by=sorted(map(str, holders)))
    raise Conflict(f"{wanted.name}.local and its variants are all taken")


async def _holders(zeroconf: AsyncZeroconf, name: str) -> set[Address]:
    """Answers go to everybody: one for the asker alone may reach another mDNS program of this machine."""
    from zeroconf import AddressResolver, DNSQuestionType, IPVersion  # type: ignore[attr-defined]  # late, as above

    asked = AddressResolver(f"{name}.local.")
    await asked.async_request(zeroconf.zeroconf, ASK_MS, question_type=DNSQuestionType.QM)
    return set(asked.ip_addresses_by_version(IPVersion.All))
