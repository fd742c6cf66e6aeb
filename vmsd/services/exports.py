"""The exports of one city, as one caller may ask for them, see them and give them away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.config import Exports as Rules
from vmsd.errors import Conflict, FieldProblem, Invalid, NotFound, TooMany
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.export import OPEN_STATES, Delivery, Export, ExportFormat, ExportState
from vmsd.model.keeping import Hold
from vmsd.model.person import Rights, Verb
from vmsd.services.audit import AuditLog
from vmsd.services.cameras import CityCameras
from vmsd.services.export_room import ExportRoom, folder_of
from vmsd.store.export_jobs import ExportJobs
from vmsd.store.exports import Exports
from vmsd.store.holds import Holds
from vmsd.store.kept_periods import NEWEST, KeptPeriods
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

DAY_MS = 86_400_000
AHEAD_MS = 60_000
"""A caller's clock may be so much before ours."""
MOST_FILES = 50_000
"""Recorded files of one export: its manifest must be readable in one piece."""
TABLES_SHARE = 0.03
"""What a film takes besides its samples, at most, in its tables."""
LEAST_BYTES = 1 << 20
NOT_DONE = "this export is not done"


@dataclass(frozen=True)
class Wish:
    """What somebody asks for; `camera_ids` and `hold_id` are public ids."""

    camera_ids: Sequence[str]
    start_ms: int
    end_ms: int
    reason: str
    request_number: str
    format: ExportFormat
    hold_id: str | None = None


@dataclass(frozen=True)
class ExportParts:
    """What all cities' exports share; `nudge` wakes whoever makes them."""

    rules: Rules
    room: ExportRoom
    jobs: ExportJobs
    recordings_dir: Path
    nudge: Callable[[], None]


class CityExports:
    """One that names a camera the caller may not export does not exist for them."""

    def __init__(
        self,
        parts: ExportParts,
        scope: Scope,
        cameras: CityCameras,
        audit: AuditLog,
        clock: Clock,
        *,
        rights: Rights,
        by: Who,
    ) -> None:
        self._parts = parts
        self._scope = scope
        self._store = Exports(scope)
        self._kept = KeptPeriods(scope)
        self._holds = Holds(scope)
        self._cameras = cameras
        self._audit = audit
        self._clock = clock
        self._rights = rights
        self._by = by

    async def ask(self, wish: Wish) -> Export:
        """Raises `Invalid` for a period that is too long, not over, or without any recording.

        `TooMany` when too many are open, `StorageFull` when it does not fit.
        """
        now_ms = self._clock.wall_ms()
        cameras = [await self._camera(public_id) for public_id in dict.fromkeys(wish.camera_ids)]
        hold = None if wish.hold_id is None else await self._hold(wish.hold_id)
        end_ms = min(wish.end_ms, now_ms)
        self._check_period(wish, now_ms)
        await self._check_queue()
        wanted_bytes = await self._check_extent(cameras, wish.start_ms, end_ms, wish.format)
        fields: dict[str, str | int | None] = {
            "format": wish.format,
            "start_ms": wish.start_ms,
            "end_ms": end_ms,
            "reason": wish.reason,
            "request_number": wish.request_number,
            "hold_id": None if hold is None else hold.id,
            "person": self._by.person,
            "person_name": self._by.name,
            "person_role": self._by.role,
            "total_bytes": wanted_bytes,
        }
        async with self._scope.write() as transaction:
            export = await self._store.add(transaction, [camera.id for camera in cameras], now_ms, **fields)
            await self._keep(transaction, export, [camera.id for camera in cameras], now_ms)
            await self._tell(transaction, Action.EXPORT_ASKED, export, _asked(export), reason=export.reason)
        log.info("export.asked", export_id=export.public_id, cameras=len(cameras), bytes=wanted_bytes)
        self._parts.nudge()
        return export

    async def _camera(self, public_id: str) -> Camera:
        return await self._cameras.get(public_id, Verb.EXPORT, removed_too=True)

    async def _hold(self, public_id: str) -> Hold:
        hold = await self._holds.get(public_id)
        seen = await self._seen()
        if seen is not None and hold.id not in await self._holds.seen([hold.id], seen):
            raise NotFound("there is no such hold")
        return hold

    async def _seen(self) -> Collection[int] | None:
        """The cameras the caller may export, removed ones too; None for every camera."""
        if self._rights.groups_with({Verb.EXPORT}) is None:
            return None
        return {camera.id for camera in await self._cameras.list(verbs=frozenset({Verb.EXPORT}), removed_too=True)}

    def _check_period(self, wish: Wish, now_ms: int) -> None:
        days, most = self._parts.rules.days, self._parts.rules.cameras
        if len(wish.camera_ids) > most:
            raise Invalid("the cameras were refused", FieldProblem("/camera_ids", f"at most {most} cameras"))
        if wish.end_ms - wish.start_ms > days * DAY_MS:
            raise Invalid("the period was refused", FieldProblem("/end", f"at most {days} days after start"))
        if wish.start_ms >= now_ms or wish.end_ms > now_ms + AHEAD_MS:
            raise Invalid("the period was refused", FieldProblem("/end", "lies in the future"))

    async def _check_queue(self) -> None:
        if await self._store.open() >= self._parts.rules.queued:
            raise TooMany("too many exports are waiting already", retry_after_s=60)

    async def _check_extent(self, cameras: Sequence[Camera], start_ms: int, end_ms: int, form: ExportFormat) -> int:
        """The bytes it will take; raises `Invalid` and `StorageFull`."""
        extents = [await self._store.extent(camera.id, start_ms, end_ms) for camera in cameras]
        files = sum(one[0] for one in extents)
        if not files:
            raise Invalid("nothing was recorded", FieldProblem("/start", "there is no recording in this period"))
        if files > MOST_FILES:
            raise Invalid("the period was refused", FieldProblem("/end", "there are too many recordings before it"))
        films = round(sum(one[2] for one in extents) * (1 + TABLES_SHARE)) + LEAST_BYTES * len(cameras)
        wanted_bytes = films + (sum(one[1] for one in extents) if form is ExportFormat.PACKAGE else 0)
        self._parts.room.check(wanted_bytes + await self._parts.jobs.waiting_bytes())
        return wanted_bytes

    async def _keep(self, transaction: CityTransaction, export: Export, camera_ids: Sequence[int], now_ms: int) -> None:
        """Nothing of it is purged while it waits and while it is made."""
        for camera_id in camera_ids:
            await self._kept.add(
                transaction,
                camera_id,
                export.start_ms,
                export.end_ms,
                reason=export.reason,
                person=export.person,
                person_name=export.person_name,
                now_ms=now_ms,
                export_id=export.id,
            )

    async def list(self, *, after: str | None = None, limit: int = 50) -> Sequence[Export]:
        """Newest first; `after` is the public id the last page ended with."""
        seen = await self._seen()
        before = NEWEST if after is None else (await self._store.get(after, seen)).id
        return await self._store.list(seen, before=before, limit=limit)

    async def get(self, public_id: str) -> Export:
        return await self._store.get(public_id, await self._seen())

    async def cancel(self, export: Export) -> None:
        """Raises `Conflict` for one that has ended."""
        now_ms = self._clock.wall_ms()
        async with self._scope.write() as transaction:
            if not await self._store.cancel(transaction, export, now_ms):
                raise Conflict("this export has ended")
            await self._kept.release_export(transaction, export.id, now_ms)
            await self._tell(transaction, Action.EXPORT_CANCELLED, export)
        log.info("export.cancelled", export_id=export.public_id)
        self._parts.nudge()

    async def retry(self, export: Export) -> Export:
        """Of one that has failed or was cancelled, from the beginning; raises as `ask` does, and `Conflict`."""
        now_ms, camera_ids = self._clock.wall_ms(), await self._store.camera_ids(export)
        cameras = [await self._camera(public_id) for public_id in export.cameras]
        if export.state not in (ExportState.FAILED, ExportState.CANCELLED):
            raise Conflict("only an export that has failed or was cancelled can be made again")
        await self._check_queue()
        wanted_bytes = await self._check_extent(cameras, export.start_ms, export.end_ms, export.format)
        async with self._scope.write() as transaction:
            if not await self._store.retry(transaction, export, wanted_bytes, now_ms):
                raise Conflict("somebody else has just had it made again")
            await self._keep(transaction, export, camera_ids, now_ms)
            await self._tell(transaction, Action.EXPORT_ASKED, export, _asked(export) | {"again": True})
        self._parts.nudge()
        return await self._store.get(export.public_id)

    async def remove(self, export: Export) -> None:
        """The files of one that has ended: what is known of it stays. `Conflict` while it is open."""
        if export.state in OPEN_STATES:
            raise Conflict("this export is being made; cancel it first")
        async with self._scope.write() as transaction:
            if await self._store.remove(transaction, export, self._clock.wall_ms()):
                await self._tell(transaction, Action.EXPORT_REMOVED, export)
        log.info("export.removed", export_id=export.public_id)
        self._parts.nudge()

    def file(self, export: Export) -> Path:
        """What is downloaded; `Conflict` for one that is not done, `NotFound` once its files are gone."""
        if export.state is not ExportState.DONE or export.result is None:
            raise Conflict(NOT_DONE)
        if export.removed_ms is not None:
            raise NotFound("the files of this export have been removed")
        return folder_of(self._parts.recordings_dir, export.public_id) / export.result.file.name

    async def deliver(self, export: Export, *, receiver: str, document: str, note: str) -> Delivery:
        """Write down that it was handed over; `Conflict` for one that is not done."""
        if export.state is not ExportState.DONE or export.result is None:
            raise Conflict(NOT_DONE)
        digest, by = export.result.file.sha256, self._by
        delivery = Delivery(self._clock.wall_ms(), receiver, document, note, digest, by.person, by.name)
        async with self._scope.write() as transaction:
            delivery = await self._store.add_delivery(transaction, export, delivery)
            facts = {"receiver": receiver, "document": document, "note": note, "sha256": digest}
            await self._tell(transaction, Action.EXPORT_DELIVERED, export, facts)
        return delivery

    async def deliveries(self, export: Export) -> Sequence[Delivery]:
        return await self._store.deliveries(export)

    async def _tell(
        self,
        transaction: CityTransaction,
        action: Action,
        export: Export,
        facts: Mapping[str, Fact] | None = None,
        reason: str | None = None,
    ) -> None:
        entry = Entry(action, self._by, subject=Subject("export", export.public_id), facts=facts or {}, reason=reason)
        await self._audit.append(transaction, entry, self._clock.wall_ms())


def _asked(export: Export) -> dict[str, Fact]:
    return {
        "format": export.format,
        "cameras": list(export.cameras),
        "start": rfc3339(export.start_ms),
        "end": rfc3339(export.end_ms),
        "request_number": export.request_number,
        "hold_id": export.hold,
    }
