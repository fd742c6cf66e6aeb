"""A recorded segment: one file MediaMTX wrote, as the index knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, IntFlag, StrEnum
from functools import lru_cache

Digest = bytes
"""SHA-256 of a whole file."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FILE_NAME = re.compile(r"([1-9]\d{3}-\d\d-\d\d)_([01]\d|2[0-3])-([0-5]\d)-([0-5]\d)-(\d{6})\.mp4", re.ASCII)


class SegmentState(IntEnum):
    """The life of a segment; numbers are stored."""

    RUNNING = 0
    CLOSED = 1
    GARBAGE = 2


class SegmentFlag(IntFlag):
    """Facts about a segment that are stored as bits."""

    DAMAGED = 1
    CLOCK_UNTRUSTED = 2
    CLOCK_CORRECTED = 16
    """Its name was set right after the clock was: its own boxes still say what the clock showed then."""
    ALTERED = 32
    """Its bytes are not those that were hashed when it was closed."""


class PurgeReason(StrEnum):
    """Why a segment was deleted; stored with every deletion."""

    RETENTION_PLAN = "retention_plan"
    RETENTION_CAMERA = "retention_camera"
    PLAN_CHANGED = "plan_changed"
    """It would still be there, had the days of the city's plan or of the camera not been made fewer."""
    SPACE = "space"
    EMPTY = "empty"
    VANISHED = "vanished"


@dataclass(frozen=True)
class Segment:
    """`start_us` is the start MediaMTX wrote into the file name, in microseconds since 1970 UTC.

    `bytes` is the size of the file; `valid_bytes` ends with its last whole fragment.
    """

    city_id: int
    camera_id: int
    start_us: int
    duration_ms: int
    bytes: int
    valid_bytes: int
    state: SegmentState
    flags: SegmentFlag
    sha256: Digest | None = None
    purge_reason: str | None = None

    @property
    def start_ms(self) -> int:
        return self.start_us // 1000

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.duration_ms

    @property
    def file_name(self) -> str:
        return segment_file_name(self.start_us)


def segment_file_name(start_us: int) -> str:
    """The name MediaMTX gives a segment under `recordPath` with TZ=UTC."""
    return f"{EPOCH + timedelta(microseconds=start_us):%Y-%m-%d_%H-%M-%S-%f}.mp4"


def segment_start_us(file_name: str) -> int | None:
    """The inverse of `segment_file_name`; None for any other file."""
    match = _FILE_NAME.fullmatch(file_name)
    day_us = _day_us(match[1]) if match else None
    if match is None or day_us is None:
        return None
    hour, minute, second, us = map(int, match.groups()[1:])
    return day_us + (3600 * hour + 60 * minute + second) * 1_000_000 + us


@lru_cache(maxsize=1024)
def _day_us(text: str) -> int | None:
    """When a day begins: a volume has many files of each."""
    try:
        day = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (day - EPOCH) // timedelta(microseconds=1)
