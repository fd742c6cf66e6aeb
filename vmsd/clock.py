"""The only module that reads a clock: wall time, monotonic time, and the words for both."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""An offset leads out of the years that can be written: 0001-01-01T00:00:00+14:00 is none in UTC."""


class Clock(Protocol):
    """What the rest of the program asks; tests pass a clock they move by hand."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 in UTC, as the machine believes."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow; their zero means nothing."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def rfc3339(ms: int) -> str:
    """UTC with `Z` and milliseconds, as every time on the wire is written; beyond the years 1 to 9999 their ends."""
    ms = min(max(ms, FIRST_MS), LAST_MS)
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def parse_rfc3339(text: str) -> int:
    """Milliseconds since 1970; ValueError without an offset or when it is not a time."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time needs an offset, for example a final Z")
    return round(at.timestamp() * 1000)
