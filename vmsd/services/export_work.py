"""What the thread that makes an export and the task that follows it tell each other."""

from __future__ import annotations

import threading

from vmsd.errors import VmsdError

PATIENCE_S = 0.2
"""Between two looks of a thread that waits."""


class Stopped(VmsdError):
    """The work was broken off because it was told to."""


class Work:
    """Written by the thread but for the two events: `stop` ends it, and it waits while `go` is not set."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.steps_bytes = 0
        """What is to be read and written in all, each byte as often as it is touched; 0 before it is known."""
        self._done_bytes = 0

    @property
    def share(self) -> float:
        """Of the work that is done, 0 to 1."""
        return min(1.0, self._done_bytes / self.steps_bytes) if self.steps_bytes else 0.0

    def tell(self, count: int) -> None:
        """So many bytes more are done; raises `Stopped`, and waits while it must."""
        self._done_bytes += count
        while not self.stop.is_set() and not self.go.wait(PATIENCE_S):
            continue
        if self.stop.is_set():
            raise Stopped("the export was broken off")
