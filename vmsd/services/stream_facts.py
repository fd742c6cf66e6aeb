"""What is measured of cameras' streams: now, in memory, and over days, a row per camera and five minutes.

The bitrate is what MediaMTX received. Frames are counted in what reaches the disk, and of a camera that is not
recorded in the live segments its stills are made from. How far behind live is, is the age of the newest frame in the
HLS playlist as it is served, from the frame's arrival at this box on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from vmsd.clock import Clock
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.state import LiveState, State
from vmsd.services.index import RecordingIndex
from vmsd.services.live_states import CameraKey, LiveStates, key_of
from vmsd.services.streams import Streams
from vmsd.store.stream_facts import StreamFactRow

PERIOD_MS = 300_000
KEPT_DAYS = 8
DAY_MS = 86_400_000
RECORDING_S = 12.0
"""Bytes that reached the disk within this time count as recording: parts of 1 s, looked at every 5 s."""
FPS_FRESH_S = 60.0
"""Frames are counted when a still is made, every 10 s as a rule."""
LATENCY_WINDOW_S = 30.0
"""A playlist grows by a whole segment at a time: one look says less than the mean of some."""
LATENCY_FRESH_S = 75.0
MOST_LOOKS = 32
FURTHEST_BEHIND_MS = 600_000
"""Older than that no live segment is: the clock has been set."""


@dataclass
class _Looks:
    """What was measured of a live stream lately, each with the monotonic second it was measured at."""

    fps: tuple[float, float] | None = None
    behind: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=MOST_LOOKS))


@dataclass
class _Tally:
    """What a camera's samples add up to."""

    samples: int = 0
    online: int = 0
    viewers: int = 0
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, name: str, value: float | None) -> None:
        if value is not None:
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = total + value, count + 1

    def mean(self, name: str) -> float | None:
        total, count = self.sums.get(name, (0.0, 0))
        return total / count if count else None


class StreamFacts:
    """`pending` is what waits to be written: the last five minutes that are over."""

    def __init__(self, states: LiveStates, index: RecordingIndex, streams: Streams, clock: Clock) -> None:
        self._states = states
        self._index = index
        self._streams = streams
        self._clock = clock
        self._looks: dict[CameraKey, _Looks] = {}
        self._tallies: dict[CameraKey, _Tally] = {}
        self._period_ms: int | None = None
        self.pending: Sequence[StreamFactRow] = ()

    def note_fps_of(self, path: str, fps: float | None) -> None:
        """Frames per second of a live segment of this path of MediaMTX's."""
        if fps is not None:
            for city, camera in self._states.watched:
                if str(PathName(city.public_id, camera.public_id)) == path:
                    self._looks_of(key_of(camera)).fps = self._now_s(), fps

    def note_newest_end(self, key: CameraKey, end_ms: int | None) -> None:
        """When the newest frame a playlist offers was received, seen now."""
        if end_ms is None:
            return
        behind_ms = self._clock.wall_ms() - end_ms
        if behind_ms <= FURTHEST_BEHIND_MS:
            self._looks_of(key).behind.append((self._now_s(), max(0, behind_ms)))

    def looked_s(self, key: CameraKey) -> float | None:
        """When a playlist of this camera was last looked at, on the monotonic clock."""
        looks = self._looks.get(key)
        return looks.behind[-1][0] if looks and looks.behind else None

    def _looks_of(self, key: CameraKey) -> _Looks:
        return self._looks.setdefault(key, _Looks())

    def recording(self, camera: Camera) -> bool:
        """Bytes of this camera reached the disk within the last seconds."""
        age_s = self._index.written_age_s(key_of(camera))
        return age_s is not None and age_s <= RECORDING_S

    def viewers(self, camera: Camera) -> int:
        return self._streams.viewers(camera.city_id, camera.id)

    def fps(self, camera: Camera) -> float | None:
        """Frames per second that come now; None without a signal, and before they were counted."""
        if self._states.of(camera).state != State.ONLINE:
            return None
        recorded = self._index.fps(key_of(camera)) if self.recording(camera) else None
        return recorded or self._live_fps(key_of(camera))

    def _live_fps(self, key: CameraKey) -> float | None:
        looks = self._looks.get(key)
        if looks is None or looks.fps is None or self._now_s() - looks.fps[0] > FPS_FRESH_S:
            return None
        return looks.fps[1]

    def latency_ms(self, camera: Camera) -> int | None:
        """How old the newest frame is that live HLS offers, the mean of the last looks; None when nobody has looked."""
        looks, now_s = self._looks.get(key_of(camera)), self._now_s()
        if looks is None or not looks.behind or self._states.of(camera).state != State.ONLINE:
            return None
        if now_s - looks.behind[-1][0] > LATENCY_FRESH_S:
            return None
        recent = [ms for at_s, ms in looks.behind if now_s - at_s <= LATENCY_WINDOW_S] or [looks.behind[-1][1]]
        return round(sum(recent) / len(recent))

    def sample(self) -> None:
        """Take down every camera as it is now; what is over when five minutes end becomes `pending`."""
        self._close_period()
        watched = [camera for _, camera in self._states.watched]
        for camera in watched:
            self._add(self._tallies.setdefault(key_of(camera), _Tally()), camera, self._states.of(camera))
        keys = {key_of(camera) for camera in watched}
        self._looks = {key: looks for key, looks in self._looks.items() if key in keys}

    def _add(self, tally: _Tally, camera: Camera, state: LiveState) -> None:
        tally.samples += 1
        tally.online += state.state == State.ONLINE
        tally.viewers = max(tally.viewers, self.viewers(camera))
        tally.add("bitrate", state.facts.bitrate)
        tally.add("fps", self.fps(camera))
        tally.add("latency_ms", self.latency_ms(camera))

    def _close_period(self) -> None:
        now_ms = self._clock.wall_ms()
        period_ms = now_ms - now_ms % PERIOD_MS
        if self._period_ms is not None and period_ms != self._period_ms:
            at_ms = self._period_ms
            self.pending = [_row(key, at_ms, tally) for key, tally in self._tallies.items() if tally.samples]
            self._tallies = {}
        self._period_ms = period_ms

    def _now_s(self) -> float:
        return self._clock.monotonic()


def _row(key: CameraKey, at_ms: int, tally: _Tally) -> StreamFactRow:
    bitrate, fps, latency_ms = tally.mean("bitrate"), tally.mean("fps"), tally.mean("latency_ms")
    return StreamFactRow(
        city_id=key[0],
        camera_id=key[1],
        at_ms=at_ms,
        bitrate=None if bitrate is None else round(bitrate),
        fps=None if fps is None else round(fps, 2),
        latency_ms=None if latency_ms is None else round(latency_ms),
        viewers=tally.viewers,
        online_ratio=round(tally.online / tally.samples, 4),
    )
