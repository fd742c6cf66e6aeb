"""A new version stays when it has been well for long enough, and goes within minutes when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmsd.update.health import Look, newest_recordings
from vmsd.update.journal import Before
from vmsd.update.trial import EVERY_S, UNHEALTHY_S, Trial, Verdict, watch

WELL = Look(answers=True, database=True, mediamtx=True, disk=True, recording=4)
BEFORE = WELL.as_before()
CONFIRM_S = 600.0


class Clock:
    now_s = 1000.0

    def wall_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.now_s


async def judged(looks: list[Look], pids: list[int] | None = None, before: Before = BEFORE) -> tuple[Verdict, float]:
    """The last look and pid go on for ever; the verdict, and after how many seconds it came."""
    clock, left, pids_left = Clock(), list(looks), list(pids or [1])

    async def sleep(seconds: float) -> None:
        clock.now_s += seconds

    def next_of(of: list[Look]) -> Look:
        return of.pop(0) if len(of) > 1 else of[0]

    def next_pid() -> int:
        return pids_left.pop(0) if len(pids_left) > 1 else pids_left[0]

    trial = Trial(before, CONFIRM_S, clock.now_s)
    verdict = await watch(trial, lambda: next_of(left), next_pid, clock, lambda _: None, sleep)
    return verdict, clock.now_s - 1000


async def test_ten_minutes_without_a_fault_confirm() -> None:
    assert await judged([WELL]) == (Verdict(True), CONFIRM_S)


async def test_a_slow_start_is_forgiven() -> None:
    verdict, took_s = await judged([Look()] * 8 + [WELL])
    assert verdict.healthy
    assert took_s == CONFIRM_S + 80


async def test_the_minutes_begin_anew_after_a_fault() -> None:
    verdict, took_s = await judged([WELL] * 30 + [Look()] * 3 + [WELL])
    assert verdict.healthy
    assert took_s == CONFIRM_S + 330


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (Look(), "does not answer"),
        (Look(answers=True, mediamtx=True, disk=True, recording=4), "database"),
        (Look(answers=True, database=True, disk=True, recording=4), "media server"),
        (Look(answers=True, database=True, mediamtx=True, recording=4), "recordings volume"),
        (Look(answers=True, database=True, mediamtx=True, disk=True, safe_mode=True, recording=4), "safe mode"),
        (Look(answers=True, database=True, mediamtx=True, disk=True, recording=1), "1 cameras are recorded"),
    ],
)
async def test_each_fault_alone_sends_it_back_within_minutes(look: Look, why: str) -> None:
    verdict, took_s = await judged([look])
    assert not verdict.healthy
    assert why in verdict.reason
    assert took_s <= UNHEALTHY_S + EVERY_S
    verdict, took_s = await judged([WELL] * 20 + [look])
    assert not verdict.healthy
    assert took_s <= 200 + UNHEALTHY_S + EVERY_S


async def test_what_was_missing_before_need_not_be_there_now() -> None:
    without = Look(answers=True, database=True)
    assert (await judged([without], before=without.as_before()))[0].healthy
    assert (await judged([without], before=Before()))[0].healthy, "the old version was down: the new one is the cure"


async def test_a_daemon_that_keeps_ending_is_found_out_however_well_it_looks() -> None:
    verdict, took_s = await judged([WELL], pids=[1, 1, 2, 2, 3, 3, 4])
    assert not verdict.healthy
    assert "ended by itself 3 times" in verdict.reason
    assert took_s == 60


async def test_neither_well_nor_ill_for_long_ends_too() -> None:
    verdict, took_s = await judged(([WELL] * 10 + [Look()]) * 400)
    assert not verdict.healthy
    assert took_s <= 3 * CONFIRM_S + UNHEALTHY_S + EVERY_S


def test_only_files_that_grow_count_as_recorded(tmp_path: Path) -> None:
    for camera in ("one", "two"):
        folder = tmp_path / "city" / camera
        folder.mkdir(parents=True)
        for name in ("2026-11-21_10.mp4", "2026-11-21_11.mp4", "notes.txt"):
            (folder / name).write_bytes(b"x" * 10)
    (tmp_path / "city" / "link").symlink_to("one")
    (tmp_path / ".vmsd").mkdir()
    before = newest_recordings(tmp_path)
    newest = ("2026-11-21_11.mp4", 10)
    assert {Path(name).name: found for name, found in before.items()} == {"one": newest, "two": newest}
    (tmp_path / "city/one/2026-11-21_11.mp4").write_bytes(b"x" * 20)
    (tmp_path / "city/two/2026-11-21_10.mp4").write_bytes(b"x" * 20)
    now = newest_recordings(tmp_path)
    assert [Path(name).name for name in now if now[name] != before[name]] == ["one"]
    assert newest_recordings(tmp_path / "away") == {}
