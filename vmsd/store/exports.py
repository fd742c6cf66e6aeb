"""The exports of one city: what was asked for, how far it is, what came of it, and whom it was given to."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from vmsd.errors import NotFound
from vmsd.model.export import (
    CameraResult,
    Delivery,
    Export,
    ExportFile,
    ExportFormat,
    ExportResult,
    ExportState,
    Failure,
    FailureCode,
)
from vmsd.model.timeline import Gap, GapCause
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.segments import LOOK_BACK_US
from vmsd.store.statements import CitySql

COLUMNS = """export.id, export.public_id, format, export.start_ms, export.end_ms, reason, request_number,
    (SELECT hold.public_id FROM hold WHERE hold.city_id = :city_id AND hold.id = export.hold_id) AS hold,
    export.person, export.person_name, person_role, state, attempts, done_bytes, total_bytes, export.created_ms,
    export.changed_ms, export.ended_ms, expires_ms, removed_ms, failure, result,
    (SELECT json_group_array(camera.public_id) FROM export_camera
        JOIN camera ON camera.city_id = export_camera.city_id AND camera.id = export_camera.camera_id
        WHERE export_camera.city_id = :city_id AND camera.city_id = :city_id
        AND export_camera.export_id = export.id) AS cameras"""
_SEEN = """(:cameras IS NULL OR NOT EXISTS (
        SELECT 1 FROM export_camera AS named WHERE named.city_id = :city_id AND named.export_id = export.id
        AND named.camera_id NOT IN (SELECT value FROM json_each(:cameras))
    ))"""
"""Names none but `:cameras`; all when that is NULL."""
_OPEN = "state IN ('queued', 'running')"

GET = CitySql(
    f"""SELECT {COLUMNS} FROM export
    WHERE export.city_id = :city_id AND export.public_id = :public_id AND {_SEEN}"""
)
LIST = CitySql(
    f"""SELECT {COLUMNS} FROM export WHERE export.city_id = :city_id AND export.id < :before AND {_SEEN}
    ORDER BY export.id DESC LIMIT :limit"""
)
OPEN = CitySql(f"SELECT count(*) AS open FROM export WHERE city_id = :city_id AND {_OPEN}")
NEXT_ID = CitySql("SELECT coalesce(max(id), 0) + 1 AS id FROM export WHERE city_id = :city_id")
INSERT = CitySql(
    """INSERT INTO export (city_id, id, public_id, format, start_ms, end_ms, reason, request_number, hold_id, person,
    person_name, person_role, state, attempts, done_bytes, total_bytes, created_ms, changed_ms)
    VALUES (:city_id, :id, :public_id, :format, :start_ms, :end_ms, :reason, :request_number, :hold_id, :person,
    :person_name, :person_role, 'queued', 0, 0, :total_bytes, :now_ms, :now_ms)"""
)
INSERT_CAMERA = CitySql(
    "INSERT OR IGNORE INTO export_camera (city_id, export_id, camera_id) VALUES (:city_id, :export_id, :camera_id)"
)
CAMERA_IDS = CitySql("SELECT camera_id FROM export_camera WHERE city_id = :city_id AND export_id = :id")
BEGIN = CitySql(
    """UPDATE export SET state = 'running', attempts = attempts + 1, done_bytes = 0, changed_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND state = 'queued'"""
)
NOTE_PROGRESS = CitySql(
    """UPDATE export SET done_bytes = :done_bytes
    WHERE city_id = :city_id AND id = :id AND state = 'running'"""
)
PUT_BACK = CitySql(
    """UPDATE export SET state = 'queued', done_bytes = 0, attempts = attempts - :uncounted, changed_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND state = 'running'"""
)
FINISH = CitySql(
    """UPDATE export SET state = 'done', done_bytes = :bytes, total_bytes = :bytes, result = :result,
    ended_ms = :now_ms, changed_ms = :now_ms, expires_ms = :expires_ms
    WHERE city_id = :city_id AND id = :id AND state = 'running'"""
)
FAIL = CitySql(
    """UPDATE export SET state = 'failed', failure = :failure, ended_ms = :now_ms, changed_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND state IN ('queued', 'running')"""
)
CANCEL = CitySql(
    """UPDATE export SET state = 'cancelled', ended_ms = :now_ms, changed_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND state IN ('queued', 'running')"""
)
RETRY = CitySql(
    """UPDATE export SET state = 'queued', attempts = 0, done_bytes = 0, total_bytes = :total_bytes, failure = NULL,
    ended_ms = NULL, removed_ms = NULL, changed_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND state IN ('failed', 'cancelled')"""
)
REMOVE = CitySql(
    """UPDATE export SET removed_ms = :now_ms, expires_ms = NULL, changed_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND state IN ('done', 'failed', 'cancelled') AND removed_ms IS NULL"""
)
INSERT_DELIVERY = CitySql(
    """INSERT INTO delivery (city_id, export_id, at_ms, receiver, document, note, sha256, person, person_name)
    VALUES (:city_id, :export_id, max(:at_ms, (
        SELECT coalesce(max(at_ms) + 1, 0) FROM delivery WHERE city_id = :city_id AND export_id = :export_id
    )), :receiver, :document, :note, :digest, :person, :person_name)"""
)
DELIVERIES = CitySql(
    """SELECT at_ms, receiver, document, note, sha256, person, person_name FROM delivery
    WHERE city_id = :city_id AND export_id = :export_id ORDER BY at_ms"""
)
EXTENT = CitySql(
    """SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes, CAST(coalesce(sum(valid_bytes * (
        min(start_us + duration_ms * 1000, :end_us) - max(start_us, :start_us)) / (duration_ms * 1000.0)
    ), 0) AS INTEGER) AS wanted_bytes
    FROM segment WHERE city_id = :city_id AND camera_id = :camera_id AND state <> 2 AND duration_ms > 0
    AND start_us < :end_us AND start_us > :from_us AND start_us + duration_ms * 1000 > :start_us"""
)
LONGEST_US = 25 * 3600 * 1_000_000 + LOOK_BACK_US


class Exports:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(
        self, public_id: str, cameras: Collection[int] | None = None, transaction: CityTransaction | None = None
    ) -> Export:
        """`NotFound` for one that names another camera than these; with None whatever it names."""
        params = {"public_id": public_id, "cameras": _numbers(cameras)}
        rows = await (transaction or self._scope).fetch(GET, **params)
        if not rows:
            raise NotFound("there is no such export")
        return export_of(rows[0])

    async def list(self, cameras: Collection[int] | None, *, before: int, limit: int) -> Sequence[Export]:
        """Newest first, those that name none but these cameras."""
        rows = await self._scope.fetch(LIST, before=before, limit=limit, cameras=_numbers(cameras))
        return [export_of(row) for row in rows]

    async def open(self) -> int:
        """How many are waiting or being made."""
        (row,) = await self._scope.fetch(OPEN)
        return int(row["open"])

    async def camera_ids(self, export: Export) -> Sequence[int]:
        return [row["camera_id"] for row in await self._scope.fetch(CAMERA_IDS, id=export.id)]

    async def extent(self, camera_id: int, start_ms: int, end_ms: int) -> tuple[int, int, int]:
        """(files, their bytes, the bytes the period has of them)."""
        start_us, end_us = start_ms * 1000, end_ms * 1000
        params = {"camera_id": camera_id, "start_us": start_us, "end_us": end_us, "from_us": start_us - LONGEST_US}
        (row,) = await self._scope.fetch(EXTENT, **params)
        return row["files"], row["bytes"], row["wanted_bytes"]

    async def add(
        self, transaction: CityTransaction, camera_ids: Sequence[int], now_ms: int, **fields: str | int | None
    ) -> Export:
        public_id = str(uuid4())
        (row,) = await transaction.fetch(NEXT_ID)
        await transaction.execute(INSERT, id=row["id"], public_id=public_id, now_ms=now_ms, **fields)
        for camera_id in camera_ids:
            await transaction.execute(INSERT_CAMERA, export_id=row["id"], camera_id=camera_id)
        return await self.get(public_id, transaction=transaction)

    async def begin(self, transaction: CityTransaction, export: Export, now_ms: int) -> bool:
        """False when it is not waiting any more."""
        return await transaction.execute(BEGIN, id=export.id, now_ms=now_ms) > 0

    async def note_progress(self, export: Export, done_bytes: int) -> bool:
        """False when it is not being made any more."""
        async with self._scope.write() as transaction:
            return await transaction.execute(NOTE_PROGRESS, id=export.id, done_bytes=done_bytes) > 0

    async def put_back(self, transaction: CityTransaction, export: Export, now_ms: int, *, counted: bool) -> bool:
        """Let it wait again; an attempt that was broken off on purpose is not counted."""
        uncounted = 0 if counted else 1
        return await transaction.execute(PUT_BACK, id=export.id, now_ms=now_ms, uncounted=uncounted) > 0

    async def finish(
        self, transaction: CityTransaction, export: Export, result: ExportResult, now_ms: int, expires_ms: int
    ) -> bool:
        params = {"result": _packed(result), "bytes": result.file.bytes, "expires_ms": expires_ms}
        return await transaction.execute(FINISH, id=export.id, now_ms=now_ms, **params) > 0

    async def fail(self, transaction: CityTransaction, export: Export, failure: Failure, now_ms: int) -> bool:
        return await transaction.execute(FAIL, id=export.id, failure=json.dumps(asdict(failure)), now_ms=now_ms) > 0

    async def cancel(self, transaction: CityTransaction, export: Export, now_ms: int) -> bool:
        """False when it has ended."""
        return await transaction.execute(CANCEL, id=export.id, now_ms=now_ms) > 0

    async def retry(self, transaction: CityTransaction, export: Export, total_bytes: int, now_ms: int) -> bool:
        """False when it has neither failed nor been cancelled, or is waiting already."""
        return await transaction.execute(RETRY, id=export.id, total_bytes=total_bytes, now_ms=now_ms) > 0

    async def remove(self, transaction: CityTransaction, export: Export, now_ms: int) -> bool:
        """False while it is open, and when its files are gone already."""
        return await transaction.execute(REMOVE, id=export.id, now_ms=now_ms) > 0

    async def add_delivery(self, transaction: CityTransaction, export: Export, delivery: Delivery) -> Delivery:
        """As it stands in the store: two of the same moment are one after the other."""
        said = {name: value for name, value in asdict(delivery).items() if name != "sha256"}
        await transaction.execute(INSERT_DELIVERY, export_id=export.id, digest=delivery.sha256, **said)
        return delivery_of((await transaction.fetch(DELIVERIES, export_id=export.id))[-1])

    async def deliveries(self, export: Export) -> Sequence[Delivery]:
        """In their order."""
        return [delivery_of(row) for row in await self._scope.fetch(DELIVERIES, export_id=export.id)]


def _numbers(cameras: Collection[int] | None) -> str | None:
    return None if cameras is None else json.dumps(sorted(cameras))


def export_of(row: Row) -> Export:
    failure = json.loads(row["failure"]) if row["failure"] else None
    understood = {
        "format": ExportFormat(row["format"]),
        "state": ExportState(row["state"]),
        "cameras": tuple(json.loads(row["cameras"])),
        "failure": failure and Failure(FailureCode(failure["code"]), failure["detail"]),
        "result": _unpacked(json.loads(row["result"])) if row["result"] else None,
    }
    return Export(**dict(row) | understood)


def delivery_of(row: Row) -> Delivery:
    return Delivery(**dict(row))


def _packed(result: ExportResult) -> str:
    return json.dumps(asdict(result), ensure_ascii=False, separators=(",", ":"))


def _unpacked(said: dict[str, Any]) -> ExportResult:
    return ExportResult(ExportFile(**said["file"]), tuple(_camera(camera) for camera in said["cameras"]))


def _camera(said: dict[str, Any]) -> CameraResult:
    gaps = tuple(Gap(**gap | {"cause": GapCause(gap["cause"])}) for gap in said["gaps"])
    file = said["file"] and ExportFile(**said["file"])
    return CameraResult(**said | {"gaps": gaps, "file": file, "notes": tuple(said["notes"])})
