"""What people of one city must know in time: holds that will end, recordings that will go by age."""

from __future__ import annotations

from collections.abc import Sequence

from vmsd.clock import Clock, rfc3339
from vmsd.model.keeping import Hold
from vmsd.model.person import Verb
from vmsd.services.devices import CityDevices
from vmsd.services.expiry import CityExpiry
from vmsd.services.holds import CityHolds
from vmsd.services.keeping import CityKeeping
from vmsd.services.overview import Notice

DAY_MS = 86_400_000
FIRST_DAYS = 7
LAST_DAYS = 1
EXPIRING_H = 24
MOST_NUMBERS = 5


class CityNotices:
    """For one caller: of what they may not replay they hear nothing, not even that it is there."""

    def __init__(
        self,
        keeping: CityKeeping,
        holds: CityHolds,
        expiry: CityExpiry,
        devices: CityDevices,
        clock: Clock,
        *,
        clock_offset_ms: int,
    ) -> None:
        """`clock_offset_ms` is how far a camera's clock may be wrong before its people are told."""
        self._keeping = keeping
        self._holds = holds
        self._expiry = expiry
        self._devices = devices
        self._clock = clock
        self._clock_offset_ms = clock_offset_ms

    async def list(self) -> Sequence[Notice]:
        return [*await self._hold_notices(), *await self._expiry_notices(), *await self._device_notices()]

    async def _device_notices(self) -> Sequence[Notice]:
        """For who may set the cameras up."""
        off, strange = await self._devices.doubtful(self._clock_offset_ms)
        found = (("camera_clocks", off), ("camera_strangers", strange))
        return [
            Notice(code, "warning", None, {"cameras": len(names), "names": list(names[:MOST_NUMBERS])})
            for code, names in found
            if names
        ]

    async def _hold_notices(self) -> Sequence[Notice]:
        """Once a week before the end, and once more, louder, on the last day."""
        ending = await self._holds.ending(FIRST_DAYS * DAY_MS)
        last_ms = self._clock.wall_ms() + LAST_DAYS * DAY_MS
        last = [one for one in ending if one.deadline_ms <= last_ms]
        found = []
        if last:
            found.append(Notice("holds_ending_today", "error", None, _facts(last)))
        if len(ending) > len(last):
            found.append(Notice("holds_ending", "warning", None, _facts(ending[len(last) :])))
        return found

    async def _expiry_notices(self) -> Sequence[Notice]:
        cameras = await self._keeping.cameras(Verb.REPLAY)
        soon = await self._expiry.soon(list(cameras.values()), EXPIRING_H)
        if soon is None:
            return []
        facts = {
            "recordings": soon.recordings,
            "bytes": soon.bytes,
            "cameras": soon.cameras,
            "first": rfc3339(soon.first_ms),
            "within_hours": EXPIRING_H,
        }
        return [Notice("recordings_expiring", "info", None, facts)]


def _facts(holds: Sequence[Hold]) -> dict[str, object]:
    """Those that end first are named."""
    numbers = [one.number for one in holds[:MOST_NUMBERS]]
    return {"holds": len(holds), "first": rfc3339(holds[0].deadline_ms), "numbers": numbers}
