"""When systemd gets a sign of life, and when not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tasks.recording_box import HandClock
from tests.unit.tasks.test_base import Work
from vmsd.errors import MediaServerAway
from vmsd.host.systemd import Notifier
from vmsd.tasks.base import Runner
from vmsd.tasks.watchdog import ESSENTIAL, Watchdog


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.setblocking(False)
        yield one


def heard(systemd: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(systemd.recv(4096).decode())
        except BlockingIOError:
            return found


async def fine() -> None:
    pass


async def away() -> None:
    raise MediaServerAway("MediaMTX does not answer")


def watchdog(systemd: socket.socket, clock: HandClock, *runners: Runner, notices: tuple[str, ...] = ()) -> Watchdog:
    told = [{"code": code, "level": "error", "since": None, "facts": {}} for code in notices]
    notifier = Notifier(systemd.getsockname(), 30)
    return Watchdog(notifier, clock, pulses=lambda: [one.pulse for one in runners], notices=lambda: told)


async def test_an_essential_task_that_hangs_keeps_the_sign_of_life_back(systemd: socket.socket) -> None:
    clock = HandClock()
    breaker = Runner(Work(fine, name="breaker", every_s=2, deadline_s=15), clock)
    dog = watchdog(systemd, clock, breaker)
    await breaker.run_once()
    clock.pass_s(20)
    await dog.once()
    assert "WATCHDOG=1" in heard(systemd)
    clock.pass_s(10)  # no pass has ended for longer than any may last
    await dog.once()
    assert heard(systemd) == ["STATUS=hung: breaker"]
    await breaker.run_once()
    await dog.once()
    assert heard(systemd) == ["WATCHDOG=1", "STATUS=everything is on time"]


async def test_a_task_that_fails_is_alive_and_only_told_of(systemd: socket.socket) -> None:
    clock = HandClock()
    observer = Runner(Work(away, name="observer", every_s=1, deadline_s=5), clock)
    dog = watchdog(systemd, clock, observer)
    for _ in range(20):
        clock.pass_s(3)
        await observer.run_once()
    await dog.once()
    assert heard(systemd) == ["WATCHDOG=1", "STATUS=late: observer"]


async def test_a_task_nobody_records_by_starts_nothing_anew(systemd: socket.socket) -> None:
    clock = HandClock()
    dog = watchdog(systemd, clock, Runner(Work(fine, name="mosaics"), clock))
    clock.pass_s(3600)
    await dog.once()
    assert heard(systemd) == ["WATCHDOG=1", "STATUS=late: mosaics"]


async def test_notices_are_in_the_status_line_and_said_once(systemd: socket.socket) -> None:
    dog = watchdog(systemd, HandClock(), notices=("volume_missing", "clock_untrusted"))
    await dog.once()
    await dog.once()
    assert heard(systemd) == ["WATCHDOG=1", "STATUS=notices: clock_untrusted, volume_missing", "WATCHDOG=1"]


def test_there_are_several_signs_within_the_time_systemd_waits(systemd: socket.socket) -> None:
    assert watchdog(systemd, HandClock()).every_s == 5


def test_what_is_essential_exists() -> None:
    tasks = Path(__file__).parents[3] / "vmsd" / "tasks"
    names = "".join(file.read_text("utf-8") for file in tasks.glob("*.py"))
    assert all(f'name: ClassVar[str] = "{name}"' in names for name in ESSENTIAL)
