"""What is wrong with a camera, from what is measured of it: no signal, no recording, or a worse picture than usual.

A camera on air is degraded when it sends far fewer frames than it usually does, when its newest frame is old, or when
its signal keeps going. From when on each of these counts are thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vmsd.model.camera import Camera
from vmsd.model.state import State
from vmsd.services.thresholds import Figure, Level, Limits


class Trouble(StrEnum):
    NO_SIGNAL = "no_signal"
    NOT_RECORDING = "not_recording"
    FPS = "fps"
    FRAME_AGE = "frame_age"
    DROPS = "drops"


DEGRADED = frozenset({Trouble.FPS, Trouble.FRAME_AGE, Trouble.DROPS})
SILENT = frozenset({State.OFFLINE, State.STALLED})


@dataclass(frozen=True)
class Measured:
    """One camera at one moment; None was not measured yet.

    `unrecorded` says that it should be recording and has had the time to begin. `drops` are of the last hour.
    """

    camera: Camera
    state: State
    recording: bool
    unrecorded: bool
    fps: float | None
    usual_fps: float | None
    frame_age_s: float | None
    drops: int

    @property
    def fps_ratio(self) -> float | None:
        """How much of its usual frame rate it has."""
        return self.fps / self.usual_fps if self.fps is not None and self.usual_fps else None


def troubles_of(seen: Measured, limits: Mapping[Figure, Limits]) -> Mapping[Trouble, Level]:
    """Empty where nothing is wrong. What has no signal is not measured besides."""
    found: dict[Trouble, Level] = {}
    if seen.state in SILENT:
        found[Trouble.NO_SIGNAL] = Level.RED
    if seen.unrecorded and seen.state in {State.ONLINE, State.STALLED}:
        found[Trouble.NOT_RECORDING] = Level.RED
    if seen.state is State.ONLINE:
        found |= {trouble: level for trouble, level in _measured(seen, limits) if level is not Level.GREEN}
    return found


def _measured(seen: Measured, limits: Mapping[Figure, Limits]) -> Sequence[tuple[Trouble, Level]]:
    values = (
        (Trouble.FPS, Figure.CAMERA_FPS, seen.fps_ratio),
        (Trouble.FRAME_AGE, Figure.CAMERA_FRAME_AGE, seen.frame_age_s),
        (Trouble.DROPS, Figure.CAMERA_DROPS, float(seen.drops)),
    )
    return [(trouble, limits[figure].level(value)) for trouble, figure, value in values if value is not None]
