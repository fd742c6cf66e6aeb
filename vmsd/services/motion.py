"""How much moves in front of each camera, from the keyframes the box decodes for its stills anyway.

Two stills of one camera are some seconds apart. Each is looked at as a grid of `COLUMNS` by `ROWS` cells of mean
brightness; the score is the share of cells that differ, after what became brighter or darker as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from vmsd.model.camera import Camera
from vmsd.model.mark import MotionRule, Point
from vmsd.services.live_states import CameraKey, key_of
from vmsd.video.grid import COLUMNS, ROWS

STEP = 14
"""Of 255: a cell that changed by more has changed. Noise and compression stay under it, a person does not."""
SCENE = 0.6
"""More than this is no motion: the camera was turned, went to its infrared light, or shows another picture."""
APART_MS = 60_000
"""Stills further apart than this are not compared: what differs may have changed at any time between."""
QUIET_MS = 25_000
"""Motion that pauses for less goes on: two stills and what they may be late."""
MARKED_FROM = 0.02
"""The share that makes a mark where no rule says another: about a person at the far end of a street."""


@dataclass(frozen=True)
class Moved:
    """What a still said: how much of the picture, and of the area of its rule, differs from the one before."""

    at_ms: int
    score: float
    in_area: float


@dataclass
class Movement:
    """A stretch of motion; `mark_id` once it is in the store. `alarmed` when its rule wants an alert."""

    camera: Camera
    start_ms: int
    end_ms: int
    score: float
    alarmed: bool = False
    mark_id: int | None = None
    dirty: bool = True


@dataclass
class _Seen:
    at_ms: int
    grid: bytes
    moved: Moved | None = None
    movement: Movement | None = None


@dataclass
class MotionWatch:
    """In memory; `tasks/motion.py` brings the rules and writes what is found."""

    zone: ZoneInfo
    rules: Mapping[CameraKey, MotionRule] = field(default_factory=dict)
    _seen: dict[CameraKey, _Seen] = field(default_factory=dict)
    _ended: list[Movement] = field(default_factory=list)

    def note(self, camera: Camera, at_ms: int, grid: bytes) -> None:
        """A still of this camera, taken at `at_ms`."""
        before = self._seen.get(key_of(camera))
        seen = self._seen[key_of(camera)] = _Seen(at_ms, grid)
        if before is None or not 0 < at_ms - before.at_ms <= APART_MS:
            self._end(before)
            return
        rule = self.rules.get(key_of(camera), MotionRule(camera.id))
        seen.moved = compare(at_ms, before.grid, grid, cells_of(rule.area))
        seen.movement = self._movement(camera, before, seen.moved, rule)

    def moved(self, camera: Camera) -> Moved | None:
        """What the newest still said."""
        seen = self._seen.get(key_of(camera))
        return None if seen is None else seen.moved

    def take(self) -> Sequence[Movement]:
        """What has to be written, until its `dirty` is taken away: what began, or went on, since then."""
        self._ended = [one for one in self._ended if one.dirty]
        going = [seen.movement for seen in self._seen.values() if seen.movement is not None]
        return [*self._ended, *(one for one in going if one.dirty)]

    def forget(self, wanted: set[CameraKey]) -> None:
        """Keep what is known of these cameras only."""
        self._seen = {key: seen for key, seen in self._seen.items() if key in wanted}

    def _movement(self, camera: Camera, before: _Seen, moved: Moved, rule: MotionRule) -> Movement | None:
        going = before.movement
        if not MARKED_FROM <= moved.score <= SCENE:
            if going is not None and moved.at_ms - going.end_ms <= QUIET_MS:
                return going
            self._end(before)
            return None
        if going is None:
            going = Movement(camera, before.at_ms, moved.at_ms, moved.score)
        going.end_ms, going.score, going.dirty = moved.at_ms, max(going.score, moved.score), True
        going.alarmed = going.alarmed or self._alarms(rule, moved)
        return going

    def _alarms(self, rule: MotionRule, moved: Moved) -> bool:
        if not rule.alert or moved.in_area < rule.threshold:
            return False
        local = datetime.fromtimestamp(moved.at_ms / 1000, self.zone)
        minute = local.hour * 60 + local.minute
        return not rule.windows or any(window.holds(local.weekday(), minute) for window in rule.windows)

    def _end(self, seen: _Seen | None) -> None:
        if seen is not None and seen.movement is not None and seen.movement.dirty:
            self._ended.append(seen.movement)


def compare(at_ms: int, before: bytes, after: bytes, area: Sequence[int]) -> Moved:
    """Grids of `COLUMNS` times `ROWS` bytes; `area` names the cells of the area."""
    shift = round((sum(after) - sum(before)) / len(after))
    changed = [abs(new - old - shift) > STEP for old, new in zip(before, after, strict=True)]
    in_area = sum(changed[cell] for cell in area) / len(area) if area else 0.0
    return Moved(at_ms, round(sum(changed) / len(changed), 4), round(in_area, 4))


@lru_cache(maxsize=1024)
def cells_of(area: tuple[Point, ...]) -> tuple[int, ...]:
    """The cells whose middle lies in the polygon; all of them for none. The nearest one where it is that small."""
    middles = [((cell % COLUMNS + 0.5) / COLUMNS, (cell // COLUMNS + 0.5) / ROWS) for cell in range(COLUMNS * ROWS)]
    if not area:
        return tuple(range(len(middles)))
    found = tuple(cell for cell, middle in enumerate(middles) if _inside(middle, area))
    centre = (sum(x for x, _ in area) / len(area), sum(y for _, y in area) / len(area))
    return found or (min(range(len(middles)), key=lambda cell: _distance(middles[cell], centre)),)


def _inside(point: Point, area: Sequence[Point]) -> bool:
    """Even-odd rule."""
    (x, y), inside = point, False
    for (x1, y1), (x2, y2) in zip(area, (*area[1:], area[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def _distance(one: Point, other: Point) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2
