"""The plates that were read in one city: found, shown, taken away, counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vmsd.clock import Clock, rfc3339
from vmsd.errors import NotFound
from vmsd.model.audit import Action, Entry, Fact, Who
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.detection import Detection
from vmsd.model.person import Rights, Verb
from vmsd.services.audit import AuditLog
from vmsd.services.cameras import CityCameras
from vmsd.services.crops import CropPlace, Crops
from vmsd.services.spreadsheet import table_head, table_lines
from vmsd.store.detections import Detections, Finding
from vmsd.store.scope import Scope
from vmsd.vendors.plates import search_of

NONE_SUCH = "there is no such detection"
END_MS = 253_402_300_799_000
CSV_ROWS, MOST_CSV_ROWS = 500, 200_000
IDLE_S = 120.0
"""Who looks on within this time, in the same way, is written down once."""
LOOKERS = 5000
COLUMNS = (
    "time",
    "last_time",
    "times",
    "plate",
    "confidence",
    "camera",
    "camera_id",
    "place",
    "lat",
    "lon",
    "wanted",
    "vendor",
    "id",
)
CSV_HEAD = table_head(COLUMNS)


@dataclass(frozen=True)
class Search:
    """`plate` may be a part of one, or have `*` and `?` in it; `fuzzy` also finds what a reader takes for it."""

    plate: str | None = None
    fuzzy: bool = False
    camera: Camera | None = None
    start_ms: int = 0
    end_ms: int = END_MS

    @property
    def told(self) -> dict[str, Fact]:
        """For the record, which keeps no plate."""
        return {
            "by_plate": self.plate is not None,
            "camera": self.camera.public_id if self.camera else None,
            "start": rfc3339(self.start_ms) if self.start_ms else None,
            "end": rfc3339(self.end_ms) if self.end_ms != END_MS else None,
        }


class PlateAudit:
    """Writes down who looks for plates; leafing through a list is one look."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._seen: OrderedDict[tuple[int, Who, str], float] = OrderedDict()

    async def searched(self, city_id: int, who: Who, search: Search) -> None:
        now_s = self._clock.monotonic()
        look = (city_id, who, search.plate or "")
        last_s = self._seen.get(look)
        self._seen[look] = now_s
        self._seen.move_to_end(look)
        if len(self._seen) > LOOKERS:
            self._seen.popitem(last=False)
        if last_s is None or now_s - last_s > IDLE_S:
            await self._audit.record(Entry(Action.DETECTIONS_SEARCHED, who, city_id, facts=search.told))

    async def exported(self, city_id: int, who: Who, search: Search) -> None:
        await self._audit.record(Entry(Action.DETECTIONS_EXPORTED, who, city_id, facts=search.told))


class CityDetections:
    """For one caller, who is `by`: of cameras whose plates they may see, removed ones too."""

    def __init__(
        self,
        scope: Scope,
        city: City,
        cameras: CityCameras,
        crops: Crops,
        audit: PlateAudit,
        *,
        rights: Rights,
        by: Who,
    ) -> None:
        self._store = Detections(scope)
        self._city = city
        self._cameras = cameras
        self._crops = crops
        self._audit = audit
        self._rights = rights
        self._by = by

    async def list(self, search: Search, *, after: str | None = None, limit: int = 50) -> Sequence[Detection]:
        """Newest first. Raises `Invalid` for what is no part of a plate."""
        finding = self._finding(search)
        last = None if after is None else await self._store.get(after)
        await self._audit.searched(self._city.id, self._by, search)
        return await self._store.list(finding, after=last, limit=limit)

    def _finding(self, search: Search) -> Finding:
        finding = Finding(
            search.start_ms,
            search.end_ms,
            groups=self._groups,
            camera_id=search.camera.id if search.camera else None,
        )
        if search.plate is None:
            return finding
        wanted = search_of(search.plate, fuzzy=search.fuzzy)
        return replace(
            finding,
            plate=wanted.plate,
            folded=wanted.folded,
            patterns=wanted.patterns,
            folded_patterns=wanted.folded_patterns,
        )

    @property
    def _groups(self) -> frozenset[int] | None:
        return self._rights.groups_with({Verb.PLATES})

    async def get(self, public_id: str) -> Detection:
        detection, _ = await self._found(public_id)
        return detection

    async def _found(self, public_id: str) -> tuple[Detection, Camera]:
        detection = await self._store.get(public_id)
        try:
            return detection, await self._cameras.get(detection.camera_public_id, Verb.PLATES, removed_too=True)
        except NotFound:
            raise NotFound(NONE_SUCH) from None

    async def image(self, public_id: str, camera_id: int | None = None) -> tuple[Detection, Path]:
        """`NotFound` while there is no picture, and for another camera than the one that is named."""
        detection, camera = await self._found(public_id)
        if detection.image is None or camera_id not in (None, camera.id):
            raise NotFound("there is no picture of this plate")
        return detection, self._crops.path(CropPlace(self._city.public_id, detection.image))

    async def csv(self, search: Search) -> AsyncIterator[bytes]:
        """A table for a spreadsheet, newest first, a page at a time, written down before its first line."""
        finding, after, rows = self._finding(search), None, 0
        await self._audit.exported(self._city.id, self._by, search)
        yield CSV_HEAD
        while rows < MOST_CSV_ROWS:
            page = await self._store.list(finding, after=after, limit=CSV_ROWS)
            yield table_lines(_cells(one) for one in page)
            if len(page) < CSV_ROWS:
                return
            after, rows = page[-1], rows + len(page)

    async def count_since(self, since_ms: int) -> int:
        return await self._store.count_since(since_ms, self._groups)

    async def counts(self, periods: Mapping[str, tuple[int, int, int]]) -> Mapping[str, int]:
        """How many there are in each of these: by any name, the number of the camera, start and end in ms."""
        return {name: await self._store.count_within(*period) for name, period in periods.items()}


def _cells(detection: Detection) -> tuple[object, ...]:
    location = detection.location
    return (
        rfc3339(detection.at_ms),
        rfc3339(detection.last_ms),
        detection.times,
        detection.plate,
        detection.confidence,
        detection.camera_name,
        detection.camera_public_id,
        detection.place,
        location and location.lat,
        location and location.lon,
        "true" if detection.wanted else "false",
        detection.vendor,
        detection.public_id,
    )
