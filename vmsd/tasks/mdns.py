"""Tells the local network the box's name.

Reads: the machine's addresses. Writes: to the network only.
Keeps true: within seconds of a new address the name leads there. No trouble here stops anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import structlog

from vmsd.errors import VmsdError
from vmsd.host.mdns import Announcement, Announcer
from vmsd.host.reach import Address

log = structlog.get_logger()


@dataclass
class MdnsTask:
    name: ClassVar[str] = "mdns"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 30.0

    announcer: Announcer
    host: str
    title: str
    port: int
    addresses: Callable[[], tuple[Address, ...]]
    trouble: str | None = None
    """Why the name is not announced; tried again at the next pass."""

    async def once(self) -> None:
        try:
            await self.announcer.announce(Announcement(self.host, self.title, self.port, self.addresses()))
        except (OSError, ImportError, VmsdError) as error:
            self._note(str(error) if isinstance(error, VmsdError) else type(error).__name__)
        else:
            self.trouble = None

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("mdns.silent", why=trouble)
        self.trouble = trouble
