"""A stranger makes some rows happen, and the rest is counted; who goes on and on is counted for ever longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import HandClock
from vmsd.services.sparing import Sparing


def test_the_first_few_of_each_pass_and_the_rest_is_counted():
    clock = HandClock()
    sparing = Sparing(clock, most=3, keys=10)
    assert [sparing.admits("a") for _ in range(5)] == [True] * 3 + [False] * 2
    assert sparing.admits("b")
    assert sparing.take_over() == []
    clock.pass_s(60)
    assert sparing.take_over() == [("a", 2)]
    assert sparing.take_over() == []


def test_who_goes_on_gets_longer_minutes_and_who_stops_is_forgiven():
    clock, waits = HandClock(), []
    sparing = Sparing(clock, most=1, keys=10)
    for _ in range(9):
        assert [sparing.admits("a"), sparing.admits("a")] == [True, False]
        waited = 0
        while not sparing.take_over():
            clock.pass_s(60)
            waited += 60
        waits.append(waited)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    clock.pass_s(3600)
    assert sparing.take_over() == []
    sparing.admits("a")
    sparing.admits("a")
    clock.pass_s(60)
    assert sparing.take_over() == [("a", 1)]


def test_what_is_remembered_is_no_more_than_the_limit():
    sparing = Sparing(HandClock(), most=1, keys=5)
    for number in range(100):
        sparing.admits(str(number))
    assert len(sparing._windows) == 5


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 90)), max_size=80))
def test_whatever_comes_is_either_let_through_or_counted_once(tries: list[tuple[str, int]]):
    clock, passed, counted = HandClock(), 0, 0
    sparing = Sparing(clock, most=2, keys=10)
    for key, pause_s in tries:
        clock.pass_s(pause_s)
        counted += sum(count for _, count in sparing.take_over())
        passed += sparing.admits(key)
    clock.pass_s(10_000)
    counted += sum(count for _, count in sparing.take_over())
    assert passed + counted == len(tries)
