"""What an export is made from: why something is missing of it."""

from __future__ import annotations

import time

from vmsd.model.timeline import Gap, GapCause, Timeline
from vmsd.services.export_plan import BEFORE_CAMERA, explained

UNKNOWN, POWER, NETWORK = GapCause.UNKNOWN, GapCause.POWER, GapCause.NETWORK


def known(*gaps: Gap, from_ms: int = 0) -> Timeline:
    return Timeline(0, 10**9, from_ms, 10**9, (), gaps, (), 1.0)


def test_what_is_missing_has_the_causes_the_timeline_knows_and_the_rest_has_none() -> None:
    found = explained([(0, 100), (200, 300)], known(Gap(50, 220, POWER), Gap(220, 230, NETWORK), from_ms=20))
    assert [(gap.start_ms, gap.end_ms, gap.cause, gap.detail) for gap in found] == [
        (0, 20, UNKNOWN, BEFORE_CAMERA),
        (20, 50, UNKNOWN, None),
        (50, 100, POWER, None),
        (200, 220, POWER, None),
        (220, 230, NETWORK, None),
        (230, 300, UNKNOWN, None),
    ]


def test_a_camera_that_comes_and_goes_all_month_is_explained_in_no_time() -> None:
    gaps = [Gap(at, at + 2000, NETWORK) for at in range(0, 10_000 * 60_000, 60_000)]
    began_s = time.monotonic()
    assert explained([(gap.start_ms, gap.end_ms) for gap in gaps], known(*gaps)) == gaps
    assert time.monotonic() - began_s < 1
