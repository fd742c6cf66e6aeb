"""A city with cameras in two groups, what they recorded, and people who may do different things with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.unit.tasks.recording_box import NOW_MS
from vmsd.clock import rfc3339
from vmsd.model.person import Role, Verb
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.store.audit import Audit

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
SQUARE, SCHOOL = 1, 2
API = "/api/v1"


def at(offset_ms: int) -> str:
    """A time, told by how far it is from now."""
    return rfc3339(NOW_MS + offset_ms)


@dataclass
class Archive:
    """`square` and `school` are cameras with 10 files of a minute each, that end 5 minutes ago."""

    town: Town
    square: str
    school: str
    keeper: dict[str, str]
    """Replays and preserves on both."""
    square_keeper: dict[str, str]
    """Replays and preserves in the square alone."""
    school_watcher: dict[str, str]
    """Replays both, preserves in the square alone."""
    recordings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, *, who: Any = None, **headers: str) -> Any:
        return await self.town.ask(method, API + path, body, who=who or self.keeper, **headers)

    async def done(self, method: str, path: str, body: Any = None, *, who: Any = None, **headers: str) -> Any:
        answer = await self.ask(method, path, body, who=who, **headers)
        assert answer.status in (200, 201, 204), answer.raw
        return answer.body

    def period(self, camera: str, start: int = 0, end: int = 1) -> dict[str, str]:
        """From one of its files to another, by their number."""
        first_ms = -15 * MINUTE_MS
        return {"camera_id": camera, "start": at(first_ms + start * MINUTE_MS), "end": at(first_ms + end * MINUTE_MS)}

    async def kept(self, camera: str) -> list[str]:
        """What each of its files is kept for."""
        items = (await self.done("GET", f"/recordings?camera_id={camera}&{EVER}"))["items"]
        return [" ".join(item["kept"]) for item in items]

    async def told(self, *beginnings: str) -> list[Any]:
        """Rows of the audit log whose action begins so."""
        rows = await Audit(self.town.served.base.database).chunk(0, 10**9, 10**6)
        return [row for row in rows if row.action.startswith(beginnings)]


EVER = "start=2020-01-01T00:00:00Z&end=2120-01-01T00:00:00Z&limit=500"
FILES = [""] * 10


async def make_archive(town: Town) -> Archive:
    served = town.served
    square = (await served.camera(town.gestor, town.here, name="Praça / norte", group="Praça"))["id"]
    school = (await served.camera(town.gestor, town.here, name="Escola", group="Escola"))["id"]
    both = frozenset({Verb.REPLAY, Verb.PRESERVE})
    replay = frozenset({Verb.REPLAY})
    await served.person("guardiã", Role.USER, town.here, {0: both})
    await served.person("da praça", Role.USER, town.here, {SQUARE: both})
    await served.person("da escola", Role.USER, town.here, {SQUARE: both, SCHOOL: replay})
    first_ms = NOW_MS - 15 * MINUTE_MS
    segments = [
        Segment(
            town.here.id,
            camera,
            (first_ms + number * MINUTE_MS) * 1000,
            MINUTE_MS,
            1000,
            1000,
            SegmentState.CLOSED,
            SegmentFlag(0),
        )
        for camera in (1, 2)
        for number in range(10)
    ]
    await served.daemon._volume.system.put(segments)
    archive = Archive(
        town,
        square,
        school,
        keeper=await served.token("guardiã"),
        square_keeper=await served.token("da praça"),
        school_watcher=await served.token("da escola"),
    )
    for camera in (square, school):
        found = await archive.done("GET", f"/recordings?camera_id={camera}&{EVER}")
        archive.recordings[camera] = found["items"]
    return archive
