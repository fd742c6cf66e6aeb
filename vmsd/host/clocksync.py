"""What the kernel says of its own clock: whether something keeps it right."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

STA_UNSYNC = 0x0040
STA_NANO = 0x2000
TIME_ERROR = 5
"""From <sys/timex.h>; the return value and flags of a clock that nobody synchronises."""
LOST = Path("/run/vmsd-image/clock-lost")
"""Left by the start of the disk image when the clock had lost the time: it shows the date of the system since."""


@dataclass(frozen=True)
class KernelClock:
    """`synchronised` is None where the kernel would not say; `offset_us` is what is left to correct.

    `lost` when this boot began with a clock without a battery's time, however plausible it looks by now.
    """

    synchronised: bool | None
    offset_us: int = 0
    lost: bool = False


class _Timex(ctypes.Structure):
    """`struct timex`; only its beginning is read, the tail leaves room for what the kernel adds."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("tail", ctypes.c_byte * 512),
    )


def read_kernel_clock() -> KernelClock:
    """Asks only (`modes` is 0), so it needs no right and changes nothing."""
    timex = _Timex(modes=0)
    answer, lost = _adjtimex(timex), LOST.exists()
    if answer < 0:
        return KernelClock(None, lost=lost)
    synchronised = answer != TIME_ERROR and not timex.status & STA_UNSYNC
    return KernelClock(synchronised, timex.offset // 1000 if timex.status & STA_NANO else timex.offset, lost)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _adjtimex(timex: _Timex) -> int:
    """Negative where the system has no such call or refuses it."""
    try:
        return int(_library().adjtimex(ctypes.byref(timex)))
    except (OSError, AttributeError):
        return -1
