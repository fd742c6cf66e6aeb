"""Exports as the daemon makes them, of real files, on the real store."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.unit.tasks.export_box import GUARD, START_MS, ExportBox, wish
from tests.unit.tasks.recording_box import DAY_MS, open_box
from vmsd.errors import Conflict, Invalid, NotFound, StorageFull, TooMany
from vmsd.model.export import ExportState
from vmsd.model.person import Rights, Verb
from vmsd.model.timeline import GapCause
from vmsd.services.download_audit import DownloadAudit
from vmsd.services.export_work import Work
from vmsd.services.storage import BreakerState, OpenReason
from vmsd.store.exports import Exports
from vmsd.video import clip

if TYPE_CHECKING:
    from pathlib import Path

DONE, FAILED, CANCELLED, QUEUED = ExportState.DONE, ExportState.FAILED, ExportState.CANCELLED, ExportState.QUEUED


async def test_an_export_of_two_files_and_a_gap_is_one_film_that_says_what_is_missing(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS, START_MS + 4000, START_MS + 20_000)
    asked = await exports.city().ask(wish(camera, start_ms=START_MS + 1500, seconds=21))
    assert asked.state is QUEUED
    assert await exports.kept() == 1

    export = await exports.made(exports.exporter(), asked)
    assert export.state is DONE, export.failure
    assert export.progress == 1
    result = export.result
    path = exports.folder(export) / result.file.name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == result.file.sha256
    assert [name.name for name in exports.folder(export).iterdir()] == [result.file.name]
    (film,) = result.cameras
    assert (film.requested_ms, film.delivered_ms, film.missing_ms) == (21_000, 9000, 12_000)
    (gap,) = film.gaps
    assert (gap.start_ms, gap.end_ms) == (START_MS + 8000, START_MS + 20_000)
    assert await exports.kept() == 0
    assert await exports.actions() == ["export.asked", "export.done"]


async def test_films_of_two_cameras_come_in_one_zip(exports: ExportBox):
    camera, other, empty = [await exports.box.camera(number) for number in (1, 2, 3)]
    await exports.record(camera, START_MS)
    await exports.record(other, START_MS)
    export = await exports.made(exports.exporter(), await exports.city().ask(wish(camera, other, empty)))
    assert export.state is DONE, export.failure
    data = (exports.folder(export) / export.result.file.name).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as together:
        assert together.testzip() is None
        for film in export.result.cameras[:2]:
            assert hashlib.sha256(together.read(film.file.name)).hexdigest() == film.file.sha256
        assert len(together.namelist()) == 2
    nothing = export.result.cameras[2]
    assert (nothing.file, nothing.delivered_ms, nothing.missing_ms) == (None, 0, 4000)


class Slow:
    """Lets the copying go on by single steps: nothing is copied while it holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hold = True
        self.begun = False
        tell = Work.tell

        def slowly(work: Work, count: int) -> None:
            self.begun = self.begun or count > 0
            while self.hold and count and not work.stop.is_set():
                work.stop.wait(0.01)
            tell(work, count)

        monkeypatch.setattr(Work, "tell", slowly)


async def until_begun(exporter, slow: Slow) -> None:
    async with asyncio.timeout(20):
        while not slow.begun:
            await exporter.once()


async def test_a_cancelled_export_stops_at_once_and_leaves_nothing(exports: ExportBox, monkeypatch):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    city, exporter, slow = exports.city(), exports.exporter(), Slow(monkeypatch)
    asked = await city.ask(wish(camera))
    await until_begun(exporter, slow)
    assert (await exports.get(asked)).state is ExportState.RUNNING
    await city.cancel(await exports.get(asked))
    async with asyncio.timeout(10):
        while exports.folder(asked).exists():
            await exporter.once()
    export = await exports.get(asked)
    assert export.state is CANCELLED
    assert await exports.kept() == 0
    assert await exports.actions() == ["export.asked", "export.cancelled"]
    with pytest.raises(Conflict):
        await city.cancel(export)
    slow.hold = False
    await city.retry(export)
    assert (await exports.made(exporter, export)).state is DONE


async def test_what_is_asked_for_again_waits_for_its_former_making_to_stop(exports: ExportBox, monkeypatch):
    """Both would write into the same folder."""
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    city, exporter, slow = exports.city(), exports.exporter(at_once=2), Slow(monkeypatch)
    asked = await city.ask(wish(camera))
    await until_begun(exporter, slow)
    await city.cancel(await exports.get(asked))
    await city.retry(await exports.get(asked))
    await exporter.once()
    assert (await exports.get(asked)).state is QUEUED
    slow.hold = False
    assert (await exports.made(exporter, asked)).state is DONE
    assert await exports.kept() == 0


async def test_of_two_exports_that_do_not_fit_together_the_second_waits(exports: ExportBox, monkeypatch):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    city, exporter, slow = exports.city(), exports.exporter(at_once=2), Slow(monkeypatch)
    first, second = await city.ask(wish(camera)), await city.ask(wish(camera))
    monkeypatch.setattr(exports.room, "free_bytes", lambda: first.total_bytes + second.total_bytes - 1)
    await until_begun(exporter, slow)
    await exporter.once()
    states = {(await exports.get(one)).state for one in (first, second)}
    assert states == {ExportState.RUNNING, QUEUED}
    slow.hold = False
    for one in (first, second):
        assert (await exports.made(exporter, one)).state is DONE


async def test_a_stop_of_the_daemon_costs_nothing_but_the_work_begun(exports: ExportBox, monkeypatch):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    exporter, slow = exports.exporter(), Slow(monkeypatch)
    asked = await exports.city().ask(wish(camera))
    await until_begun(exporter, slow)
    async with asyncio.timeout(3):
        await exporter.close()
    export = await exports.get(asked)
    assert (export.state, export.attempts) == (QUEUED, 0)
    assert [path for path in exports.folder(asked).iterdir() if path.name.endswith((".mp4", ".zip"))] == []
    slow.hold = False
    assert (await exports.made(exports.exporter(), asked)).state is DONE


async def test_a_store_that_has_no_room_for_a_moment_costs_a_finished_export_nothing(
    exports: ExportBox, monkeypatch: pytest.MonkeyPatch
):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    exporter, refused, finish = exports.exporter(), [], Exports.finish

    async def full_once(*arguments: object) -> bool:
        if not refused:
            refused.append(1)
            raise StorageFull("the database's volume is full")
        return await finish(*arguments)

    monkeypatch.setattr(Exports, "finish", full_once)
    asked = await exports.city().ask(wish(camera))
    with pytest.raises(StorageFull):
        await exports.made(exporter, asked)
    export = await exports.made(exporter, asked)
    assert (export.state, export.attempts) == (DONE, 1)


async def test_what_was_being_made_at_a_crash_is_made_again_but_not_for_ever(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    asked = await exports.city().ask(wish(camera))
    async with exports.box.database.write() as transaction:
        await transaction.execute("UPDATE export SET state = 'running', attempts = 1")
    leftover = exports.folder(asked) / "half.mp4.part"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    export = await exports.made(exports.exporter(), asked)
    assert (export.state, export.attempts) == (DONE, 2)
    assert not leftover.exists()

    again = await exports.city().ask(wish(camera))
    async with exports.box.database.write() as transaction:
        await transaction.execute("UPDATE export SET state = 'running', attempts = 3 WHERE state = 'queued'")
    export = await exports.made(exports.exporter(), again)
    assert (export.state, export.failure.code) == (FAILED, "interrupted")
    assert await exports.kept() == 0


async def test_a_full_disk_ends_an_export_with_that_reason(exports: ExportBox, monkeypatch):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    asked = await exports.city().ask(wish(camera))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(clip, "copy", full)
    exporter = exports.exporter()
    export = await exports.made(exporter, asked)
    assert (export.state, export.failure.code) == (FAILED, "disk_full")
    await exporter.once()
    assert not exports.folder(asked).exists()


async def test_a_file_that_cannot_be_read_is_tried_again_before_the_export_fails(exports: ExportBox, monkeypatch):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    asked, tries = await exports.city().ask(wish(camera)), []

    def broken(*_: object) -> int:
        tries.append(1)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(clip, "copy", broken)
    export = await exports.made(exports.exporter(), asked)
    assert (export.state, export.failure.code, len(tries)) == (FAILED, "unreadable", 3)


async def test_nothing_is_begun_and_what_is_begun_waits_while_the_breaker_is_open(exports: ExportBox, monkeypatch):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    exporter, slow = exports.exporter(), Slow(monkeypatch)
    asked = await exports.city().ask(wish(camera))
    exports.box.watch.breaker = BreakerState(open=True, reason=OpenReason.USED, since_ms=0)
    await exporter.once()
    assert (await exports.get(asked)).state is QUEUED
    exports.box.watch.breaker = BreakerState(open=False, reason=None, since_ms=0)
    await until_begun(exporter, slow)
    exports.box.watch.breaker = BreakerState(open=True, reason=OpenReason.USED, since_ms=0)
    await exporter.once()
    slow.hold = False
    await exporter.once()
    assert (await exports.get(asked)).state is ExportState.RUNNING
    with pytest.raises(StorageFull):
        await exports.city().ask(wish(camera))
    exports.box.watch.breaker = BreakerState(open=False, reason=None, since_ms=0)
    assert (await exports.made(exporter, asked)).state is DONE


async def test_an_export_that_does_not_fit_is_refused_before_it_is_begun(tmp_path: Path):
    async with open_box(tmp_path, headroom_bytes=1 << 60) as box:
        exports = ExportBox(box)
        camera = await box.camera()
        await exports.record(camera, START_MS)
        with pytest.raises(StorageFull):
            await exports.city().ask(wish(camera))
        assert await exports.kept() == 0


async def test_what_makes_no_sense_is_refused_and_says_why(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    city = exports.city(queued=1)
    for refused in (
        wish(camera, start_ms=START_MS - 100_000, seconds=10),
        wish(camera, seconds=32 * 86_400),
        wish(camera, seconds=7200),
    ):
        with pytest.raises(Invalid):
            await city.ask(refused)
    cancelled = await city.ask(wish(camera))
    await city.cancel(cancelled)
    await city.ask(wish(camera))
    with pytest.raises(TooMany):
        await city.ask(wish(camera))
    with pytest.raises(TooMany):
        await city.retry(await exports.get(cancelled))


async def test_requests_that_come_together_are_written_down_as_one_download(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    export = await exports.made(exports.exporter(), await exports.city().ask(wish(camera)))
    downloads = DownloadAudit(exports.box.audit, exports.box.clock)
    await asyncio.gather(*(downloads.seen(GUARD, 1, export, export.result.file.sha256) for _ in range(8)))
    assert (await exports.actions()).count("export.downloaded") == 1


async def test_files_that_cannot_be_read_as_video_are_nothing_recorded(exports: ExportBox):
    camera = await exports.box.camera()
    (path,) = await exports.record(camera, START_MS)
    path.write_bytes(bytes(path.stat().st_size))
    export = await exports.made(exports.exporter(), await exports.city().ask(wish(camera)))
    assert (export.state, export.failure.code) == (FAILED, "nothing_recorded")


async def test_a_finished_export_goes_after_its_days_but_not_by_a_clock_nobody_trusts(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    exporter = exports.exporter()
    export = await exports.made(exporter, await exports.city().ask(wish(camera)))
    exports.box.clock.wall += 40 * DAY_MS
    await exporter.once()
    assert (await exports.get(export)).removed_ms is None
    exports.box.clock.monotonic_s += 40 * 86_400
    await exporter.once()
    found = await exports.get(export)
    assert found.removed_ms is not None
    assert not exports.folder(export).exists()
    assert found.result.file.sha256 == export.result.file.sha256
    with pytest.raises(NotFound):
        exports.city().file(found)
    assert (await exports.actions())[-1] == "export.removed"


async def test_a_removed_camera_and_a_purged_hour_are_told_of(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS, START_MS + 4000, START_MS + 8000)
    async with exports.box.database.write() as transaction:
        purged = {"start_us": (START_MS + 4000) * 1000}
        await transaction.execute(
            "UPDATE segment SET state = 2, purge_reason = 'space' WHERE start_us = :start_us", purged
        )
    await exports.box.sweeper().once()
    async with exports.box.database.write() as transaction:
        await transaction.execute("UPDATE camera SET removed_ms = :now", {"now": exports.box.clock.wall})
    export = await exports.made(exports.exporter(), await exports.city().ask(wish(camera, seconds=12)))
    assert export.state is DONE, export.failure
    (gap,) = export.result.cameras[0].gaps
    assert (gap.cause, gap.start_ms, gap.end_ms) == (GapCause.PURGE, START_MS + 4000, START_MS + 8000)


async def test_nobody_sees_an_export_of_a_camera_they_may_not_export(exports: ExportBox):
    camera, other = await exports.box.camera(1), await exports.box.camera(2)
    await exports.record(camera, START_MS)
    await exports.record(other, START_MS)
    async with exports.box.database.write() as transaction:
        await transaction.execute("INSERT INTO camera_group VALUES (1, 1, 'g', 'Praça', 0, 0)")
        await transaction.execute("UPDATE camera SET group_id = 1 WHERE id = 1")
    everybody = exports.city()
    mine = await everybody.ask(wish(camera))
    both = await everybody.ask(wish(camera, other))
    limited = exports.city(rights=Rights(frozenset({Verb.REPLAY}), {1: frozenset({Verb.EXPORT})}))
    assert [export.public_id for export in await limited.list()] == [mine.public_id]
    assert (await limited.get(mine.public_id)).public_id == mine.public_id
    with pytest.raises(NotFound):
        await limited.get(both.public_id)
    assert [export.public_id for export in await everybody.list(limit=1, after=both.public_id)] == [mine.public_id]


async def test_a_delivery_says_what_was_handed_over(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    city = exports.city()
    asked = await city.ask(wish(camera))
    with pytest.raises(Conflict):
        await city.deliver(asked, receiver="Delegacia", document="", note="")
    export = await exports.made(exports.exporter(), asked)
    for _ in range(2):
        await city.deliver(export, receiver="Delegacia", document="Recibo 1", note="em mãos")
    first, second = await city.deliveries(export)
    assert first.sha256 == export.result.file.sha256
    assert second.at_ms > first.at_ms
    assert (await exports.actions())[-1] == "export.delivered"
