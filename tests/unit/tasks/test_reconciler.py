"""MediaMTX's file follows the store: not too often, not for nothing, and back again when it drifted."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.support.names import NameServer
from tests.support.processes import until
from tests.unit.tasks.camera_box import CameraBox, open_camera_box
from vmsd.assets import mediamtx_dir
from vmsd.daemon import TEMPLATE
from vmsd.errors import MediaServerAway
from vmsd.mediamtx.config import ConfigFile
from vmsd.tasks.reconciler import VERIFY_EVERY_S, WRITE_SPACING_S, Reconciler


class Reconciled:
    """The reconciler of a box whose MediaMTX loads the file when `load` says so."""

    def __init__(self, box: CameraBox) -> None:
        self.box = box
        self.desired = box.base.desired
        self.file = ConfigFile(box.settings.mediamtx_file)
        self.task = Reconciler(self.desired, box.client, self.file, mediamtx_dir() / TEMPLATE, box.clock)

    @property
    def inode(self) -> int:
        return self.file.path.stat().st_ino

    def loaded(self) -> dict:
        return yaml.safe_load(self.file.path.read_text("utf-8"))

    def load(self) -> None:
        config = self.loaded()
        defaults = {"record": config["pathDefaults"]["record"]}
        paths = (config["paths"] or {}).items()
        self.box.api.configured = [defaults | path | {"name": name} for name, path in paths]

    async def pass_(self, seconds: float = 1.0) -> None:
        self.box.clock.pass_s(seconds)
        await self.task.once()


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Reconciled]:
    async with open_camera_box(tmp_path) as box:
        yield Reconciled(box)


async def test_two_writes_are_two_seconds_apart(it: Reconciled) -> None:
    await it.pass_()
    it.load()
    first = it.inode
    camera = await it.box.add()
    await it.pass_(1.5)
    assert it.inode == first
    await it.pass_(0.5)
    assert it.box.path_of(camera) in it.loaded()["paths"]


async def test_a_change_mediamtx_does_not_see_writes_nothing(it: Reconciled) -> None:
    camera = await it.box.add()
    await it.pass_()
    it.load()
    await it.pass_(5)
    before, good = it.inode, it.file.last_good.stat().st_ino
    cameras = it.box.base.cameras(it.box.city)
    await cameras.set_recording(camera, enabled=True)
    it.desired.changed()
    for _ in range(4):
        await it.pass_(5)
    assert it.inode == before
    assert it.file.last_good.stat().st_ino == good, "the copy is not written again either"
    assert it.desired.applied_version == it.desired.version


async def test_what_mediamtx_has_loaded_is_kept_as_good_and_not_before(it: Reconciled) -> None:
    await it.box.add()
    await it.pass_()
    assert not it.file.last_good.exists()
    assert it.desired.applied_version == 0
    it.load()
    await it.pass_()
    assert it.file.last_good.read_text("utf-8") == it.file.path.read_text("utf-8")
    assert it.desired.applied_version == it.desired.version


async def test_a_mediamtx_that_lost_its_paths_gets_the_file_again_within_10_seconds(it: Reconciled) -> None:
    await it.box.add()
    await it.pass_()
    it.load()
    await it.pass_()
    before = it.inode
    it.box.api.configured = []
    for _ in range(10):
        await it.pass_()
    assert it.inode != before


async def test_an_event_that_mediamtx_dropped_is_repeated(it: Reconciled) -> None:
    await it.pass_()
    it.load()
    await it.box.add()
    await it.pass_(2)
    before = it.inode
    await it.pass_(1)
    assert it.inode == before, "it may still be loading"
    await it.pass_(1)
    assert it.inode != before


@pytest.mark.parametrize("content", ["", "paths: {}\n", None])
async def test_a_file_somebody_spoilt_is_put_right_even_while_mediamtx_is_away(
    it: Reconciled, content: str | None
) -> None:
    await it.box.add()
    await it.pass_()
    it.load()
    await it.pass_()
    right = it.file.read()
    it.file.path.unlink() if content is None else it.file.path.write_text(content)
    it.box.api.fault = "500"
    for _ in range(6):
        try:
            await it.pass_()
        except MediaServerAway:
            continue
    assert it.file.read() == right


async def test_an_open_breaker_stands_in_the_file(it: Reconciled) -> None:
    await it.box.add()
    await it.pass_()
    assert it.loaded()["pathDefaults"]["record"] is True
    it.desired.record_allowed = False
    await it.pass_(2)
    assert it.loaded()["pathDefaults"]["record"] is False


async def test_cameras_added_behind_the_daemons_back_are_taken_up(it: Reconciled) -> None:
    await it.pass_()
    it.load()
    it.desired.changed, seen = (lambda: it.desired.version), it.desired.changed
    camera = await it.box.add()
    it.desired.changed = seen
    for _ in range(8):
        await it.pass_()
        it.load()
    assert it.box.path_of(camera) in it.loaded()["paths"]


async def test_a_relay_has_a_file_of_its_own_that_goes_with_the_camera(it: Reconciled) -> None:
    camera = await it.box.add(url="http://127.0.0.9:81/video.mjpg", username="vigia", password="segredo")
    await it.pass_()
    file = it.box.settings.runtime_dir / "relays" / f"{camera.public_id}.json"
    assert "segredo" in file.read_text("utf-8")
    assert stat.S_IMODE(file.stat().st_mode) & 0o007 == 0
    assert "segredo" not in it.file.path.read_text("utf-8")
    await it.box.base.cameras(it.box.city).remove(camera)
    await it.pass_(2)
    assert not file.exists()


async def test_a_camera_that_moved_is_written_anew_and_no_other(it: Reconciled) -> None:
    server = NameServer(cam_lan="127.0.0.9", other_lan="127.0.0.10")
    it.desired.hosts.ask, it.desired.hosts.again_s = server.ask, 0
    moved, other = await it.box.add(url="rtsp://cam.lan/x"), await it.box.add("Outra", "rtsp://other.lan/y")
    await it.pass_()
    it.load()
    await it.pass_()
    before = it.loaded()["paths"]
    assert before[it.box.path_of(moved)]["source"] == "rtsp://127.0.0.9/x"
    server.names["cam.lan"] = "127.0.0.11"

    async def followed() -> bool:
        await it.pass_(5)
        return bool(it.loaded()["paths"][it.box.path_of(moved)]["source"] == "rtsp://127.0.0.11/x")

    await until(followed, 5, "the new address is in the file", every_s=0.01)
    after = it.loaded()["paths"]
    assert after[it.box.path_of(other)] == before[it.box.path_of(other)]
    assert after.keys() == before.keys()


async def test_names_are_asked_for_again_within_a_minute(it: Reconciled) -> None:
    assert it.desired.hosts.again_s + VERIFY_EVERY_S + WRITE_SPACING_S + it.task.every_s < 60


async def test_a_name_server_that_is_away_holds_no_other_change_up(it: Reconciled) -> None:
    server = NameServer(cam_lan="127.0.0.9")
    it.desired.hosts.ask, it.desired.hosts.again_s = server.ask, 0
    await it.box.add(url="rtsp://cam.lan/x")
    await it.pass_()
    server.here.clear()
    added = await it.box.add("Nova", "rtsp://127.0.0.10/y")
    async with asyncio.timeout(1):
        await it.pass_(2)
    paths = it.loaded()["paths"]
    assert (len(paths), paths[it.box.path_of(added)]["source"]) == (2, "rtsp://127.0.0.10/y")
    server.here.set()


async def test_one_camera_that_cannot_be_opened_stops_no_change_of_the_others(it: Reconciled) -> None:
    bad = await it.box.add(url="rtsp://127.0.0.9/x")
    await it.pass_()
    async with it.box.base.database.write() as transaction:
        await transaction.execute("UPDATE camera SET secret = zeroblob(80) WHERE id = :id", {"id": bad.id})
    added = await it.box.add("Nova", "rtsp://127.0.0.10/y")
    await it.pass_(2)
    assert {it.box.path_of(bad), it.box.path_of(added)} == it.loaded()["paths"].keys()
