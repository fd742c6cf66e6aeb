"""Makes a thread the last to get the processor and the disk, so that recording and watching never wait for it."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from contextlib import suppress

NICE = 10
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""The number of the system call, from Linux's tables."""
_WHO_THREAD = 1
_BEST_EFFORT, _CLASS_SHIFT, _LOWEST = 2, 13, 7


def yield_to_others() -> None:
    """The calling thread, for good, and those it starts; where the system forbids that, nothing happens."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, NICE)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, _WHO_THREAD, thread, _BEST_EFFORT << _CLASS_SHIFT | _LOWEST)
