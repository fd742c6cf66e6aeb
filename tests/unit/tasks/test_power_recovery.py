"""A power loss is told in one line: from when to when, what it cost, and whether what is left is sound."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.unit.tasks.recording_box import NOW_MS, Box, Camera, open_box
from vmsd.model.outage import Outage
from vmsd.services.lifetime import Lifetime
from vmsd.services.outages import Outages
from vmsd.services.power_recovery import PowerRecovery
from vmsd.store.audit import Audit
from vmsd.tasks.clockwatch import ClockWatch, find_last_known
from vmsd.tasks.power_recovery import PowerRecoveryTask

if TYPE_CHECKING:
    from pathlib import Path

MINUTE_MS = 60_000


def recovery_of(box: Box) -> tuple[PowerRecovery, PowerRecoveryTask]:
    recovery = PowerRecovery(
        database=box.database, audit=box.audit, keeper=box.keeper, index=box.index, clock=box.clock
    )
    return recovery, PowerRecoveryTask(recovery)


async def start(box: Box, boot: str) -> None:
    """As the daemon does: what was known is read before the clock is looked at."""
    last_known_ms, last_row_ms = await find_last_known(box.database), await box.audit.newest_ms()
    await ClockWatch(box.keeper, box.database, box.audit, box.clock).once()
    await Lifetime(
        box.database,
        box.audit,
        box.clock,
        boot_id=boot,
        version="9.9",
        last_row_ms=last_row_ms,
        last_known_ms=last_known_ms,
    ).begin()


async def record_until_the_power_goes(box: Box) -> tuple[Camera, Camera]:
    """Two cameras for 20 s; of the second one the last two seconds never reached the disk."""
    cameras = await box.camera(1), await box.camera(2)
    await start(box, "boot-1")
    indexer = box.indexer()
    for camera in cameras:
        camera.begin(NOW_MS, 0)
    for second in range(0, 20, 4):
        box.clock.pass_s(4)
        cameras[0].grow(NOW_MS, second, 4)
        cameras[1].grow(NOW_MS, second, 4 if second < 16 else 2)
        await indexer.once()
    with cameras[1].path(NOW_MS).open("ab") as file:
        file.write(b"\0\0\x10\0moof" + b"x" * 100)
    return cameras


def boot(box: Box, minutes: int, up_s: float = 30) -> None:
    box.clock.wall += minutes * MINUTE_MS
    box.clock.monotonic_s = up_s


async def told(box: Box) -> list[dict[str, Any]]:
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [json.loads(row.facts) for row in rows if row.action == "power.recovered"]


async def outages(box: Box) -> list[Outage]:
    return list(await Outages(box.database).between(0, 2 * NOW_MS))


async def test_a_power_loss_is_measured_and_told_once(tmp_path: Path):
    async with open_box(tmp_path) as box:
        cameras = await record_until_the_power_goes(box)
        went_ms = NOW_MS + 20_000
    boot(box, 7)
    async with open_box(tmp_path, clock=box.clock) as box:
        await start(box, "boot-2")
        recovery, task = recovery_of(box)
        await task.once()
        assert await told(box) == []
        await box.scan()
        await task.once()
        assert await told(box) == [], "nothing has been recorded yet"
        back_ms = box.clock.wall
        cameras[0].begin(back_ms, 1)
        await box.indexer().once()
        await task.once()
        await task.once()
        line = {
            "from": "2026-11-21T11:00:20.000Z",
            "to": "2026-11-21T11:07:20.000Z",
            "lost_s": 2,
            "cameras": 2,
            "torn": 1,
            "integrity": "ok",
        }
        assert await told(box) == [line]
        (outage,) = await outages(box)
        assert (outage.kind, outage.start_ms, outage.end_ms) == ("power", went_ms, back_ms)
        assert recovery.last is not None
        again, _ = recovery_of(box)
        await again.load()
        assert again.last == recovery.last


async def test_a_loss_is_measured_when_the_clock_is_right_again(tmp_path: Path):
    async with open_box(tmp_path) as box:
        cameras = await record_until_the_power_goes(box)
    true_ms = box.clock.wall + 7 * MINUTE_MS
    box.clock.wall, box.clock.monotonic_s = 30_000, 30
    async with open_box(tmp_path, clock=box.clock) as box:
        await start(box, "boot-2")
        _, task = recovery_of(box)
        await box.scan()
        await task.once()
        assert await told(box) == []
        box.clock.wall = true_ms
        cameras[0].begin(true_ms, 1)
        await box.indexer().once()
        await task.once()
        assert [(line["from"][11:19], line["to"][11:19], line["lost_s"]) for line in await told(box)] == [
            ("11:00:20", "11:07:20", 2)
        ]


async def test_a_box_that_records_nothing_any_more_is_not_waited_for_for_ever(tmp_path: Path):
    async with open_box(tmp_path) as box:
        await record_until_the_power_goes(box)
    boot(box, 7)
    async with open_box(tmp_path, clock=box.clock) as box:
        await start(box, "boot-2")
        _, task = recovery_of(box)
        await box.scan()
        box.clock.pass_s(601)
        await task.once()
        assert [line["to"][11:19] for line in await told(box)] == ["11:06:50"]


async def test_a_crash_of_the_daemon_alone_is_an_absence_and_costs_nothing(tmp_path: Path):
    async with open_box(tmp_path) as box:
        await record_until_the_power_goes(box)
        box.clock.pass_s(90)
    async with open_box(tmp_path, clock=box.clock) as box:
        await start(box, "boot-1")
        _, task = recovery_of(box)
        await task.once()
        (outage,) = await outages(box)
        assert (outage.kind, outage.start_ms, outage.end_ms) == ("daemon", NOW_MS + 20_000, NOW_MS + 110_000)
        assert await told(box) == []


async def test_a_stop_that_was_asked_for_is_nothing_to_explain(box: Box):
    life = Lifetime(box.database, box.audit, box.clock, boot_id="boot-1", version="9.9", last_row_ms=None)
    await life.begin()
    await life.end()
    await start(box, "boot-2")
    recovery, task = recovery_of(box)
    await task.once()
    assert (await outages(box), recovery.last) == ([], None)
