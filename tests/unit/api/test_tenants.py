"""Two cities with the same numbers everywhere: nothing of the one is in any answer to the other."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.api.conftest import make_town
from tests.unit.api.served import serve
from vmsd.api.policy import Tenant
from vmsd.api.routes import ROUTES
from vmsd.clock import rfc3339
from vmsd.model.segment import Segment, SegmentFlag, SegmentState

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town
    from vmsd.model.city import City

CAMERAS = 3
MOVING = {
    "GET /api/v1/continuity",
    "GET /api/v1/states",
    "GET /api/v1/system",
    "GET /api/v1/audit",
    "GET /api/v1/audit.csv",
}
"""Tell of now, or of who has asked."""
PAGES = ("GET /camera/", "GET /mosaic/")
OF_CITIES = (Tenant.CITY, Tenant.CITIES, Tenant.PERSON)
START_US = 1_795_200_000_000_000
DAY_MS = 86_400_000
PERIOD = "start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z"
DAY = "start=2026-11-20T00:00:00Z&end=2026-11-21T00:00:00Z"


@dataclass
class Belongings:
    """All a city has that an answer could give away."""

    city: City
    cameras: list[str]
    streams: list[str]
    recordings: list[str]
    groups: list[str]
    users: list[str]
    tokens: list[str]
    word: str
    kept: dict[str, str] = field(default_factory=dict)
    """An incident, a hold and a preserved period, by the name they have in an address."""

    @property
    def marks(self) -> list[str]:
        videos = [*self.cameras, *self.streams, *self.recordings, *self.kept.values()]
        return [self.city.public_id, self.city.name, self.word, *videos, *self.groups, *self.users, *self.tokens]


async def furnish(town: Town, city: City, who: dict[str, str], word: str, count: int = CAMERAS) -> Belongings:
    cameras = [
        (await town.served.camera(who, city, name=f"{word} {number}", group=word))["id"] for number in range(count)
    ]
    segments = [
        Segment(city.id, number, START_US, 60_000, 1000, 1000, SegmentState.CLOSED, SegmentFlag(0))
        for number in range(1, count + 1)
    ]
    await town.served.daemon._volume.system.put(segments)
    streams, recordings = [], []
    for camera in cameras:
        streams.append((await town.ask("POST", f"/api/v1/streams?camera_id={camera}", who=who)).body["session_id"])
        found = await town.ask("GET", f"/api/v1/recordings?camera_id={camera}&{PERIOD}", who=who)
        recordings += [item["id"] for item in found.body["items"]]
    assert len(recordings) == count
    groups = [one["id"] for one in (await town.ask("GET", "/api/v1/groups", who=who)).body["items"]]
    user = {"name": f"{word} da Silva", "password": "uma senha de teste", "role": "USER"}
    users = [(await town.ask("POST", "/api/v1/users", user, who=who)).body["id"]]
    tokens = [(await town.ask("POST", "/api/v1/tokens", {"name": word}, who=who)).body["id"]]
    kept = await keep(town, who, cameras[0], word)
    return Belongings(city, cameras, streams, recordings, groups, users, tokens, word, kept)


async def keep(town: Town, who: dict[str, str], camera_id: str, word: str) -> dict[str, str]:
    """Something of every kind that is kept, each with the word in its texts."""
    start, end = rfc3339(START_US // 1000), rfc3339(START_US // 1000 + 60_000)
    period = {"camera_id": camera_id, "start": start, "end": end}
    hold = {"number": word, "authority": word, "purpose": word, "deadline": rfc3339(START_US // 1000 + 9 * DAY_MS)}
    bodies = {
        "incident_id": ("incidents", {"name": word, "note": word, "periods": [period]}),
        "hold_id": ("holds", hold | {"periods": [period]}),
        "preservation_id": ("preservations", period | {"reason": word}),
        "mosaic_id": ("mosaics", {"name": word, "layout": "2x2", "cameras": [camera_id]}),
    }
    kept = {}
    for name, (path, body) in bodies.items():
        answer = await town.ask("POST", f"/api/v1/{path}", body, who=who)
        assert answer.status == 201, answer.raw
        kept[name] = answer.body["id"]
    wall = await town.ask("POST", "/api/v1/walls", {"name": word, "mosaic_id": kept["mosaic_id"]}, who=who)
    return kept | {"wall_id": wall.body["id"]}


@pytest.fixture
async def two(town: Town) -> tuple[Belongings, Belongings]:
    return await furnish(town, town.here, town.gestor, "jabuticaba"), await furnish(
        town, town.there, town.other, "pitanga"
    )


def filled(path: str, mine: Belongings) -> str:
    ids = {"camera_id": mine.cameras[0], "id": mine.cameras[0], "session_id": mine.streams[0]}
    ids |= {"group_id": mine.groups[0], "user_id": mine.users[0], "token_id": mine.tokens[0]}
    ids |= {"recording_id": mine.recordings[0], "city_id": mine.city.public_id, "file": "index.m3u8"}
    ids |= mine.kept
    path = re.sub(r"\{(\w+):[^{}]+\}", r"{\1}", path).replace("{main}", "")
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


QUERIES = {
    "/api/v1/recordings": f"camera_id={{}}&{PERIOD}",
    "/api/v1/cameras/{camera_id}/states": PERIOD,
    "/api/v1/cameras/{camera_id}/timeline": DAY,
    "/api/v1/cameras/{camera_id}/calendar": "month=2026-11",
    "/api/v1/cameras/{camera_id}/marks": DAY,
    "/api/v1/cameras/{camera_id}/thumbnails": DAY,
    "/replay/stream_{camera_id}/index.m3u8": DAY,
    "/api/v1/continuity": f"camera_id={{}}&{DAY}",
    "/api/v1/streams": "camera_id={}",
    "/api/v1/preservations/cost": f"camera_id={{}}&{PERIOD}",
}


async def everything(town: Town, who: dict[str, str], about: Belongings, methods: tuple[str, ...]) -> dict[str, Any]:
    """What a caller hears of every route about these belongings."""
    heard = {}
    for route in ROUTES:
        if route.method in methods and route.tenant in OF_CITIES and "logout" not in route.path:
            query = QUERIES.get(route.path, "") if (route.method, route.path) != ("GET", "/api/v1/streams") else ""
            path = filled(route.path, about) + ("?" + query.format(about.cameras[0]) if query else "")
            raw = b"{}" if route.method in ("POST", "PATCH") else None
            sent = who | {"X-Request-ID": "same", "If-Match": '"never"'} if raw else who | {"X-Request-ID": "same"}
            heard[f"{route.method} {route.path}"] = await town.ask(route.method, path, raw=raw, who=sent)
    return heard


async def test_nothing_of_the_other_city_is_in_any_answer(town, two):
    mine, theirs = two
    for who in (town.gestor, town.guard):
        for about in (mine, theirs):
            for name, answer in (await everything(town, who, about, ("GET",))).items():
                text = answer.raw.decode() + json.dumps(dict(answer.headers))
                leaked = [mark for mark in theirs.marks if mark in text]
                # A page says in its own address which camera or mosaic it was asked for.
                asked = {about.cameras[0]} if name.startswith((*PAGES, "GET /hls")) else set()
                assert set(leaked) <= asked, name


@settings(max_examples=4, deadline=None, database=None)
@given(counts=st.tuples(st.integers(1, 4), st.integers(1, 4)), words=st.permutations(["jabuticaba", "pitanga"]))
def test_two_cities_of_any_size_with_the_same_numbers_never_see_each_other(counts, words):
    asyncio.run(never_see_each_other(counts, words))


async def never_see_each_other(counts: tuple[int, int], words: list[str]) -> None:
    """Cameras, groups, recordings have the same numbers inside; no answer to the one holds a mark of the other."""
    with tempfile.TemporaryDirectory() as folder:
        async with serve(Path(folder)) as served:
            town = await make_town(served)
            mine = await furnish(town, town.here, town.gestor, words[0], counts[0])
            theirs = await furnish(town, town.there, town.other, words[1], counts[1])
            for who, about, hidden in ((town.gestor, mine, theirs), (town.other, theirs, mine)):
                for name, answer in (await everything(town, who, about, ("GET",))).items():
                    text = answer.raw.decode() + json.dumps(dict(answer.headers))
                    assert [mark for mark in hidden.marks if mark in text] == [], name


async def test_a_thing_of_the_other_city_is_as_unknown_as_one_nobody_has(town, two):
    _, theirs = two
    unknown_ids = ["1" * 8 + "-1111-4111-8111-" + "1" * 12] * 3
    nobodys = Belongings(theirs.city, *[unknown_ids] * 6, word="", kept=dict.fromkeys(theirs.kept, unknown_ids[0]))
    nobodys.city = type(theirs.city)(99, nobodys.cameras[0], "x", "active", "basic", 0, 0)
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    foreign = await everything(town, town.gestor, theirs, methods)
    unknown = await everything(town, town.gestor, nobodys, methods)
    pages = {name for name in foreign if name.startswith(PAGES)}
    for name in foreign.keys() - pages:
        one, other = foreign[name], unknown[name]
        if "{" in name and "/auth/" not in name:
            assert one.status == 404, name
            assert (one.status, one.raw) == (other.status, other.raw), name


async def test_nobody_changes_anything_of_the_other_city(town, two):
    mine, theirs = two
    before = await everything(town, town.other, theirs, ("GET",))
    await everything(town, town.gestor, theirs, ("POST", "PUT", "PATCH", "DELETE"))
    await everything(town, town.gestor, mine, ("PUT", "PATCH", "DELETE"))
    after = await everything(town, town.other, theirs, ("GET",))
    for name in before.keys() - MOVING:
        assert (before[name].status, before[name].raw) == (after[name].status, after[name].raw), name


async def test_cursors_of_the_other_city_lead_nowhere(town, two):
    mine, theirs = two
    answer = await town.ask("GET", f"/api/v1/cameras?cursor={theirs.cameras[0]}", who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {"/cursor"})
    path = f"/api/v1/recordings?camera_id={mine.cameras[0]}&{PERIOD}&cursor={theirs.recordings[0]}"
    answer = await town.ask("GET", path, who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {"/cursor"})


async def test_a_superadmin_sees_the_city_named_and_no_other(town, two):
    mine, theirs = two
    for city, seen, hidden in ((town.here, mine, theirs), (town.there, theirs, mine)):
        answer = await town.ask("GET", "/api/v1/cameras", who=town.root, city=city)
        assert [item["id"] for item in answer.body["items"]] == seen.cameras
        wrong = await town.ask("GET", f"/api/v1/cameras/{hidden.cameras[0]}", who=town.root, city=city)
        assert wrong.status == 404
