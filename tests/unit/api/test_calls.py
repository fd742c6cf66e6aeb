"""Calls over WebRTC: how they are set up through our own address, and how they end when they have to."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import until
from tests.unit.api.conftest import Town, make_town
from tests.unit.api.served import serve, viewing_token
from tests.unit.api.switchboard import FRAGMENT, Switchboard, switchboard
from tests.unit.api.test_taken_away import CHANGES
from vmsd.model.person import Role
from vmsd.services.streams import GRACE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SDP = "application/sdp"
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass
class Room:
    """Two cities, a camera, and a MediaMTX that can be called."""

    town: Town
    board: Switchboard
    camera: str

    async def watch(self, who: dict[str, str]) -> dict[str, Any]:
        """A viewing session."""
        opened = await self.town.ask("POST", f"/api/v1/streams?camera_id={self.camera}", who=who)
        assert opened.status == 201, opened.raw
        return dict(opened.body)

    async def call(self, url: str, who: dict[str, str] | None = None, offer: bytes = b"v=0", media: str = SDP) -> Any:
        return await self.town.ask("POST", url, raw=offer, who=who, Content_Type=media)

    async def token_call(self, who: dict[str, str]) -> Any:
        return await self.call(f"/webrtc/stream_{self.camera}/whep?token={viewing_token(await self.watch(who))}")

    async def look(self, seconds: float = 0) -> list[str]:
        """One pass of the task so much later; whom MediaMTX was told to throw out by then."""
        self.town.served.clock.pass_s(seconds)
        runner = self.town.served.daemon._runner("whep")
        await runner.run_once()
        assert runner.pulse.failures == 0, runner.pulse.error
        return self.board.kicked

    @property
    def viewers(self) -> int:
        streams = self.town.served.site.streams
        return len(streams.list(self.town.here.id))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with switchboard() as board:
        ports = {"webrtc_port": board.port, "api_port": board.port}
        limits = {"sessions": 4, "sessions_per_person": 3}
        async with serve(tmp_path, mediamtx=ports, webrtc=limits) as served:
            town = await make_town(served)
            camera = await served.camera(town.gestor, town.here, group="Praça")
            yield Room(town, board, camera["id"])


async def test_an_offer_is_answered_at_an_address_that_hides_mediamtx(room: Room) -> None:
    stream = await room.watch(room.town.guard)
    answer = await room.call(f"/webrtc/stream_{room.camera}/whep?token={viewing_token(stream)}")
    assert (answer.status, answer.content_type, answer.raw) == (201, SDP, b"v=0 the answer")
    where = answer.headers["Location"]
    found = re.fullmatch(rf"/webrtc/stream_{room.camera}/whep/({UUID})\?token=(.+)", where)
    assert found
    assert found[2] == viewing_token(stream)
    assert found[1] not in {*room.board.secrets, *room.board.sessions}
    assert answer.headers["ETag"] == "*"
    assert answer.headers["Accept-Patch"] == FRAGMENT
    assert answer.headers.getall("Link") == [f'<stun:{name}.example>; rel="ice-server"' for name in ("one", "two")]
    (asked,) = room.board.heard
    assert asked.headers["Authorization"].startswith("Basic ")
    assert asked.query_string == ""
    assert asked.path == f"/{room.town.here.public_id}/{room.camera}/whep"


async def test_candidates_and_the_end_go_to_the_same_session(room: Room) -> None:
    where = (await room.token_call(room.town.guard)).headers["Location"]
    trickle = {"raw": b"a=candidate", "Content_Type": FRAGMENT, "If_Match": "*"}
    taken = await room.town.ask("PATCH", where, **trickle)
    assert (taken.status, room.board.bodies[-1], room.board.heard[-1].headers["If-Match"]) == (204, b"a=candidate", "*")
    room.board.anew = b"a=ice-ufrag:new"
    anew = await room.town.ask("PATCH", where, **trickle)
    assert (anew.status, anew.content_type, anew.raw, anew.headers["ETag"]) == (200, FRAGMENT, room.board.anew, '"new"')
    assert (await room.town.ask("DELETE", where)).status == 204
    assert room.board.sessions == {}
    assert (await room.town.ask("DELETE", where)).status == 404
    assert (await room.town.ask("PATCH", where, **trickle)).status == 404


async def test_a_call_is_nobody_elses(room: Room) -> None:
    where = (await room.token_call(room.town.guard)).headers["Location"].partition("?")[0]
    assert (await room.town.ask("DELETE", where)).status == 401
    assert (await room.town.ask("DELETE", where, who=room.town.gestor)).status == 404
    other = await room.town.served.camera(room.town.gestor, room.town.here, name="Pátio")
    elsewhere = where.replace(room.camera, other["id"])
    assert (await room.town.ask("DELETE", elsewhere, who=room.town.guard)).status == 404
    assert len(room.board.sessions) == 1
    assert (await room.town.ask("DELETE", where, who=room.town.guard)).status == 204


async def test_cookie_and_bearer_open_calls_as_tokens_do(room: Room) -> None:
    url = f"/webrtc/stream_{room.camera}_main/whep"
    for who in (room.town.guard, await room.town.served.session("guarda")):
        assert (await room.call(url, who)).status == 201
    assert (await room.call(url)).status == 401
    assert (await room.call(url, room.town.other)).status == 404
    foreign = await room.town.served.session("guarda") | {"Origin": "http://elsewhere.example"}
    assert (await room.call(url, foreign)).status == 403
    assert len(room.board.sessions) == 2


async def test_only_small_bodies_of_the_right_type_go_on(room: Room) -> None:
    url = f"/webrtc/stream_{room.camera}/whep"
    assert (await room.call(url, room.town.guard, media="application/json")).status == 415
    assert (await room.call(url, room.town.guard, offer=b"v" * (64 * 1024 + 1))).status == 413
    assert room.board.heard == []
    assert (await room.call(url, room.town.guard, offer=b"v" * 64 * 1024)).status == 201
    options = await room.town.ask("OPTIONS", url, who=room.town.guard)
    assert (options.status, options.headers["Accept-Post"]) == (204, SDP)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (404, "no stream is available on path 'x'", 404),
        (400, "path 'x' is not configured", 404),
        (400, "codecs not supported by client", 422),
        (400, "the stream doesn't contain any supported codec, which are currently AV1", 422),
        (400, "failed to unmarshal SDP: EOF", 400),
        (401, "authentication error", 503),
        (500, "terminated", 503),
    ],
)
async def test_what_mediamtx_refuses_is_said_in_our_words(room: Room, status: int, error: str, expected: int) -> None:
    room.board.refusal = (status, error)
    answer = await room.call(f"/webrtc/stream_{room.camera}/whep", room.town.guard)
    assert answer.status == expected
    assert error not in answer.raw.decode()


async def test_so_many_calls_and_no_more(room: Room) -> None:
    url = f"/webrtc/stream_{room.camera}/whep"
    for _ in range(3):
        assert (await room.call(url, room.town.guard)).status == 201
    assert (await room.call(url, room.town.guard)).status == 429
    assert (await room.call(url, room.town.gestor)).status == 201
    assert (await room.call(url, room.town.gestor)).status == 429
    room.board.restart()
    await room.look()
    assert (await room.call(url, room.town.guard)).status == 201


@pytest.mark.parametrize(("name", "change", "_asks", "watches"), CHANGES, ids=lambda value: str(value)[:40])
async def test_what_is_taken_away_ends_the_call(
    room: Room, name: str, change: dict[str, Any] | None, _asks: list[int], watches: set[int]
) -> None:
    """As it ends a player of HLS: 503 is what one hears that may go on, here where no HLS is served."""
    served = room.town.served
    person = await served.person("colega", Role.GESTOR, room.town.here) if name == "colega" else served.people[name]
    ways = [await served.session(name), await served.token(name)]
    for who in ways:
        assert (await room.token_call(who)).status == 201
    assert await room.look() == []
    path = f"/api/v1/users/{person.public_id}"
    await room.town.ask("PATCH" if change else "DELETE", path, change, who=room.town.gestor)
    kicked = await room.look(1)
    assert len(kicked) == {frozenset({503}): 0, frozenset({401, 503}): 1}.get(frozenset(watches), 2)
    assert len(room.board.sessions) == 2 - len(kicked)


async def test_logging_out_and_closing_the_viewing_session_end_calls(room: Room) -> None:
    session = await room.town.served.session("guarda")
    assert (await room.token_call(session)).status == 201
    assert (await room.call(f"/webrtc/stream_{room.camera}/whep", session)).status == 201
    stream = await room.watch(room.town.guard)
    assert (await room.call(stream["hls_url"].replace("/hls/", "/webrtc/").replace("index.m3u8", "whep"))).status == 201
    assert await room.look() == []
    await room.town.ask("POST", "/api/v1/auth/logout", who=session)
    assert len(await room.look()) == 2
    await room.town.ask("DELETE", f"/api/v1/streams/{stream['session_id']}", who=room.town.guard)
    assert len(await room.look()) == 3
    assert room.board.sessions == {}


async def test_a_removed_camera_ends_its_calls(room: Room) -> None:
    assert (await room.token_call(room.town.guard)).status == 201
    assert (await room.call(f"/webrtc/stream_{room.camera}/whep", room.town.gestor)).status == 201
    await room.town.ask("DELETE", f"/api/v1/cameras/{room.camera}", who=room.town.gestor)
    assert len(await room.look()) == 2


async def test_a_wall_that_is_revoked_ends_its_calls(room: Room) -> None:
    chief = await room.town.served.session("gestora")
    mosaic = {"name": "Praça", "layout": "1x1", "cameras": [room.camera]}
    mosaic_id = (await room.town.ask("POST", "/api/v1/mosaics", mosaic, who=chief)).body["id"]
    named = {"name": "Sala", "mosaic_id": mosaic_id}
    wall = (await room.town.ask("POST", "/api/v1/walls", named, who=chief)).body
    key = {"Authorization": f"Bearer {wall['key']}"}
    assert (await room.token_call(key)).status == 201
    assert (await room.call(f"/webrtc/stream_{room.camera}/whep", key)).status == 403
    assert await room.look(3) == []
    assert (await room.town.ask("DELETE", f"/api/v1/walls/{wall['id']}", who=chief)).status == 204
    assert len(await room.look()) == 1


async def test_a_suspended_city_ends_its_calls(room: Room) -> None:
    assert (await room.token_call(room.town.guard)).status == 201
    root = await room.town.served.session("root")
    path = f"/api/v1/cities/{room.town.here.public_id}"
    assert (await room.town.ask("PATCH", path, {"status": "suspended"}, who=root)).status == 200
    assert len(await room.look()) == 1


async def test_a_call_keeps_its_viewing_session_alive_and_no_longer(room: Room) -> None:
    assert (await room.token_call(room.town.guard)).status == 201
    for _ in range(100):
        assert await room.look(5) == []
    assert room.viewers == 1
    room.board.restart()
    await room.look(2)
    assert room.viewers == 1
    room.town.served.clock.pass_s(GRACE_S + 1)
    assert room.viewers == 0


async def test_a_player_that_goes_on_another_way_keeps_its_viewing_session(room: Room) -> None:
    stream = await room.watch(room.town.guard)
    token = viewing_token(stream)
    where = (await room.call(f"/webrtc/stream_{room.camera}/whep?token={token}")).headers["Location"]
    assert (await room.town.ask("DELETE", where)).status == 204
    room.town.served.clock.pass_s(GRACE_S - 1)
    assert (await room.town.ask("GET", f"/hls/stream_{room.camera}/index.m3u8?token={token}")).status == 503
    room.town.served.clock.pass_s(GRACE_S + 30)
    assert room.viewers == 1


async def test_hours_of_one_call_are_one_viewing(room: Room) -> None:
    session = await room.town.served.session("guarda")
    url = f"/webrtc/stream_{room.camera}/whep"
    assert (await room.call(url, session)).status == 201
    for _ in range(20):
        await room.look(60)
    assert (await room.call(url, session)).status == 201
    rows = (await room.town.ask("GET", "/api/v1/audit?limit=200", who=room.town.gestor)).body["items"]
    assert [row["action"] for row in rows].count("view.live") == 1


async def test_sessions_that_nobody_here_knows_are_ended(room: Room) -> None:
    left = room.board.begin(f"{room.town.here.public_id}/{room.camera}")
    assert await room.look() == [left]
    asked = len(room.board.heard)
    await room.look()
    await room.look()
    assert len(room.board.heard) == asked + 1  # the one that sees that all is settled


async def test_a_session_that_is_just_being_opened_is_left_alone(room: Room) -> None:
    room.board.hold = asyncio.Event()
    opening = asyncio.ensure_future(room.token_call(room.town.guard))

    async def began() -> bool:
        return bool(room.board.sessions)

    await until(began, 5, "the offer reaches MediaMTX")
    assert await room.look() == []
    room.board.hold.set()
    assert (await opening).status == 201
    assert await room.look() == []
    assert len(room.board.sessions) == 1


async def test_without_webrtc_there_is_no_address_and_nothing_there(tmp_path: Path) -> None:
    async with serve(tmp_path, webrtc={"enabled": False}) as served:
        town = await make_town(served)
        camera = (await served.camera(town.gestor, town.here))["id"]
        stream = (await town.ask("POST", f"/api/v1/streams?camera_id={camera}", who=town.guard)).body
        assert stream["webrtc_url"] is None
        url = f"/webrtc/stream_{camera}/whep"
        assert (await town.ask("POST", url, raw=b"v=0", who=town.guard, Content_Type=SDP)).status == 404


async def test_the_stand_in_offers_no_webrtc(room: Room) -> None:
    assert (await room.watch(room.town.guard))["webrtc_url"].startswith(f"/webrtc/stream_{room.camera}/whep?token=")
    room.town.served.site.states.mediamtx_version = "v1.20.1-standin"
    assert (await room.watch(room.town.guard))["webrtc_url"] is None
