"""What MediaMTX is given: addresses that were checked, one camera's trouble being nobody else's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.names import NameServer
from tests.unit.tasks.camera_box import CameraBox, open_camera_box
from vmsd.assets import mediamtx_dir
from vmsd.daemon import TEMPLATE
from vmsd.errors import Invalid, SourceFailed
from vmsd.host.keys import load_keys
from vmsd.mediamtx.config import ConfigFile, DesiredPath, render
from vmsd.model.camera import Camera
from vmsd.model.state import Cause
from vmsd.services.camera_hosts import FILE
from vmsd.services.camera_paths import REFUSED
from vmsd.services.cameras import CameraFields
from vmsd.services.desired import UNREADABLE, DesiredState, Plan
from vmsd.services.live_states import key_of
from vmsd.services.sources import urls_of
from vmsd.store.cameras import CameraRows


@pytest.fixture
async def server() -> NameServer:
    return NameServer(cam_lan="10.0.0.9", other_lan="10.0.0.20")


@pytest.fixture
async def box(tmp_path: Path, server: NameServer) -> AsyncIterator[CameraBox]:
    async with open_camera_box(tmp_path) as box:
        box.base.desired.hosts.ask = server.ask
        box.base.desired.hosts.again_s = 0
        yield box


def sources(box: CameraBox, plan: Plan) -> dict[str, str]:
    return {path.name.removeprefix(f"{box.city.public_id}/"): path.source for path in plan.desired.paths}


def path_of(box: CameraBox, plan: Plan, camera: Camera) -> DesiredPath:
    return {path.name: path for path in plan.desired.paths}[box.path_of(camera)]


def relayed(plan: Plan, stem: str) -> dict[str, Any]:
    (content,) = (relay.content for relay in plan.relays if relay.file.stem == stem)
    read: dict[str, Any] = json.loads(content)
    return read


async def settled(box: CameraBox) -> Plan:
    """The plan once every name has been asked for anew."""
    hosts = box.base.desired.hosts
    for camera in await box.base.cameras(box.city).list():
        for url in urls_of(camera):
            with suppress(Invalid, SourceFailed):
                await hosts.find(url)
    return await box.base.desired.plan()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://ana:s%40@cam.lan/live", "rtsp://ana:s%40@10.0.0.9/live"),
        ("rtsp://ana:s%40@cam.lan:8554/live", "rtsp://ana:s%40@10.0.0.9:8554/live"),
        ("rtmp://cam.lan/app/key", "rtmp://10.0.0.9/app/key"),
        ("rtsp://10.0.0.7/live", "rtsp://10.0.0.7/live"),
        ("rtsp://[fd00::7]/live", "rtsp://[fd00::7]/live"),
        # what must show a certificate for its name is called by it, at the port that was checked
        ("rtsps://cam.lan/live", "rtsps://cam.lan:322/live"),
        ("rtmps://cam.lan/app/key", "rtmps://cam.lan:443/app/key"),
    ],
)
async def test_mediamtx_is_given_the_address_that_was_checked(box: CameraBox, url: str, expected: str) -> None:
    protocol = url.partition(":")[0].rstrip("s")
    camera = await box.add(url=url, protocol=protocol)
    plan = await box.base.desired.plan()
    assert sources(box, plan) == {camera.public_id: expected}


@pytest.mark.parametrize("path", ["video.mjpg", "still.jpg", "live.m3u8"])
async def test_a_relay_is_given_the_address_and_the_name_to_say_there(box: CameraBox, path: str) -> None:
    """HLS too: MediaMTX would follow every redirect and every address in a playlist."""
    camera = await box.add(url=f"http://ana:x@cam.lan:81/{path}", protocol="http")
    plan = await box.base.desired.plan()
    assert path_of(box, plan, camera).source == "publisher"
    assert relayed(plan, camera.public_id)["source"] == f"http://ana:x@10.0.0.9:81/{path}#cam.lan"


async def test_a_substream_over_http_has_a_relay_of_its_own(box: CameraBox) -> None:
    camera = await box.add(url="http://cam.lan/a.m3u8", protocol="http", sub_source_url="http://other.lan/b.m3u8")
    plan = await box.base.desired.plan()
    assert set(sources(box, plan)) == {camera.public_id, f"{camera.public_id}-sub"}
    main, sub = (relayed(plan, stem) for stem in (camera.public_id, f"{camera.public_id}-sub"))
    assert (main["source"], sub["source"]) == ("http://10.0.0.9/a.m3u8#cam.lan", "http://10.0.0.20/b.m3u8#other.lan")
    assert main["publish"].endswith(f"/{camera.public_id}")
    assert sub["publish"].endswith(f"/{camera.public_id}-sub")
    recorded = {path.name.endswith("-sub"): path.record for path in plan.desired.paths}
    assert recorded == {False: True, True: False}


async def test_a_name_that_stops_resolving_leaves_everything_as_it_is(box: CameraBox, server: NameServer) -> None:
    await box.add(url="rtsp://cam.lan/live")
    before = await settled(box)
    server.names.clear()
    after = await settled(box)
    assert sources(box, after) == sources(box, before) != {}
    assert box.base.desired.obstacles == {}


async def test_a_name_nobody_has_ever_known_has_no_path_and_says_why(box: CameraBox, server: NameServer) -> None:
    camera = await box.add(url="rtsp://new.lan/live")
    plan = await box.base.desired.plan()
    assert sources(box, plan) == {}
    assert box.base.desired.obstacles == {key_of(camera): Cause.HOST_UNREACHABLE}
    server.names["new.lan"] = "10.0.0.30"
    assert sources(box, await settled(box)) == {camera.public_id: "rtsp://10.0.0.30/live"}
    assert box.base.desired.obstacles == {}


REFUSED_ANSWERS = ["10.0.0.1 169.254.169.254", "0.0.0.0", "::ffff:169.254.1.1", "224.0.0.1"]  # noqa: S104


@pytest.mark.parametrize("answer", REFUSED_ANSWERS)
@pytest.mark.parametrize("url", ["rtsp://cam.lan/x", "http://cam.lan/x.mjpg", "rtmp://cam.lan/x"])
async def test_a_name_that_now_leads_to_a_refused_address_is_called_where_it_was_or_not_at_all(
    box: CameraBox, server: NameServer, url: str, answer: str
) -> None:
    camera, other = await box.add(url=url), await box.add("Outra", "rtsp://other.lan/y")
    before = await settled(box)
    server.names["cam.lan"] = answer
    after = await settled(box)
    assert (after.desired.paths, after.relays) == (before.desired.paths, before.relays)
    assert box.base.desired.obstacles == {key_of(camera): REFUSED}
    (box.settings.data_dir / FILE).unlink()
    fresh = DesiredState(box.base.database, box.base.rows, box.settings, box.base.keys)
    fresh.hosts.ask = server.ask
    plan = await fresh.plan()
    assert (sources(box, plan), plan.relays) == ({other.public_id: "rtsp://10.0.0.20/y"}, [])
    assert fresh.obstacles == {key_of(camera): REFUSED}
    server.names["cam.lan"] = "10.0.0.9"
    assert sources(box, await settled(box)) == sources(box, before)
    assert box.base.desired.obstacles == {}


@pytest.mark.parametrize("url", ["rtsps://cam.lan/x", "rtmps://cam.lan/x"])
async def test_what_is_called_by_name_is_not_called_while_the_name_leads_astray(
    box: CameraBox, server: NameServer, url: str
) -> None:
    camera = await box.add(url=url, protocol=url[:4])
    assert sources(box, await settled(box))
    server.names["cam.lan"] = "169.254.169.254"
    assert sources(box, await settled(box)) == {}
    assert box.base.desired.obstacles == {key_of(camera): REFUSED}


async def test_a_substream_that_may_not_be_called_does_not_cost_the_recording(
    box: CameraBox, server: NameServer
) -> None:
    camera = await box.add(url="rtsp://cam.lan/x", sub_source_url="rtsp://other.lan/y")
    (box.settings.data_dir / FILE).unlink(missing_ok=True)
    server.names["other.lan"] = "169.254.169.254"
    fresh = DesiredState(box.base.database, box.base.rows, box.settings, box.base.keys)
    fresh.hosts.ask = server.ask
    assert sources(box, await fresh.plan()) == {camera.public_id: "rtsp://10.0.0.9/x"}


async def test_what_moved_is_told_of_and_changes_one_path_only(box: CameraBox, server: NameServer) -> None:
    moved, stays = await box.add(url="rtsp://cam.lan/x"), await box.add("Outra", "rtsp://other.lan/y")
    before = await settled(box)
    version = box.base.desired.version
    server.names["cam.lan"] = "10.0.0.10"
    after = await settled(box)
    assert box.base.desired.version > version, "the reconciler is told at once"
    assert path_of(box, after, moved).source == "rtsp://10.0.0.10/x"
    assert path_of(box, after, stays) == path_of(box, before, stays)


async def damage(box: CameraBox, camera: Camera, secret: bytes = b"\x01" + b"x" * 60) -> None:
    async with box.base.database.write() as transaction:
        params = {"secret": secret, "public_id": camera.public_id}
        await transaction.execute("UPDATE camera SET secret = :secret WHERE public_id = :public_id", params)


@pytest.mark.parametrize("secret", [b"", b"\x01", b"\x01" + b"x" * 60])
async def test_a_camera_that_cannot_be_opened_stays_as_it_was_and_keeps_nobody_out(
    box: CameraBox, secret: bytes
) -> None:
    bad, good = await box.add(url="rtsp://10.0.0.5/a"), await box.add("Boa", "rtsp://10.0.0.6/b")
    before = await box.base.desired.plan()
    await damage(box, bad, secret)
    third = await box.add("Nova", "rtsp://10.0.0.7/c")
    after = await box.base.desired.plan()
    assert path_of(box, after, bad) == path_of(box, before, bad), "it goes on recording"
    assert {good.public_id, third.public_id} < set(sources(box, after))
    assert box.base.desired.obstacles == {key_of(bad): UNREADABLE}
    assert [camera.name for camera in await box.base.cameras(box.city).list()] == ["Portaria", "Boa", "Nova"]


async def test_a_wrong_key_stops_no_camera_that_mediamtx_pulls_already(box: CameraBox, tmp_path: Path) -> None:
    camera, relay = await box.add(url="rtsp://a:b@10.0.0.5/a"), await box.add(url="http://10.0.0.5/a", protocol="http")
    file, template = ConfigFile(box.settings.mediamtx_file), mediamtx_dir() / TEMPLATE
    before = await box.base.desired.plan()
    file.write(render(template, before.desired))
    other_key = CameraRows(load_keys(tmp_path / "elsewhere").vault)
    restarted = DesiredState(box.base.database, other_key, box.settings, box.base.keys)
    after = await restarted.plan()
    assert path_of(box, after, camera) == path_of(box, before, camera)
    assert sources(box, after) == {camera.public_id: "rtsp://a:b@10.0.0.5/a"}, "nobody knows the relay's key any more"
    assert set(restarted.obstacles) == {key_of(camera), key_of(relay)}


@pytest.mark.parametrize("spoilt", [None, "", "a: [", "paths: 5", "paths: {x: {}}", "[]", "paths:"])
async def test_a_camera_that_cannot_be_opened_and_never_was_has_no_path_until_it_is_told_anew(
    box: CameraBox, spoilt: str | None
) -> None:
    bad, good = await box.add(url="rtsp://10.0.0.5/a"), await box.add("Boa", "rtsp://10.0.0.6/b")
    await damage(box, bad)
    if spoilt is not None:
        box.settings.mediamtx_file.parent.mkdir(parents=True, exist_ok=True)
        box.settings.mediamtx_file.write_text(spoilt)
    assert sources(box, await box.base.desired.plan()) == {good.public_id: "rtsp://10.0.0.6/b"}
    assert box.base.desired.obstacles == {key_of(bad): UNREADABLE}
    cameras = box.base.cameras(box.city)
    anew = CameraFields("Portaria", "http", source_url="http://10.0.0.5/a.jpg")
    healed = await cameras.change(await cameras.get(bad.public_id), anew)
    plan = await box.base.desired.plan()
    assert path_of(box, plan, healed).publish_key, "a relay cannot publish without one"
    assert box.base.desired.obstacles == {}
