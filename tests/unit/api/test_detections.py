"""`/api/v1/detections` and `/api/v1/wanted-plates`: for who may see plates, and not for ever."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.support.plates import jpeg, reading, signed_body
from tests.unit.api.served import Served, serve
from tests.unit.api.test_webhooks import DETECTIONS, KEYS, LPR, WANTED, now
from tests.unit.tasks.export_box import START_MS, put_segment
from tests.unit.tasks.recording_box import Camera
from vmsd.clock import rfc3339
from vmsd.host.tree import Folder
from vmsd.model.destination import FOLDED
from vmsd.model.person import Role, Verb
from vmsd.services.feed import Batch, View
from vmsd.store.database import Statements
from vmsd.store.detections import NewDetection, insert
from vmsd.store.scope import CityStatements

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

DAY_S = 86_400


class Gate:
    """A camera, and the key its plates are reported with."""

    def __init__(self, town: Town, secret: str, camera_id: str) -> None:
        self.town, self.secret, self.camera_id = town, secret, camera_id

    async def read(self, plate: str, **more: Any) -> dict[str, Any]:
        """A plate, a minute after the one before."""
        self.town.served.clock.pass_s(60)
        body = reading(self.camera_id, now(self.town), plate, **more)
        answer = await self.town.ask("POST", LPR, raw=signed_body(self.secret, body))
        assert answer.status == 202, answer.raw
        return answer.body

    async def found(self, query: str = "", who: dict[str, str] | None = None) -> list[str | None]:
        answer = await self.town.ask("GET", DETECTIONS + query, who=who or self.town.gestor)
        assert answer.status == 200, answer.raw
        return [one["plate"] for one in answer.body["items"]]

    def task(self, name: str) -> Any:
        return self.town.served.daemon._runner(name).task


async def open_gate(town: Town) -> Gate:
    town.served.base.keeper.begin(None)
    secret = (await town.ask("POST", KEYS, {"name": "Leitor"}, who=town.gestor)).body["secret"]
    camera = await town.served.camera(town.root, town.here, name="Entrada", group="Rua")
    return Gate(town, secret, camera["id"])


@pytest.fixture
async def gate(town: Town) -> Gate:
    return await open_gate(town)


async def test_plates_are_found_whole_in_part_and_alike_by_camera_and_period(gate: Gate):
    town = gate.town
    start = now(town)
    for plate in ("ABC1D23", "ABC1323", "XYZ9876", "A8C1D23", "AB123CD"):
        await gate.read(plate)
    assert await gate.found() == ["AB123CD", "A8C1D23", "XYZ9876", "ABC1323", "ABC1D23"]
    assert await gate.found("?plate=abc-1d23") == ["ABC1D23"]
    assert await gate.found("?plate=C1") == ["A8C1D23", "ABC1323", "ABC1D23"]
    assert await gate.found("?plate=A*23") == ["A8C1D23", "ABC1323", "ABC1D23"]
    assert await gate.found("?plate=ABC1D24") == []
    assert await gate.found("?plate=ABC1D24&fuzzy=true") == ["A8C1D23", "ABC1323", "ABC1D23"]
    assert await gate.found(f"?start={start}&end={now(town)}") == ["A8C1D23", "XYZ9876", "ABC1323", "ABC1D23"]
    assert await gate.found(f"?camera_id={gate.camera_id}&limit=1") == ["AB123CD"]
    page = (await town.ask("GET", f"{DETECTIONS}?limit=2", who=town.gestor)).body
    rest = (await town.ask("GET", f"{DETECTIONS}?limit=9&cursor={page['next']}", who=town.gestor)).body
    assert [one["plate"] for one in rest["items"]] == ["XYZ9876", "ABC1323", "ABC1D23"]
    for wrong in ("plate=***", "fuzzy=perhaps", "start=2026", "limit=0", f"cursor={gate.camera_id}", "camera_id=7"):
        assert (await town.ask("GET", f"{DETECTIONS}?{wrong}", who=town.gestor)).status == 422, wrong
    assert await gate.found(who=town.other) == []


async def test_only_who_may_see_plates_sees_them(gate: Gate):
    town = gate.town
    answer = await gate.read("ABC1D23", imagem_base64=base64.b64encode(jpeg()).decode())
    await town.served.person("cega", Role.USER, town.here, {0: frozenset({Verb.VIEW, Verb.REPLAY})})
    blind = await town.served.token("cega")
    image = f"{DETECTIONS}/{answer['id']}/image.jpg"
    for path in (DETECTIONS, f"{DETECTIONS}.csv", f"{DETECTIONS}/{answer['id']}", image, WANTED):
        assert (await town.ask("GET", path, who=blind)).status == 403, path
    for path in (DETECTIONS, f"{DETECTIONS}/{answer['id']}", image):
        assert (await town.ask("GET", path, who=town.guard)).status == 200, path
    stream = (await town.ask("POST", f"/api/v1/streams?camera_id={gate.camera_id}", who=town.guard)).body
    token = stream["hls_url"].rpartition("token=")[2]
    assert (await town.ask("GET", f"{image}?token={token}")).status == 200
    other = await town.served.camera(town.root, town.here, name="Outra")
    stream = (await town.ask("POST", f"/api/v1/streams?camera_id={other['id']}", who=town.guard)).body
    token = stream["hls_url"].rpartition("token=")[2]
    assert (await town.ask("GET", f"{image}?token={token}")).status == 404, "another camera's token"
    assert (await town.ask("POST", WANTED, {"plate": "ABC1D23", "reason": "x"}, who=town.guard)).status == 403


async def test_news_of_a_plate_hide_it_from_who_may_not_see_it(gate: Gate):
    town, heard = gate.town, {"all": [], "blind": []}
    feed = town.served.site.feed

    def listen(name: str) -> Any:
        def take(batch: Batch) -> None:
            heard[name] += batch.messages

        return take

    everything = View(town.here.id, None, None, Role.USER)
    blind = View(town.here.id, None, frozenset(), Role.USER)
    with feed.listening(everything, listen("all")), feed.listening(blind, listen("blind")):
        taken = await gate.read("ABC1D23")
        await gate.read("XYZ9876")
    assert taken["id"].encode() in heard["all"][0]
    assert b"ABC1D23" in heard["all"][0]
    assert taken["id"].encode() in heard["blind"][0]
    assert b"ABC1D23" not in b"".join(heard["blind"])


async def test_the_table_has_no_formula_and_its_taking_is_written_down(gate: Gate):
    town = gate.town
    await gate.read("ABC1D23")
    camera = {"name": '=HYPERLINK("x")'}
    assert (await town.ask("PATCH", f"/api/v1/cameras/{gate.camera_id}", camera, who=town.gestor)).status == 200
    answer = await town.ask("GET", f"{DETECTIONS}.csv?plate=ABC1D23", who=town.gestor)
    assert (answer.status, answer.content_type) == (200, "text/csv")
    head, row = csv.reader(io.StringIO(answer.raw.decode("utf-8-sig")))
    cells = dict(zip(head, row, strict=True))
    assert (cells["plate"], cells["place"]) == ("ABC1D23", "Rua / Entrada")
    assert cells["camera"] == '\'=HYPERLINK("x")'
    entries = (await town.ask("GET", "/api/v1/audit?action=detections", who=town.gestor)).body["items"]
    assert [entry["action"] for entry in entries] == ["detections.exported"]
    await gate.found("?plate=ABC1D23")
    await gate.found("?plate=ABC1D23&limit=1")
    log = await town.ask("GET", "/api/v1/audit", who=town.gestor)
    assert [one["action"] for one in log.body["items"]].count("detections.searched") == 1, "one look is one row"
    assert b"ABC1D23" not in log.raw, "a log that cannot be cleared names no plate"


async def test_wanted_plates_end_change_and_go(gate: Gate):
    town = gate.town
    until = now(town, ahead_s=600)
    made = await town.ask("POST", WANTED, {"plate": "ABC1D23", "reason": "Furto", "until": until}, who=town.gestor)
    place = f"{WANTED}/{made.body['id']}"
    assert made.headers["Location"] == place
    assert (made.body["level"], made.body["until"], made.body["by"]["name"]) == ("critical", until, "gestora")
    changed = await town.ask("PATCH", place, {"level": "info"}, who=town.gestor)
    assert (changed.body["level"], changed.body["until"], changed.body["reason"]) == ("info", until, "Furto")
    assert (await town.ask("PATCH", place, {"plate": "XYZ1234"}, who=town.gestor)).pointers == {"/plate"}
    assert (await town.ask("PATCH", place, {"until": now(town)}, who=town.gestor)).pointers == {"/until"}
    assert (await gate.read("ABC1D23"))["alert_id"]
    town.served.clock.pass_s(600)
    assert (await gate.read("ABC1D23"))["alert_id"] is None, "its time is over"
    again = await town.ask("POST", WANTED, {"plate": "ABC1D23", "reason": "Furto"}, who=town.gestor)
    assert again.status == 201
    assert (await town.ask("GET", place, who=town.gestor)).status == 404
    assert (await town.ask("GET", f"{WANTED}/{again.body['id']}", who=town.other)).status == 404
    (only,) = (await town.ask("GET", WANTED, who=town.guard)).body["items"]
    assert only["id"] == again.body["id"]


async def test_after_its_days_a_plate_is_nowhere_in_clear(gate: Gate):
    """Neither in the database nor beside it, byte by byte; that it was so is written down, with how many."""
    town, served = gate.town, gate.town.served
    await town.ask("POST", WANTED, {"plate": "QQZ7W77", "reason": "Furto"}, who=town.gestor)
    crop = base64.b64encode(jpeg()).decode()
    ids = [(await gate.read("QQZ7W77", imagem_base64=crop))["id"]]
    ids += [(await gate.read(f"QQZ7W{number:02}", imagem_base64=crop))["id"] for number in range(20)]
    for wanted in (await town.ask("GET", WANTED, who=town.gestor)).body["items"]:
        await town.ask("DELETE", f"{WANTED}/{wanted['id']}", who=town.gestor)
    assert traces(served, b"QQZ7W")
    anonymiser = gate.task("anonymiser")
    served.clock.pass_s(29 * DAY_S)
    await anonymiser.once()
    assert len(await gate.found("?plate=QQZ7W")) == 21
    served.clock.pass_s(1 * DAY_S + 3600)
    served.clock.wall += 90 * DAY_S * 1000
    await anonymiser.once()
    served.clock.wall -= 90 * DAY_S * 1000
    assert len(await gate.found("?plate=QQZ7W")) == 21, "a clock that jumped ahead makes nothing anonymous"
    recent = await gate.read("ABC1D23", imagem_base64=crop)
    await anonymiser.once()
    assert traces(served, b"QQZ7W") == []
    answer = (await town.ask("GET", f"{DETECTIONS}?limit=50", who=town.gestor)).body["items"]
    assert {one["id"]: one["plate"] for one in answer} == dict.fromkeys(ids) | {recent["id"]: "ABC1D23"}
    old = next(one for one in answer if one["id"] == ids[0])
    assert (old["facts"], old["image_url"], bool(old["anonymised_at"]), old["wanted"]) == ({}, None, True, True)
    assert (await town.ask("GET", f"{DETECTIONS}/{ids[0]}/image.jpg", who=town.gestor)).status == 404
    assert (await town.ask("GET", f"{DETECTIONS}/{recent['id']}/image.jpg", who=town.gestor)).status == 200
    alerts = (await town.ask("GET", "/api/v1/alerts?kind=wanted_plate", who=town.gestor)).body["items"]
    assert all(alert["facts"].get("plate") is None and "wanted_plate" not in alert["facts"] for alert in alerts)
    told = (await town.ask("GET", "/api/v1/audit?action=detections.anonymised", who=town.gestor)).body["items"]
    assert sum(entry["facts"]["detections"] for entry in told) == 21


async def test_what_was_received_by_a_clock_far_behind_is_known_as_long_as_all_else(gate: Gate):
    """A box without a battery wakes up in 1970; what it is told then is not old when the clock is right again."""
    served, anonymiser = gate.town.served, gate.task("anonymiser")
    assert served.base.keeper.look().trusted
    right_ms = served.clock.wall
    served.clock.wall = 1_000_000
    assert not served.base.keeper.look().trusted
    answer = await gate.read("ABC1D23", imagem_base64=base64.b64encode(jpeg()).decode())
    served.clock.wall += right_ms - 1_000_000
    assert served.base.keeper.look().trusted
    await anonymiser.once()
    assert await gate.found() == ["ABC1D23"]
    image = await gate.town.ask("GET", f"{DETECTIONS}/{answer['id']}/image.jpg", who=gate.town.gestor)
    assert image.status == 200
    served.clock.pass_s(31 * DAY_S)
    await anonymiser.once()
    assert await gate.found() == [None]


async def test_what_waits_for_somebody_who_is_away_holds_no_plate_after_its_days(gate: Gate):
    """Alarms still go out, without the plate; the rest is only counted."""
    town, served = gate.town, gate.town.served
    for topic in ("deteccoes.lpr", "alertas.novo"):
        body = {"kind": "webhook", "name": "x", "url": "https://192.0.2.7/", "topics": [topic]}
        assert (await town.ask("POST", "/api/v1/destinations", body, who=town.gestor)).status == 201
    await town.ask("POST", WANTED, {"plate": "QQZ7W77", "reason": "Furto"}, who=town.gestor)
    for plate in ("QQZ7W01", "QQZ7W71", "QQZ7W77"):
        await gate.read(plate)
    for wanted in (await town.ask("GET", WANTED, who=town.gestor)).body["items"]:
        await town.ask("DELETE", f"{WANTED}/{wanted['id']}", who=town.gestor)
    before = await waiting(served)
    assert len(before) == 4
    served.clock.pass_s(29 * DAY_S)
    await gate.task("anonymiser").once()
    assert await waiting(served) == before
    served.clock.pass_s(1 * DAY_S + 7200)
    await gate.task("anonymiser").once()
    assert traces(served, b"QQZ7W") == []
    after = await waiting(served)
    assert [topic for topic, _ in after] == [FOLDED, "alertas.novo", "deteccoes.lpr", "deteccoes.lpr"]
    assert json.loads(dict(after)[FOLDED])["topics"] == {"deteccoes.lpr": 1}
    assert json.loads(dict(after)["alertas.novo"])["facts"]["reason"] == "Furto"
    await gate.task("anonymiser").once()
    assert await waiting(served) == after


async def waiting(served: Served) -> list[tuple[str, str]]:
    """What has to go out still."""
    return [(row["topic"], row["body"]) for row in await served.base.database.read("SELECT * FROM outbox ORDER BY id")]


def traces(served: Served, text: bytes) -> list[str]:
    """The files of the box in which it stands."""
    folder = served.site.settings.data_dir
    return [
        str(file.relative_to(folder))
        for file in Path(folder).rglob("*")
        if file.is_file() and text in file.read_bytes()
    ]


async def test_hashes_link_readings_of_a_month_until_its_key_is_destroyed_and_rows_go_at_last(gate: Gate):
    served = gate.town.served
    keys = served.site.settings.data_dir / "keys" / "plates"
    for plate in ("ABC1D23", "XYZ9876", "ABC1323"):
        await gate.read(plate)
    served.clock.pass_s(31 * DAY_S)
    await gate.task("anonymiser").once()
    rows = await served.base.database.read("SELECT plate_hash FROM detection ORDER BY id")
    first, second, third = [row["plate_hash"] for row in rows]
    assert first == third != second
    assert len(list(keys.iterdir())) == 1
    served.clock.pass_s(215 * DAY_S)
    await gate.task("anonymiser").once()
    assert list(keys.iterdir()) == []
    served.clock.pass_s(150 * DAY_S)
    await gate.task("anonymiser").once()
    assert await gate.found(who=await served.token("gestora")) == []


async def test_pictures_take_no_more_room_than_they_may(tmp_path: Path):
    async with serve(tmp_path, plates={"images_bytes": 1024**2}) as served:
        from tests.unit.api.conftest import make_town

        gate = await open_gate(await make_town(served))
        crop = jpeg(800, 600)
        each = base64.b64encode(crop).decode()
        count = 1024**2 // len(crop) + 5
        ids = [(await gate.read(f"AAA{number:04}", imagem_base64=each))["id"] for number in range(count)]
        await gate.task("crop_room").once()
        folder = served.site.settings.data_dir / "plates"
        assert sum(file.stat().st_size for file in folder.rglob("*.jpg")) <= 1024**2
        town = gate.town
        assert (await town.ask("GET", f"{DETECTIONS}/{ids[0]}/image.jpg", who=town.gestor)).status == 404
        assert (await town.ask("GET", f"{DETECTIONS}/{ids[0]}", who=town.gestor)).body["image_url"] is None
        assert (await town.ask("GET", f"{DETECTIONS}/{ids[-1]}/image.jpg", who=town.gestor)).status == 200


@pytest.fixture
async def pictures() -> Any:
    """Somebody's server: a crop, a way elsewhere, something huge, something that is no picture."""

    async def crop(_request: web.Request) -> web.Response:
        return web.Response(body=jpeg(), content_type="image/jpeg")

    async def elsewhere(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/crop.jpg")

    async def huge(_request: web.Request) -> web.Response:
        return web.Response(body=b"\xff\xd8\xff" + bytes(8 * 1024**2))

    async def text(_request: web.Request) -> web.Response:
        return web.Response(text="no picture")

    app = web.Application()
    for path, handler in (("/crop.jpg", crop), ("/away.jpg", elsewhere), ("/huge.jpg", huge), ("/text.jpg", text)):
        app.router.add_get(path, handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_crop_is_fetched_from_the_camera_or_its_network_and_from_nowhere_else(tmp_path: Path, pictures: int):
    async with serve(tmp_path, cameras={"networks": ["127.0.0.0/8"]}) as served:
        from tests.unit.api.conftest import make_town

        town = await make_town(served)
        gate = await open_gate(town)
        task = gate.task("plate_images")
        good = await gate.read("AAA0001", imagem_url=f"http://127.0.0.1:{pictures}/crop.jpg")
        assert (await town.ask("GET", f"{DETECTIONS}/{good['id']}", who=town.gestor)).body["image_url"]
        bad = [
            await gate.read(f"BBB000{number}", imagem_url=url)
            for number, url in enumerate(
                (
                    f"http://127.0.0.1:{pictures}/huge.jpg",
                    f"http://127.0.0.1:{pictures}/text.jpg",
                    f"http://127.0.0.1:{pictures}/away.jpg",
                    f"http://127.0.0.1:{served.site.settings.mediamtx.api_port}/v3/config/global/get",
                    "http://169.254.169.254/latest/meta-data",
                    "http://2130706433/crop.jpg",
                    "http://203.0.113.7/crop.jpg",
                )
            )
        ]
        for _ in range(3):
            await task.once()
        image = await town.ask("GET", f"{DETECTIONS}/{good['id']}/image.jpg", who=town.gestor)
        assert image.status == 200, image.raw
        for one in bad:
            answer = await town.ask("GET", f"{DETECTIONS}/{one['id']}", who=town.gestor)
            assert answer.body["image_url"] is None, answer.body
    (tmp_path / "own").mkdir()
    async with serve(tmp_path / "own") as served:
        from tests.unit.api.conftest import make_town

        gate = await open_gate(await make_town(served))
        stranger = await gate.read("CCC0001", imagem_url="http://203.0.113.7/crop.jpg")
        await gate.task("plate_images").once()
        found = (await gate.town.ask("GET", f"{DETECTIONS}/{stranger['id']}", who=gate.town.gestor)).body
        assert found["image_url"] is None, "no networks are set: nobody but the camera itself is called"


async def test_recordings_tell_how_many_plates_were_read_meanwhile(gate: Gate):
    town, served = gate.town, gate.town.served
    folder = Folder(town.here.public_id, gate.camera_id)
    put_segment(Camera(folder, (town.here.id, 1), served.site.settings.recordings_dir), START_MS)
    await served.daemon._volume.watch.settle(served.base.database)
    await served.daemon._volume.watch.look()
    served.close_breaker()
    served.daemon._volume.index.complete = False
    for _ in range(20):
        await served.daemon._runner("scanner").task.once()
    assert served.daemon._volume.index.complete
    moments = {f"00000000-0000-4000-8000-00000000000{one}": START_MS + at for one, at in enumerate((-1, 0, 1500))}

    def write(statements: Statements) -> None:
        for public_id, at_ms in moments.items():
            insert(CityStatements(statements, town.here.id), new_detection(public_id, at_ms))

    async with served.base.database.write() as transaction:
        await transaction.run(write)
    query = f"/api/v1/recordings?start={rfc3339(START_MS)}&end={rfc3339(START_MS + 1000)}"
    await served.person("cega", Role.USER, town.here, {0: frozenset({Verb.REPLAY})})
    counted = await town.ask("GET", f"{query}&with_detections=true", who=await served.token("cega"))
    assert [one["detections"] for one in counted.body["items"]] == [2]
    plain = await town.ask("GET", query, who=town.gestor)
    assert [one["id"] for one in plain.body["items"]] == [one["id"] for one in counted.body["items"]]
    assert "detections" not in plain.body["items"][0]


def new_detection(public_id: str, at_ms: int) -> NewDetection:
    return NewDetection(public_id, 1, at_ms, at_ms, "ABC1D23", "ABC1D23", None, "webhook", "Entrada", None)
