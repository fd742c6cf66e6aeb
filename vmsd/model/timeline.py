"""What there is of a camera in a period of wall-clock time, what is missing, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from vmsd.model.audit import Fact


class GapCause(StrEnum):
    """Why there is no video; UNKNOWN unless something proves another."""

    CAMERA = "camera"
    NETWORK = "network"
    POWER = "power"
    DISK = "disk"
    BREAKER = "breaker"
    MAINTENANCE = "maintenance"
    MEDIAMTX = "mediamtx"
    PURGE = "purge"
    CLOCK = "clock"
    SWITCHED_OFF = "switched_off"
    """Somebody had stopped the recording of this camera."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class TimelineSpan:
    """Video without a gap longer than the tolerance."""

    start_ms: int
    end_ms: int
    preserved: bool = False
    clock_trusted: bool = True
    running: bool = False


@dataclass(frozen=True)
class Gap:
    """`detail` says more where there is more, such as a camera's own cause or the reason of a purge.

    `purged_ms` is when it was deleted, for a gap that a purge explains.
    """

    start_ms: int
    end_ms: int
    cause: GapCause
    detail: str | None = None
    purged_ms: int | None = None


@dataclass(frozen=True)
class TimelineEvent:
    """Something that happened; `end_ms` None for a moment, or for what is still going on when `open`."""

    kind: str
    start_ms: int
    end_ms: int | None = None
    open: bool = False
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """Of `[start_ms, end_ms)`, cut to the time in which the camera could have recorded: `from_ms` to `to_ms`.

    `coverage` is the share of that time with video, 1 when there was no such time.
    """

    start_ms: int
    end_ms: int
    from_ms: int
    to_ms: int
    spans: Sequence[TimelineSpan]
    gaps: Sequence[Gap]
    events: Sequence[TimelineEvent]
    coverage: float


@dataclass(frozen=True)
class CalendarDay:
    """A day of the site's zone, `[start_ms, end_ms)`: 23, 24 or 25 hours; `date` as in ISO 8601.

    `coverage` is the share of the part of it in which the camera could have recorded, `recorded_ms` of it.
    """

    date: str
    start_ms: int
    end_ms: int
    recorded_ms: int
    coverage: float
    preserved: bool
