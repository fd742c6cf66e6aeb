"""The command that brings a tunnelled camera near: started, listened to for its address, and surely ended."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

from vmsd.clock import Clock
from vmsd.errors import SourceFailed
from vmsd.video.opening import is_known

ADDRESS_S = 15.0
"""How long a tunnel may take to print its address: it may have to wait for a server far away."""
ADDRESS_BYTES = 4096
"""An address is not longer; what prints more without a line end is no tunnel."""
GOODBYE_S = 2.0
"""Time to log out after SIGTERM; with it the relay still ends before its own starter loses patience."""
MOST_READS = 64
"""Of `ADDRESS_BYTES` at a time: more than a pipe holds, and an end for a tunnel that never stops talking."""
_LOOK_S = 0.5
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Tunnel:
    """Runs in a session of its own, so that whatever it starts ends with it; starts at once.

    To be made by the main thread: the kernel ends the command when the thread that started it is gone.
    """

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the operator's own configured command, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=_tie_to_parent,  # noqa: PLW1509 - no thread runs yet
            )
        except (OSError, subprocess.SubprocessError):
            raise SourceFailed("tunnel_down", "the tunnel command cannot be started") from None
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._pipe = self._process.stdout
        self._output = self._pipe.fileno()
        os.set_blocking(self._output, False)

    def read_address(self, clock: Clock, keep_on: Callable[[], None]) -> str:
        """The first line it prints; SourceFailed when there is none in time. `keep_on` may raise to give up."""
        end, text, more = clock.monotonic() + ADDRESS_S, b"", b" "
        while more and b"\n" not in text and len(text) < ADDRESS_BYTES and clock.monotonic() < end:
            keep_on()
            if select.select([self._output], [], [], _LOOK_S)[0]:
                text += (more := self._read())
        line, complete, _ = text.partition(b"\n")
        url = line.decode("utf-8", "replace").strip()
        if not complete or not is_known(url):
            raise SourceFailed("tunnel_down", "the tunnel printed no address")
        return url

    def check(self, within_s: float = 0) -> None:
        """SourceFailed when the command has ended, or does within that time."""
        self._drain()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
            raise SourceFailed("tunnel_down", "the tunnel has ended")

    def close(self) -> None:
        """End the command and everything it started."""
        try:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GOODBYE_S)
        finally:  # also when a signal cuts the goodbye short
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._pipe.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _drain(self) -> None:
        """Throw away what else it prints: a full pipe would stop it."""
        for _ in range(MOST_READS):
            if not self._read():
                return

    def _read(self) -> bytes:
        """What it has printed since, at most a pipe full; nothing at its end or when it is silent."""
        with suppress(BlockingIOError):
            return os.read(self._output, ADDRESS_BYTES)
        return b""


def _tie_to_parent() -> None:
    """In the child: end when the relay is killed, and be free of the limit on the relay's memory."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
