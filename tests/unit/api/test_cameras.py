"""Cameras over HTTP: what is said of one is kept, shown and changed as it was meant."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from tests.unit.api.served import CAMERA
from vmsd.api.bodies import parse
from vmsd.api.camera_bodies import NewCamera, fields_of
from vmsd.errors import Conflict, NotFound
from vmsd.services.storage import BreakerState, OpenReason

CAMERAS = "/api/v1/cameras"
NO_ID = "00000000-0000-4000-8000-000000000000"


async def add(town, status=201, **fields):
    answer = await town.ask("POST", CAMERAS, fields, who=town.gestor)
    assert answer.status == status, answer.raw
    return answer.body if status == 201 else answer


async def change(town, camera, status=200, **fields):
    answer = await town.ask("PATCH", f"{CAMERAS}/{camera['id']}", fields, who=town.gestor)
    assert answer.status == status, answer.raw
    return answer.body if status == 200 else answer


async def source_in_mediamtx(town, camera) -> str:
    plan = await town.served.base.desired.plan()
    return next(path.source for path in plan.desired.paths if path.name.endswith(camera["id"]))


async def test_a_camera_is_shown_as_it_was_said_without_its_password(town):
    said = CAMERA | {
        "username": "admin",
        "password": "s3gredo",
        "location": {"lat": -23.5, "lon": -46},
        "retention_days": 5,
        "group": "Centro",
        "audio": True,
        "recording_enabled": False,
    }
    camera = await add(town, **said)
    for name in ("name", "source_url", "username", "location", "retention_days", "group", "audio", "recording_enabled"):
        assert camera[name] == said[name]
    assert {"id", "state", "state_since", "state_cause", "applied"} <= camera.keys()
    assert "password" not in camera
    assert "publish" not in camera
    got = await town.ask("GET", f"{CAMERAS}/{camera['id']}", who=town.guard)
    assert got.body == camera
    listed = await town.ask("GET", CAMERAS, who=town.guard)
    assert listed.body == {"items": [camera], "next": None}


async def test_with_mediamtx_away_a_camera_is_kept_and_answered_at_once(town):
    began = time.monotonic()
    camera = await add(town, **CAMERA)
    assert camera["applied"] is False
    await change(town, camera, name="Outra")
    assert time.monotonic() - began < 1


async def test_a_camera_is_applied_when_mediamtx_is_seen_to_have_it(town):
    town.served.daemon.states.mediamtx_alive = True
    desired = town.served.base.desired

    async def mediamtx() -> None:
        await changed.wait()
        plan = await desired.plan()
        await desired.note_applied(plan.version, frozenset(path.name for path in plan.desired.paths))

    changed = asyncio.Event()
    desired.on_change = changed.set
    seen = asyncio.ensure_future(mediamtx())
    camera = await add(town, **CAMERA)
    await seen
    assert camera["applied"] is True
    assert (await town.ask("GET", f"{CAMERAS}/{camera['id']}", who=town.guard)).body["applied"] is True


async def test_pages_of_a_list_hold_every_camera_once_even_when_one_goes(town):
    ids = [(await add(town, **CAMERA | {"name": f"c{number}"}))["id"] for number in range(7)]
    seen, cursor = [], ""
    while True:
        page = (await town.ask("GET", f"{CAMERAS}?limit=2{cursor}", who=town.guard)).body
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        if len(seen) == 4:
            assert (await town.ask("DELETE", f"{CAMERAS}/{seen[-1]}", who=town.gestor)).status == 204
        cursor = f"&cursor={page['next']}"
    assert seen == ids


async def test_a_patch_changes_what_it_says_and_nothing_else(town):
    said = CAMERA | {
        "username": "admin",
        "password": "p:@/ ç",
        "location": {"lat": 1.5, "lon": 2.5},
        "retention_days": 3,
    }
    camera = await add(town, **said)
    changed = await change(town, camera, name="Outro nome")
    assert changed == camera | {"name": "Outro nome"}
    assert await source_in_mediamtx(town, camera) == "rtsp://admin:p%3A%40%2F%20%C3%A7@198.51.100.10/live"
    changed = await change(town, camera, location=None, retention_days=None)
    assert (changed["location"], changed["retention_days"]) == (None, None)
    assert await change(town, camera) == changed


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"id": NO_ID}, "/id"),
        ({"password": 5}, "/password"),
        ({"state": "online"}, "/state"),
        ({"source_url": "http://198.51.100.1/x.m3u8"}, "/source_url"),
        ({"protocol": "http"}, "/source_url"),
        ({"protocol": "p2p"}, "/tunnel"),
        ({"vendor": "acme"}, "/vendor"),
        ({"channel": 0}, "/channel"),
        ({"username": "novo"}, "/password"),
    ],
)
async def test_a_wrong_patch_changes_nothing(town, patch, pointer):
    camera = await add(town, **CAMERA)
    if "vendor" in patch:
        patch |= {"host": "198.51.100.1"}
    answer = await change(town, camera, 422, **patch)
    assert pointer in answer.pointers
    assert (await town.ask("GET", f"{CAMERAS}/{camera['id']}", who=town.gestor)).body == camera


async def test_a_patch_is_an_object(town):
    camera = await add(town, **CAMERA)
    for raw in (b"[]", b"null", b"1", b'"x"'):
        answer = await town.ask("PATCH", f"{CAMERAS}/{camera['id']}", raw=raw, who=town.gestor)
        assert answer.status == 422


async def test_an_address_sent_back_as_it_was_shown_keeps_its_secrets(town):
    secret = "rtsp://198.51.100.1/live?channel=1&token=abc123"
    camera = await add(town, name="x", source_url=secret)
    assert "abc123" not in camera["source_url"]
    await change(town, camera, name="y", source_url=camera["source_url"])
    assert await source_in_mediamtx(town, camera) == secret


async def test_a_new_address_brings_its_own_user(town):
    camera = await add(town, name="x", source_url="rtsp://old:first@198.51.100.1/a")
    changed = await change(town, camera, source_url="rtsp://new:second@198.51.100.2/b")
    assert changed["username"] == "new"
    assert await source_in_mediamtx(town, camera) == "rtsp://new:second@198.51.100.2/b"
    await change(town, camera, 422, source_url="rtsp://198.51.100.3/c")
    await change(town, camera, source_url="rtsp://198.51.100.3/c", password="second")
    assert await source_in_mediamtx(town, camera) == "rtsp://new:second@198.51.100.3/c"
    await change(town, camera, password="third")
    assert await source_in_mediamtx(town, camera) == "rtsp://new:third@198.51.100.3/c"
    await change(town, camera, username="")
    assert await source_in_mediamtx(town, camera) == "rtsp://198.51.100.3/c"


async def test_a_vendors_camera_keeps_its_substream_when_it_moves(town):
    camera = await add(
        town, name="x", vendor="intelbras", host="198.51.100.1:5540", username="u", password="p", substream=True
    )
    assert camera["sub_source_url"] == "rtsp://198.51.100.1:5540/cam/realmonitor?channel=1&subtype=1"
    moved = await change(town, camera, host="198.51.100.2", channel=3, password="p")
    assert moved["source_url"] == "rtsp://198.51.100.2:554/cam/realmonitor?channel=3&subtype=0"
    assert moved["sub_source_url"] == "rtsp://198.51.100.2:554/cam/realmonitor?channel=3&subtype=1"
    alone = await change(town, camera, source_url="rtsp://198.51.100.9/x", password="p")
    assert (alone["vendor"], alone["host"], alone["sub_source_url"]) == ("", "", "")


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"vendor": "intelbras", "host": "198.51.100.1"}, "rtsp://198.51.100.1:554/cam/realmonitor?channel=1&subtype=0"),
        ({"vendor": "hikvision", "host": "198.51.100.1:8554", "channel": 2, "subtype": 1},
         "rtsp://198.51.100.1:8554/Streaming/Channels/202"),
        ({"vendor": "hikvision", "host": "[2001:db8::1]:554"}, "rtsp://[2001:db8::1]:554/Streaming/Channels/101"),
        ({"vendor": "hikvision", "host": "2001:db8::1"}, "rtsp://[2001:db8::1]:554/Streaming/Channels/101"),
        ({"vendor": "generic", "host": "198.51.100.1:99", "source_url": "rtsp://{host}:{port}/s{channel}/{subtype}"},
         "rtsp://198.51.100.1:99/s1/0"),
    ],
)  # fmt: skip
async def test_vendors_addresses_are_built(town, fields, url):
    camera = await add(town, name="x", **fields)
    assert camera["source_url"] == url
    assert await source_in_mediamtx(town, camera) == url


@pytest.mark.parametrize(
    "password", ["a@b:c/d?e#f%g", "çãõ é", "'\"`$(x)", "%41", "x" * 128, "\\n", "{{ x }}", "a b", "日本"]
)
async def test_any_password_reaches_mediamtx_as_it_is(town, password):
    from urllib.parse import unquote, urlsplit

    import yaml

    from vmsd.assets import mediamtx_dir
    from vmsd.mediamtx.config import render

    camera = await add(town, **CAMERA | {"username": "ad min", "password": password})
    plan = await town.served.base.desired.plan()
    rendered = yaml.safe_load(render(mediamtx_dir() / "mediamtx.yml.j2", plan.desired))
    source = urlsplit(rendered["paths"][f"{town.here.public_id}/{camera['id']}"]["source"])
    assert (unquote(source.username), unquote(source.password)) == ("ad min", password)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"protocol": "http", "vendor": "intelbras", "host": "198.51.100.1"}, "/protocol"),
        ({"protocol": "rtmp", "vendor": "hikvision", "host": "198.51.100.1"}, "/protocol"),
        ({"vendor": "intelbras"}, "/host"),
        ({"vendor": "intelbras", "host": "a b"}, "/host"),
        ({"vendor": "intelbras", "host": "198.51.100.1:0"}, "/host"),
        ({"vendor": "intelbras", "host": "198.51.100.1:x"}, "/host"),
        ({"vendor": "intelbras", "host": "198.51.100.1:99999"}, "/host"),
        ({"vendor": "acme", "host": "198.51.100.1"}, "/vendor"),
        ({"vendor": "intelbras", "host": "198.51.100.1", "subtype": 3}, "/subtype"),
        ({"vendor": "generic", "host": "198.51.100.1", "source_url": "rtsp://{where}/"}, "/template"),
        ({"vendor": "generic", "host": "198.51.100.1"}, "/source_url"),
        ({}, "/source_url"),
        ({"protocol": "p2p"}, "/tunnel"),
        ({"protocol": "p2p", "tunnel": "none"}, "/tunnel"),
        ({"source_url": "rtsp://198.51.100.1/", "username": "u"}, "/password"),
        ({"source_url": "rtsp://198.51.100.1/", "password": "p"}, "/username"),
        ({"source_url": "rtsp://198.51.100.1/", "username": "a:b", "password": "p"}, "/password"),
        ({"source_url": "rtsp://198.51.100.1/", "username": "u", "password": "p" * 129}, "/password"),
        ({"source_url": "rtsp://198.51.100.1/", "sub_source_url": "nonsense"}, "/sub_source_url"),
        ({"source_url": "rtsp://198.51.100.1/", "sub_source_url": "rtsp://o:q@198.51.100.1/"}, "/sub_source_url"),
        ({"protocol": "rtmp", "username": "u", "password": "p"}, "/username"),
        ({"source_url": "rtsp://u@198.51.100.1/"}, "/source_url"),
        ({"source_url": "rtsp://198.51.100.1:99999/"}, "/source_url"),
        ({"source_url": "rtsp:///x"}, "/source_url"),
        ({"source_url": "rtsp://198.51.100.1/a b"}, "/source_url"),
        ({"source_url": "file:///etc/passwd"}, "/source_url"),
        ({"source_url": "javascript:alert(1)"}, "/source_url"),
        ({"source_url": "../../etc/passwd"}, "/source_url"),
    ],
    ids=repr,
)
async def test_a_source_that_cannot_be_names_its_field(town, fields, pointer):
    answer = await add(town, 422, name="x", **fields)
    assert answer.pointers == {pointer}
    assert await town.served.base.desired.plan()


async def test_whatever_was_accepted_can_be_rendered(town):
    """One camera that breaks MediaMTX's file would take every other camera with it."""
    sources = [
        {"protocol": protocol, "vendor": vendor, "host": "198.51.100.1", "source_url": url, "substream": substream}
        for protocol in ("rtsp", "rtmp", "http")
        for vendor in ("", "intelbras", "hikvision", "generic")
        for url in (
            "",
            "rtsp://198.51.100.1/a",
            "rtmp://198.51.100.1/a/b",
            "http://198.51.100.1/a.m3u8",
            "http://{host}/{channel}",
        )
        for substream in (False, True)
    ]
    accepted = 0
    for source in sources:
        answer = await town.ask("POST", CAMERAS, {"name": "x"} | source, who=town.gestor)
        assert answer.status in (201, 422), (source, answer.raw)
        accepted += answer.status == 201
    plan = await town.served.base.desired.plan()
    assert accepted > 20
    assert len({path.name for path in plan.desired.paths if "-sub" not in path.name}) == accepted


async def test_a_pushing_cameras_key_is_shown_to_who_configures(town):
    camera = await add(town, name="x", protocol="rtmp")
    path = camera["publish"]["rtmp_path"]
    assert path.startswith(f"/{town.here.public_id}/{camera['id']}?user={camera['id']}&pass=")
    got = {
        who: (await town.ask("GET", f"{CAMERAS}/{camera['id']}", who=getattr(town, who))).body
        for who in ("gestor", "guard")
    }
    assert got["gestor"]["publish"] == camera["publish"]
    assert "publish" not in got["guard"]
    assert "pass=" not in str((await town.ask("GET", CAMERAS, who=town.gestor)).body)
    assert camera["publish"]["rtmp_path"] == (await change(town, camera, name="y"))["publish"]["rtmp_path"]


async def test_two_changes_at_once_lose_nothing_silently(town):
    camera = await add(town, **CAMERA)
    path = f"{CAMERAS}/{camera['id']}"
    answers = await asyncio.gather(
        *(
            town.ask("PATCH", path, {"group": f"g{number}", "retention_days": number + 1}, who=town.gestor)
            for number in range(8)
        ),
        town.ask("DELETE", f"{path}/recording", who=town.gestor),
    )
    assert {answer.status for answer in answers} <= {200, 409}
    assert answers[-1].status == 200
    won = [answer.body for answer in answers[:-1] if answer.status == 200]
    final = (await town.ask("GET", path, who=town.gestor)).body
    possible = [(one["group"], one["retention_days"]) for one in won] or [("", None)]
    assert (final["group"], final["retention_days"]) in possible


async def test_a_change_made_from_what_is_no_longer_so_is_refused(town):
    await add(town, **CAMERA)
    cameras = town.served.base.cameras(town.here)
    (seen,) = await cameras.list()
    fields = fields_of(parse(NewCamera, CAMERA))
    await cameras.set_recording(seen, enabled=False)
    with pytest.raises(Conflict):
        await cameras.change(seen, fields)
    (now,) = await cameras.list()
    assert now.recording_enabled is False
    await cameras.change(now, replace(fields, name="Outra", recording_enabled=False))
    with pytest.raises(Conflict):
        await cameras.change(now, fields)
    await cameras.remove(now)
    with pytest.raises(NotFound):
        await cameras.change(now, fields)


async def test_a_removed_camera_is_gone(town):
    camera = await add(town, **CAMERA)
    path = f"{CAMERAS}/{camera['id']}"
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert (await town.ask(method, path, raw=b"{}", who=town.gestor)).status == 404
    assert (await town.ask("PUT", f"{path}/recording", who=town.gestor)).status == 404


async def test_the_recording_switch(town):
    camera = await add(town, **CAMERA | {"recording_enabled": False})
    path = f"{CAMERAS}/{camera['id']}/recording"
    off = (await town.ask("GET", path, who=town.guard)).body
    assert (off["recording"], off["enabled"], off["started_at"]) == (False, False, None)
    town.served.clock.pass_s(60)
    on = (await town.ask("PUT", path, {"recording": True}, who=town.gestor)).body
    assert on["camera_id"] == camera["id"]
    assert on["recording"] is True
    assert on["storage_path"] == f"{town.here.public_id}/{camera['id']}"
    assert on["enabled_at"].endswith("Z")
    again = (await town.ask("PUT", path, who=town.gestor)).body
    assert again["enabled_at"] == on["enabled_at"]
    got = (await town.ask("GET", path, who=town.guard)).body
    assert (got["recording"], got["enabled"], got["started_at"]) == (False, True, on["enabled_at"])
    for bad in (b"[]", b'{"recording": "yes"}', b'{"x": 1}'):
        assert (await town.ask("PUT", path, raw=bad, who=town.gestor)).status == 422
    assert (await town.ask("PUT", path, raw=b"{", who=town.gestor)).status == 400
    assert (await town.ask("DELETE", path, who=town.gestor)).body["recording"] is False


async def test_a_full_disk_refuses_to_promise_a_recording(town):
    camera = await add(town, **CAMERA | {"recording_enabled": False})
    path = f"{CAMERAS}/{camera['id']}/recording"
    watch = town.served.daemon._volume.watch
    watch.breaker = BreakerState(open=True, reason=OpenReason.USED, since_ms=0)
    answer = await town.ask("PUT", path, who=town.gestor)
    assert (answer.status, answer.content_type) == (507, "application/problem+json")
    assert (await town.ask("GET", path, who=town.gestor)).body["enabled"] is False
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 200
    town.served.close_breaker()
    assert (await town.ask("PUT", path, who=town.gestor)).status == 200


async def test_the_status_of_a_camera_nobody_has_seen_yet(town):
    camera = await add(town, **CAMERA)
    status = (await town.ask("GET", f"{CAMERAS}/{camera['id']}/status", who=town.guard)).body
    wanted = {"state", "since", "cause", "bitrate", "fps", "last_frame_age", "recording", "last_written_at"}
    assert wanted <= status.keys()
    assert (status["state"], status["recording"], status["last_written_at"]) == ("starting", False, None)
    answer = await town.ask("GET", f"{CAMERAS}/{camera['id']}/snapshot.jpg", who=town.guard)
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert answer.body["cause"]
    for query in ("width=63", "width=3841", "width=x", "fresh=perhaps", "size=1"):
        answer = await town.ask("GET", f"{CAMERAS}/{camera['id']}/snapshot.jpg?{query}", who=town.guard)
        assert answer.status == 422


async def test_an_import_says_row_by_row_what_became_of_it(town):
    rows = [
        CAMERA,
        {"name": "sem endereço"},
        CAMERA | {"name": "número", "channel": "1"},
        {"name": ["no", "name"], "x": float(1)},
        CAMERA | {"name": "Última"},
    ]
    dry = await town.ask("POST", f"{CAMERAS}/import?dry_run=true", {"cameras": rows}, who=town.gestor)
    assert (dry.status, dry.body["added"], dry.body["refused"]) == (200, 0, 3)
    assert (await town.ask("GET", CAMERAS, who=town.gestor)).body["items"] == []
    real = await town.ask("POST", f"{CAMERAS}/import", {"cameras": rows}, who=town.gestor)
    assert (real.status, real.body["added"], real.body["refused"]) == (200, 2, 3)
    assert [item["name"] for item in real.body["items"]] == ["Portaria", "sem endereço", "número", None, "Última"]
    assert real.body["items"][2]["errors"][0]["pointer"] == "/channel"
    whole = await town.ask("POST", f"{CAMERAS}/import", {"cameras": [CAMERA]}, who=town.gestor)
    assert (whole.status, whole.body["added"]) == (201, 1)
    assert len((await town.ask("GET", CAMERAS, who=town.gestor)).body["items"]) == 3
    for bad in ({}, {"cameras": []}, {"cameras": [1]}, {"cameras": "x"}, {"cameras": [CAMERA] * 501}):
        assert (await town.ask("POST", f"{CAMERAS}/import", bad, who=town.gestor)).status == 422


async def test_a_probe_opens_nothing_it_may_not_and_saves_nothing(town):
    answer = await town.ask("POST", f"{CAMERAS}/probe", {"source_url": "rtsp://127.0.0.1/x"}, who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {"/source_url"})
    answer = await town.ask(
        "POST", f"{CAMERAS}/probe", {"source_url": "rtsp://198.51.100.1/", "name": "x"}, who=town.gestor
    )
    assert (answer.status, answer.pointers) == (422, {"/name"})
    answer = await town.ask("POST", f"{CAMERAS}/probe", {"protocol": "rtmp"}, who=town.gestor)
    assert answer.status == 422
    assert (await town.ask("GET", CAMERAS, who=town.gestor)).body["items"] == []
