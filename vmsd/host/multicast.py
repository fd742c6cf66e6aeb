"""Asks the machines on one network by UDP, and gathers what they answer within a short time and within limits."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address

from vmsd.host.network import Attached

MOST_ANSWERS = 1000
MOST_EACH = 8
"""Answers of one address; with several questions, each asked twice, a well-behaved one comes to four."""
MOST_BYTES = 16 * 1024
"""Of one answer; what is larger is left out."""
ASKED_TWICE_S = 0.4
"""UDP loses things: every question is put once more."""


@dataclass(frozen=True)
class Datagram:
    source: str
    content: bytes


class _Gatherer(asyncio.DatagramProtocol):
    """Keeps what comes from the network that was asked, and of nobody too much."""

    def __init__(self, there: Attached) -> None:
        self._there = there
        self._each: Counter[str] = Counter()
        self.found: list[Datagram] = []

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        source = str(addr[0])
        if len(self.found) >= MOST_ANSWERS or self._each[source] >= MOST_EACH or len(data) > MOST_BYTES:
            return
        if IPv4Address(source) in self._there.network:
            self._each[source] += 1
            self.found.append(Datagram(source, data))


async def ask(there: Attached, group: str, port: int, questions: Sequence[bytes], wait_s: float) -> Sequence[Datagram]:
    """Only machines in the very network that was asked are heard; the questions go no further than to it."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, there.address.packed)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        opened.bind((str(there.address), 0))
        transport, gatherer = await loop.create_datagram_endpoint(lambda: _Gatherer(there), sock=opened)
        try:
            for pause_s in (min(ASKED_TWICE_S, wait_s), max(0.0, wait_s - ASKED_TWICE_S)):
                for question in questions:
                    with suppress(OSError):  # a network that is just going away answers nothing
                        transport.sendto(question, (group, port))
                await asyncio.sleep(pause_s)
        finally:
            transport.close()
    return gatherer.found
