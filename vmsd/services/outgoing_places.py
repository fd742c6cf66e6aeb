"""Which addresses news may be sent to: resolved once, checked, and called at exactly what was checked."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network

from vmsd.config import OutboxRules, Settings
from vmsd.errors import Invalid
from vmsd.host.network import own_addresses
from vmsd.vendors.addresses import Address, CameraNetworks, literal, look_up, plain, refuse_unsafe

AGAIN_S = 60.0
"""How long an answer of the name server is good; a later one takes its place, no answer does not."""
WAIT_S = 5.0
MOST_KNOWN = 1000
ASKING = 2
"""Threads: with the name server away each is stuck for as long as the system's resolver likes."""
PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))


class Refused(OSError):
    """The text says why, and may be shown; to what connects it is a failure like any other."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EACCES, why)


class Unknown(Refused):
    """Nobody knows where the name leads, at the moment."""


@dataclass(frozen=True)
class _Known:
    addresses: tuple[Address, ...]
    asked_s: float


class OutgoingPlaces:
    """`ask` may block, and answers nothing for no name."""

    def __init__(self, rules: OutboxRules, policy: Callable[[], CameraNetworks]) -> None:
        self.ask: Callable[[str], tuple[Address, ...]] = look_up
        self._rules = rules
        self._policy = policy
        self._known: dict[str, _Known] = {}
        self._asking = ThreadPoolExecutor(ASKING, "outgoing-names")

    async def find(self, host: str, port: int, *, encrypted: bool) -> Sequence[Address]:
        """The addresses of `host` that may be called now; raises `Refused`."""
        try:
            address = literal(host)
        except Invalid as error:
            raise Refused(error.problems[0].detail) from None
        addresses = (address,) if address else await self._resolve(host.lower().rstrip("."))
        self.check(addresses, port, encrypted=encrypted)
        return addresses

    def check(self, addresses: Sequence[Address], port: int, *, encrypted: bool) -> None:
        if not addresses:
            raise Unknown("the name of the host is not known here")
        try:
            refuse_unsafe(addresses, port, self._policy())
        except Invalid as error:
            raise Refused(_SAID.get(error.problems[0].detail, error.problems[0].detail)) from None
        if not encrypted and not all(self._may_be_plain(plain(one)) for one in addresses):
            raise Refused("what leaves this network must be encrypted: use https or amqps")

    def _may_be_plain(self, address: Address) -> bool:
        in_lan = self._rules.plain_in_lan and any(address in network for network in PRIVATE)
        return in_lan or any(address in network for network in self._rules.networks)

    async def _resolve(self, name: str) -> tuple[Address, ...]:
        loop = asyncio.get_running_loop()
        known = self._known.get(name)
        if known and loop.time() - known.asked_s < AGAIN_S:
            return known.addresses
        try:
            async with asyncio.timeout(WAIT_S):
                found = await loop.run_in_executor(self._asking, self.ask, name)
        except TimeoutError:
            found = ()
        if not found:
            return known.addresses if known else ()
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[name] = _Known(found, loop.time())
        return found

    def close(self) -> None:
        self._asking.shutdown(wait=False, cancel_futures=True)


_SAID = {"no camera lives at an address of this kind": "addresses of this kind are not called"}


def outgoing_places(settings: Settings) -> OutgoingPlaces:
    """By the rules of the configuration; the box's own addresses as they are at each call."""
    rules = settings.outbox
    return OutgoingPlaces(rules, lambda: CameraNetworks(rules.networks, settings.own_ports, own_addresses()))
