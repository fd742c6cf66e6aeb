"""Makes one export from beginning to end: what it gathers from the database, and what its thread does on the disk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict
from vmsd.host.durable import sync
from vmsd.host.priority import yield_to_others
from vmsd.model.export import Export, ExportFormat, ExportResult
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.custody import MOST_ROWS, Papers, rows_about
from vmsd.services.disk_thread import DiskThread
from vmsd.services.export_plan import ExportPlan, plan_of
from vmsd.services.export_room import FOLDER, folder_of
from vmsd.services.export_work import Work
from vmsd.services.films import make_films
from vmsd.services.package import Sealer, make_package
from vmsd.services.timeline import CityTimeline
from vmsd.store.audit import Audit, CityAudit
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.holds import Holds
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments

log = structlog.get_logger()


@dataclass(frozen=True)
class Making:
    """An export that is being made."""

    scope: Scope
    export: Export
    future: asyncio.Future[ExportResult]
    work: Work

    @property
    def done_bytes(self) -> int:
        return round(self.export.total_bytes * self.work.share)


class ExportMaker:
    """`threads` exports at a time."""

    def __init__(
        self,
        database: Database,
        rows: CameraRows,
        audit: AuditLog,
        keeper: Timekeeper,
        clock: Clock,
        sealer: Sealer,
        *,
        recordings_dir: Path,
        threads: int,
    ) -> None:
        self._database = database
        self._rows = rows
        self._audit = audit
        self._keeper = keeper
        self._clock = clock
        self._sealer = sealer
        self._recordings_dir = recordings_dir
        self._thread = DiskThread("exporter", threads)
        self._broom = DiskThread("export-tidy")

    async def start(self, scope: Scope, export: Export) -> Making:
        """Gather what it needs and let its thread begin."""
        city = await Cities(self._database).get_by_id(scope.city_id)
        timeline = CityTimeline(scope, city, self._clock, self._sealer.time_zone)
        plan = await plan_of(export, city, Cameras(scope, self._rows), Segments(scope), timeline)
        work = Work()
        if export.format is ExportFormat.PACKAGE:
            papers, now_ms = await self._papers(scope, plan), self._clock.wall_ms()
            make = partial(self._package, plan, papers, now_ms, work)
        else:
            make = partial(self._films, plan, work)
        return Making(scope, export, self._thread.start(self._make, export, make), work)

    async def _papers(self, scope: Scope, plan: ExportPlan) -> Papers:
        """The audit log is signed first, so that the extract ends with a head that covers it."""
        hold = None if plan.export.hold is None else await Holds(scope).get(plan.export.hold)
        sound = await self._sign_audit()
        rows = await rows_about(CityAudit(scope), plan.export, hold)
        head = await Audit(self._database).last_head()
        covered = [row for row in reversed(rows[:MOST_ROWS]) if head is not None and row.seq <= head.seq]
        return Papers(hold, covered, head, self._keeper.look(), complete=len(rows) <= MOST_ROWS, sound=sound)

    async def _sign_audit(self) -> bool:
        """False when its rows do not follow from its last head: the recordings are none the worse, and it is said."""
        try:
            await self._audit.sign_head()
        except Conflict as error:
            log.warning("export.audit_broken", error=str(error))
            return False
        return True

    def _make(self, export: Export, make: Callable[[Path], ExportResult]) -> ExportResult:
        yield_to_others()
        exports = self._recordings_dir / FOLDER
        exports.mkdir(mode=0o750, exist_ok=True)
        sync(self._recordings_dir)
        folder = folder_of(self._recordings_dir, export.public_id)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o750)
        sync(exports)
        return make(folder)

    def _films(self, plan: ExportPlan, work: Work, folder: Path) -> ExportResult:
        return make_films(plan, self._sealer.tree, folder, ZoneInfo(self._sealer.time_zone), work)

    def _package(self, plan: ExportPlan, papers: Papers, now_ms: int, work: Work, folder: Path) -> ExportResult:
        return make_package(plan, papers, self._sealer, folder, now_ms, work)

    async def tidy(self, keeping: set[str]) -> None:
        """Remove every export's folder but these."""
        await self._broom.run(_tidy, self._recordings_dir / FOLDER, keeping)

    def close(self) -> None:
        self._thread.close()
        self._broom.close()


def _tidy(exports: Path, keeping: set[str]) -> None:
    for folder in exports.iterdir() if exports.is_dir() else ():
        if folder.name not in keeping:
            shutil.rmtree(folder, ignore_errors=True)
