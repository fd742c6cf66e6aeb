"""The plates that were read in one city."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmsd.errors import NotFound
from vmsd.model.camera import Location
from vmsd.model.detection import Detection
from vmsd.store.database import Row
from vmsd.store.scope import CityStatements, CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = """detection.id, detection.public_id, detection.camera_id, detection.at_ms, detection.received_ms,
    detection.last_ms, detection.times, detection.plate, detection.folded, detection.confidence, detection.vendor,
    detection.place, detection.lat, detection.lon, detection.facts, detection.image, detection.image_url,
    detection.wanted, detection.anonymised_ms"""
_CAMERA = "detection.city_id = :city_id AND camera.city_id = :city_id AND camera.id = detection.camera_id"
_SELECT = f"SELECT {COLUMNS}, camera.public_id AS camera_public_id, camera.name AS camera_name"
_SEEN = """(:groups IS NULL OR camera.group_id IN (SELECT value FROM json_each(:groups)))
    AND (:camera_id IS NULL OR detection.camera_id = :camera_id)"""
_PERIOD = (
    "at_ms >= :start_ms AND at_ms < :end_ms AND (at_ms < :before_ms OR at_ms = :before_ms AND detection.id < :before)"
)
_PAGE = "ORDER BY at_ms DESC, detection.id DESC LIMIT :limit"
_LIKE = """(EXISTS (SELECT 1 FROM json_each(:patterns) WHERE plate GLOB value)
    OR EXISTS (SELECT 1 FROM json_each(:folded_patterns) WHERE folded GLOB value) OR folded = :folded)"""

GET = CitySql(f"{_SELECT} FROM detection CROSS JOIN camera WHERE {_CAMERA} AND detection.public_id = :public_id")
LIST = CitySql(
    f"""{_SELECT} FROM detection INDEXED BY detection_at CROSS JOIN camera
    WHERE {_CAMERA} AND {_SEEN} AND {_PERIOD} {_PAGE}"""
)
LIST_OF_CAMERA = CitySql(
    f"""{_SELECT} FROM detection INDEXED BY detection_camera CROSS JOIN camera
    WHERE {_CAMERA} AND {_SEEN} AND detection.camera_id = :camera_id AND {_PERIOD} {_PAGE}"""
)
LIST_OF_PLATE = CitySql(
    f"""{_SELECT} FROM detection INDEXED BY detection_plate CROSS JOIN camera
    WHERE {_CAMERA} AND {_SEEN} AND plate = :plate AND {_PERIOD} {_PAGE}"""
)
LIST_LIKE = CitySql(
    f"""{_SELECT} FROM detection INDEXED BY detection_at CROSS JOIN camera
    WHERE {_CAMERA} AND {_SEEN} AND {_LIKE} AND {_PERIOD} {_PAGE}"""
)
COUNT_SINCE = CitySql(
    """SELECT count(*) AS found FROM detection CROSS JOIN camera WHERE detection.city_id = :city_id
    AND camera.city_id = :city_id AND camera.id = detection.camera_id AND at_ms >= :since_ms
    AND (:groups IS NULL OR camera.group_id IN (SELECT value FROM json_each(:groups)))"""
)
COUNT_WITHIN = CitySql(
    """SELECT count(*) AS found FROM detection WHERE city_id = :city_id AND camera_id = :camera_id
    AND at_ms >= :start_ms AND at_ms < :end_ms"""
)
SAME = CitySql(
    """SELECT id, public_id FROM detection INDEXED BY detection_folded WHERE city_id = :city_id AND folded = :folded
    AND at_ms >= :earliest_ms AND at_ms <= :until_ms AND last_ms >= :since_ms AND camera_id = :camera_id
    ORDER BY at_ms DESC LIMIT 1"""
)
COUNT_ON = CitySql(
    """UPDATE detection SET times = times + 1, last_ms = max(last_ms, :at_ms),
    confidence = max(coalesce(confidence, :confidence), coalesce(:confidence, confidence))
    WHERE city_id = :city_id AND id = :id"""
)
INSERT = CitySql(
    """INSERT INTO detection (city_id, id, public_id, camera_id, at_ms, received_ms, last_ms, times, plate, folded,
    confidence, vendor, place, lat, lon, facts, image, image_url, wanted)
    VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM detection WHERE city_id = :city_id), :public_id, :camera_id,
    :at_ms, :received_ms, :at_ms, 1, :plate, :folded, :confidence, :vendor, :place, :lat, :lon, :facts, :image,
    :image_url, :wanted) RETURNING id"""
)
UNFETCHED = CitySql(
    f"""{_SELECT} FROM detection INDEXED BY detection_unfetched CROSS JOIN camera
    WHERE {_CAMERA} AND image_url IS NOT NULL ORDER BY detection.id DESC LIMIT :limit"""
)
SET_IMAGE = CitySql(
    """UPDATE detection SET image = :image, image_url = NULL
    WHERE city_id = :city_id AND id = :id AND anonymised_ms IS NULL AND image IS NULL"""
)
DROP_IMAGES = CitySql(
    """UPDATE detection SET image = NULL WHERE city_id = :city_id
    AND public_id IN (SELECT value FROM json_each(:public_ids)) AND image IS NOT NULL"""
)
GIVE_UP_IMAGE = CitySql("UPDATE detection SET image_url = NULL WHERE city_id = :city_id AND id = :id")
NEWEST = 2**63 - 1


@dataclass(frozen=True)
class Finding:
    """What a search is narrowed to; `groups` are the camera groups that may be seen, None is all."""

    start_ms: int
    end_ms: int
    groups: Collection[int] | None = None
    camera_id: int | None = None
    plate: str | None = None
    folded: str | None = None
    patterns: Sequence[str] = ()
    folded_patterns: Sequence[str] = ()

    @property
    def statement(self) -> CitySql:
        if self.plate is not None:
            return LIST_OF_PLATE
        if self.folded or self.patterns or self.folded_patterns:
            return LIST_LIKE
        return LIST if self.camera_id is None else LIST_OF_CAMERA

    @property
    def params(self) -> dict[str, Any]:
        return {
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "groups": None if self.groups is None else json.dumps(sorted(self.groups)),
            "camera_id": self.camera_id,
            "plate": self.plate,
            "folded": self.folded,
            "patterns": json.dumps(self.patterns),
            "folded_patterns": json.dumps(self.folded_patterns),
        }


@dataclass(frozen=True)
class NewDetection:
    public_id: str
    camera_id: int
    at_ms: int
    received_ms: int
    plate: str
    folded: str
    confidence: float | None
    vendor: str
    place: str
    location: Location | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    image: str | None = None
    image_url: str | None = None
    wanted: bool = False


@dataclass(frozen=True)
class Same:
    """One that was read a moment ago."""

    id: int
    public_id: str


class Detections:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, finding: Finding, *, after: Detection | None = None, limit: int) -> Sequence[Detection]:
        """Newest first; `after` is the one the last page ended with."""
        before = {"before_ms": after.at_ms, "before": after.id} if after else {"before_ms": NEWEST, "before": NEWEST}
        rows = await self._scope.fetch(finding.statement, **finding.params, **before, limit=limit)
        return [detection_of(row) for row in rows]

    async def get(self, public_id: str) -> Detection:
        rows = await self._scope.fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such detection")
        return detection_of(rows[0])

    async def count_since(self, since_ms: int, groups: Collection[int] | None) -> int:
        told = None if groups is None else json.dumps(sorted(groups))
        (row,) = await self._scope.fetch(COUNT_SINCE, since_ms=since_ms, groups=told)
        return int(row["found"])

    async def count_within(self, camera_id: int, start_ms: int, end_ms: int) -> int:
        (row,) = await self._scope.fetch(COUNT_WITHIN, camera_id=camera_id, start_ms=start_ms, end_ms=end_ms)
        return int(row["found"])

    async def unfetched(self, limit: int) -> Sequence[Detection]:
        """Those whose picture has still to be fetched, the newest first."""
        return [detection_of(row) for row in await self._scope.fetch(UNFETCHED, limit=limit)]


def find_same(
    statements: CityStatements, camera_id: int, folded: str, at_ms: int, within_ms: int, longest_ms: int
) -> Same | None:
    """Of the same plate at the same camera, last read within this time; one that goes on for too long is none."""
    params = {"earliest_ms": at_ms - longest_ms, "since_ms": at_ms - within_ms, "until_ms": at_ms + within_ms}
    rows = statements.fetch(SAME, camera_id=camera_id, folded=folded, **params)
    return Same(rows[0]["id"], rows[0]["public_id"]) if rows else None


def count_on(statements: CityStatements, same: Same, at_ms: int, confidence: float | None) -> None:
    statements.execute(COUNT_ON, id=same.id, at_ms=at_ms, confidence=confidence)


def insert(statements: CityStatements, new: NewDetection) -> int:
    """Its number."""
    (row,) = statements.fetch(
        INSERT,
        public_id=new.public_id,
        camera_id=new.camera_id,
        at_ms=new.at_ms,
        received_ms=new.received_ms,
        plate=new.plate,
        folded=new.folded,
        confidence=new.confidence,
        vendor=new.vendor,
        place=new.place,
        lat=new.location and new.location.lat,
        lon=new.location and new.location.lon,
        facts=json.dumps(dict(new.facts), ensure_ascii=False, separators=(",", ":")),
        image=new.image,
        image_url=new.image_url,
        wanted=int(new.wanted),
    )
    return int(row["id"])


async def set_image(transaction: CityTransaction, detection_id: int, image: str) -> bool:
    """False when it has become anonymous meanwhile."""
    return await transaction.execute(SET_IMAGE, id=detection_id, image=image) > 0


async def give_up_image(transaction: CityTransaction, detection_id: int) -> None:
    await transaction.execute(GIVE_UP_IMAGE, id=detection_id)


async def drop_images(transaction: CityTransaction, public_ids: Sequence[str]) -> None:
    """Their pictures are no more."""
    await transaction.execute(DROP_IMAGES, public_ids=json.dumps(public_ids))


def detection_of(row: Row) -> Detection:
    return Detection(
        id=row["id"],
        public_id=row["public_id"],
        camera_id=row["camera_id"],
        camera_public_id=row["camera_public_id"],
        camera_name=row["camera_name"],
        at_ms=row["at_ms"],
        received_ms=row["received_ms"],
        last_ms=row["last_ms"],
        times=row["times"],
        plate=row["plate"],
        folded=row["folded"],
        confidence=row["confidence"],
        vendor=row["vendor"],
        place=row["place"],
        location=None if row["lat"] is None else Location(row["lat"], row["lon"]),
        facts=json.loads(row["facts"]),
        image=row["image"],
        image_url=row["image_url"],
        wanted=bool(row["wanted"]),
        anonymised_ms=row["anonymised_ms"],
    )
