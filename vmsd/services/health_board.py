"""The health of a city's cameras and of the box in figures, each judged by its thresholds."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from vmsd.model.camera import Camera
from vmsd.model.person import Verb
from vmsd.model.state import LiveState, State
from vmsd.services.degraded import DEGRADED, Measured, Trouble, troubles_of
from vmsd.services.disk_wear import DiskWear
from vmsd.services.live_states import key_of
from vmsd.services.open_city import OpenCity
from vmsd.services.overview import Overview, Sources
from vmsd.services.promise import Promise
from vmsd.services.thresholds import Figure, Level, Limits
from vmsd.store.database import Database
from vmsd.store.health_board import CameraHistory
from vmsd.store.scope import Scope

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RECENT_MS = 15 * 60_000
"""What is usual is what was before the last minutes."""
POINTS = 6
"""Half an hour of measured frame rates: of less nobody says what is usual."""
HISTORY_S = 60.0
MOST_CITIES = 500
SETTLING_S = 30.0
"""How long a camera that has just come, or has just been told to record, has until its bytes reach the disk."""
ORDER = (Level.GREEN, Level.AMBER, Level.RED)


@dataclass(frozen=True)
class CameraHealth:
    seen: Measured
    troubles: Mapping[Trouble, Level]

    @property
    def degraded(self) -> bool:
        return not DEGRADED.isdisjoint(self.troubles)


@dataclass(frozen=True)
class Judged:
    """A figure and what it means; no value and no level where nothing was measured."""

    value: float | None
    limits: Limits

    @property
    def level(self) -> Level | None:
        return None if self.value is None else self.limits.level(self.value)


@dataclass(frozen=True)
class Board:
    """`parts` are right or wrong, without a figure to move; `detections` is None for who may not know of plates."""

    cameras: Sequence[CameraHealth]
    viewers: int
    detections: int | None
    figures: Mapping[Figure, Judged]
    parts: Mapping[str, Level]

    @property
    def level(self) -> Level:
        """The worst of all. What makes one camera degraded counts as the number of such cameras."""
        levels = [level for one in self.figures.values() if (level := one.level)]
        return max([*levels, *self.parts.values()], key=ORDER.index, default=Level.GREEN)

    def counts(self) -> Mapping[str, int]:
        """How many cameras are in each state, and how many of them have which trouble."""
        states = Counter(one.seen.state for one in self.cameras)
        return {
            "all": len(self.cameras),
            **{state.value: states[state] for state in State},
            "recording": sum(one.seen.recording for one in self.cameras),
            "not_recording": with_trouble(self.cameras, {Trouble.NOT_RECORDING}),
            "degraded": with_trouble(self.cameras, DEGRADED),
        }


@dataclass(frozen=True)
class History:
    """By camera number: the usual frame rate of the last day, and how often the signal went in the last hour."""

    read_s: float
    usual_fps: Mapping[int, float]
    drops: Mapping[int, int]


class HealthBoard:
    """Asked every few seconds by every open page: the history is read once a minute and city at most."""

    def __init__(self, sources: Sources, overview: Overview, wear: DiskWear, database: Database) -> None:
        self._from = sources
        self._overview = overview
        self._database = database
        self._histories: OrderedDict[int, History] = OrderedDict()
        self._started_s = sources.clock.monotonic()
        self.wear = wear

    async def of(self, city: OpenCity) -> Board:
        """Of the cameras the caller may see."""
        visible = await city.cameras.list(verbs=frozenset({Verb.VIEW}))
        limits, history = await city.thresholds.get(), await self._history(city.city.id)
        measured = [self._measure(camera, history) for camera in visible]
        cameras = [CameraHealth(one, troubles_of(one, limits)) for one in measured]
        values = self._values(cameras, (await city.storage.get()).promise)
        return Board(
            cameras=cameras,
            viewers=self._viewers(city.city.id, {camera.id for camera in visible}),
            detections=await self._detections(city),
            figures={figure: Judged(value, limits[figure]) for figure, value in values.items()},
            parts=self._parts(),
        )

    async def _history(self, city_id: int) -> History:
        now_s, now_ms = self._from.clock.monotonic(), self._from.clock.wall_ms()
        known = self._histories.get(city_id)
        if known is None or now_s - known.read_s > HISTORY_S:
            store = CameraHistory(Scope(self._database, city_id))
            usual = await store.usual_fps(now_ms - DAY_MS, now_ms - RECENT_MS, POINTS)
            known = self._histories[city_id] = History(now_s, usual, await store.drops(now_ms - HOUR_MS))
            while len(self._histories) > MOST_CITIES:
                self._histories.popitem(last=False)
        return known

    async def _detections(self, city: OpenCity) -> int | None:
        """Of the last day, by the cameras whose plates the caller may see."""
        if Verb.PLATES not in city.rights.anywhere:
            return None
        cameras = await city.cameras.list(verbs=frozenset({Verb.PLATES}))
        store = CameraHistory(Scope(self._database, city.city.id))
        return await store.detections(self._from.clock.wall_ms() - DAY_MS, [camera.id for camera in cameras])

    def _measure(self, camera: Camera, history: History) -> Measured:
        state, recording = self._from.states.of(camera), self._overview.recording(camera)
        arrived_ms = state.last_bytes_ms
        age_s = None if arrived_ms is None else max(0, self._from.clock.wall_ms() - arrived_ms) / 1000
        return Measured(
            camera=camera,
            state=state.state,
            recording=recording,
            unrecorded=camera.recording_enabled and not recording and self._settled(camera, state),
            fps=self._from.index.fps(key_of(camera)),
            usual_fps=history.usual_fps.get(camera.id),
            frame_age_s=age_s,
            drops=history.drops.get(camera.id, 0),
        )

    def _settled(self, camera: Camera, state: LiveState) -> bool:
        """Since the camera has a signal, since it is to be recorded, and since there is somebody to see it."""
        since_ms = max(state.since_ms, camera.recording_since_ms)
        up_s = self._from.clock.monotonic() - self._started_s
        return min(up_s, (self._from.clock.wall_ms() - since_ms) / 1000) >= SETTLING_S

    def _viewers(self, city_id: int, cameras: Collection[int]) -> int:
        return sum(stream.camera_id in cameras for stream in self._from.streams.list(city_id))

    def _values(self, cameras: Sequence[CameraHealth], promise: Promise) -> Mapping[Figure, float | None]:
        """What one camera is measured at is no figure of the whole: it stands at the camera."""
        usage, wear = self._from.disk.usage, self.wear.last
        kept = None if promise.held_days is None else promise.held_days / max(1, promise.promised_days)
        return {
            Figure.CAMERAS_OFFLINE: with_trouble(cameras, {Trouble.NO_SIGNAL}),
            Figure.CAMERAS_NOT_RECORDING: with_trouble(cameras, {Trouble.NOT_RECORDING}),
            Figure.CAMERAS_DEGRADED: with_trouble(cameras, DEGRADED),
            Figure.DISK_USED: round(usage.used_ratio, 4) if usage else None,
            Figure.PROMISE: None if kept is None else round(kept, 4),
            Figure.DISK_WEAR: wear.used_ratio if wear else None,
            Figure.TASKS_LATE: sum(pulse["late"] for pulse in self._from.pulses()),
        }

    def _parts(self) -> Mapping[str, Level]:
        now, wear = self._from, self.wear.last
        mediamtx = Level.AMBER if self._overview.mediamtx_kind() == "standin" else Level.GREEN
        return {
            "mediamtx": mediamtx if now.states.mediamtx_alive is True else Level.RED,
            "volume": _red_unless(now.disk.volume.ok),
            "recording": _red_unless(not now.disk.breaker.open),
            "clock": _red_unless(now.timekeeper.current.trusted),
            "database": _red_unless(now.database_ok()),
            "disk_health": _red_unless(wear is None or wear.failing is not True),
        }


def with_trouble(cameras: Sequence[CameraHealth], troubles: Collection[Trouble]) -> int:
    """How many have one of these."""
    return sum(not frozenset(troubles).isdisjoint(one.troubles) for one in cameras)


def _red_unless(good: bool) -> Level:
    return Level.GREEN if good else Level.RED
