"""A box whose cameras have recordings, with everything that makes exports of them, and nobody else at work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.unit.tasks.recording_box import BOX_KEY, NOW_MS, Box, Camera
from tests.unit.video.mp4_fixture import avcc, header, mtxi, pictures, recording, sound_trak, video_trak
from vmsd.host.keys import load_keys
from vmsd.model.audit import Who
from vmsd.model.export import Export, ExportFormat, ExportState
from vmsd.model.person import ALL_RIGHTS, Rights
from vmsd.services.box_seal import BoxSeal
from vmsd.services.cameras import CityCameras
from vmsd.services.desired import DesiredState
from vmsd.services.export_maker import ExportMaker
from vmsd.services.export_room import ExportRoom, folder_of
from vmsd.services.exports import CityExports, ExportParts, Wish
from vmsd.services.package import Sealer
from vmsd.services.recordings import SegmentIds
from vmsd.services.sources import SourceRules
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.export_jobs import ExportJobs
from vmsd.store.exports import Exports
from vmsd.store.scope import Scope
from vmsd.tasks.exporter import Exporter

if TYPE_CHECKING:
    from pathlib import Path

START_MS = NOW_MS - 600_000
GUARD = Who("6b1f0b3e-0000-4000-8000-000000000001", "guarda", "USER", "127.0.0.1")


@dataclass
class ExportBox:
    box: Box
    exporters: list[Exporter] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.box.settings
        self.keys = load_keys(settings.data_dir)
        self.rows = CameraRows(self.keys.vault)
        self.room = ExportRoom(self.box.watch, settings.disk, lambda: 0.0)
        self.desired = DesiredState(self.box.database, self.rows, settings, self.keys)

    def exporter(self, **rules: Any) -> Exporter:
        """As a daemon that has just been started has it."""
        box, settings = self.box, self.box.settings
        rules_of = settings.exports.model_copy(update=rules)
        sealer = Sealer(
            box.tree,
            BoxSeal(BOX_KEY),
            SegmentIds(self.keys.recording_ids),
            "Central de Teste",
            "America/Sao_Paulo",
            lambda: {"vmsd": "0", "mediamtx": "1.20.1"},
        )
        maker = ExportMaker(
            box.database,
            self.rows,
            box.audit,
            box.keeper,
            box.clock,
            sealer,
            recordings_dir=settings.recordings_dir,
            threads=rules_of.at_once,
        )
        exporter = Exporter(box.database, maker, self.room, box.watch, box.audit, box.keeper, box.clock, rules_of)
        self.exporters.append(exporter)
        return exporter

    def city(self, city_id: int = 1, rights: Rights = ALL_RIGHTS, by: Who = GUARD, **rules: Any) -> CityExports:
        box, scope = self.box, Scope(self.box.database, city_id)
        cameras = CityCameras(
            Cameras(scope, self.rows),
            scope,
            SourceRules(self.desired.hosts, frozenset()),
            self.desired,
            box.audit,
            box.clock,
            rights=rights,
            by=by,
        )
        parts = ExportParts(
            box.settings.exports.model_copy(update=rules),
            self.room,
            ExportJobs(box.database),
            box.settings.recordings_dir,
            lambda: None,
        )
        return CityExports(parts, scope, cameras, box.audit, box.clock, rights=rights, by=by)

    async def record(self, camera: Camera, *starts_ms: int) -> list[Path]:
        """Closed and indexed recordings, with their hashes."""
        paths = [put_segment(camera, start_ms) for start_ms in starts_ms]
        await self.box.scan()
        return paths

    async def get(self, export: Export, city_id: int = 1) -> Export:
        return await Exports(Scope(self.box.database, city_id)).get(export.public_id)

    def folder(self, export: Export) -> Path:
        return folder_of(self.box.settings.recordings_dir, export.public_id)

    async def until(self, exporter: Exporter, export: Export, *states: ExportState, within_s: float = 20) -> Export:
        """Passes of the task until the export has one of the states."""
        async with asyncio.timeout(within_s):
            while True:
                await exporter.once()
                found = await self.get(export)
                if found.state in states:
                    return found

    async def made(self, exporter: Exporter, export: Export) -> Export:
        """The export once it has ended."""
        return await self.until(exporter, export, ExportState.DONE, ExportState.FAILED, ExportState.CANCELLED)

    async def actions(self) -> list[str]:
        rows = await self.box.database.read("SELECT action FROM audit WHERE subject_kind = 'export' ORDER BY seq")
        return [row["action"] for row in rows]

    async def kept(self) -> int:
        rows = await self.box.database.read(
            "SELECT count(*) AS kept FROM kept_period WHERE export_id IS NOT NULL AND released_ms IS NULL"
        )
        return int(rows[0]["kept"])

    async def close(self) -> None:
        for exporter in self.exporters:
            await exporter.close()


def put_segment(camera: Camera, start_ms: int, seconds: int = 4, number: int | None = None) -> Path:
    """A closed recording with pictures that can be decoded, and sound; one of many of the same run."""
    number = (start_ms - START_MS) // 1000 // seconds if number is None else number
    sets, _ = pictures(10 * seconds)
    traks = (video_trak(320, 240, avcc(sets)), sound_trak())
    run = mtxi(number, number * seconds * 1_000_000_000, start_ms * 1_000_000)
    path = camera.path(start_ms)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = header(*traks, duration_ms=seconds * 1000, udta=run)
    path.write_bytes(head + b"".join(recording(seconds, sound=True).parts))
    return path


def wish(*cameras: Camera, start_ms: int = START_MS, seconds: float = 4, **more: Any) -> Wish:
    fields = {"reason": "Furto na praça", "request_number": "Ofício 1/2026", "format": ExportFormat.MP4} | more
    return Wish([camera.folder.camera for camera in cameras], start_ms, start_ms + round(seconds * 1000), **fields)
