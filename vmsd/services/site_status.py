"""The status of the whole site, gathered from memory, counted over all cities, without a name, and signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from vmsd import __version__
from vmsd.clock import rfc3339
from vmsd.model.audit import Head
from vmsd.model.camera import Camera
from vmsd.model.site_status import (
    FORMAT,
    MOST_CAMERAS,
    MOST_DAYS,
    MOST_NOTICES,
    MOST_TASKS,
    SignedStatus,
    SiteStatus,
    StatusAlerts,
    StatusAudit,
    StatusCamera,
    StatusCounts,
    StatusCoverage,
    StatusDisk,
    StatusHead,
    StatusNotice,
    StatusPowerLoss,
    StatusPromise,
    StatusRow,
)
from vmsd.model.state import State
from vmsd.services.box_seal import BoxSeal
from vmsd.services.disk_wear import DiskWear
from vmsd.services.health_board import SETTLING_S
from vmsd.services.live_states import key_of
from vmsd.services.overview import Overview, Sources
from vmsd.services.promise import judge
from vmsd.services.site_figures import Figures, SiteFigures

MADE_S = 5.0
"""However often it is asked for, it is put together and signed once in so long."""


@dataclass(frozen=True)
class Seen:
    """One camera; `unrecorded` says that it should be recorded and is not, and has had the time to begin."""

    told: StatusCamera
    unrecorded: bool

    @property
    def order(self) -> tuple[bool, bool, float]:
        """The worst first."""
        told = self.told
        return not self.unrecorded, told["state"] is State.ONLINE, 1 if told["coverage"] is None else told["coverage"]


class SiteStatuses:
    """Asked by the central office."""

    def __init__(
        self, sources: Sources, overview: Overview, wear: DiskWear, figures: SiteFigures, seal: BoxSeal
    ) -> None:
        self._from = sources
        self._overview = overview
        self._wear = wear
        self._figures = figures
        self._seal = seal
        self._started_s = sources.clock.monotonic()
        self._made_s = 0.0
        self._made: SignedStatus | None = None

    async def get(self, audit_row: int | None = None) -> SignedStatus:
        """With the hash of the row the caller remembers: what has been added since then must follow from it."""
        now_s = self._from.clock.monotonic()
        if self._made is None or now_s - self._made_s >= MADE_S:
            self._made, self._made_s = self._signed(self._make(await self._figures.get())), now_s
        if audit_row is None:
            return self._made
        row_hash = await self._figures.audit_hash_at(audit_row)
        status = self._made["status"]
        asked: StatusRow | None = None if row_hash is None else {"row": audit_row, "hash": row_hash.hex()}
        return self._signed({**status, "audit": {**status["audit"], "asked": asked}})

    def _signed(self, status: SiteStatus) -> SignedStatus:
        return {"status": status, "signature": self._seal.sign(status)}

    def _make(self, figures: Figures) -> SiteStatus:
        system, cameras = self._overview.system(), self._cameras(figures)
        mediamtx, trust = system["mediamtx"], self._from.timekeeper.current
        return {
            "format": FORMAT,
            "made_at": self._overview.now(),
            "box": self._seal.identity,
            "version": __version__,
            "uptime": round(system["uptime"]),
            "safe_mode": self._from.safe_mode,
            "mediamtx": {"alive": mediamtx["alive"], "version": mediamtx["version"], "applied": mediamtx["applied"]},
            "database": self._from.database_ok(),
            "clock": {"trusted": trust.trusted, "synchronised": trust.synchronised, "reason": trust.reason},
            "disk": self._disk(),
            "promise": self._promise(),
            "counts": _counts(cameras),
            "coverage": _coverage(cameras),
            "cameras": [one.told for one in cameras[:MOST_CAMERAS]],
            "left_off": max(0, len(cameras) - MOST_CAMERAS),
            "alerts": cast("StatusAlerts", {level: figures.open_alerts.get(level, 0) for level in LEVELS}),
            "notices": self._notices(),
            "tasks_late": [pulse["name"] for pulse in system["tasks"] if pulse["late"]][:MOST_TASKS],
            "power_loss": self._power_loss(),
            "audit": _audit(figures),
        }

    def _cameras(self, figures: Figures) -> Sequence[Seen]:
        seen = [self._see(camera, figures) for _, camera in self._from.states.watched]
        return sorted(seen, key=lambda one: one.order)

    def _see(self, camera: Camera, figures: Figures) -> Seen:
        state, recording = self._from.states.of(camera), self._overview.recording(camera)
        written_s = self._from.index.written_age_s(key_of(camera))
        told: StatusCamera = {
            "id": camera.public_id,
            "state": state.state,
            "since": rfc3339(state.since_ms),
            "cause": state.cause,
            "enabled": camera.recording_enabled,
            "recording": recording,
            "written_age": None if written_s is None else round(written_s),
            "coverage": figures.coverage.get(key_of(camera)),
        }
        return Seen(told, camera.recording_enabled and not recording and self._had_time(camera))

    def _had_time(self, camera: Camera) -> bool:
        """Since it is to be recorded, and since there is somebody to see it."""
        clock = self._from.clock
        asked_s = (clock.wall_ms() - camera.recording_since_ms) / 1000
        return min(clock.monotonic() - self._started_s, asked_s) >= SETTLING_S

    def _disk(self) -> StatusDisk:
        disk, wear = self._from.disk, self._wear.last
        usage, breaker = disk.usage, disk.breaker
        worn = wear.used_ratio if wear else None
        return {
            "condition": str(disk.volume.condition),
            "total_bytes": usage.total_bytes if usage else None,
            "free_bytes": usage.free_bytes if usage else None,
            "used_ratio": number(usage.used_ratio, 4) if usage else None,
            "recording": not breaker.open,
            "reason": None if breaker.reason is None else str(breaker.reason),
            "failing": wear.failing if wear else None,
            "wear_ratio": None if worn is None else number(worn, 4),
        }

    def _promise(self) -> StatusPromise:
        capacity = self._from.disk.capacity
        promised = max((city.retention_days for city, _ in self._from.states.watched), default=None)
        found = judge(promised or 0, capacity, self._from.clock.wall_ms())
        return {
            "promised_days": promised,
            "holds_days": None if found.held_days is None else number(min(found.held_days, MOST_DAYS), 2),
            "breaks_at": None if found.breaks_ms is None else rfc3339(found.breaks_ms),
            "protected_bytes": capacity.protected_bytes if capacity else 0,
        }

    def _notices(self) -> list[StatusNotice]:
        """Without their facts, which may name somebody's things."""
        found = self._overview.notices()[:MOST_NOTICES]
        return [{"code": one["code"], "level": one["level"], "since": one["since"]} for one in found]

    def _power_loss(self) -> StatusPowerLoss | None:
        loss = self._from.last_power_loss()
        if loss is None:
            return None
        return {"start": rfc3339(loss.start_ms), "end": rfc3339(loss.end_ms), "lost": number(loss.lost_ms / 1000, 3)}


LEVELS = tuple(StatusAlerts.__annotations__)


def _counts(cameras: Sequence[Seen]) -> StatusCounts:
    states = Counter(one.told["state"] for one in cameras)
    return {
        "all": len(cameras),
        "online": states[State.ONLINE],
        "offline": states[State.OFFLINE],
        "stalled": states[State.STALLED],
        "starting": states[State.STARTING],
        "disabled": states[State.DISABLED],
        "recording": sum(one.told["recording"] for one in cameras),
        "unrecorded": sum(one.unrecorded for one in cameras),
    }


def _coverage(cameras: Sequence[Seen]) -> StatusCoverage:
    found = [(one.told["coverage"], one.told["id"]) for one in cameras if one.told["coverage"] is not None]
    if not found:
        return {"worst": None, "camera": None, "mean": None}
    worst, camera = min(found)
    return {"worst": worst, "camera": camera, "mean": number(sum(value for value, _ in found) / len(found), 4)}


def _audit(figures: Figures) -> StatusAudit:
    head = figures.audit_head
    signed = None if head is None else _signed_head(head)
    return {"row": figures.audit_row, "hash": figures.audit_hash.hex(), "signed": signed, "asked": None}


def _signed_head(head: Head) -> StatusHead:
    return {
        "row": head.seq,
        "hash": head.hash.hex(),
        "at_ms": head.at_ms,
        "clock_trusted": head.clock_trusted,
        "public_key": head.public_key.hex(),
        "signature": head.signature.hex(),
    }


def number(value: float, places: int) -> float:
    """Whole numbers as integers: a document that is signed is written in one way only."""
    rounded = round(value, places)
    return int(rounded) if rounded == int(rounded) else rounded
