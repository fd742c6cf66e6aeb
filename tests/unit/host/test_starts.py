"""Ends that nobody asked for, counted from one start to the next."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from vmsd.errors import BadSetting
from vmsd.host.starts import CRASHES, WINDOW_S, Starts


def crash(folder: Path, now_s: float) -> bool:
    """A start that ends as by `kill -9`; whether it was in a loop."""
    starts = Starts(folder, now_s)
    starts.__enter__()
    return starts.is_loop


def test_so_many_crashes_within_minutes_are_a_loop(tmp_path: Path) -> None:
    found = [crash(tmp_path, 10.0 * number) for number in range(CRASHES + 2)]
    assert found == [False] * CRASHES + [True, True]


def test_as_many_over_hours_are_none(tmp_path: Path) -> None:
    assert not any(crash(tmp_path, WINDOW_S * number) for number in range(3 * CRASHES))


def test_a_loop_is_forgotten_after_a_while(tmp_path: Path) -> None:
    for number in range(CRASHES + 1):
        crash(tmp_path, number)
    with Starts(tmp_path, CRASHES + 2.0) as starts:
        assert starts.is_loop
    assert not Starts(tmp_path, CRASHES + WINDOW_S + 3).is_loop


@pytest.mark.parametrize("end", [asyncio.CancelledError, KeyboardInterrupt, BadSetting])
def test_an_end_that_was_asked_for_is_no_crash(tmp_path: Path, end: type[BaseException]) -> None:
    for number in range(CRASHES * 2):
        with suppress(end), Starts(tmp_path, number):
            raise end
    assert Starts(tmp_path, CRASHES * 2).crashes_s == ()


def test_a_bug_is_one(tmp_path: Path) -> None:
    with suppress(RuntimeError), Starts(tmp_path, 0):
        raise RuntimeError
    assert Starts(tmp_path, 1).crashes_s == (1,)


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"crashes_s": "x", "running": 1}', b"\xff" * 9000])
def test_a_note_that_makes_no_sense_is_no_crash(tmp_path: Path, note: bytes) -> None:
    (tmp_path / "starts.json").write_bytes(note)
    assert Starts(tmp_path, 5).crashes_s == ()


def test_without_a_folder_to_write_to_the_daemon_starts_all_the_same(tmp_path: Path) -> None:
    with Starts(tmp_path / "missing", 1) as starts:
        assert not starts.is_loop
