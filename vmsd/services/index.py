"""What is reaching the disk right now, per camera: measured by the indexer, kept in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from vmsd.clock import Clock
from vmsd.services.live_states import CameraKey
from vmsd.services.segment_files import Followed, KeyframePlace, SegmentFiles

RATE_WINDOW_S = 30.0


@dataclass
class Flow:
    """How bytes of one camera have been coming; times are monotonic seconds but `last_written_ms`."""

    begun_s: float
    last_written_s: float | None = None
    last_written_ms: int | None = None
    grown: deque[tuple[float, int]] = field(default_factory=deque)

    def bytes_per_s(self, now_s: float) -> float:
        while self.grown and now_s - self.grown[0][0] > RATE_WINDOW_S:
            self.grown.popleft()
        watched_s = min(RATE_WINDOW_S, now_s - self.begun_s)
        return sum(size for _, size in self.grown) / watched_s if watched_s > 0 else 0.0


class RecordingIndex:
    """Starts empty with the daemon: a camera has written nothing until bytes were seen to grow.

    `ignored_folders` are folders on the volume that are nobody's; `missing_files` is not 0 while so many
    recordings are gone from the disk at once that nobody believes it; `complete` says that every folder has
    been compared with the database since the start.
    """

    def __init__(self, files: SegmentFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._flows: dict[CameraKey, Flow] = {}
        self._newest: dict[CameraKey, Followed] = {}
        self.ignored_folders = 0
        self.missing_files = 0
        self.complete = False

    def last_written_ms(self, key: CameraKey) -> int | None:
        """When bytes of the camera last reached the disk, by the wall clock of that moment."""
        flow = self._flows.get(key)
        return flow.last_written_ms if flow else None

    def written_age_s(self, key: CameraKey) -> float | None:
        """How long ago that was, whatever the wall clock has done since."""
        flow = self._flows.get(key)
        return None if flow is None or flow.last_written_s is None else self._now_s() - flow.last_written_s

    def fps(self, key: CameraKey) -> float | None:
        """Frames per second of what was recorded last; None before a recording was read."""
        newest = self._newest.get(key)
        return newest.fps if newest else None

    def bytes_per_s(self, key: CameraKey) -> float:
        """Over the last `RATE_WINDOW_S`."""
        flow = self._flows.get(key)
        return flow.bytes_per_s(self._now_s()) if flow else 0.0

    def total_bytes_per_s(self) -> float:
        now_s = self._now_s()
        return sum(flow.bytes_per_s(now_s) for flow in self._flows.values())

    async def newest_keyframe(self, key: CameraKey) -> KeyframePlace | None:
        """Reads what the running file has gained since the last look at it, and no more."""
        known = self._newest.get(key)
        return None if known is None else await self._files.newest_keyframe(known)

    def note_grown(self, key: CameraKey, grown_bytes: int) -> None:
        flow = self._flows.setdefault(key, Flow(self._now_s()))
        if grown_bytes > 0:
            flow.last_written_s, flow.last_written_ms = self._now_s(), self._clock.wall_ms()
            flow.grown.append((flow.last_written_s, grown_bytes))

    def note_newest(self, key: CameraKey, file: Followed) -> None:
        self._newest[key] = file

    def keep_only(self, keys: set[CameraKey]) -> None:
        """Forget cameras that are no more."""
        for gone in self._flows.keys() - keys:
            del self._flows[gone]
        for gone in self._newest.keys() - keys:
            del self._newest[gone]

    def _now_s(self) -> float:
        return self._clock.monotonic()
