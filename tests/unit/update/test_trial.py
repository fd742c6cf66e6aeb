"""A new version stays when it has been well for long enough, and goes within minutes when it is not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

import pytest

from vmsd.errors import BadSetting
from vmsd.update.health import Look, ask_health, newest_recordings, refuse_unaskable
from vmsd.update.journal import Before, Journal, Phase, Plan
from vmsd.update.places import Places
from vmsd.update.trial import EVERY_S, UNHEALTHY_S, Trial, Verdict, watch

WELL = Look(answers=True, database=True, mediamtx=True, disk=True, recording=4)
BEFORE = WELL.as_before()
CONFIRM_S = 600.0


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "healthy"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        pass


class TCPServerAt(HTTPServer):
    def __init__(self, address: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), Healthy)
        self.timeout = 10

    def __enter__(self) -> Self:
        self.thread = Thread(target=self.handle_request)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join(15)
        self.server_close()


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
    assert verdict is not None
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


async def test_a_pid_that_nobody_can_tell_is_no_restart() -> None:
    assert await judged([WELL], pids=[1, 0, 0, 0, 0, 1, 0, 2]) == (Verdict(True), CONFIRM_S + 70)


async def test_a_trial_that_somebody_else_has_ended_gets_no_verdict(tmp_path: Path) -> None:
    """Taken back or confirmed by hand, or even followed by the next update: it is no more this watcher's to decide."""
    clock, journal = Clock(), Journal(Places(state=tmp_path))
    first, second = (Plan(name, "deb", "0.1.0", "0.2.0", "0" * 64, "", CONFIRM_S) for name in ("1", "2"))
    journal.begin(journal.new_room(), first)
    journal.enter(Phase.TRIAL)

    async def ends(change: Callable[[], None]) -> Verdict | None:
        async def sleep(seconds: float) -> None:
            clock.now_s += seconds
            if clock.now_s > 1100:
                change()

        clock.now_s, trial = 1000, Trial(BEFORE, CONFIRM_S, 1000)
        return await watch(
            trial, lambda: WELL, lambda: 1, clock, lambda _: None, sleep, lambda: journal.is_on_trial(first)
        )

    assert await ends(lambda: None) == Verdict(True)
    assert await ends(lambda: journal.enter(Phase.RETURNED)) is None
    journal.clear()
    assert not journal.is_on_trial(first)
    journal.begin(journal.new_room(), second)
    journal.enter(Phase.TRIAL)
    assert await ends(lambda: None) is None


@pytest.mark.parametrize("host", ["", "0.0.0.0", "127.0.0.1", "127.0.0.5", "::", "::1", "localhost"])  # noqa: S104 - asked
def test_a_box_that_answers_on_loopback_takes_updates(host: str) -> None:
    refuse_unaskable(host)


def test_a_box_that_cannot_be_asked_is_told_before_anything_is_changed() -> None:
    with pytest.raises(BadSetting, match=r"192\.0\.2\.7"):
        refuse_unaskable("192.0.2.7")


@pytest.mark.parametrize(("host", "at"), [("::", "::1"), ("0.0.0.0", "127.0.0.1")])  # noqa: S104 - asked
def test_every_address_is_asked_where_it_listens(host: str, at: str) -> None:
    with TCPServerAt(at) as server:
        assert ask_health(host, server.server_address[1]) == {"status": "healthy"}


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
