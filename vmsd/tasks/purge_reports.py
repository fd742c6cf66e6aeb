"""Makes the purge report of every month that is over, for every city, once.

Reads: the ledger of purges, the trusted clock. Writes: purge reports, each with its row of the audit log.
Keeps true: a month that ended while the clock was trusted, or before the box was switched on again, has its report.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import ClassVar
from zoneinfo import ZoneInfo

from vmsd.services.clock_trust import Timekeeper
from vmsd.services.purges import CityPurges, PurgeParts
from vmsd.store.cities import Cities

MONTHS = 12
"""As many are made up for, after a box was off or without a clock."""
LAST_MONTH = 12


class PurgeReporter:
    name: ClassVar[str] = "purge_reports"
    every_s: ClassVar[float] = 3600.0
    deadline_s: ClassVar[float] = 600.0

    def __init__(self, parts: PurgeParts, keeper: Timekeeper) -> None:
        self._parts = parts
        self._keeper = keeper

    async def once(self) -> None:
        now_ms = self._keeper.trusted_ms()
        if now_ms is None:
            return
        months = months_before(now_ms, ZoneInfo(self._parts.time_zone), MONTHS)
        for city in await Cities(self._parts.database).list():
            purges = CityPurges(self._parts, city)
            made = await purges.own_periods(months[0][0])
            for start_ms, end_ms in months:
                if end_ms > city.created_ms and (start_ms, end_ms) not in made:
                    await purges.make(start_ms, end_ms)


def months_before(now_ms: int, zone: ZoneInfo, count: int) -> list[tuple[int, int]]:
    """The last months that are over in `zone`, oldest first: each from its first midnight to the next one's."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    last = now.year * LAST_MONTH + now.month - 1
    firsts = [_first_ms(number, zone) for number in range(last - count, last + 1)]
    return list(pairwise(firsts))


def _first_ms(number: int, zone: ZoneInfo) -> int:
    """`number` counts months from the year 0."""
    year, month = divmod(number, LAST_MONTH)
    return round(datetime(year, month + 1, 1, tzinfo=zone).timestamp() * 1000)
