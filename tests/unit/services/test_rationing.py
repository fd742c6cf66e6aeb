"""Without room that may be had, cameras stop in the stated order, and people have known for a day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box
from vmsd.services.rationing import FORECAST_H, Rationing, Supply, choose, hours_of, remembered
from vmsd.store.audit import Audit
from vmsd.store.protected import Candidate
from vmsd.store.scope import Scope
from vmsd.store.switches import Switches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

GB = 10**9
DAILY = 24 * GB
"""What each camera records in a day: one GB an hour."""


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


class Bench:
    """Four cameras and what they were told; the third was added last, the second matters most, the fourth least."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.applied: list[frozenset[tuple[int, int]]] = []
        self.restart()

    def restart(self) -> None:
        candidates = self.box.system.protected.candidates
        self.rationing = Rationing(
            self.box.database, self.box.audit, self.box.clock, candidates=candidates, apply=self.applied.append
        )

    async def cameras(self) -> list[tuple[int, int]]:
        keys = []
        for number, (created, priority) in enumerate([(1, 2), (2, 3), (3, 2), (0, 1)], 1):
            camera = await self.box.camera(number)
            keys.append(camera.key)
            async with self.box.database.write() as transaction:
                await transaction.execute(
                    """UPDATE camera SET recording_enabled = 1, created_ms = :created, priority = :priority
                    WHERE public_id = :id""",
                    {"created": created, "priority": priority, "id": camera.folder.camera},
                )
        return keys

    async def judge(self, spare_gb: float, last_gb: float, rates: dict[tuple[int, int], float], kept_gb: float = 1000):
        return await self.rationing.judge(Supply(spare_gb * GB, last_gb * GB, round(kept_gb * GB), rates))

    async def told(self) -> list[tuple[str | None, object]]:
        rows = await Audit(self.box.database).chunk(0, 10**6, 10**6)
        return [(row.subject, json.loads(row.facts)["recording"]) for row in rows if row.action == "recording.rationed"]


def test_the_order_is_priority_then_age():
    order = [Candidate((1, number), str(number), 2) for number in range(4)]
    rates = dict.fromkeys([one.key for one in order], 10.0)
    assert choose(order, rates, 40, {}) == set()
    assert choose(order, rates, 39, {}) == {(1, 3)}
    assert choose(order, rates, 10, {}) == {(1, 1), (1, 2), (1, 3)}
    assert choose(order, rates, 9, {}) == {(1, 0), (1, 1), (1, 2), (1, 3)}


def test_a_camera_that_stopped_needs_more_to_record_again():
    order = [Candidate((1, number), str(number), 2) for number in range(2)]
    rates = dict.fromkeys([one.key for one in order], 10.0)
    assert choose(order, rates, 20, {(1, 1): 10.0}) == {(1, 1)}
    assert choose(order, rates, 30, {(1, 1): 10.0}) == set()


async def test_people_know_a_day_before_the_first_camera_stops(box: Box):
    bench = Bench(box)
    keys = await bench.cameras()
    rates = dict.fromkeys(keys, float(DAILY))
    hourly_gb = 4.0
    assert await bench.judge(FORECAST_H * hourly_gb + 1, 500, rates) is None
    told_ms, spare_gb = None, FORECAST_H * hourly_gb
    while not any(bench.applied):
        shortage = await bench.judge(spare_gb := spare_gb - hourly_gb / 60, spare_gb + 40, rates)
        assert shortage is not None
        told_ms = told_ms or shortage.since_ms
        box.clock.pass_s(60)
    assert box.clock.wall - NOW_MS >= 24 * 3_600_000
    assert shortage.since_ms == told_ms == NOW_MS


async def test_a_disk_that_is_only_small_is_no_shortage_of_what_may_be_deleted(box: Box):
    bench = Bench(box)
    keys = await bench.cameras()
    assert await bench.judge(10, 20, dict.fromkeys(keys, float(DAILY)), kept_gb=5) is None


async def test_cameras_stop_in_order_until_what_is_left_lasts_a_day_for_the_others(box: Box):
    bench = Bench(box)
    first, second, third, fourth = keys = await bench.cameras()
    rates = dict.fromkeys(keys, float(DAILY))
    await bench.judge(0, 50, rates)
    assert bench.applied[-1] == {third, fourth}
    assert sorted(recording for _, recording in await bench.told()) == [False, False]
    left = [rate for key, rate in rates.items() if key not in bench.applied[-1]]
    assert hours_of(50 * GB, sum(left)) >= 24
    await bench.judge(0, 30, rates)
    assert bench.applied[-1] == {first, third, fourth}
    assert second not in bench.applied[-1]


async def test_a_timeline_can_tell_when_which_camera_was_stopped(box: Box):
    """Also of one that somebody else has switched off meanwhile, and that is no candidate any more."""
    bench = Bench(box)
    keys = await bench.cameras()
    rates = dict.fromkeys(keys, float(DAILY))
    await bench.judge(0, 50, rates)
    stopped = sorted(bench.applied[-1])
    async with box.database.write() as transaction:
        await transaction.execute("UPDATE camera SET recording_enabled = 0", {})
    box.clock.pass_s(60)
    await bench.judge(500, 600, rates, kept_gb=10)
    for key in keys:
        found = await Switches(Scope(box.database, key[0])).between(key[1], 0, NOW_MS + 60_001, rationed=True)
        history = [(NOW_MS, False), (NOW_MS + 60_000, True)] if key in stopped else []
        assert [tuple(switch) for switch in found] == history


async def test_they_record_again_by_themselves_and_not_at_once(box: Box):
    bench = Bench(box)
    keys = await bench.cameras()
    rates = dict.fromkeys(keys, float(DAILY))
    await bench.judge(0, 50, rates)
    stopped = bench.applied[-1]
    fallen = {key: 0.0 if key in stopped else rate for key, rate in rates.items()}
    await bench.judge(2, 60, fallen)
    assert bench.applied[-1] == stopped
    bench.restart()
    assert (await remembered(box.database)).keys() == stopped
    await bench.judge(2, 60, fallen)
    assert bench.applied[-1] == stopped
    assert await bench.judge(500, 600, fallen, kept_gb=10) is None
    assert bench.applied[-1] == frozenset()
    assert [recording for _, recording in await bench.told()].count(True) == len(stopped)
    assert await remembered(box.database) == {}
