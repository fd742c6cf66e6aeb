"""A mark: something that was seen in the video of a camera, by the box itself or by a program outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MOTION = "motion"
"""The one type the box gives itself."""
MOST_MS = 24 * 3_600_000
"""No mark is longer: what overlaps a period began at most this long before it."""


class Box(NamedTuple):
    """Where in the picture: the upper left corner, width and height, as shares of it from 0 to 1."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Mark:
    """`[start_ms, end_ms]` of one camera; `source` is who says so, `score` from 0 to 1 how sure or how strong."""

    id: int
    public_id: str
    camera_id: int
    type: str
    start_ms: int
    end_ms: int
    score: float | None
    box: Box | None
    text: str
    source: str


@dataclass(frozen=True)
class MotionWindow:
    """By the site's time: weekdays from 0 (Monday), minutes of the day; past midnight where `to_min` is not later."""

    days: frozenset[int]
    from_min: int
    to_min: int

    def holds(self, weekday: int, minute: int) -> bool:
        """What began yesterday counts as yesterday's until it ends."""
        if self.from_min < self.to_min:
            return weekday in self.days and self.from_min <= minute < self.to_min
        late = weekday in self.days and minute >= self.from_min
        return late or ((weekday - 1) % 7 in self.days and minute < self.to_min)


Point = tuple[float, float]


@dataclass(frozen=True)
class MotionRule:
    """When motion of one camera raises an alert: in this area (empty: anywhere), this strong, in these windows.

    `area` is a polygon in shares of the picture; `threshold` the share of it that must have changed. No window: always.
    """

    camera_id: int
    area: tuple[Point, ...] = ()
    threshold: float = 0.02
    alert: bool = False
    windows: tuple[MotionWindow, ...] = ()
