"""What is done to files and rows together, so that it can be broken off at every system call; and what must hold then.

`prepare` makes a folder, `work` changes it and acknowledges what it has promised, `check` is given the folder after the
crash and what had been acknowledged: it raises unless everything is as before or as after, and then goes on with the
work as a daemon does that starts again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.update_scenarios import (
    apply_update,
    check_copy,
    check_update,
    copy,
    prepare_copy,
    prepare_update,
)
from tests.unit.tasks.export_box import START_MS, ExportBox, wish
from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, NOW_MS, Box, Camera, HandClock, open_box, settings_in
from tests.unit.tasks.test_clock_corrections import BOOT, corrections_of, set_clock
from tests.unit.tasks.test_integrity import ANA, finish, integrity_of, task_of
from vmsd import console
from vmsd.host.clocksync import KernelClock
from vmsd.host.tree import Folder
from vmsd.model.export import Export, ExportState
from vmsd.model.segment import SegmentFlag, SegmentState, segment_start_us
from vmsd.services.segment_files import Followed
from vmsd.services.snapshots import back_up
from vmsd.store.audit import Audit
from vmsd.store.cities import Cities
from vmsd.store.exports import Exports
from vmsd.store.rescue import refuse_unfit
from vmsd.store.scope import Scope
from vmsd.store.segment_clocks import SegmentClock
from vmsd.tasks.indexer import Indexer

Tell = Callable[[Any], None]
OLD = NOW_MS - 20 * DAY_MS
EARLY = 300_000
SNAPSHOT = "copy.db"


@dataclass(frozen=True)
class Scenario:
    """`work` is given a box that is open already, or with `alone` only its folder."""

    prepare: Callable[[Path], Awaitable[None]]
    work: Callable[[Any, Tell], Awaitable[None]]
    check: Callable[[Path, list[Any]], Awaitable[None]]
    new_threads: bool = False
    """It opens databases of its own, in threads of their own."""
    alone: bool = False


async def opened(folder: Path, stack: AsyncExitStack) -> Box:
    return await stack.enter_async_context(open_box(folder))


def camera_of(box: Box, city: str, camera: str) -> Camera:
    return Camera(Folder(city, camera), (1, 1), box.settings.recordings_dir)


async def the_camera(box: Box) -> Camera:
    (found,) = await box.system.folders()
    return camera_of(box, found.city, found.camera)


async def agree(box: Box, camera: Camera) -> set[int]:
    """Every row has its file, whole as far as the row says, and every file its row; the starts."""
    rows = await box.rows(camera)
    for start, row in rows.items():
        (found,) = await box.files.glance([Followed(camera.key, camera.folder, start * 1000)])
        assert not found.gone, f"a row without a file: {start}"
        assert found.bytes >= row["valid_bytes"], f"a row of more than there is: {start}"
        assert found.header is not None or row["valid_bytes"] == 0, f"a row of what is no video: {start}"
        if row["sha256"] is not None:
            assert row["sha256"] == hashlib.sha256(camera.path(start).read_bytes()).digest()
    assert set(rows) == starts_in(camera), "a file without a row"
    return set(rows)


def starts_in(camera: Camera) -> set[int]:
    names = camera.path(0).parent.glob("*.mp4")
    return {start // 1000 for path in names if (start := segment_start_us(path.name)) is not None}


# Indexing: a segment runs and is closed, a second one begins, everything is hashed.


async def prepare_index(folder: Path) -> None:
    async with open_box(folder) as box:
        await box.camera()


async def index(box: Box, tell: Tell) -> None:
    camera, indexer, hasher = await the_camera(box), box.indexer(), box.hasher()
    steps = (
        lambda: camera.begin(NOW_MS, 2),
        lambda: camera.grow(NOW_MS, 2, 2),
        lambda: (camera.close(NOW_MS, 4000), camera.begin(NOW_MS + 4000, 1)),
    )
    for step in steps:
        step()
        await indexer.once()
        tell({start: row["valid_bytes"] for start, row in (await box.rows(camera)).items()})
        box.clock.pass_s(4)
    await hasher.once()
    tell({start: row["valid_bytes"] for start, row in (await box.rows(camera)).items()})


async def check_index(folder: Path, acks: list[Any]) -> None:
    async with open_box(folder) as box:
        camera = await the_camera(box)
        rows = await box.rows(camera)
        for start, valid_bytes in (acks[-1] if acks else {}).items():
            assert int(start) in rows, "an acknowledged row is lost"
            assert rows[int(start)]["valid_bytes"] >= valid_bytes, "an acknowledged row has shrunk"
        for start, row in rows.items():
            assert camera.path(start).stat().st_size >= row["valid_bytes"]
        await box.indexer().once()
        await box.scan()
        await agree(box, camera)


# Deleting: three segments are past their days.


async def prepare_delete(folder: Path) -> None:
    async with open_box(folder) as box:
        camera = await box.camera()
        for index in range(4):
            camera.record(OLD + 2000 * index if index < 3 else NOW_MS - HOUR_MS)
        await box.scan()


async def delete(box: Box, tell: Tell) -> None:
    await box.sweeper().once()
    tell(sorted(await box.purges(await the_camera(box))))


async def check_delete(folder: Path, acks: list[Any]) -> None:
    old = {OLD + 2000 * index for index in range(3)}
    async with open_box(folder) as box:
        camera = await the_camera(box)
        rows, purges, files = await box.rows(camera), await box.purges(camera), starts_in(camera)
        assert {int(start) for start in (acks[-1] if acks else [])} <= set(purges), "an acknowledged deletion is lost"
        for start in old:
            if start in purges:
                assert start not in rows, "a row of what is told to be deleted"
                assert start not in files, "a file of what is told to be deleted"
            else:
                assert start in rows, "neither there nor told to be deleted"
                assert start in files or rows[start]["state"] == SegmentState.GARBAGE
        assert NOW_MS - HOUR_MS in files & set(rows)
        await box.scan()
        assert set(await box.rows(camera)) | set(await box.purges(camera)) == old | {NOW_MS - HOUR_MS}
        await box.sweeper().once()
        assert await box.purges(camera) == dict.fromkeys(sorted(old), "retention_plan")
        assert await agree(box, camera) == {NOW_MS - HOUR_MS}
        assert sum(await told(box, "recording.purged", "recordings")) == 3


async def told(box: Box, action: str, fact: str) -> list[int]:
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [json.loads(row.facts)[fact] for row in rows if row.action == action]


# Renaming: three segments of 1970, and the clock is right again.


async def prepare_rename(folder: Path) -> None:
    clock = HandClock()
    async with open_box(folder, clock=clock) as box:
        camera = await box.camera()
        starts = [EARLY + 2000 * index for index in range(3)]
        for start in starts:
            camera.record(start)
        set_clock(box, EARLY)
        box.keeper.look()
        offset_ms = EARLY - round(1000 * clock.monotonic_s)
        await box.system.clocks.note(SegmentClock(camera.key, start * 1000, BOOT, offset_ms) for start in starts)
        await box.scan()
        assert {row["flags"] for row in (await box.rows(camera)).values()} == {SegmentFlag.CLOCK_UNTRUSTED}


async def rename(box: Box, tell: Tell) -> None:
    box.kernel = KernelClock(synchronised=True)
    await corrections_of(box).once()
    tell(sorted(await box.rows(await the_camera(box))))


async def check_rename(folder: Path, acks: list[Any]) -> None:
    shift = NOW_MS - EARLY
    old = [EARLY + 2000 * index for index in range(3)]
    async with open_box(folder) as box:
        camera = await the_camera(box)
        files, rows = starts_in(camera), set(await box.rows(camera))
        assert set(acks[-1] if acks else []) <= rows & files or not acks, "an acknowledged name is lost"
        for start in old:
            assert (start in files) != (start + shift in files), "no file, or two"
            assert (start in rows) != (start + shift in rows), "no row, or two"
        box.kernel = KernelClock(synchronised=True)
        await box.scan()
        await Indexer(**box.parts, boot_id="boot-2").once()
        box.clock.pass_s(700)
        await box.scan()
        assert await box.purges(camera) == {}
        box.clock.pass_s(-700)
        for boot in ("boot-2", BOOT):
            await corrections_of(box, boot).once()
        assert await agree(box, camera) <= {start + shift for start in old} | set(old)
        found = await box.rows(camera)
        assert len(found) == 3
        assert all(row["sha256"] is not None for row in found.values())
        assert not await box.system.clocks.moving(10)


# Backing up over an older snapshot, and bringing one back.


async def prepare_backup(folder: Path) -> None:
    async with open_box(folder) as box:
        await add_city(box, "Antes")
        await back_up(box.database, box.audit, folder / SNAPSHOT, console.CONSOLE)
        await add_city(box, "Depois")


async def add_city(box: Box, name: str) -> None:
    async with box.database.write() as transaction:
        await Cities(box.database).add(transaction, name=name, status="active", plan="basic", now_ms=1)


async def save(box: Box, tell: Tell) -> None:
    tell(await back_up(box.database, box.audit, box.settings.data_dir.parent / SNAPSHOT, console.CONSOLE))


async def check_backup(folder: Path, acks: list[Any]) -> None:
    file, beside = folder / SNAPSHOT, folder / f"{SNAPSHOT}.sha256"
    await asyncio.to_thread(refuse_unfit, file, file.name)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert not beside.exists() or beside.read_text() == f"{digest}  {SNAPSHOT}\n"
    assert not acks or (acks[-1] == digest and beside.exists()), "an acknowledged snapshot is lost"
    async with open_box(folder) as box:
        assert await box.cities() == ["Antes", "Depois"]
        settings = box.settings
    await console.restore(settings, file)
    async with open_box(folder) as box:
        assert await box.cities() in (["Antes"], ["Antes", "Depois"])
        assert not acks or await box.cities() == ["Antes", "Depois"]
        await back_up(box.database, box.audit, file, console.CONSOLE)


async def bring_back(folder: Path, tell: Tell) -> None:
    await console.restore(settings_in(folder), folder / SNAPSHOT)
    tell("restored")


async def check_restore(folder: Path, acks: list[Any]) -> None:
    async with open_box(folder) as box:
        cities, restored = await box.cities(), await told(box, "database.restored", "proven")
        assert (cities, restored) in ((["Antes"], [True]), (["Antes", "Depois"], []))
        assert not acks or cities == ["Antes"], "an acknowledged restore is lost"
        assert (await box.audit.verify()).valid
        settings = box.settings
    if acks:
        async with open_box(folder) as box:
            assert settings.database.with_name("vmsd.db.before-restore").exists()
    await console.restore(settings, folder / SNAPSHOT)
    async with open_box(folder) as box:
        assert await box.cities() == ["Antes"]


# Putting a stranger's file aside.


async def prepare_quarantine(folder: Path) -> None:
    async with open_box(folder) as box:
        camera = await box.camera()
        for index in range(3):
            camera.record(NOW_MS - HOUR_MS + 2000 * index)
        (camera.path(0).parent / "strange").write_bytes(b"somebody's")
        await box.scan()


async def put_aside(box: Box, tell: Tell) -> None:
    box.index.complete = True
    integrity = integrity_of(box)
    await integrity.ask(ANA)
    await finish(box, integrity, task_of(box, integrity))
    tell("checked")


async def check_quarantine(folder: Path, acks: list[Any]) -> None:
    async with open_box(folder) as box:
        camera = await the_camera(box)
        aside = box.settings.recordings_dir / ".quarantine" / camera.folder.city / camera.folder.camera / "strange"
        places = [camera.path(0).parent / "strange", aside]
        assert [path.read_bytes() for path in places if path.exists()] == [b"somebody's"], "nowhere, or twice"
        assert not acks or aside.exists(), "what was acknowledged is lost"
        assert not aside.exists() or await told(box, "recording.quarantined", "bytes"), "moved, and nobody was told"
        await box.scan()
        integrity = integrity_of(box)
        await integrity.ask(ANA)
        await finish(box, integrity, task_of(box, integrity))
        assert aside.read_bytes() == b"somebody's"
        assert len(await agree(box, camera)) == 3


# Making an export: the recordings stay what they are, and the film is whole before anybody can have it.


async def prepare_export(folder: Path) -> None:
    async with open_box(folder) as box:
        exports = ExportBox(box)
        camera = await box.camera()
        await exports.record(camera, START_MS, START_MS + 4000)
        asked = await exports.city().ask(wish(camera, start_ms=START_MS + 1500, seconds=5))
        (folder / "asked").write_text(asked.public_id)


async def export(box: Box, tell: Tell) -> None:
    exports = ExportBox(box)
    made = await exports.made(exports.exporter(), await asked_for(box))
    tell(made.state)


async def asked_for(box: Box) -> Export:
    return await Exports(Scope(box.database, 1)).get((box.settings.data_dir.parent / "asked").read_text())


async def check_export(folder: Path, acks: list[Any]) -> None:
    async with open_box(folder) as box:
        exports, camera, found = ExportBox(box), await the_camera(box), await asked_for(box)
        assert not acks or acks == [found.state] == [ExportState.DONE], "an acknowledged export is lost"
        if found.state is ExportState.DONE:
            film_is_whole(exports, found)
        else:
            assert await exports.kept() == 1, "its recordings are not kept any more"
        made = await exports.made(exports.exporter(), found)
        assert made.state is ExportState.DONE
        film_is_whole(exports, made)
        assert [path.name for path in exports.folder(made).iterdir()] == [made.result.file.name]
        assert await exports.kept() == 0
        assert (await exports.actions()).count("export.done") == 1
        assert await agree(box, camera) == {START_MS, START_MS + 4000}
        await exports.close()


def film_is_whole(exports: ExportBox, made: Export) -> None:
    film = exports.folder(made) / made.result.file.name
    assert hashlib.sha256(film.read_bytes()).hexdigest() == made.result.file.sha256, "not the film it was"


SCENARIOS = {
    "export": Scenario(prepare_export, export, check_export),
    "index": Scenario(prepare_index, index, check_index),
    "delete": Scenario(prepare_delete, delete, check_delete),
    "rename": Scenario(prepare_rename, rename, check_rename),
    "quarantine": Scenario(prepare_quarantine, put_aside, check_quarantine),
    "backup": Scenario(prepare_backup, save, check_backup, new_threads=True),
    "restore": Scenario(prepare_backup, bring_back, check_restore, new_threads=True, alone=True),
    "update": Scenario(prepare_update, apply_update, check_update, alone=True),
    "copy before an update": Scenario(prepare_copy, copy, check_copy, alone=True),
}
