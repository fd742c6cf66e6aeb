"""Motion between two stills: what counts, what does not, where and when it raises an alert."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from tests.unit.video.test_worker import keyframe, working
from vmsd.model.mark import MotionRule, MotionWindow
from vmsd.services.motion import MARKED_FROM, QUIET_MS, MotionWatch, cells_of, compare
from vmsd.video.grid import COLUMNS, ROWS

ZONE = ZoneInfo("America/Sao_Paulo")
CAMERA = SimpleNamespace(city_id=1, id=7)
STREET = bytes([90]) * (COLUMNS * ROWS)
EVERYWHERE = cells_of(())
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
NIGHT_MS = int(datetime(2026, 11, 20, 23, 30, tzinfo=ZONE).timestamp() * 1000)  # a Friday


def with_somebody(x: int, y: int = 10, size: int = 6, shade: int = 160, ground: bytes = STREET) -> bytes:
    cells = bytearray(ground)
    for row in range(y, y + size):
        cells[row * COLUMNS + x : row * COLUMNS + x + size] = bytes([shade]) * size
    return bytes(cells)


def watch(**rule: object) -> MotionWatch:
    made = MotionWatch(ZONE)
    if rule:
        made.rules = {(1, 7): MotionRule(7, **rule)}
    return made


def test_somebody_who_comes_into_the_picture_is_motion_and_noise_is_not():
    noisy = bytes(90 + (cell * 7919) % 13 - 6 for cell in range(len(STREET)))
    assert compare(0, STREET, noisy, EVERYWHERE).score == 0
    seen = compare(0, noisy, with_somebody(20, ground=noisy), EVERYWHERE)
    assert seen.score == round(36 / len(STREET), 4) >= MARKED_FROM


def test_a_cloud_that_darkens_everything_moves_nothing():
    darker = bytes(cell - 40 for cell in STREET)
    assert compare(0, STREET, darker, EVERYWHERE).score == 0
    assert compare(0, STREET, with_somebody(20, ground=darker), EVERYWHERE).score == round(36 / len(STREET), 4)


def test_only_what_moves_in_the_area_counts_for_it():
    left = cells_of(LEFT)
    assert len(left) == len(STREET) // 2
    assert compare(0, STREET, with_somebody(2), left).in_area == round(36 / len(left), 4)
    assert compare(0, STREET, with_somebody(40), left).in_area == 0
    tiny = ((0.501, 0.501), (0.502, 0.501), (0.502, 0.502))
    assert len(cells_of(tiny)) == 1


def test_motion_is_one_stretch_until_it_pauses():
    seen = watch()
    for second, place in ((0, None), (10, 5), (20, 15), (30, 15), (40, 25)):
        seen.note(CAMERA, second * 1000, STREET if place is None else with_somebody(place))
    (going,) = seen.take()
    assert (going.start_ms, going.end_ms) == (0, 40_000)
    going.dirty = False
    for second in (50, 60, 70):
        seen.note(CAMERA, second * 1000, with_somebody(25))
    assert seen.take() == []
    seen.note(CAMERA, 80_000, with_somebody(35))
    (another,) = seen.take()
    assert another is not going
    assert another.start_ms == 70_000 > going.end_ms + QUIET_MS


def test_what_was_not_written_is_handed_out_again_when_it_is_over():
    seen = watch()
    for second, place in ((0, 0), (10, 9), (50, 9), (60, 9)):
        seen.note(CAMERA, second * 1000, with_somebody(place))
    first, again = seen.take(), seen.take()
    assert [one.end_ms for one in first] == [10_000]
    assert first == again
    first[0].dirty = False
    assert seen.take() == []


def test_stills_far_apart_and_a_picture_that_is_another_one_are_no_motion():
    seen = watch()
    seen.note(CAMERA, 0, STREET)
    seen.note(CAMERA, 61_000, with_somebody(20))
    assert seen.moved(CAMERA) is None
    turned = bytes((cell * 31) % 256 for cell in range(len(STREET)))
    seen.note(CAMERA, 71_000, turned)
    assert seen.moved(CAMERA).score > 0.6
    assert seen.take() == []


def test_an_alert_needs_its_area_its_threshold_and_its_hours():
    nights = MotionWindow(frozenset({4}), 22 * 60, 6 * 60)
    rule = {"area": LEFT, "threshold": 0.03, "alert": True, "windows": (nights,)}

    def alarms(place: int, at_ms: int = NIGHT_MS, size: int = 6, **changed: object) -> bool:
        seen = watch(**(rule | changed))
        seen.note(CAMERA, at_ms - 10_000, STREET)
        seen.note(CAMERA, at_ms, with_somebody(place, size=size))
        return any(one.alarmed for one in seen.take())

    assert alarms(2)
    assert not alarms(40)
    assert not alarms(2, threshold=0.2)
    assert not alarms(2, alert=False)
    assert alarms(2, NIGHT_MS + 6 * 3_600_000)  # half past five on Saturday: still Friday's night
    assert not alarms(2, NIGHT_MS + 7 * 3_600_000)
    assert not alarms(2, NIGHT_MS + 24 * 3_600_000)
    assert alarms(2, NIGHT_MS + 24 * 3_600_000, windows=())


async def test_the_grid_of_a_real_still_tells_pictures_apart():
    async with working() as worker:
        first, same, later = [(await worker.jpeg(keyframe(second), 160)).grid for second in (0, 0, 2)]
    assert len(first) == COLUMNS * ROWS
    assert compare(0, first, same, EVERYWHERE).score == 0
    assert compare(0, first, later, EVERYWHERE).score > 0
