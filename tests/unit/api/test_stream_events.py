"""A viewing session's WebSocket: what it tells, to whom, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.processes import until
from tests.unit.api.served import Served, serve, viewing_token
from vmsd.api import sockets, stream_events
from vmsd.api.sockets import SOCKETS
from vmsd.clock import rfc3339
from vmsd.model.person import Role
from vmsd.model.state import Cause, LiveState, State, StreamFacts
from vmsd.services.live_states import key_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.api.conftest import Town
    from vmsd.model.camera import Camera

WAIT_S = 8
ONLINE = LiveState(State.ONLINE, 1_795_258_800_000, None, 1_795_258_799_500, StreamFacts(bitrate=800_000))
OFFLINE = LiveState(State.OFFLINE, 1_795_258_801_000, Cause.UNKNOWN)


@dataclass
class Watched:
    """A camera, and a viewing session of it that the guard has opened."""

    town: Town
    camera: Camera
    stream: dict[str, Any]

    @property
    def served(self) -> Served:
        return self.town.served

    @property
    def path(self) -> str:
        return f"/api/v1/streams/{self.stream['session_id']}/events"

    @property
    def open_sockets(self) -> int:
        return len(self.served.site_app[SOCKETS])

    def tell(self, state: LiveState) -> None:
        self.served.daemon.states.set(key_of(self.camera), state)

    async def connect(self, who: dict[str, str] | None = None, **options: Any) -> aiohttp.ClientWebSocketResponse:
        headers = self.town.guard if who is None else who
        return await self.served.http.ws_connect(self.served.url + self.path, headers=headers, **options)

    async def refused(self, who: dict[str, str]) -> int:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await self.connect(who)
        return refusal.value.status

    async def sql(self, statement: str) -> None:
        async with self.served.base.database.write() as transaction:
            await transaction.execute(statement)

    async def all_gone(self) -> bool:
        return self.open_sockets == 0


@pytest.fixture
async def watched(town: Town) -> Watched:
    camera = await town.served.camera(town.gestor, town.here)
    answer = await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=town.guard)
    assert answer.status == 201, answer.raw
    found = await town.served.base.cameras(town.here).get(camera["id"])
    watched = Watched(town, found, answer.body)
    watched.tell(ONLINE)
    return watched


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes every few seconds comes several times a second."""
    monkeypatch.setattr(stream_events, "CHECKED_EVERY_S", 0.1)
    monkeypatch.setattr(stream_events, "VIEWING_EVERY_S", 0.1)


async def message(ws: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    async with asyncio.timeout(WAIT_S):
        while True:
            said: dict[str, Any] = await ws.receive_json()
            if said["type"] == kind:
                return said


async def end(ws: aiohttp.ClientWebSocketResponse) -> tuple[str | None, int | None]:
    """The reason it was told at last, and the code it was closed with."""
    reason = None
    async with asyncio.timeout(WAIT_S):
        async for one in ws:
            said = json.loads(one.data)
            reason = said["reason"] if said["type"] == "ended" else None
    return reason, ws.close_code


async def test_the_state_comes_first_and_then_how_it_is_watched(watched):
    ws = await watched.connect()
    async with asyncio.timeout(WAIT_S):
        state, viewing = await ws.receive_json(), await ws.receive_json()
    status = await watched.town.ask("GET", f"/api/v1/cameras/{watched.camera.public_id}/status", who=watched.town.guard)
    assert state == {
        "type": "state",
        "state": "online",
        "since": status.body["since"],
        "cause": None,
        "frame_age": status.body["last_frame_age"],
    }
    metrics = await watched.town.ask("GET", watched.path.replace("events", "metrics"), who=watched.town.guard)
    assert viewing == {"type": "viewing"} | metrics.body
    assert viewing["viewers"] == 1
    assert viewing["bitrate"] == 800_000


async def test_a_change_is_told_at_once_and_no_change_is_not(watched):
    ws = await watched.connect()
    await message(ws, "viewing")
    began = time.monotonic()
    watched.tell(replace(ONLINE, last_bytes_ms=1_795_258_799_900))
    watched.tell(OFFLINE)
    assert (await message(ws, "state"))["state"] == "offline"
    watched.tell(replace(OFFLINE, cause=Cause.PORT_CLOSED))
    assert (await message(ws, "state"))["cause"] == "port_closed"
    watched.served.daemon.states.replace({key_of(watched.camera): ONLINE, (99, 1): OFFLINE})
    assert (await message(ws, "state"))["state"] == "online"
    assert time.monotonic() - began < 1


async def test_how_it_is_watched_comes_again_and_again(watched, monkeypatch):
    monkeypatch.setattr(stream_events, "VIEWING_EVERY_S", 0.2)
    ws = await watched.connect()
    await message(ws, "viewing")
    began = time.monotonic()
    for _ in range(3):
        await message(ws, "viewing")
    assert 0.5 < time.monotonic() - began < 3


async def test_what_happens_is_told_at_first_and_when_it_happens(watched, hurried):
    ws = await watched.connect()
    first = {kind: await message(ws, kind) for kind in ("online", "viewer", "recording")}
    assert first["online"] == {"type": "online", "time": rfc3339(ONLINE.since_ms), "cause": None}
    assert first["viewer"] | {"viewers": 1} == first["viewer"]
    assert first["recording"] | {"recording": False} == first["recording"]
    path = f"/api/v1/streams?camera_id={watched.camera.public_id}"
    another = (await watched.town.ask("POST", path, who=watched.town.guard)).body
    assert (await message(ws, "viewer"))["viewers"] == 2
    await watched.town.ask("DELETE", f"/api/v1/streams/{another['session_id']}", who=watched.town.guard)
    assert (await message(ws, "viewer"))["viewers"] == 1
    watched.tell(OFFLINE)
    told = {"type": "offline", "time": rfc3339(OFFLINE.since_ms), "cause": "unknown"}
    assert await message(ws, "offline") == told
    index = watched.served.daemon._volume.index
    index.note_grown(key_of(watched.camera), 100)
    assert (await message(ws, "recording"))["recording"] is True
    watched.tell(replace(OFFLINE, cause=Cause.PORT_CLOSED))
    watched.tell(LiveState(State.STALLED, OFFLINE.since_ms + 1000, Cause.NO_DATA))
    async with asyncio.timeout(WAIT_S):
        while (said := await ws.receive_json())["type"] not in ("offline", "stalled"):
            pass
    assert (said["type"], said["cause"]) == ("stalled", "no_data")
    watched.served.clock.pass_s(13)
    assert (await message(ws, "recording"))["recording"] is False


async def test_who_may_open_it(watched):
    town, served = watched.town, watched.served
    own = {"Origin": served.url}
    session, other = await served.session("guarda"), await served.session("outra")
    token = viewing_token(watched.stream)
    for who in (
        town.guard,
        town.gestor,
        town.root | {"X-City-ID": town.here.public_id},
        session | own,
        {"Authorization": f"Bearer {token}"},
    ):
        ws = await watched.connect(who)
        assert (await message(ws, "state"))["state"] == "online"
        await ws.close()
    async with served.http.ws_connect(f"{served.url}{watched.path}?token={token}") as ws:
        assert (await message(ws, "state"))["state"] == "online"
    assert await watched.refused({}) == 401
    assert await watched.refused({"Authorization": "Bearer vmsd_nothing"}) == 401
    assert await watched.refused(town.other) == 404
    assert await watched.refused(other | own) == 404


async def test_a_page_of_another_site_opens_none_with_the_cookie(watched):
    session = await watched.served.session("guarda")
    port = watched.served.port
    for origin in ("http://evil.example", f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1.evil:{port}", "null", "["):
        assert await watched.refused(session | {"Origin": origin}) == 403
    assert await watched.refused(session) == 403
    assert watched.open_sockets == 0


async def test_a_viewing_token_opens_the_events_of_its_own_session_alone(watched):
    town = watched.town
    for who in (town.guard, town.gestor):
        path = f"/api/v1/streams?camera_id={watched.camera.public_id}"
        another = (await town.ask("POST", path, who=who)).body
        assert await watched.refused({"Authorization": f"Bearer {viewing_token(another)}"}) == 404


async def test_a_guard_does_not_see_the_sessions_of_others(watched):
    town = watched.town
    path = f"/api/v1/streams?camera_id={watched.camera.public_id}"
    watched.stream = (await town.ask("POST", path, who=town.gestor)).body
    assert await watched.refused(town.guard) == 404


async def test_a_disabled_person_is_out_within_5_s(watched):
    """With the real interval."""
    ws = await watched.connect()
    await message(ws, "viewing")
    await watched.sql("UPDATE person SET status = 'disabled' WHERE name = 'guarda'")
    began = time.monotonic()
    assert await end(ws) == ("logged_out", 1008)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE person SET status = 'disabled' WHERE name = 'guarda'", "logged_out"),
        ("DELETE FROM session", "logged_out"),
        ("UPDATE session SET seen_ms = 0", "logged_out"),
        ("DELETE FROM person_right", "not_allowed"),
        ("UPDATE person_right SET verbs = 'export'", "not_allowed"),
        ("UPDATE city SET status = 'suspended'", "not_allowed"),
        ("UPDATE person SET must_change = 1 WHERE name = 'guarda'", "not_allowed"),
        ("UPDATE person_right SET group_id = 1", "not_found"),
    ],
)
@pytest.mark.usefixtures("hurried")
async def test_a_right_that_is_taken_away_ends_it(watched, statement, reason):
    groups = "INSERT INTO camera_group (city_id, id, public_id, name, created_ms, changed_ms) "
    await watched.sql(groups + f"VALUES ({watched.town.here.id}, 1, '{watched.camera.public_id}', 'Norte', 0, 0)")
    who = await watched.served.session("guarda")
    ws = await watched.connect(who | {"Origin": watched.served.url})
    await message(ws, "viewing")
    await message(ws, "viewing")
    await watched.sql(statement)
    assert await end(ws) == (reason, 1008)


@pytest.mark.usefixtures("hurried")
async def test_a_token_that_is_deleted_ends_it(watched):
    ws = await watched.connect()
    await message(ws, "viewing")
    await watched.sql("DELETE FROM api_token")
    assert await end(ws) == ("logged_out", 1008)


@pytest.mark.usefixtures("hurried")
async def test_what_a_viewing_token_was_opened_with_must_still_count(watched):
    ws = await watched.connect({"Authorization": f"Bearer {viewing_token(watched.stream)}"})
    await message(ws, "viewing")
    await watched.sql("DELETE FROM api_token")
    assert await end(ws) == ("logged_out", 1008)


@pytest.mark.usefixtures("hurried")
async def test_a_gestor_who_becomes_a_guard_looks_on_no_more(watched):
    ws = await watched.connect(watched.town.gestor)
    await message(ws, "viewing")
    await watched.sql(
        "INSERT INTO person_right (city_id, person_id, group_id, verbs) "
        "SELECT city_id, id, 0, 'view replay' FROM person WHERE name = 'gestora'"
    )
    await watched.sql("UPDATE person SET role = 'USER' WHERE name = 'gestora'")
    assert await end(ws) == ("not_found", 1008)


@pytest.mark.usefixtures("hurried")
async def test_a_camera_that_is_removed_ends_it(watched):
    ws = await watched.connect()
    await message(ws, "viewing")
    path = f"/api/v1/cameras/{watched.camera.public_id}"
    assert (await watched.town.ask("DELETE", path, who=watched.town.gestor)).status == 204
    assert await end(ws) == ("not_found", 1008)


@pytest.mark.usefixtures("hurried")
async def test_a_session_that_is_closed_ends_it(watched):
    sockets_ = [await watched.connect(who) for who in (watched.town.guard, watched.town.gestor)]
    for ws in sockets_:
        await message(ws, "viewing")
    path = watched.path.removesuffix("/events")
    assert (await watched.town.ask("DELETE", path, who=watched.town.guard)).status == 204
    assert [await end(ws) for ws in sockets_] == [("session_closed", 1000)] * 2


@pytest.mark.usefixtures("hurried")
async def test_while_it_is_open_the_viewing_session_lives(watched):
    path, ws = watched.path.removesuffix("/events"), await watched.connect()
    for _ in range(4):
        await message(ws, "viewing")
        await message(ws, "viewing")
        watched.served.clock.pass_s(50)
    await message(ws, "viewing")
    await message(ws, "viewing")
    assert (await watched.town.ask("GET", path, who=watched.town.guard)).status == 200
    await ws.close()
    await until(watched.all_gone, WAIT_S, "the server has noticed")
    watched.served.clock.pass_s(61)
    assert (await watched.town.ask("GET", path, who=watched.town.guard)).status == 404


@pytest.mark.usefixtures("hurried")
async def test_somebody_else_who_looks_on_prolongs_nothing(watched):
    ws = await watched.connect(watched.town.gestor)
    await message(ws, "viewing")
    watched.served.clock.pass_s(50)
    await message(ws, "viewing")
    await message(ws, "viewing")
    watched.served.clock.pass_s(11)
    assert await end(ws) == ("session_closed", 1000)


async def test_it_takes_no_messages(watched):
    for say in ("send_str", "send_bytes"):
        ws = await watched.connect()
        await getattr(ws, say)("{}" if say == "send_str" else b"\x00")
        assert await end(ws) == ("unsupported_message", 1003)
    ws = await watched.connect()
    await ws.send_str("x" * 4000)
    assert await end(ws) == ("unsupported_message", 1003)
    ws = await watched.connect()
    await ws.send_str("x" * 5000)
    assert (await end(ws))[1] == 1009
    await until(watched.all_gone, WAIT_S, "all of them are gone")


async def test_who_goes_is_forgotten(watched):
    ws = await watched.connect()
    await message(ws, "viewing")
    assert watched.open_sockets == 1
    await ws.close()
    await until(watched.all_gone, WAIT_S, "the server has noticed")
    assert not watched.served.daemon.states._listeners


async def test_one_person_has_so_many_and_all_together_so_many(watched):
    limits = watched.served.site_app[SOCKETS]
    limits._limit, limits._limit_each = 3, 2
    guards = [await watched.connect() for _ in range(2)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await watched.connect()
    assert refusal.value.status == 429
    assert refusal.value.headers["Retry-After"]
    gestor = await watched.connect(watched.town.gestor)
    assert await watched.refused(watched.town.gestor) == 429
    for ws in guards:
        await ws.close()

    async def is_room() -> bool:
        return watched.open_sockets == 1

    await until(is_room, WAIT_S, "there is room again")
    assert (await message(await watched.connect(), "state"))["state"] == "online"
    await gestor.close()


async def test_what_asks_for_no_websocket_is_told_to(watched):
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "x",
        "Sec-WebSocket-Version": "13",
    }
    for method, headers in (("GET", {}), ("HEAD", {}), ("GET", handshake)):
        answer = await watched.town.ask(method, watched.path, who=watched.town.guard | headers)
        assert answer.status == 426
        assert answer.headers["Upgrade"] == "websocket"
        assert answer.headers["Sec-WebSocket-Version"] == "13"
        assert answer.content_type == "application/problem+json"
    assert (await watched.town.ask("POST", watched.path, raw=b"{}", who=watched.town.guard)).status == 405
    assert (await watched.town.ask("GET", watched.path)).status == 401


async def test_nothing_is_compressed(watched):
    ws = await watched.connect(compress=15)
    assert "Sec-WebSocket-Extensions" not in ws._response.headers
    assert (await message(ws, "state"))["state"] == "online"


async def test_a_subprotocol_is_refused_and_not_written_down(watched, caplog):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await watched.connect(protocols=("canario-segredo",))
    assert refusal.value.status == 400
    assert "canario" not in caplog.text


async def test_a_bug_ends_it_and_says_so(watched, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(stream_events._Telling, "_viewing", broken)
    assert await end(await watched.connect()) == ("error", 1011)


# Spoken to byte by byte.


class Raw:
    """A client that reads, answers and leaves only when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, watched: Watched) -> Raw:
        plain = socket.create_connection(("127.0.0.1", watched.served.port))
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=plain, limit=4096)
        raw = cls(reader, writer)
        head = [f"GET {watched.path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
        head += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"]
        head += [f"{name}: {value}" for name, value in watched.town.guard.items()]
        writer.write("\r\n".join([*head, "", ""]).encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        return raw

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        return first & 0x0F, await self.reader.readexactly(size)

    def send(self, opcode: int, payload: bytes = b"") -> None:
        self.writer.write(bytes([0x80 | opcode, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)

    async def closed_with(self) -> int | None:
        """Reads to the end; None when it was cut without a word."""
        code = None
        async with asyncio.timeout(WAIT_S):
            try:
                while True:
                    opcode, payload = await self.frame()
                    if opcode == 8:
                        code = struct.unpack("!H", payload[:2])[0]
            except (asyncio.IncompleteReadError, ConnectionError):
                return code
            finally:
                self.writer.close()


async def test_a_ping_is_answered(watched):
    raw = await Raw.connect(watched)
    raw.send(9, b"oi")
    async with asyncio.timeout(WAIT_S):
        while (await raw.frame()) != (10, b"oi"):
            pass
    raw.writer.close()


async def test_a_peer_that_answers_no_ping_is_dropped(watched, monkeypatch):
    monkeypatch.setattr(sockets, "PING_EVERY_S", 0.4)
    raw, lively = await Raw.connect(watched), await watched.connect()
    states: list[str] = []

    async def read() -> None:
        async for one in lively:
            states.extend([said["state"]] if (said := json.loads(one.data))["type"] == "state" else [])

    reading = asyncio.create_task(read())
    assert await raw.closed_with() is None

    async def one_is_left() -> bool:
        return watched.open_sockets == 1

    await until(one_is_left, WAIT_S, "the silent one is gone")
    watched.tell(OFFLINE)

    async def both_were_told() -> bool:
        return states == ["online", "offline"]

    await until(both_were_told, WAIT_S, "the lively one is told on")
    await lively.close()
    await reading


def test_dead_peers_are_dropped_within_45_s():
    assert sockets.PING_EVERY_S <= 20
    assert sockets.PING_EVERY_S * 1.5 <= 45


async def test_who_does_not_read_is_left_and_costs_no_memory(watched, monkeypatch):
    monkeypatch.setattr(sockets, "CLOSE_S", 3.0)
    raw, lively = await Raw.connect(watched), await watched.connect()
    await message(lively, "viewing")
    buffered = []
    transports = [one._transport for one in watched.served.site_app[SOCKETS]._open]
    for number in range(40_000):
        watched.tell(replace(OFFLINE, since_ms=OFFLINE.since_ms + number))
        await message(lively, "state")
        buffered.append(max(one.get_write_buffer_size() for one in transports))
        if watched.open_sockets == 1 or any(one.ending for one in watched.served.site_app[SOCKETS]._open):
            break
    assert max(buffered) < 2 * sockets.BACKLOG_BYTES
    assert await raw.closed_with() == 1013
    watched.tell(ONLINE)
    assert (await message(lively, "state"))["state"] == "online"


async def test_who_pings_and_does_not_read_is_left_too(watched, monkeypatch):
    monkeypatch.setattr(stream_events, "VIEWING_EVERY_S", 1000)
    raw = await Raw.connect(watched)
    (opened,) = watched.served.site_app[SOCKETS]._open
    async with asyncio.timeout(20):
        while b"viewing" not in (await raw.frame())[1]:
            pass
        while not opened.ending:
            for _ in range(500):
                raw.send(9, b"x" * 125)
            assert opened._transport.get_write_buffer_size() < 4 * sockets.BACKLOG_BYTES
            await asyncio.sleep(0)
    assert opened.ending is sockets.SLOW
    raw.writer.transport.abort()


async def test_too_many_messages_at_once_are_too_many(watched):
    ws = await watched.connect()
    await message(ws, "viewing")
    (opened,) = watched.served.site_app[SOCKETS]._open
    for number in range(sockets.QUEUED + 1):
        opened.put({"type": "test", "number": number})
    assert (await end(ws))[1] == 1013


# The daemon stops.


async def open_town(served: Served) -> Watched:
    city = await served.city("Aqui")
    await served.person("gestora", Role.GESTOR, city)
    gestor = await served.token("gestora")

    class Alone:
        guard = gestor

    town: Any = Alone()
    town.served = served
    camera = await served.camera(gestor, city)
    answer = await served.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=gestor)
    return Watched(town, await served.base.cameras(city).get(camera["id"]), answer.body)


async def test_when_the_daemon_stops_everybody_is_told_in_time(tmp_path: Path):
    async with aiohttp.ClientSession() as http:
        async with serve(tmp_path) as served:
            watched = await open_town(served)
            url = served.url + watched.path
            opened = [await http.ws_connect(url, headers=watched.town.guard) for _ in range(20)]
            silent = [await Raw.connect(watched) for _ in range(3)]
            for ws in opened:
                await message(ws, "viewing")
            reading = asyncio.gather(*(end(ws) for ws in opened))
            began = time.monotonic()
        took_s = time.monotonic() - began
        assert await reading == [("shutdown", 1001)] * 20
    assert took_s < 2
    assert [await raw.closed_with() for raw in silent] == [1001] * 3
