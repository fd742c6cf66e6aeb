"""The map over HTTP: cameras as GeoJSON, the plan laid under them, and the map file of the box."""

from __future__ import annotations

import io
import sqlite3
import struct

import pytest

from tests.unit.api.conftest import make_town
from tests.unit.api.served import serve
from vmsd.model.person import Role, Verb

GEOJSON = "/api/v1/map.geojson"
PLAN = "/api/v1/map/plan"
PLACE = "name=Terminal&south=-23.5515&west=-46.6345&north=-23.5495&east=-46.6325"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
VIEW_ONLY = frozenset({Verb.VIEW})


async def put(town, who=None, place=PLACE, raw=PNG, kind="image/png", **rest):
    return await town.ask("PUT", f"{PLAN}?{place}", who=who or town.gestor, raw=raw, Content_Type=kind, **rest)


async def test_cameras_with_a_place_are_points_and_others_are_not_there(town):
    here = await town.served.camera(town.gestor, town.here, location={"lat": -23.55, "lon": -46.63}, group="Praça")
    await town.served.camera(town.gestor, town.here, name="Sem lugar")
    await town.served.camera(town.other, town.there, location={"lat": 1, "lon": 2})
    answer = await town.ask("GET", GEOJSON, who=town.guard)
    assert (answer.status, answer.content_type) == (200, "application/geo+json")
    assert answer.body["type"] == "FeatureCollection"
    (feature,) = answer.body["features"]
    assert (feature["id"], feature["geometry"]) == (here["id"], {"type": "Point", "coordinates": [-46.63, -23.55]})
    facts = feature["properties"]
    assert (facts["name"], facts["group"], facts["state"]) == ("Portaria", "Praça", "starting")
    assert (facts["enabled"], facts["recording"], facts["cause"]) == (True, False, None)


async def test_a_camera_one_may_not_see_is_not_on_the_map(town):
    for group in ("Praça", "Escola"):
        await town.served.camera(town.gestor, town.here, name=group, group=group, location={"lat": 1, "lon": 2})
    await town.served.person("praça", Role.USER, town.here, {1: VIEW_ONLY, 2: frozenset({Verb.REPLAY})})
    features = (await town.ask("GET", GEOJSON, who=await town.served.token("praça"))).body["features"]
    assert [one["properties"]["name"] for one in features] == ["Praça"]


async def test_a_plan_is_laid_moved_and_taken_away_and_written_down(town):
    assert (await town.ask("GET", "/api/v1/map", who=town.guard)).body == {"plan": None, "tiles": None}
    laid = await put(town)
    assert laid.status == 200, laid.raw
    assert laid.body | {"name": "Terminal", "south": -23.5515, "east": -46.6325, "bytes": len(PNG)} == laid.body
    assert (await town.ask("GET", "/api/v1/map", who=town.guard)).body["plan"] == laid.body
    image = await town.ask("GET", laid.body["image_url"], who=town.guard)
    assert (image.raw, image.content_type, image.headers["X-Content-Type-Options"]) == (PNG, "image/png", "nosniff")
    known = await town.ask("GET", laid.body["image_url"], who=town.guard, If_None_Match=image.headers["ETag"])
    assert (known.status, known.raw) == (304, b"")
    moved = await town.ask("PATCH", PLAN, {"north": -23.5}, who=town.gestor, If_Match=laid.headers["ETag"])
    assert (moved.status, moved.body["north"], moved.body["name"]) == (200, -23.5, "Terminal")
    late = await town.ask("PATCH", PLAN, {"north": -23.4}, who=town.gestor, If_Match=laid.headers["ETag"])
    assert late.status == 412
    assert (await put(town, If_Match=laid.headers["ETag"])).status == 412
    assert (await town.ask("DELETE", PLAN, who=town.gestor)).status == 204
    for method, path in (("GET", PLAN), ("GET", f"{PLAN}/image"), ("DELETE", PLAN)):
        assert (await town.ask(method, path, who=town.gestor)).status == 404
    rows = (await town.ask("GET", "/api/v1/audit?action=map.", who=town.gestor)).body["items"]
    told = [(row["action"], row["facts"]) for row in reversed(rows)]
    written = {"name": "Terminal", "bytes": len(PNG)}
    assert told == [("map.plan_changed", written)] * 2 + [("map.plan_removed", {"name": "Terminal"})]


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        ("south=1&west=1&north=2", "/east"),
        ("south=1&west=1&north=0.5&east=2", "/north"),
        ("south=1&west=1&north=2&east=1", "/east"),
        ("south=-91&west=1&north=2&east=2", "/south"),
        ("south=nan&west=1&north=2&east=2", "/south"),
        (f"{PLACE}&more=1", "/more"),
        ("name=a%0Ab&south=1&west=1&north=2&east=2", "/name"),
    ],
)
async def test_a_place_that_is_none_is_refused(town, place, pointer):
    answer = await put(town, place=place)
    assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw


async def test_what_is_no_picture_or_too_large_is_refused(town):
    for raw in (b"", b"<svg/>", PNG[:12], PNG[:16] + struct.pack(">II", 60_000, 60_000)):
        assert (await put(town, raw=raw)).status == 422, raw
    assert (await put(town, kind="image/svg+xml")).status == 415
    assert (await put(town, raw=PNG, Content_Encoding="gzip")).status == 415
    assert (await put(town, raw=io.BytesIO(PNG + bytes(10 * 1024 * 1024)))).status == 413
    whole = PNG + bytes(10 * 1024 * 1024 - len(PNG))
    assert (await put(town, raw=io.BytesIO(whole))).body["bytes"] == 10 * 1024 * 1024


async def test_only_managers_lay_a_plan_and_only_in_their_own_city(town):
    await town.served.camera(town.gestor, town.here)
    cases = [
        (town.guard, None, 403),
        (await town.served.token("gestora", VIEW_ONLY), None, 403),
        (town.other, town.here, 403),
        (town.root, None, 400),
    ]
    for who, city, status in cases:
        assert (await put(town, who, city=city)).status == status
    assert (await put(town)).status == 200
    assert (await town.ask("GET", PLAN, who=town.other)).status == 404


async def test_the_map_file_of_the_box_is_served_and_nothing_but_its_pictures(tmp_path):
    file = tmp_path / "box.mbtiles"
    with sqlite3.connect(file) as base:
        base.execute("CREATE TABLE metadata (name text, value text)")
        base.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
        base.execute("INSERT INTO tiles VALUES (2, 1, 3, ?)", (PNG,))
        base.execute("INSERT INTO metadata VALUES ('attribution', 'Mapa livre')")
    base.close()
    async with serve(tmp_path, map={"tiles": file}) as served:
        town = await make_town(served)
        await served.camera(town.gestor, town.here)
        tiles = (await town.ask("GET", "/api/v1/map", who=town.guard)).body["tiles"]
        assert (tiles["attribution"], tiles["least_zoom"], tiles["most_zoom"]) == ("Mapa livre", 2, 2)
        path = tiles["url"].replace("{z}", "2").replace("{x}", "1").replace("{y}", "0")
        tile = await town.ask("GET", path, who=town.guard)
        assert (tile.status, tile.content_type, tile.raw) == (200, "image/png", PNG)
        assert tile.headers["Cache-Control"] == "private, max-age=86400"
        assert (await town.ask("GET", path)).status == 401
        for place in ("2/0/0", "2/1/9", "99/0/0", "-1/0/0", "a/0/0", f"{'9' * 5000}/0/0", "2/1/0.png"):
            assert (await town.ask("GET", f"/map/tiles/{place}", who=town.guard)).status == 404, place
        file.write_bytes(b"not a map any more")
        assert (await town.ask("GET", path, who=town.guard)).status == 404
        served.clock.pass_s(60)
        assert (await town.ask("GET", "/api/v1/map", who=town.guard)).body["tiles"] is None
