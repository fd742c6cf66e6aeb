"""Every month that is over has its report, once, in the site's own time."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.unit.tasks.recording_box import BOX_KEY, DAY_MS, NOW_MS, Box
from vmsd.clock import parse_rfc3339
from vmsd.services.box_seal import BoxSeal
from vmsd.services.purges import PurgeParts
from vmsd.store.purge_reports import PurgeReports
from vmsd.store.scope import Scope
from vmsd.tasks.purge_reports import PurgeReporter, months_before

ZONE = "America/Sao_Paulo"


def reporter(box: Box) -> PurgeReporter:
    identity, software = BoxSeal(BOX_KEY).identity, {"vmsd": "0.4.0", "mediamtx": None}
    parts = PurgeParts(box.database, box.audit, box.clock, "Prefeitura", ZONE, identity, lambda: software)
    return PurgeReporter(parts, box.keeper)


async def reports(box: Box, city: int) -> list[tuple[int, int]]:
    found = await PurgeReports(Scope(box.database, city)).list(limit=100)
    return [(one.start_ms, one.end_ms) for one in found]


async def begin_cities(box: Box, at_ms: int) -> None:
    for city in (1, 2):
        await box.camera(city=city)
    async with box.database.write() as transaction:
        await transaction.execute("UPDATE city SET created_ms = :at", {"at": at_ms})


def test_months_are_those_of_the_site_whatever_its_clocks_did():
    for name in (ZONE, "America/New_York", "UTC"):
        zone = ZoneInfo(name)
        months = months_before(parse_rfc3339("2026-11-21T11:00:00Z"), zone, 12)
        starts = [datetime.fromtimestamp(start / 1000, zone) for start, _ in months]
        assert [(at.year, at.month, at.day, at.hour) for at in starts] == [
            (2025 + number // 12, number % 12 + 1, 1, 0) for number in range(10, 22)
        ]
        assert all(end == start for (_, end), (start, _) in pairwise(months))
    first = parse_rfc3339("2026-11-01T03:00:00Z")
    assert months_before(first, ZoneInfo(ZONE), 1) == [(parse_rfc3339("2026-10-01T03:00:00Z"), first)]
    assert months_before(first - 1, ZoneInfo(ZONE), 1)[0][1] == parse_rfc3339("2026-10-01T03:00:00Z")


async def test_each_city_gets_one_for_each_month_it_was_there(box: Box):
    await begin_cities(box, NOW_MS - 60 * DAY_MS)
    for _ in range(2):
        await reporter(box).once()
    september, october, november = (parse_rfc3339(f"2026-{month}-01T03:00:00Z") for month in ("09", "10", "11"))
    for city in (1, 2):
        assert await reports(box, city) == [(october, november), (september, october)]
    box.clock.pass_s(10 * 86_400)
    await reporter(box).once()
    assert len(await reports(box, 1)) == 3


async def test_what_was_missed_is_made_up_for_but_not_without_end(box: Box):
    await begin_cities(box, NOW_MS - 3000 * DAY_MS)
    await reporter(box).once()
    assert len(await reports(box, 1)) == 12


async def test_a_clock_nobody_trusts_ends_no_month(box: Box):
    await begin_cities(box, NOW_MS - 60 * DAY_MS)
    box.clock.wall += 40 * DAY_MS
    await reporter(box).once()
    assert await reports(box, 1) == []
