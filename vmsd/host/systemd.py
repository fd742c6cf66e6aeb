"""What vmsd tells systemd: that it is ready, that it is alive, and in one line how it is doing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

MICROSECONDS = 1_000_000
MOST_CHARACTERS = 500
"""Of a status line; systemd takes 4 KB, nobody reads so much."""


@dataclass(frozen=True)
class Notifier:
    """The protocol of sd_notify(3). Where nobody listens, and where it fails, nothing happens.

    `watchdog_s` is how long systemd waits for a sign of life before it starts the program anew; None when it does not.
    """

    address: str = ""
    watchdog_s: float | None = None

    @property
    def listened_to(self) -> bool:
        """Whether systemd started this program, and starts it again when it ends."""
        return bool(self.address)

    def ready(self, status: str) -> None:
        self._send("READY=1", _status(status))

    def tell(self, status: str) -> None:
        self._send(_status(status))

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1", _status("stopping"))

    def _send(self, *lines: str) -> None:
        if not self.address:
            return
        place = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), place)


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())[:MOST_CHARACTERS]}"


def notifier_of(environment: Mapping[str, str]) -> Notifier:
    """As systemd left word in the environment; a watchdog that is meant for another process is none."""
    address = environment.get("NOTIFY_SOCKET", "")
    usec = environment.get("WATCHDOG_USEC", "")
    own = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    watched = own and usec.isdecimal() and int(usec) > 0
    return Notifier(address if address[:1] in ("/", "@") else "", int(usec) / MICROSECONDS if watched else None)
