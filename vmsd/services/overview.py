"""What the box knows of itself, gathered for people: states, health, storage, notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vmsd import __version__
from vmsd.clock import Clock, rfc3339
from vmsd.config import Settings
from vmsd.errors import StorageFull
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import LiveState
from vmsd.services.answers import (
    BreakerAnswer,
    CameraFactsAnswer,
    ClockAnswer,
    DiskAnswer,
    HealthAnswer,
    MediaMtxAnswer,
    NoticeAnswer,
    PowerLossAnswer,
    PublishAnswer,
    PulseAnswer,
    StateLine,
    States,
    StatusAnswer,
    StreamMetricsAnswer,
    SystemAnswer,
)
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.desired import DesiredState
from vmsd.services.index import RecordingIndex
from vmsd.services.integrity import Integrity
from vmsd.services.live_states import LiveStates, key_of
from vmsd.services.power_recovery import PowerLoss
from vmsd.services.safekeeping import Safekeeping
from vmsd.services.storage import DiskWatch
from vmsd.services.stream_facts import StreamFacts
from vmsd.services.streams import Streams

VOLUME_NOTICES = {
    "volume_missing": "volume_missing",
    "volume_foreign": "volume_foreign",
    "unreadable": "disk_unreadable",
    "read_only": "disk_unreadable",
}


@dataclass(frozen=True)
class Notice:
    """Something everybody must see until it is put right; `code` has its words in the dashboard."""

    code: str
    level: Literal["error", "warning", "info"]
    since_ms: int | None
    facts: dict[str, Any]

    def shown(self) -> NoticeAnswer:
        since = None if self.since_ms is None else rfc3339(self.since_ms)
        return {"code": self.code, "level": self.level, "since": since, "facts": self.facts}


@dataclass(frozen=True)
class Sources:
    """Where the overview looks; all of it is in memory."""

    settings: Settings
    clock: Clock
    states: LiveStates
    desired: DesiredState
    index: RecordingIndex
    disk: DiskWatch
    timekeeper: Timekeeper
    streams: Streams
    facts: StreamFacts
    pulses: Callable[[], Sequence[PulseAnswer]]
    """The tasks' pulses, ready to be shown."""
    hls_stats: Callable[[], dict[str, int]]
    database_ok: Callable[[], bool]
    database_bytes: Callable[[], int]
    last_power_loss: Callable[[], PowerLoss | None]
    integrity: Integrity
    safekeeping: Safekeeping | None = None
    safe_mode: bool = False
    """The daemon has ended by itself several times in a row, and does only what recording needs."""


class Overview:
    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._started_s = sources.clock.monotonic()

    def now(self) -> str:
        return rfc3339(self._from.clock.wall_ms())

    def applied(self, city: City, camera: Camera) -> bool:
        """MediaMTX was seen to have this camera and every change so far."""
        desired = self._from.desired
        name = str(PathName(city.public_id, camera.public_id))
        return desired.applied_version == desired.version and name in desired.applied_paths

    def publish_address(self, city: City, camera: Camera) -> PublishAnswer:
        """Where a pushing camera must send to; the key is shown to who may configure cameras."""
        mtx = self._from.settings.mediamtx
        path = PathName(city.public_id, camera.public_id)
        key = camera.secret.publish_key or ""
        return {
            "rtmp_port": str(mtx.rtmp_port),
            "rtmp_path": f"/{path}?user={camera.public_id}&pass={key}",
        }

    def refuse_full_storage(self) -> None:
        """Raises `StorageFull` while the breaker keeps everything from being recorded."""
        breaker = self._from.disk.breaker
        if breaker.open and breaker.reason is not None:
            raise StorageFull(f"nothing can be recorded at the moment: {breaker.reason}")

    def recording(self, camera: Camera) -> bool:
        """Bytes of this camera reached the disk within the last seconds."""
        return self._from.facts.recording(camera)

    def status(self, camera: Camera) -> StatusAnswer:
        state = self._from.states.of(camera)
        written_ms = self._from.index.last_written_ms(key_of(camera))
        return {
            "state": state.state,
            "since": rfc3339(state.since_ms),
            "cause": state.cause,
            "bitrate": state.facts.bitrate,
            "fps": self._from.facts.fps(camera),
            "codecs": list(state.facts.codecs),
            "width": state.facts.width,
            "height": state.facts.height,
            "viewers": self._from.facts.viewers(camera),
            "last_frame_age": self._age_s(state),
            "recording": self.recording(camera),
            "enabled": camera.recording_enabled,
            "rationed": key_of(camera) in self._from.desired.rationed,
            "last_written_at": None if written_ms is None else rfc3339(written_ms),
        }

    def _age_s(self, state: LiveState) -> float | None:
        """Seconds since bytes last arrived from the camera."""
        if state.last_bytes_ms is None:
            return None
        return round(max(0, self._from.clock.wall_ms() - state.last_bytes_ms) / 1000, 1)

    def stream_metrics(self, camera: Camera) -> StreamMetricsAnswer:
        """What is measured now; null for what is not."""
        latency_ms = self._from.facts.latency_ms(camera)
        return {
            "bitrate": self._from.states.of(camera).facts.bitrate,
            "fps": self._from.facts.fps(camera),
            "latency": None if latency_ms is None else latency_ms / 1000,
            "viewers": self._from.facts.viewers(camera),
        }

    def camera_facts(self, camera: Camera) -> CameraFactsAnswer:
        seen = self._from.states.of(camera).facts
        return {
            **self.stream_metrics(camera),
            "codecs": list(seen.codecs),
            "width": seen.width,
            "height": seen.height,
        }

    def states(self, cameras: Sequence[Camera]) -> States:
        return {"items": [self._line(camera) for camera in cameras], "notices": self.notices()}

    def _line(self, camera: Camera) -> StateLine:
        state = self._from.states.of(camera)
        return {
            "id": camera.public_id,
            "state": state.state,
            "since": rfc3339(state.since_ms),
            "cause": state.cause,
            "last_frame_age": self._age_s(state),
            "recording": self.recording(camera),
            "enabled": camera.recording_enabled,
            "rationed": key_of(camera) in self._from.desired.rationed,
        }

    def notices(self) -> list[NoticeAnswer]:
        found = [
            *([Notice("safe_mode", "error", None, {})] if self._from.safe_mode else []),
            *self._disk_notices(),
            *self._shortage_notices(),
            *self._clock_notices(),
            *self._integrity_notices(),
            *self._mediamtx_notices(),
            *self._safekeeping_notices(),
        ]
        if not self._from.database_ok():
            found.append(Notice("database_error", "error", None, {}))
        return [notice.shown() for notice in found]

    def _disk_notices(self) -> list[Notice]:
        breaker = self._from.disk.breaker
        if not breaker.open or breaker.reason is None or self._from.disk.checked_ms is None:
            return []
        code = VOLUME_NOTICES.get(breaker.reason, "breaker_open")
        usage = self._from.disk.usage
        facts = {"reason": breaker.reason, "used_ratio": usage and round(usage.used_ratio, 4)}
        return [Notice(code, "error", breaker.since_ms, facts)]

    def _shortage_notices(self) -> list[Notice]:
        """In time for somebody to let go of what need not be kept, before cameras stop recording."""
        capacity = self._from.disk.capacity
        if capacity is None or capacity.shortage is None:
            return []
        shortage = capacity.shortage
        facts = {"protected_bytes": shortage.protected_bytes, "hours": round(shortage.hours, 1)}
        return [Notice("only_protected", "error", shortage.since_ms, facts)]

    def _clock_notices(self) -> list[Notice]:
        trust = self._from.timekeeper.current
        if trust.trusted or trust.reason == "not_read_yet":
            return []
        return [Notice("clock_untrusted", "error", None, {"reason": trust.reason})]

    def _safekeeping_notices(self) -> list[Notice]:
        """Without figures: they are of all cities together."""
        known, clock, found = self._from.safekeeping, self._from.clock, []
        if known is None or self._from.safe_mode:
            return []
        if known.exposed:
            found.append(Notice("snapshots_same_disk", "warning", None, {}))
        if known.late(clock.monotonic()):
            found.append(Notice("snapshots_late", "warning", known.last_ms, {}))
        archive = known.archive and known.archive()
        if archive and archive.behind(clock.wall_ms()):
            found.append(Notice("archive_behind", "warning", archive.oldest_ms, {}))
        return found

    def _integrity_notices(self) -> list[Notice]:
        """Without figures: they are of all cities together."""
        integrity, found = self._from.integrity, []
        if integrity.altered:
            found.append(Notice("recordings_altered", "error", None, {}))
        if integrity.last is not None and integrity.last.result["stopped"]:
            found.append(Notice("integrity_stopped", "error", integrity.last.ended_ms, {}))
        return found

    def _mediamtx_notices(self) -> list[Notice]:
        states = self._from.states
        if states.mediamtx_alive is False:
            return [Notice("mediamtx_away", "error", None, {})]
        if self.mediamtx_kind() == "standin":
            return [Notice("standin", "warning", None, {"version": states.mediamtx_version})]
        return []

    def mediamtx_kind(self) -> Literal["real", "standin"]:
        """The stand-in says so in its version."""
        return "standin" if "stand" in (self._from.states.mediamtx_version or "") else "real"

    def health(self) -> HealthAnswer:
        mediamtx = self._from.states.mediamtx_alive is True
        database = self._from.database_ok()
        disk = self._from.disk.ok
        healthy = mediamtx and database and disk and not self._from.safe_mode
        status: Literal["healthy", "degraded"] = "healthy" if healthy else "degraded"
        return {"status": status, "mediamtx": mediamtx, "database": database, "disk": disk}

    def system(self) -> SystemAnswer:
        return {
            "version": __version__,
            "uptime": round(self._from.clock.monotonic() - self._started_s),
            "clock": self._clock(),
            "mediamtx": self._mediamtx(),
            "disk": self._disk(),
            "breaker": self._breaker(),
            "tasks": list(self._from.pulses()),
            "database": {"bytes": self._from.database_bytes(), "ok": self._from.database_ok()},
            "hls": self._from.hls_stats(),
            "last_power_loss": self._last_power_loss(),
            "notices": self.notices(),
        }

    def _last_power_loss(self) -> PowerLossAnswer | None:
        loss = self._from.last_power_loss()
        if loss is None:
            return None
        return {
            "start": rfc3339(loss.start_ms),
            "end": rfc3339(loss.end_ms),
            "lost": loss.lost_ms / 1000,
            "cameras": loss.cameras,
            "torn": loss.torn,
            "integrity": loss.integrity,
        }

    def _clock(self) -> ClockAnswer:
        trust = self._from.timekeeper.current
        return {
            "now": self.now(),
            "trusted": trust.trusted,
            "synchronised": trust.synchronised,
            "reason": trust.reason,
        }

    def _mediamtx(self) -> MediaMtxAnswer:
        states, desired = self._from.states, self._from.desired
        return {
            "alive": states.mediamtx_alive is True,
            "version": states.mediamtx_version,
            "kind": self.mediamtx_kind(),
            "started": states.mediamtx_started,
            "applied": desired.applied_version == desired.version,
        }

    def _disk(self) -> DiskAnswer:
        usage, volume = self._from.disk.usage, self._from.disk.volume
        if usage is None:
            return {
                "condition": volume.condition,
                "path": "recordings",
                "total_bytes": None,
                "free_bytes": None,
                "used_ratio": None,
                "inodes_free_ratio": None,
            }
        return {
            "condition": volume.condition,
            "path": "recordings",
            "total_bytes": usage.total_bytes,
            "free_bytes": usage.free_bytes,
            "used_ratio": round(usage.used_ratio, 4),
            "inodes_free_ratio": round(1 - usage.inodes_used_ratio, 4),
            "opens_over": self._from.settings.disk.breaker_used,
            "sweeps_over": self._from.settings.disk.sweep_used,
        }

    def _breaker(self) -> BreakerAnswer:
        breaker = self._from.disk.breaker
        return {"open": breaker.open, "reason": breaker.reason, "since": rfc3339(breaker.since_ms)}
