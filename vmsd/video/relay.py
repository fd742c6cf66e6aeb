"""Brings MediaMTX what it cannot pull itself: tunnelled cameras as they are, MJPEG and JPEG as H.264.

MediaMTX starts one relay per such camera and starts it again when it ends, so a camera behind a relay goes on
being recorded while vmsd is away. Addresses and passwords come in a file, never on the command line.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import av.logging

from vmsd.clock import Clock, SystemClock
from vmsd.errors import MediaServerAway, SourceFailed, VmsdError
from vmsd.video.relay_tunnel import Tunnel
from vmsd.video.relay_video import carry

LOOK_S = 0.5
"""How often a relay makes sure that it is still wanted and that its tunnel stands."""
TRY_AGAIN_S = 5.0
"""As MediaMTX's pause for the cameras it pulls itself; trying again in place spares starting a process."""
MOST_TRIES = 720
"""Then, as after every stream that has ended, a fresh process: no leak of a library lasts."""
MOST_MEMORY_BYTES = 1 << 30
"""Half as much again as the largest picture that is decoded needs; what asks for more was made to."""


@dataclass(frozen=True)
class Order:
    """The file's content: `source` or a tunnel `command`, where to publish, and whether the camera is heard."""

    source: str | None
    command: list[str] | None
    username: str
    password: str | None
    publish: str
    audio: bool = False

    def __repr__(self) -> str:
        return "Order(***)"


def run_relay(file: Path) -> NoReturn:
    """Relay until something ends it; the status file beside `file` says why there is no picture.

    This thread only watches, so that signals are heard at once; libav has another one, which may hang.
    """
    _confine()
    _end_on_signals()
    relay = Relay(file, SystemClock())
    code = 1
    try:
        relay.run()
    except SystemExit:
        relay.forget()
        code = 0
    os._exit(code)


def _confine() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.set_level(av.logging.PANIC)  # libav's own words hold addresses


def _end_on_signals() -> None:
    def end(*_: object) -> NoReturn:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # one is enough: nothing may disturb the goodbye
        sys.exit()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


class Relay:
    """One order, tried until pictures have passed; a stream that ended is for the next process."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._ties = Ties(file)
        self._order = Order(**json.loads(file.read_text("utf-8")))
        self._status = Status(file.with_suffix(".status"))
        self._clock = clock
        self._carrier: Carrier | None = None

    def run(self) -> None:
        for _ in range(MOST_TRIES):
            try:
                self._relay()
            except SourceFailed as error:
                self._status.note(error.cause)
            except MediaServerAway:
                self._status.note("unknown")
            if self._carrier and (self._carrier.is_alive() or self._status.passed):
                return
            self._rest()

    def forget(self) -> None:
        """Leave no word behind: nobody waits for this camera here any more."""
        self._status.forget()

    def _relay(self) -> NoReturn:
        with self._tunnel() as tunnel:
            url = self._address(tunnel)
            carrier = self._carrier = Carrier(url, self._order, self._clock, self._status.clear)
            carrier.start()
            while carrier.is_alive():
                carrier.join(LOOK_S)
                self._ties.check()
                if tunnel:
                    tunnel.check()
            if tunnel:
                tunnel.check(LOOK_S)  # its end breaks the stream a moment before it shows
        raise carrier.failure

    @contextmanager
    def _tunnel(self) -> Iterator[Tunnel | None]:
        if self._order.source is not None:
            yield None
            return
        tunnel = Tunnel(self._order.command or [])
        try:
            yield tunnel
        finally:
            tunnel.close()

    def _address(self, tunnel: Tunnel | None) -> str:
        if tunnel is None:
            return self._order.source or ""
        return with_login(tunnel.read_address(self._clock, self._ties.check), self._order)

    def _rest(self) -> None:
        end = self._clock.monotonic() + TRY_AGAIN_S
        while self._clock.monotonic() < end:
            time.sleep(LOOK_S)
            self._ties.check()


class Carrier(Thread):
    """Where libav works; `failure` tells how it ended."""

    def __init__(self, url: str, order: Order, clock: Clock, on_sent: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = partial(carry, url, order.publish, clock, on_sent, audio=order.audio)
        self.failure: VmsdError = SourceFailed("unknown", "the relay has ended")

    def run(self) -> None:
        try:
            self._work()
        except (SourceFailed, MediaServerAway) as error:
            self.failure = error
        except (OSError, ValueError, MemoryError):  # what libav says of streams it cannot make sense of
            self.failure = SourceFailed("not_a_camera", "what the source sends cannot be read")


class Ties:
    """What the relay's life hangs on: the process that started it, and its order as it was then."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._parent = os.getppid()
        self._stamp = self._look()

    def check(self) -> None:
        """SystemExit when the starter is gone or the order has changed; a missing file means nothing."""
        stamp = self._look()
        if os.getppid() != self._parent or (stamp and stamp != self._stamp):
            sys.exit()

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


class Status:
    """Why there is no picture, for vmsd to read; there is no file while pictures pass."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.passed = False

    def note(self, cause: str) -> None:
        temporary = self._file.with_suffix(".new")
        with suppress(OSError):  # no room for a word must not cost a picture
            temporary.write_text(json.dumps({"cause": cause}), "utf-8")
            temporary.rename(self._file)

    def clear(self) -> None:
        """Called for each packet that was sent."""
        if not self.passed:
            self.passed = True
            self.forget()

    def forget(self) -> None:
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def with_login(url: str, order: Order) -> str:
    """The tunnel's address with the camera's user and password; its own stay when the camera has none."""
    if not order.username:
        return url
    parts = urlsplit(url)
    login = f"{quote(order.username, safe='')}:{quote(order.password or '', safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))
