"""Wrong passwords cost ever longer waits, whoever guesses and whatever is guessed."""

from __future__ import annotations

import pytest

from tests.unit.tasks.recording_box import HandClock
from vmsd.errors import TooMany
from vmsd.services.lockout import FORGOTTEN_AFTER_S, MOST_KEYS, Lockout


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def lockout(clock: HandClock) -> Lockout:
    return Lockout(clock)


def wait_of(lockout: Lockout, *keys: str) -> int:
    try:
        lockout.check(keys)
    except TooMany as error:
        return error.retry_after_s
    return 0


def test_the_wait_doubles_from_the_fifth_failure_up_to_a_quarter_of_an_hour(lockout, clock):
    waits = []
    for _ in range(18):
        lockout.note_failure(["name:a"])
        waits.append(wait_of(lockout, "name:a"))
        clock.pass_s(waits[-1])
        assert wait_of(lockout, "name:a") == 0
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]


def test_an_address_waits_whatever_name_it_tries(lockout):
    for number in range(5):
        lockout.note_failure([f"name:{number}", "address:1"])
    assert wait_of(lockout, "name:new", "address:1") == 1
    assert wait_of(lockout, "name:1", "address:2") == 0


def test_a_right_password_forgives_the_account_and_not_the_address(lockout):
    for _ in range(5):
        lockout.note_failure(["name:a", "address:1"])
    lockout.forgive("name:a")
    assert wait_of(lockout, "name:a") == 0
    assert wait_of(lockout, "address:1") == 1


def test_failures_of_long_ago_are_forgotten(lockout, clock):
    for _ in range(4):
        lockout.note_failure(["name:a"])
    clock.pass_s(FORGOTTEN_AFTER_S + 1)
    lockout.note_failure(["name:a"])
    assert wait_of(lockout, "name:a") == 0


def test_a_wall_clock_that_jumps_frees_nobody(lockout, clock):
    for _ in range(9):
        lockout.note_failure(["name:a"])
    clock.wall += 10**12
    assert wait_of(lockout, "name:a") == 16


def test_a_million_names_do_not_fill_the_memory(lockout):
    for number in range(MOST_KEYS + 500):
        lockout.note_failure([f"name:{number}"])
    assert len(lockout._failures) == MOST_KEYS
