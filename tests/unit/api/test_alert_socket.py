"""The WebSocket of what happens: who hears what of it, how rights that change are noticed, and who does not read."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.processes import until
from tests.unit.api.alert_room import Room
from vmsd.api import alert_socket
from vmsd.api.sockets import SOCKETS
from vmsd.model.alert import AlertKind
from vmsd.model.person import Role, Verb
from vmsd.services.feed import Batch, News, encode, frame_of

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

WAIT_S = 8


@pytest.fixture
def room(town: Town) -> Room:
    return Room(town)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_socket, "CHECKED_EVERY_S", 0.1)


async def connect(town: Town, who: dict[str, str] | None, query: str = "", **headers: str) -> Any:
    sent = {**(who or {}), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await town.served.http.ws_connect(f"{town.served.url}/ws/alerts{query}", headers=sent)


async def greeted(town: Town, who: dict[str, str] | None, query: str = "", **headers: str) -> Any:
    """Connected, and past the greeting."""
    ws = await connect(town, who, query, **headers)
    assert (await heard(ws))["type"] == "hello"
    return ws


async def heard(ws: Any) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        said: dict[str, Any] = await ws.receive_json()
    return said


def publish(town: Town, body: dict[str, Any], **said: Any) -> None:
    """Something that happened in the city that is here."""
    town.served.daemon.guards_room.feed.publish(News(**{"city_id": town.here.id, "body": body} | said))


async def refusal(town: Town, who: dict[str, str] | None, query: str = "", **headers: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(town, who, query, **headers)
    return refused.value.status


async def test_the_counts_come_first_and_then_every_step_of_an_alert(town, room):
    before = await room.raised("a")
    ws = await connect(town, town.guard)
    hello = await heard(ws)
    assert hello["counts"] == {"new": 1, "acknowledged": 0, "on_hold": 0, "mine": 0, "loudest": "warning"}
    camera = await room.camera()
    alert = await room.raised("b", camera=camera, level="critical")
    told = await heard(ws)
    assert (told["type"], told["event"], told["id"]) == ("alert", "raised", alert.public_id)
    assert (told["camera_id"], told["camera_name"]) == (camera.public_id, camera.name)
    for state, event in (("acknowledged", "changed"), ("closed", "closed")):
        await town.ask("PATCH", f"/api/v1/alerts/{before.public_id}", {"state": state}, who=town.guard)
        told = await heard(ws)
        assert (told["event"], told["state"], told["owner"]["name"]) == (event, state, "guarda")


async def test_two_cities_never_hear_of_each_other_and_a_superadmin_hears_whom_they_name(town, room):
    here, there = await greeted(town, town.guard), await greeted(town, town.other)
    all_of_it = await greeted(town, town.root)
    one = await greeted(town, town.root, f"?city_id={town.there.public_id}")
    mine, theirs = await room.raised("a"), await room.raised("a", town.there)
    assert (await heard(here))["id"] == mine.public_id
    assert [(await heard(all_of_it))["id"] for _ in range(2)] == [mine.public_id, theirs.public_id]
    for ws in (there, one):
        assert (await heard(ws))["id"] == theirs.public_id
    publish(town, {"type": "mark"})
    assert (await heard(here))["type"] == "mark"
    assert await refusal(town, town.guard, f"?city_id={town.there.public_id}") == 404
    assert await refusal(town, town.root, "?city_id=00000000-0000-4000-8000-000000000000") == 404


async def test_it_takes_an_api_token_in_the_address_and_no_other_sites_cookie(town):
    secret = town.guard["Authorization"].removeprefix("Bearer ")
    await greeted(town, None, f"?token={secret}")
    cookie = await town.served.session("guarda")
    await greeted(town, cookie, Origin=town.served.url)
    assert await refusal(town, cookie, Origin="http://elsewhere.example") == 403
    assert await refusal(town, cookie) == 403
    for query in ("?token=vmsd_wrong", "?token=x", ""):
        assert await refusal(town, None, query) == 401
    assert await refusal(town, town.guard, "?tokn=x") == 422


async def test_the_log_never_shows_the_token_in_the_address(town, capfd):
    secret = town.guard["Authorization"].removeprefix("Bearer ")
    await greeted(town, None, f"?token={secret}")
    await refusal(town, None, f"?token={secret}x")
    assert secret not in "".join(capfd.readouterr())


async def test_who_lacks_the_right_to_plates_hears_without_them(town, room):
    camera = await room.camera(group="Entrada")
    await town.served.person("sem placas", Role.USER, town.here, {camera.group_id: frozenset({Verb.VIEW})})
    masked, told = await greeted(town, await town.served.token("sem placas")), await greeted(town, town.guard)
    detection = await room.detection(camera, "BRA2E19")
    await room.raised(kind=AlertKind.WANTED_PLATE, camera=camera, detection_id=detection, facts={"reason": "roubo"})
    full, without = await heard(told), await heard(masked)
    assert (full["facts"]["plate"], without["facts"]) == ("BRA2E19", {})
    assert without["image_url"] is None
    publish(town, {"type": "detection", "plate": "X"}, camera=camera, masked={"type": "detection", "plate": None})
    assert ((await heard(told))["plate"], (await heard(masked))["plate"]) == ("X", None)


async def test_rights_that_change_are_noticed_in_both_directions(town, room, hurried):
    square, yard = await room.camera(group="Praça"), await room.camera(group="Pátio")
    person = await town.served.person("nova", Role.USER, town.here, {square.group_id: frozenset({Verb.VIEW})})
    ws = await greeted(town, await town.served.token("nova"))

    async def hears(camera: Any) -> bool:
        """Of two that follow each other the second comes in any case."""
        publish(town, {"n": "asked"}, camera=camera)
        publish(town, {"n": "end"})
        said = [(await heard(ws))["n"]]
        while said[-1] != "end":
            said.append((await heard(ws))["n"])
        return "asked" in said

    async def only_the_yard() -> bool:
        return await hears(yard) and not await hears(square)

    assert (await hears(square), await hears(yard)) == (True, False)
    path = f"/api/v1/users/{person.public_id}"
    assert (await town.ask("PATCH", path, {"groups": ["Pátio"]}, who=town.gestor)).status == 200
    await until(only_the_yard, WAIT_S, "what may be seen has changed")


async def test_it_ends_when_its_caller_may_not_come_in_any_more(town, room, hurried):
    await town.served.person("de saída", Role.USER, town.here)
    ws = await greeted(town, await town.served.token("de saída"))
    async with town.served.base.database.write() as transaction:
        await transaction.execute("UPDATE person SET status = 'disabled' WHERE name = 'de saída'")
    ended = await heard(ws)
    assert ended == {"type": "ended", "reason": "logged_out"}
    async with asyncio.timeout(WAIT_S):
        await ws.receive()
    assert ws.close_code == 1008


async def test_who_does_not_read_loses_what_waits_is_told_so_and_hears_again(town):
    """Over a socket whose buffers hold little, so that it is behind soon."""
    reader, writer = await slow_client(town)
    open_sockets = town.served.site_app[SOCKETS]
    publish(town, {"type": "mark", "n": "first"})
    for number in range(400):
        publish(town, {"type": "mark", "n": number, "pad": "x" * 4000})
        await asyncio.sleep(0)
        if number % 50 == 0:
            await asyncio.sleep(0.02)
    assert len(open_sockets) == 1
    found: list[Any] = []
    async with asyncio.timeout(WAIT_S):
        while {"type": "resync"} not in found:
            found.append(await read_message(reader))
    publish(town, {"type": "mark", "n": "last"})
    async with asyncio.timeout(WAIT_S):
        while (last := await read_message(reader)).get("n") != "last":
            found.append(last)
    numbers = [one["n"] for one in found if isinstance(one.get("n"), int)]
    assert numbers == sorted(numbers)
    assert len(numbers) < 400
    writer.close()


async def slow_client(town: Town) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """It has shaken hands and heard the greeting, and reads nothing unless asked to."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", town.served.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=8192)
    lines = [
        "GET /ws/alerts HTTP/1.1",
        f"Host: 127.0.0.1:{town.served.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        f"Authorization: {town.guard['Authorization']}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    assert (await read_message(reader))["type"] == "hello"
    return reader, writer


async def read_message(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next text message; pings are left out."""
    while True:
        first, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await reader.readexactly(8), "big")
        payload = await reader.readexactly(size)
        if first == 0x81:
            said: dict[str, Any] = json.loads(payload)
            return said


async def test_every_socket_is_gone_from_the_feed_when_its_client_is(town):
    feed = town.served.daemon.guards_room.feed
    sockets = [await greeted(town, town.guard) for _ in range(3)]
    assert len(feed) == 3
    for ws in sockets:
        await ws.close()

    async def nobody() -> bool:
        return len(feed) == 0

    await until(nobody, WAIT_S, "the feed has let go of them")


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 200_000])
async def test_a_frame_of_any_size_is_read_by_a_websocket_client(town, size):
    ws = await greeted(town, town.guard)
    publish(town, {"pad": "x" * size})
    assert len((await heard(ws))["pad"]) == size


async def test_a_text_is_made_once_however_many_are_told_it(town, monkeypatch):
    made: list[bytes] = []
    monkeypatch.setattr("vmsd.services.feed.frame_of", lambda message: made.append(message) or frame_of(message))
    several = [await greeted(town, town.guard) for _ in range(5)]
    publish(town, {"type": "mark", "n": 1})
    assert [(await heard(ws))["n"] for ws in several] == [1] * 5
    assert made == [encode({"type": "mark", "n": 1})]
    assert Batch((b"{}",)).frames == b"\x81\x02{}"
