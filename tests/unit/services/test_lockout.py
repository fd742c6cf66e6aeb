"""Wrong passwords cost ever longer waits, whoever guesses and whatever is guessed."""

from __future__ import annotations

import pytest

from tests.unit.tasks.recording_box import HandClock
from vmsd.errors import TooMany
from vmsd.services.lockout import (
    ALARM_TRIES,
    FORGOTTEN_AFTER_S,
    LONGEST_WAIT_S,
    MOST_KEYS,
    TRUSTED_FOR_S,
    Attempt,
    Lockout,
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def lockout(clock: HandClock) -> Lockout:
    return Lockout(clock)


def wait_of(lockout: Lockout, attempt: Attempt) -> int:
    try:
        lockout.check(attempt)
    except TooMany as error:
        return error.retry_after_s
    return 0


def fail(lockout: Lockout, attempt: Attempt, times: int) -> None:
    for _ in range(times):
        lockout.note_failure(attempt)


def at(name: str, address: str = "10.0.0.1", session: str = "") -> Attempt:
    return Attempt(name, address, session)


def test_the_wait_doubles_from_the_fifth_failure_up_to_a_quarter_of_an_hour(lockout, clock):
    waits = []
    for number in range(18):
        lockout.note_failure(at("a", f"10.0.0.{number}"))
        waits.append(wait_of(lockout, at("a", "10.9.9.9")))
        clock.pass_s(waits[-1])
        assert wait_of(lockout, at("a", "10.9.9.9")) == 0
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]


def test_an_address_waits_whatever_name_it_tries(lockout):
    for number in range(5):
        lockout.note_failure(at(str(number)))
    assert wait_of(lockout, at("new")) == 1
    assert wait_of(lockout, at("1", "10.0.0.2")) == 0


def test_an_account_waits_from_wherever_it_is_tried(lockout):
    for number in range(5):
        lockout.note_failure(at("Ana", f"10.0.0.{number}"))
    assert wait_of(lockout, at("ANA", "10.9.9.9")) == 1
    assert wait_of(lockout, at("rui", "10.9.9.9")) == 0


def test_a_login_forgives_the_account_and_not_the_address(lockout):
    fail(lockout, at("a"), 5)
    lockout.note_success(at("a", "10.0.0.2"))
    assert wait_of(lockout, at("a", "10.9.9.9")) == 0
    assert wait_of(lockout, at("a")) == 1


def test_guessing_from_elsewhere_does_not_keep_a_person_out_where_they_usually_log_in(lockout, clock):
    lockout.note_success(at("ana", "10.0.0.7"))
    fail(lockout, at("ana", "203.0.113.9"), 40)
    assert wait_of(lockout, at("ana", "10.0.0.8")) == LONGEST_WAIT_S
    assert wait_of(lockout, at("ana", "10.0.0.7")) == 0
    assert wait_of(lockout, at("rui", "203.0.113.9")) == LONGEST_WAIT_S
    clock.pass_s(TRUSTED_FOR_S + 1)
    fail(lockout, at("ana", "203.0.113.9"), 40)
    assert wait_of(lockout, at("ana", "10.0.0.7")) == LONGEST_WAIT_S


def test_where_a_person_usually_logs_in_guesses_cost_no_less(lockout):
    lockout.note_success(at("ana"))
    fail(lockout, at("ana"), 5)
    assert wait_of(lockout, at("ana")) == 1


def test_in_a_session_only_its_own_failures_and_those_of_its_address_count(lockout):
    fail(lockout, at("ana", "203.0.113.9"), 40)
    assert wait_of(lockout, at("ana", "10.0.0.7", "s1")) == 0
    for number in range(5):
        lockout.note_failure(at("ana", f"10.0.1.{number}", "s1"))
    assert wait_of(lockout, at("ana", "10.9.9.9", "s1")) == 1
    assert wait_of(lockout, at("ana", "10.9.9.9", "s2")) == 0
    lockout.note_success(at("ana", "10.9.9.9", "s1"))
    assert wait_of(lockout, at("ana", "10.9.9.9", "s1")) == 0


def test_guesses_in_a_session_are_guesses_at_the_account(lockout):
    for number in range(5):
        lockout.note_failure(at("ana", f"10.0.1.{number}", "s1"))
    assert wait_of(lockout, at("ana", "10.9.9.9")) == 1


def test_failures_of_long_ago_are_forgotten(lockout, clock):
    fail(lockout, at("a"), 4)
    clock.pass_s(FORGOTTEN_AFTER_S + 1)
    lockout.note_failure(at("a"))
    assert wait_of(lockout, at("a")) == 0


def test_a_wall_clock_that_jumps_frees_nobody(lockout, clock):
    fail(lockout, at("a"), 9)
    clock.wall += 10**12
    assert wait_of(lockout, at("a")) == 16


def test_a_million_names_do_not_fill_the_memory(lockout):
    for number in range(MOST_KEYS + 500):
        lockout.note_failure(at(str(number), f"address {number}"))
        lockout.note_success(at(f"known {number}", f"address {number}"))
    assert len(lockout._failures) == len(lockout._trusted) == MOST_KEYS


def test_ten_thousand_tries_in_a_day_raise_an_alarm_that_ends_with_them(lockout, clock):
    for _ in range(ALARM_TRIES - 6):
        lockout.note_failure(at("a"))
        clock.pass_s(1)
    assert not lockout.alarm
    lockout.note_failure(at("a"))
    assert [wait_of(lockout, at("a")) for _ in range(5)] == [LONGEST_WAIT_S] * 5
    assert lockout.alarm
    clock.pass_s(19 * 3600)
    assert lockout.alarm
    clock.pass_s(6 * 3600)
    assert not lockout.alarm


def test_the_alarm_is_told_once(lockout, clock, capsys):
    for _ in range(ALARM_TRIES + 50):
        lockout.note_failure(at("a"))
    assert capsys.readouterr().out.count("login.under_attack") == 1
