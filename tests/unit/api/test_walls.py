"""Screens on walls: what their keys open, what they do not, and how they end."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.api.served import viewing_token
from vmsd.api import stream_events
from vmsd.api.policy import Tenant
from vmsd.api.routes import ROUTES
from vmsd.model.person import Role, Verb
from vmsd.services import walls as limits

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

MOSAICS, WALLS, STREAMS = "/api/v1/mosaics", "/api/v1/walls", "/api/v1/streams"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
AWAY = 503
"""What a player hears here as long as it may watch: nobody is at MediaMTX's address."""
FILLED = {"camera_id": "", "main": "", "file": "index.m3u8", "version": "0", "name": "x.css"}


@dataclass
class Hung:
    """A wall that shows a mosaic of `shown`; the city has the camera `hidden` besides."""

    town: Town
    mosaic: dict[str, Any]
    wall: dict[str, Any]
    shown: list[str]
    hidden: str

    @property
    def who(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.wall['key']}"}

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self.town.ask(method, path, body, who=self.who)

    async def watch(self) -> str:
        """The address of a player the wall has started."""
        opened = await self.ask("POST", f"{STREAMS}?camera_id={self.shown[0]}")
        assert opened.status == 201, opened.raw
        assert (await self.town.ask("GET", opened.body["hls_url"])).status == AWAY
        return str(opened.body["hls_url"])

    async def watches_on(self, address: str, seconds: int = 5) -> int:
        """What a player that asks all the time hears in the end."""
        for _ in range(seconds):
            self.town.served.clock.pass_s(1)
            heard = (await self.town.ask("GET", address)).status
        return int(heard)

    async def audit(self, action: str) -> list[dict[str, Any]]:
        found = await self.town.ask("GET", f"/api/v1/audit?action={action}", who=self.town.gestor)
        return list(found.body["items"])


@pytest.fixture
async def hung(town: Town) -> Hung:
    one, two, hidden = [(await town.served.camera(town.gestor, town.here, name=name))["id"] for name in "abc"]
    turning = {"cell": 3, "cameras": [two], "seconds": 5}
    body = {"name": "Parede", "layout": "2x2", "cameras": [one], "carousel": turning}
    mosaic = (await town.ask("POST", MOSAICS, body, who=town.gestor)).body
    made = await town.ask("POST", WALLS, {"name": "Sala", "mosaic_id": mosaic["id"]}, who=town.gestor)
    assert made.status == 201, made.raw
    return Hung(town, mosaic, made.body, [one, two], hidden)


async def test_a_wall_is_made_listed_and_revoked_and_its_key_shown_once(hung):
    town, wall = hung.town, hung.wall
    assert wall["key"].startswith("vmsdw_")
    assert wall["url"] == f"/wall/{wall['key']}"
    told = {name: wall[name] for name in wall if name not in ("key", "url")}
    assert told["mosaic"] == {"id": hung.mosaic["id"], "name": "Parede"}
    assert told["made_by"]["name"] == "gestora"
    assert (await town.ask("GET", WALLS, who=town.gestor)).body["items"] == [told]
    path = f"{WALLS}/{wall['id']}"
    assert (await town.ask("GET", path, who=town.gestor)).body == told
    assert (await town.ask("DELETE", path, who=town.other)).status == 404
    assert (await town.ask("DELETE", path, who=town.guard)).status == 403
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 204
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 404
    assert (await hung.ask("GET", "/api/v1/wall")).status == 401
    for action in ("wall.added", "wall.revoked"):
        (row,) = await hung.audit(action)
        assert (row["subject"]["id"], row["facts"]) == (wall["id"], {"name": "Sala", "mosaic": "Parede"})
    async with town.served.base.database.write() as transaction:
        assert wall["key"] not in str([tuple(row) for row in await transaction.fetch("SELECT * FROM audit")])


async def test_a_wall_sees_its_mosaics_cameras_and_no_other(hung):
    mine = (await hung.ask("GET", "/api/v1/wall")).body
    assert (mine["id"], mine["name"]) == (hung.wall["id"], "Sala")
    assert mine["mosaic"] | {"cameras": hung.shown[:1], "editable": False} == mine["mosaic"]
    assert mine["mosaic"]["carousel"]["cameras"] == hung.shown[1:]
    assert [one["id"] for one in mine["cameras"]] == hung.shown
    states = (await hung.ask("GET", "/api/v1/states")).body
    assert [one["id"] for one in states["items"]] == hung.shown
    cameras = (await hung.ask("GET", "/api/v1/cameras")).body["items"]
    assert [one["id"] for one in cameras] == hung.shown
    assert {one["source_url"] for one in cameras} == {""}
    for path in ("", "/status"):
        assert (await hung.ask("GET", f"/api/v1/cameras/{hung.shown[1]}{path}")).status == 200
        assert (await hung.ask("GET", f"/api/v1/cameras/{hung.hidden}{path}")).status == 404
    assert (await hung.ask("POST", f"{STREAMS}?camera_id={hung.hidden}")).status == 404
    away = {"X-City-ID": hung.town.there.public_id} | hung.who
    assert (await hung.town.ask("GET", "/api/v1/wall", who=away)).status == 403
    assert (await hung.town.ask("GET", "/api/v1/wall", who=hung.town.gestor)).status == 404


async def test_a_wall_reaches_nothing_else(hung):
    """Every route there is, asked with its key."""
    opened = 0
    for route in ROUTES:
        if route.tenant == Tenant.PUBLIC:
            continue
        path = re.sub(
            r"\{(\w+)(?::[^{}]*(?:\{[^}]*\})?[^{}]*)?\}", lambda match: FILLED.get(match[1], UNKNOWN), route.path
        )
        status = (await hung.ask(route.method, path, None if route.method == "GET" else {})).status
        if route.wall:
            opened += 1
            assert status != 403, (route.method, path)
        else:
            assert status in {403, 404}, (route.method, path, status)
    assert opened >= 10


async def test_with_its_viewing_token_a_wall_gets_live_video_alone(hung):
    await hung.watch()
    token = viewing_token((await hung.ask("POST", f"{STREAMS}?camera_id={hung.shown[0]}")).body)
    period = "start=2026-11-20T22:00:00Z&end=2026-11-20T22:30:00Z"
    replay = f"/replay/stream_{hung.shown[0]}/index.m3u8?token={token}&{period}"
    assert (await hung.town.ask("GET", replay)).status == 403
    thumbnails = f"/api/v1/cameras/{hung.shown[0]}/thumbnails?token={token}&{period}"
    assert (await hung.town.ask("GET", thumbnails)).status == 403
    assert (await hung.town.ask("GET", f"/hls/stream_{hung.shown[1]}/index.m3u8?token={token}")).status == 404


async def test_what_a_wall_shows_is_written_down_as_the_walls(hung):
    await hung.watch()
    (row,) = await hung.audit("view.live")
    assert row["person"] == {"id": hung.wall["id"], "name": "Sala", "role": "WALL"}
    assert row["subject"]["id"] == hung.shown[0]


async def revoke(hung):
    await hung.town.ask("DELETE", f"{WALLS}/{hung.wall['id']}", who=hung.town.gestor)


async def remove_mosaic(hung):
    await hung.town.ask("DELETE", f"{MOSAICS}/{hung.mosaic['id']}", who=hung.town.gestor)
    assert [row["subject"]["id"] for row in await hung.audit("wall.revoked")] == [hung.wall["id"]]


async def suspend_city(hung):
    path = f"/api/v1/cities/{hung.town.here.public_id}"
    session = await hung.town.served.session("root") | {"Origin": hung.town.served.url}
    answer = await hung.town.ask("PATCH", path, {"status": "suspended"}, who=session)
    assert answer.status == 200, answer.raw


async def take_camera_out(hung):
    path = f"{MOSAICS}/{hung.mosaic['id']}"
    await hung.town.ask("PATCH", path, {"cameras": []}, who=hung.town.gestor)


@pytest.mark.parametrize(
    ("change", "asks", "watches"),
    [(revoke, 401, 401), (remove_mosaic, 401, 401), (suspend_city, 403, 403), (take_camera_out, 200, 404)],
)
async def test_what_ends_a_wall_ends_what_it_shows_within_5_s(hung, change, asks, watches):
    address = await hung.watch()
    assert await hung.watches_on(address, 10) == AWAY
    await change(hung)
    assert (await hung.ask("GET", "/api/v1/wall")).status == asks
    assert await hung.watches_on(address) == watches


async def test_a_camera_that_comes_into_the_mosaic_comes_onto_the_wall(hung):
    body = {"cameras": [hung.hidden], "carousel": None}
    await hung.town.ask("PATCH", f"{MOSAICS}/{hung.mosaic['id']}", body, who=hung.town.gestor)
    assert [one["id"] for one in (await hung.ask("GET", "/api/v1/wall")).body["cameras"]] == [hung.hidden]
    assert (await hung.ask("POST", f"{STREAMS}?camera_id={hung.hidden}")).status == 201


async def test_a_wall_never_expires_and_is_noted_once_a_minute(hung):
    clock, path = hung.town.served.clock, f"{WALLS}/{hung.wall['id']}"

    async def seen():
        return (await hung.town.ask("GET", path, who=hung.town.gestor)).body["last_seen_at"]

    assert await seen() is None
    await hung.ask("GET", "/api/v1/wall")
    first = await seen()
    clock.pass_s(59)
    await hung.ask("GET", "/api/v1/wall")
    assert await seen() == first
    clock.pass_s(1)
    await hung.ask("GET", "/api/v1/wall")
    assert await seen() > first
    clock.pass_s(80 * 86_400)
    assert (await hung.ask("GET", "/api/v1/wall")).status == 200


async def test_walls_take_no_room_from_each_other(hung):
    """Each has allowances of its own, as a person has."""
    town = hung.town
    again = await town.ask("POST", WALLS, {"name": "Outra", "mosaic_id": hung.mosaic["id"]}, who=town.gestor)
    other = {"Authorization": f"Bearer {again.body['key']}"}
    path = f"{STREAMS}?camera_id={hung.shown[0]}"
    each = town.served.base.settings.live.streams_per_person
    for _ in range(each):
        town.served.clock.pass_s(0.01)
        assert (await hung.ask("POST", path)).status == 201
    assert (await hung.ask("POST", path)).status == 429
    assert (await town.ask("POST", path, who=other)).status == 201


async def test_what_no_wall_can_show_is_refused(hung, monkeypatch):
    town = hung.town
    own = (await town.ask("POST", MOSAICS, {"name": "x", "layout": "1x1", "shared": False}, who=town.gestor)).body
    theirs = (await town.ask("POST", MOSAICS, {"name": "x", "layout": "1x1"}, who=town.other)).body
    for mosaic in (own["id"], theirs["id"], UNKNOWN, "x"):
        answer = await town.ask("POST", WALLS, {"name": "Sala", "mosaic_id": mosaic}, who=town.gestor)
        assert (answer.status, answer.pointers) == (422, {"/mosaic_id"}), answer.raw
    unshared = await town.ask("PATCH", f"{MOSAICS}/{hung.mosaic['id']}", {"shared": False}, who=town.gestor)
    assert unshared.status == 409
    monkeypatch.setattr(limits, "MOST_WALLS", 1)
    full = await town.ask("POST", WALLS, {"name": "Sala", "mosaic_id": hung.mosaic["id"]}, who=town.gestor)
    assert full.status == 409


async def test_who_may_make_walls(hung):
    town, body = hung.town, {"name": "Sala", "mosaic_id": hung.mosaic["id"]}
    chief = await town.served.person("chefe", Role.USER, town.here, {0: frozenset(Verb)})
    assert chief.role is Role.USER
    for who in (await town.served.token("chefe"), town.guard, hung.who):
        assert (await town.ask("POST", WALLS, body, who=who)).status == 403
        assert (await town.ask("GET", WALLS, who=who)).status == 403
    stale = await town.served.session("gestora") | {"Origin": town.served.url}
    town.served.clock.pass_s(601)
    assert (await town.ask("POST", WALLS, body, who=stale)).status == 403


async def test_the_events_a_wall_listens_to_end_with_it(hung, monkeypatch):
    monkeypatch.setattr(stream_events, "CHECKED_EVERY_S", 0.1)
    opened = (await hung.ask("POST", f"{STREAMS}?camera_id={hung.shown[0]}")).body
    address = f"{hung.town.served.url}{STREAMS}/{opened['session_id']}/events?token={viewing_token(opened)}"
    async with asyncio.timeout(8), hung.town.served.http.ws_connect(address) as ws:
        assert (await ws.receive_json())["type"] == "state"
        await revoke(hung)
        said = [json.loads(one.data) async for one in ws]
    assert (said[-1], ws.close_code) == ({"type": "ended", "reason": "logged_out"}, 1008)
