"""Makes the exports that were asked for, one after another, and removes them when their time is over.

Reads: the recordings. Writes: finished exports, on the recordings volume; what became of each. Keeps true: an export
is made as far as the disk allows, whatever restarts in between; a file that can be downloaded is whole and durable;
nothing lies in the exports' folder that nobody knows of.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.config import Exports as Rules
from vmsd.errors import StorageFull, TooMany, VmsdError
from vmsd.model.audit import Action, Entry, Fact, Subject
from vmsd.model.export import Export, ExportResult, Failure, FailureCode
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.export_maker import ExportMaker, Making
from vmsd.services.export_room import ExportRoom
from vmsd.services.export_work import Stopped
from vmsd.services.films import NothingRecorded
from vmsd.services.storage import DiskWatch
from vmsd.services.timeline import UNSETTLED_MS
from vmsd.store.database import Database
from vmsd.store.export_jobs import ExportJobs, Place
from vmsd.store.exports import Exports
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

DAY_MS = 86_400_000
FOLLOW_S = 1.0
"""How long a pass stays with what is being made."""
STOP_S = 6.0
"""What breaking off may take at a stop of the daemon."""
TIDY_S = 600.0
FULL = {errno.ENOSPC, errno.EDQUOT}


class Exporter:
    name: ClassVar[str] = "exporter"
    every_s: ClassVar[float] = 2.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(
        self,
        database: Database,
        maker: ExportMaker,
        room: ExportRoom,
        watch: DiskWatch,
        audit: AuditLog,
        keeper: Timekeeper,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self._database = database
        self._jobs = ExportJobs(database)
        self._maker = maker
        self._room = room
        self._watch = watch
        self._audit = audit
        self._keeper = keeper
        self._clock = clock
        self._rules = rules
        self._making: dict[str, Making] = {}
        self._tidied: tuple[float, set[str]] = (0.0, set())

    async def once(self) -> None:
        await self._recover()
        for making in list(self._making.values()):
            await self._follow(making)
        if self._room.open and len(self._making) < self._rules.at_once:
            await self._begin_next()
        await self._expire()
        await self._tidy()

    async def close(self) -> None:
        """Break off what is being made; it waits for the next start, and the attempt does not count."""
        for making in self._making.values():
            making.work.stop.set()
        pending = [making.future for making in self._making.values()]
        if pending:
            await asyncio.wait(pending, timeout=STOP_S)
        for making in list(self._making.values()):
            if making.future.done():
                await self._end(making, leaving=True)
        self._maker.close()

    async def _recover(self) -> None:
        """What was being made when a former daemon, or a pass, ended without a word."""
        for place in await self._jobs.running():
            if place.public_id in self._making:
                continue
            scope, export = await self._found(place)
            if export.attempts < self._rules.attempts:
                await self._put_back(scope, export, counted=True)
            else:
                detail = "the box went down each time while it was being made"
                await self._fail(scope, export, Failure(FailureCode.INTERRUPTED, detail))

    async def _found(self, place: Place) -> tuple[Scope, Export]:
        scope = Scope(self._database, place.city_id)
        return scope, await Exports(scope).get(place.public_id)

    async def _begin_next(self) -> None:
        now_ms = self._clock.wall_ms()
        place = await self._jobs.find_next(now_ms, now_ms - UNSETTLED_MS)
        if place is None or place.public_id in self._making:
            return  # nothing waits, or it was asked for again while its former making has not stopped yet
        scope, export = await self._found(place)
        others_bytes = sum(making.export.total_bytes for making in self._making.values())
        try:
            self._room.check(export.total_bytes)
            if others_bytes and export.total_bytes + others_bytes > self._room.free_bytes():
                return
            async with scope.write() as transaction:
                begun = await Exports(scope).begin(transaction, export, now_ms)
            if begun:
                self._making[export.public_id] = await self._maker.start(
                    scope, await Exports(scope).get(place.public_id)
                )
                log.info("export.begun", export_id=export.public_id, attempt=export.attempts + 1)
        except StorageFull as error:
            await self._fail(scope, export, Failure(FailureCode.DISK_FULL, str(error)))
        except TooMany:
            await self._put_back(scope, export, counted=False)
            raise
        except VmsdError as error:
            await self._fail(scope, export, Failure(FailureCode.INTERNAL, str(error)))

    async def _follow(self, making: Making) -> None:
        """Let it go on or wait, note how far it is, and see whether somebody has cancelled it."""
        if self._room.open:
            making.work.go.set()
        else:
            making.work.go.clear()
        await asyncio.wait({making.future}, timeout=FOLLOW_S)
        if making.future.done():
            await self._end(making)
        elif not await Exports(making.scope).note_progress(making.export, making.done_bytes):
            making.work.stop.set()

    async def _end(self, making: Making, *, leaving: bool = False) -> None:
        """What the store does not take now it is told again: hours of work are not thrown away for that."""
        del self._making[making.export.public_id]
        try:
            await self._settle(making)
        except (VmsdError, asyncio.CancelledError):
            self._making[making.export.public_id] = making
            raise
        if not leaving:
            self._tidied = (0.0, set())

    async def _settle(self, making: Making) -> None:
        scope, export, error = making.scope, making.export, making.future.exception()
        if error is None:
            await self._finish(scope, export, making.future.result())
        elif isinstance(error, Stopped) or making.work.stop.is_set():
            await self._put_back(scope, export, counted=False)
        elif isinstance(error, OSError) and error.errno not in FULL and export.attempts < self._rules.attempts:
            self._watch.report(error)
            log.warning("export.broken_off", export_id=export.public_id, error=error.strerror)
            await self._put_back(scope, export, counted=True)
        else:
            await self._fail(scope, export, self._failure_of(export, error))

    def _failure_of(self, export: Export, error: BaseException) -> Failure:
        if isinstance(error, NothingRecorded):
            return Failure(FailureCode.NOTHING_RECORDED, str(error))
        if isinstance(error, OSError):
            self._watch.report(error)
            code = FailureCode.DISK_FULL if error.errno in FULL else FailureCode.UNREADABLE
            return Failure(code, error.strerror or type(error).__name__)
        log.error("export.fault", export_id=export.public_id, exc_info=error)
        return Failure(FailureCode.INTERNAL, "a fault of the software")

    async def _finish(self, scope: Scope, export: Export, result: ExportResult) -> None:
        now_ms = self._clock.wall_ms()
        expires_ms = now_ms + self._rules.kept_days * DAY_MS
        facts: dict[str, Fact] = {
            "file": result.file.name,
            "bytes": result.file.bytes,
            "sha256": result.file.sha256,
            "missing_s": round(result.missing_ms / 1000),
        }
        async with scope.write() as transaction:
            if not await Exports(scope).finish(transaction, export, result, now_ms, expires_ms):
                return
            await self._release(transaction, scope, export, now_ms)
            await self._tell(transaction, Action.EXPORT_DONE, export, facts)
        log.info("export.done", export_id=export.public_id, bytes=result.file.bytes, missing_ms=result.missing_ms)

    async def _fail(self, scope: Scope, export: Export, failure: Failure) -> None:
        now_ms = self._clock.wall_ms()
        async with scope.write() as transaction:
            if not await Exports(scope).fail(transaction, export, failure, now_ms):
                return
            await self._release(transaction, scope, export, now_ms)
            await self._tell(transaction, Action.EXPORT_FAILED, export, {"code": failure.code})
        log.warning("export.failed", export_id=export.public_id, code=failure.code, detail=failure.detail)

    async def _release(self, transaction: CityTransaction, scope: Scope, export: Export, now_ms: int) -> None:
        await KeptPeriods(scope).release_export(transaction, export.id, now_ms)

    async def _put_back(self, scope: Scope, export: Export, *, counted: bool) -> None:
        async with scope.write() as transaction:
            await Exports(scope).put_back(transaction, export, self._clock.wall_ms(), counted=counted)

    async def _tell(
        self, transaction: CityTransaction, action: Action, export: Export, facts: Mapping[str, Fact]
    ) -> None:
        entry = Entry(action, subject=Subject("export", export.public_id), facts=facts)
        await self._audit.append(transaction, entry, self._clock.wall_ms())

    async def _expire(self) -> None:
        """Not while the clock is not trusted."""
        now_ms = self._keeper.trusted_ms()
        for place in [] if now_ms is None else await self._jobs.expired(now_ms):
            scope, export = await self._found(place)
            async with scope.write() as transaction:
                if await Exports(scope).remove(transaction, export, self._clock.wall_ms()):
                    await self._tell(transaction, Action.EXPORT_REMOVED, export, {"expired": True})
            log.info("export.expired", export_id=export.public_id)

    async def _tidy(self) -> None:
        """When there is something to tidy, or now and then."""
        if not self._watch.volume.ok:
            return
        now_s, keeping = self._clock.monotonic(), await self._jobs.keeping() | set(self._making)
        tidied_s, kept = self._tidied
        if keeping != kept or now_s - tidied_s >= TIDY_S:
            await self._maker.tidy(keeping)
            self._tidied = (now_s, keeping)
