"""Recording stops before the disk is full, and starts again by itself."""

from __future__ import annotations

import shutil
import threading

import pytest

from tests.unit.tasks.recording_box import Box
from vmsd.config import Disk
from vmsd.errors import MediaServerAway
from vmsd.host.disk import DiskUsage
from vmsd.host.volume import Condition, VolumeState
from vmsd.services.storage import HUNG_S, BreakerState, OpenReason
from vmsd.tasks.breaker import Breaker, Reading, decide

GB = 10**9
RULES = Disk(headroom_bytes=10 * GB, headroom_hours=1)
CLOSED = BreakerState(open=False, reason=None, since_ms=5)
OK = VolumeState(Condition.OK)


def reading(free_gb: float, *, total_gb: float = 1000, rate: float = 0.0, inodes_free: int = 0) -> Reading:
    return Reading(OK, DiskUsage(int(total_gb * GB), int(free_gb * GB), 1000 if inodes_free else 0, inodes_free), rate)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (reading(51), None),
        (reading(49), OpenReason.USED),
        (reading(9, total_gb=100), OpenReason.HEADROOM_BYTES),
        (reading(60, rate=20e6), OpenReason.HEADROOM_HOURS),
        (reading(80, rate=20e6), None),
        (reading(500, inodes_free=49), OpenReason.INODES),
        (reading(500, inodes_free=51), None),
        (Reading(OK, None, 0), OpenReason.UNREADABLE),
        (Reading(VolumeState(Condition.MISSING), None, 0), OpenReason.VOLUME_MISSING),
        (Reading(VolumeState(Condition.FOREIGN), reading(500).usage, 0), OpenReason.VOLUME_FOREIGN),
        (Reading(VolumeState(Condition.READ_ONLY), reading(500).usage, 0), OpenReason.READ_ONLY),
        (Reading(VolumeState(Condition.UNREADABLE), reading(500).usage, 0), OpenReason.UNREADABLE),
    ],
)
def test_it_opens_for_each_reason(seen: Reading, reason: OpenReason | None):
    after = decide(CLOSED, seen, RULES, 99)
    assert (after.open, after.reason) == (reason is not None, reason)
    assert after.since_ms == (99 if reason else 5)


@pytest.mark.parametrize(
    ("opened_by", "still_open", "closes"),
    [
        (reading(49), reading(69), reading(71)),
        (reading(9, total_gb=100), reading(12.4, total_gb=100), reading(12.6, total_gb=100)),
        (reading(60, rate=20e6), reading(89, rate=0), reading(91, rate=0)),
        (reading(500, inodes_free=49), reading(500, inodes_free=69), reading(500, inodes_free=71)),
    ],
)
def test_it_closes_only_with_a_margin(opened_by: Reading, still_open: Reading, closes: Reading):
    opened = decide(CLOSED, opened_by, RULES, 10)
    held = decide(opened, still_open, RULES, 20)
    assert held.open
    assert held.since_ms == 10
    assert not decide(held, closes, RULES, 30).open


def test_a_volume_that_comes_back_asks_for_no_margin():
    opened = decide(CLOSED, Reading(VolumeState(Condition.MISSING), None, 0), RULES, 10)
    assert not decide(opened, reading(60), RULES, 20).open


def test_a_start_at_94_percent_does_not_stop_a_recording_that_runs():
    not_looked_yet = BreakerState(open=True, reason=None, since_ms=0)
    assert not decide(not_looked_yet, reading(60), RULES, 10).open


class Recorder:
    """What MediaMTX was told, in order; refuses while `away`."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.tries = 0
        self.away = False

    async def apply(self, stop: bool) -> None:
        self.tries += 1
        if self.away:
            raise MediaServerAway("MediaMTX does not answer")
        self.told.append(stop)


def breaker_of(box: Box, recorder: Recorder, **rules: object) -> Breaker:
    disk = box.settings.disk.model_copy(update=rules)
    return Breaker(
        watch=box.watch, index=box.index, database=box.database, rules=disk, clock=box.clock, apply=recorder.apply
    )


async def test_mediamtx_is_told_once_per_change(box: Box, monkeypatch):
    recorder, free = Recorder(), [50]
    breaker = breaker_of(box, recorder)
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, free[0] * GB, 0, 0))
    for free[0] in (50, 50, 3, 3, 6, 8, 8):
        await breaker.once()
    assert recorder.told == [False, True, False]
    assert box.watch.applied is False


async def test_mediamtx_is_told_again_until_it_hears(box: Box, monkeypatch):
    recorder = Recorder()
    breaker = breaker_of(box, recorder)
    await breaker.once()
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 0, 0, 0))
    recorder.away = True
    await breaker.once()
    await breaker.once()
    assert (recorder.told, recorder.tries, box.watch.applied) == ([False], 3, False)
    recorder.away = False
    await breaker.once()
    assert (recorder.told, box.watch.applied) == ([False, True], True)


async def test_a_missing_volume_opens_it_and_nothing_is_written_under_its_mount_point(box: Box):
    recorder = Recorder()
    breaker = breaker_of(box, recorder)
    root = box.settings.recordings_dir
    await breaker.once()
    shutil.rmtree(root)
    root.mkdir()
    for _ in range(3):
        await breaker.once()
    assert box.watch.breaker.reason == OpenReason.VOLUME_MISSING
    assert recorder.told[-1] is True
    assert list(root.iterdir()) == []
    root.rmdir()
    await breaker.once()
    assert not root.exists()


async def test_it_needs_no_database_once_the_volume_is_known(box: Box, monkeypatch):
    async def broken(*_):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(type(box.database), "read", broken)
    monkeypatch.setattr(type(box.database), "write", broken)
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 0, 0, 0))
    recorder = Recorder()
    await breaker_of(box, recorder).once()
    assert recorder.told == [True]


async def test_a_disk_that_hangs_is_unreadable_after_a_while_and_costs_one_thread(box: Box, monkeypatch):
    recorder, hung, calls = Recorder(), threading.Event(), []
    breaker = breaker_of(box, recorder)
    await breaker.once()

    def hang(_root):
        calls.append(1)
        hung.wait(20)
        return DiskUsage(100 * GB, 50 * GB, 0, 0)

    monkeypatch.setattr("vmsd.services.storage.PATIENCE_S", 0.05)
    monkeypatch.setattr("vmsd.services.storage.usage", hang)
    await breaker.once()
    assert not box.watch.breaker.open
    box.clock.pass_s(HUNG_S)
    for _ in range(5):
        await breaker.once()
    assert box.watch.breaker.reason == OpenReason.UNREADABLE
    assert len(calls) == 1
    assert not await box.watch.confirm_ok()
    hung.set()
    monkeypatch.setattr("vmsd.services.storage.PATIENCE_S", 5)
    await breaker.once()
    assert not box.watch.breaker.open


async def test_a_new_database_adopts_the_volume_it_finds(box: Box):
    marker = box.watch.volume.marker
    assert marker is not None
    async with box.database.write() as transaction:
        await transaction.execute("DELETE FROM meta")
    box.watch.expected_uuid = None
    await breaker_of(box, Recorder()).once()
    assert box.watch.volume.marker is not None
    assert (box.watch.volume.marker.uuid, box.watch.volume.marker.sequence) == (marker.uuid, marker.sequence + 1)
    assert box.watch.ok
