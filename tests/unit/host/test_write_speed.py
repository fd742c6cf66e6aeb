"""The disk's speed is measured in bounds, and nothing is left of what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmsd.clock import SystemClock
from vmsd.host import write_speed
from vmsd.host.volume import OWN_FOLDER


@pytest.fixture
def volume(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / OWN_FOLDER).mkdir()
    monkeypatch.setattr(write_speed, "yield_to_others", lambda: None)  # the thread of the tests stays as it is
    return tmp_path


def test_every_piece_is_followed_by_a_pause_as_long_as_it_took(volume: Path):
    pauses: list[float] = []
    found = write_speed.measure_write_speed(volume, SystemClock(), pauses.append)
    assert found.written_bytes == len(pauses) * write_speed.CHUNK_BYTES <= write_speed.CHUNKS * write_speed.CHUNK_BYTES
    assert found.slowest_s == max(pauses)
    assert found.bytes_per_s > 0
    assert list((volume / OWN_FOLDER).iterdir()) == []


def test_a_slow_disk_is_left_alone_after_a_while(volume: Path):
    clock = SlowClock()
    found = write_speed.measure_write_speed(volume, clock, lambda _: None)
    assert found.written_bytes == write_speed.LEAST_CHUNKS * write_speed.CHUNK_BYTES
    assert found.bytes_per_s == write_speed.CHUNK_BYTES // 4


class SlowClock:
    """Between two looks four seconds go by: a piece takes as long."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic(self) -> float:
        self._now_s += 4.0
        return self._now_s

    def wall_ms(self) -> int:
        return 0
