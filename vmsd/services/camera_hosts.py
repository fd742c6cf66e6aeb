"""What the hosts of cameras lead to: asked for here and nowhere else, checked, and remembered.

Whoever calls a camera calls an address that comes from here. A name is asked for again every half minute, in a
thread, and what it led to last counts until it leads elsewhere: the site's name server may be away for days, or
say of every name that it is 0.0.0.0.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Thread

import structlog

from vmsd.config import Settings
from vmsd.errors import Invalid, SourceFailed
from vmsd.host.network import own_addresses
from vmsd.mediamtx.config import ConfigFile
from vmsd.vendors.addresses import Address, CameraNetworks, literal, look_up, refuse_unsafe
from vmsd.vendors.urls import SourceUrl

log = structlog.get_logger()

FILE = "camera-hosts.json"
AGAIN_S = 30.0
"""How long an answer is good; with the reconciler's own 5 s a camera that moved is found within a minute."""
WAIT_S = 3.0
"""For the first answer about a name; a camera whose name nobody knows by then stays offline until it comes."""
AT_ONCE = 4
"""Threads that ask; with the name server away each is stuck for as long as the system's resolver likes."""
MOST_ASKED = 2_000
"""Names that wait for a thread; what comes on top counts as unknown."""
OWN_S = 1.0
"""How old the knowledge of the box's own addresses may be."""
Addresses = tuple[Address, ...]
ANYWHERE = CameraNetworks(allowed=(ip_network("0.0.0.0/0"), ip_network("::/0")))
"""For whoever stands at the box's own console."""


def networks_of(settings: Settings) -> CameraNetworks:
    """As they are now: the box's own addresses change."""
    return CameraNetworks(settings.cameras.networks, settings.own_ports, own_addresses())


class CameraHosts:
    """`on_change` is told when a followed name leads elsewhere. `ask` may block, and answers nothing for no name."""

    def __init__(self, networks: Callable[[], CameraNetworks], file: Path | None = None) -> None:
        """Without a file nothing is remembered."""
        self.ask: Callable[[str], Addresses] = look_up
        self.again_s = AGAIN_S
        self.on_change: Callable[[], object] = lambda: None
        self._find_networks = networks
        self._networks, self._networks_s = CameraNetworks(), float("-inf")
        self._file = ConfigFile(file) if file else None
        self._stored: str | None = None
        self._followed: frozenset[str] = frozenset()
        self._answers: dict[str, Addresses] = {}  # that may be called, the one that is called in front
        self._refused: dict[str, Addresses] = {}  # what a name leads to now, and must not be called
        self._asked_s: dict[str, float] = {}
        self._asking: dict[str, asyncio.Future[None]] = {}
        self._queue: deque[str] = deque()
        self._threads = 0

    def locate(self, url: SourceUrl) -> SourceUrl:
        """`url` at the last address of its host that may be called; asks nobody.

        Raises `Invalid` where there was none but refused ones, `SourceFailed` while nobody knows where it leads.
        """
        address = literal(url.host)
        addresses = (address,) if address else self._answers.get(url.host) or self._refused.get(url.host)
        if not addresses:
            raise SourceFailed("host_unreachable", "the name of the host is not known here")
        refuse_unsafe(addresses, url.effective_port, self._policy())
        return url.at(str(addresses[0]))

    def _policy(self) -> CameraNetworks:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._networks_s > OWN_S:
            self._networks, self._networks_s = self._find_networks(), now_s
        return self._networks

    async def find(self, url: SourceUrl) -> SourceUrl:
        """As `locate`, but by what the host leads to now: a name nobody has asked for lately is asked for first."""
        if is_name(url.host):
            await self._wait([url.host])
        if self.leads_astray(url):
            refuse_unsafe(self._refused[url.host], url.effective_port, self._policy())
        return self.locate(url)

    def leads_astray(self, url: SourceUrl) -> bool:
        """Whether the name leads to what is refused now, wherever it led before."""
        return url.host in self._refused

    async def follow(self, urls: Iterable[SourceUrl]) -> None:
        """Keep up with the names in these and forget all others; waits only for those that nothing is known of."""
        if self._stored is None:
            self._answers |= await asyncio.to_thread(self._remember)
        names = {url.host for url in urls if is_name(url.host)}
        new = {name for name in names if name not in self._answers and name not in self._asked_s}
        self._followed = frozenset(names - new)
        for name in names:
            self._start(name)
        await self._wait(new)
        self._followed = frozenset(names)
        self._forget()
        await self._store()

    def _forget(self) -> None:
        gone = (self._answers.keys() | self._refused.keys() | self._asked_s.keys()) - self._followed
        for name in gone - self._asking.keys():
            self._answers.pop(name, None)
            self._refused.pop(name, None)
            self._asked_s.pop(name, None)

    async def _wait(self, names: Collection[str]) -> None:
        answers = [answer for name in names if (answer := self._start(name))]
        if answers:
            await asyncio.wait(answers, timeout=WAIT_S)
        now_s = asyncio.get_running_loop().time()
        for name in names:
            self._asked_s.setdefault(name, now_s)

    def _start(self, name: str) -> asyncio.Future[None] | None:
        """What to wait for; nothing while the last answer is good, and where too many wait already."""
        loop = asyncio.get_running_loop()
        asked_s = self._asked_s.get(name)
        if asked_s is not None and loop.time() - asked_s < self.again_s:
            return None
        if name not in self._asking and len(self._queue) >= MOST_ASKED:
            return None
        if name not in self._asking:
            self._asking[name] = loop.create_future()
            self._queue.append(name)
            self._start_threads(loop)
        return self._asking[name]

    def _start_threads(self, loop: asyncio.AbstractEventLoop) -> None:
        """Of their own: the loop's write files, and must not stand in line behind a dead name server."""
        while self._queue and self._threads < AT_ONCE:
            self._threads += 1
            Thread(target=self._work, args=(loop, self._queue.popleft()), daemon=True).start()

    def _work(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        found = self.ask(name)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._take, loop, name, found)

    def _take(self, loop: asyncio.AbstractEventLoop, name: str, found: Addresses) -> None:
        self._threads -= 1
        self._start_threads(loop)
        self._asked_s[name] = loop.time()
        self._asking.pop(name).set_result(None)
        if self._note(name, found) and name in self._followed:
            log.info("camera_host.changed", host=name, found=[str(one) for one in found])
            self.on_change()

    def _note(self, name: str, found: Addresses) -> bool:
        """True for news. No answer leaves the last one standing, and another order is none."""
        before, refused = self._answers.get(name, ()), self._refused.get(name, ())
        if not found:
            return False
        if not self._may_be_called(found):
            self._refused[name] = found
            return set(found) != set(refused)
        self._refused.pop(name, None)
        stays = before[:1] if before and before[0] in found else ()
        self._answers[name] = tuple(dict.fromkeys(stays + found))
        return bool(refused) or set(found) != set(before)

    def _may_be_called(self, found: Addresses) -> bool:
        """At some port at least."""
        try:
            refuse_unsafe(found, 0, self._policy())
        except Invalid:
            return False
        return True

    def _remember(self) -> dict[str, Addresses]:
        """What was known when the daemon ended; nothing from a file that is missing or spoilt."""
        self._stored = (self._file and self._file.read()) or ""
        try:
            stored = json.loads(self._stored or "{}")
            return {name: tuple(map(ip_address, addresses)) for name, addresses in stored.items()}
        except (ValueError, TypeError, AttributeError):
            log.warning("camera_hosts.unreadable")
            return {}

    async def _store(self) -> None:
        text = json.dumps({name: [str(one) for one in self._answers[name]] for name in sorted(self._answers)})
        if text == (self._stored or "{}") or self._file is None:
            return
        try:
            await asyncio.to_thread(self._file.write, text)
        except OSError as error:
            log.warning("camera_hosts.not_stored", error=error.strerror)
        self._stored = text


def is_name(host: str) -> bool:
    try:
        return literal(host) is None
    except Invalid:
        return False
