"""What of the whole box the store had to be asked for, as Prometheus reads it: promise, coverage, purges, the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import get_type_hints

from prometheus_client.metrics_core import Metric

from vmsd.model.segment import PurgeReason
from vmsd.model.site_status import StatusAlerts
from vmsd.services.disk_wear import DiskWear
from vmsd.services.live_states import key_of
from vmsd.services.metrics import Value, counter, gauge, plain
from vmsd.services.overview import Sources
from vmsd.services.promise import judge
from vmsd.services.site_figures import Figures

LEVELS = tuple(get_type_hints(StatusAlerts))


class SiteMetrics:
    """`purged` counts the recordings that were deleted since the start."""

    def __init__(self, sources: Sources, wear: DiskWear, purged: Mapping[PurgeReason, int]) -> None:
        self._from = sources
        self._wear = wear
        self._purged = purged

    def families(self, figures: Figures) -> Iterator[Metric]:
        yield from self._box()
        yield from self._promise()
        yield from self._coverage(figures)
        yield from self._log(figures)
        purged = [({"reason": str(reason)}, self._purged.get(reason, 0)) for reason in PurgeReason]
        yield counter("vmsd_purged", "Recordings deleted since the start, by the reason why.", *purged)
        alerts = [({"level": level}, figures.open_alerts.get(level, 0)) for level in LEVELS]
        yield gauge("vmsd_alerts_open", "Alerts that nobody has closed yet.", *alerts)

    def _box(self) -> Iterator[Metric]:
        wear = self._wear.last
        text = "The box's wall clock: the office subtracts its own."
        yield gauge("vmsd_time_seconds", text, plain(self._from.clock.wall_ms() / 1000))
        yield gauge("vmsd_safe_mode", "1 while the daemon does only what recording needs.", plain(self._from.safe_mode))
        worn, failing = (wear.used_ratio, wear.failing) if wear else (None, None)
        yield gauge("vmsd_disk_wear_ratio", "Of the expected life of the most worn disk, used.", plain(worn))
        yield gauge("vmsd_disk_failing", "1 when the disk itself says that it is failing.", plain(failing))

    def _promise(self) -> Iterator[Metric]:
        """In days, as people were promised them; in seconds they stand among the daemon's own figures."""
        now_ms, capacity = self._from.clock.wall_ms(), self._from.disk.capacity
        cities = {city.public_id: city for city, _ in self._from.states.watched}
        days: list[Value] = []
        for public_id, city in cities.items():
            promise = judge(city.retention_days, capacity, now_ms)
            days.append(({"city": public_id, "kind": "promised"}, promise.promised_days))
            days.append(({"city": public_id, "kind": "actual"}, promise.held_days))
        yield gauge("vmsd_retention_days", "What the plan promises, and what the disk holds.", *days)
        protected: Counter[int] = Counter()
        for (city_id, _), size in (capacity.protected if capacity else {}).items():
            protected[city_id] += size
        held: list[Value] = [({"city": public_id}, protected[city.id]) for public_id, city in cities.items()]
        yield gauge("vmsd_protected_bytes", "Recordings that somebody keeps and nothing deletes.", *held)

    def _coverage(self, figures: Figures) -> Iterator[Metric]:
        text = "The share of the last 24 h of which there is video, since the camera is to be recorded."
        values: list[Value] = [
            ({"city": city.public_id, "camera": camera.public_id}, figures.coverage.get(key_of(camera)))
            for city, camera in self._from.states.watched
        ]
        yield gauge("vmsd_camera_coverage_ratio_24h", text, *values)

    def _log(self, figures: Figures) -> Iterator[Metric]:
        head = figures.audit_head
        yield gauge("vmsd_audit_rows", "The last row of the audit log: it only ever grows.", plain(figures.audit_row))
        yield gauge(
            "vmsd_audit_signed_rows", "The last one the box has signed.", plain(None if head is None else head.seq)
        )
        signed_s = None if head is None else head.at_ms / 1000
        yield gauge("vmsd_audit_signed_timestamp_seconds", "When it has.", plain(signed_s))
