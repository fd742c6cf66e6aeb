"""A recordings volume that is not there, or is another one: not a byte is written, live goes on."""

from __future__ import annotations

from pathlib import Path

from tests.support.mounts import needs_root, tmpfs
from tests.support.processes import until
from tests.support.site import Site
from tests.support.video import live_sequence

MOUNTED = {"must_be_mount": True}


async def test_without_the_volume_not_a_byte_is_written_under_the_mount_point(tmp_path: Path) -> None:
    async with Site(tmp_path, disk=MOUNTED) as site:
        camera = await site.camera("Portaria")
        await site.start(healthy=False)
        camera_id = await site.add_camera("Portaria", camera.url)
        await _live_without_recording(site, camera_id, "volume_missing")
        assert not any(site.recordings.iterdir())


async def test_a_copy_of_the_volume_in_the_bare_folder_is_not_the_volume(tmp_path: Path) -> None:
    """The very marker the database expects, but nothing is mounted there."""
    async with Site(tmp_path) as site:
        camera = await site.camera("Portaria")
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url)
        await site.until_recording(camera_id)
        await site.stop_vmsd()
        await site.kill_mediamtx()
        site.config.write_text(
            site.config.read_text("utf-8").replace("[disk]", "[disk]\nmust_be_mount = true"), "utf-8"
        )
        before = _everything(site.recordings)
        await site.start(healthy=False)
        await _live_without_recording(site, camera_id, "volume_missing")
        assert _everything(site.recordings) == before


@needs_root
async def test_a_volume_of_another_box_is_not_written_to(tmp_path: Path) -> None:
    async with Site(tmp_path, disk=MOUNTED) as site:
        camera = await site.camera("Portaria")
        with tmpfs(site.recordings, "16m"):
            await site.start()
            camera_id = await site.add_camera("Portaria", camera.url)
            await site.until_recording(camera_id)
            await site.stop_vmsd()
            await site.kill_mediamtx()
        assert not any(site.recordings.iterdir())
        with tmpfs(site.recordings, "16m"):
            own = site.recordings / ".vmsd"
            own.mkdir()
            (own / "volume.json").write_text('{"uuid": "00000000-0000-4000-8000-000000000001", "sequence": 3}')
            before = _everything(site.recordings)
            await site.start(healthy=False)
            await _live_without_recording(site, camera_id, "volume_foreign")
            assert _everything(site.recordings) == before


async def _live_without_recording(site: Site, camera_id: str, reason: str) -> None:
    await site.until_state(camera_id, "online", 20)
    first = await until(lambda: live_sequence(site, camera_id), 20, "there is a live playlist")

    async def far() -> bool:
        return (await live_sequence(site, camera_id) or 0) >= first + 12

    await until(far, 30, "live goes on for longer than a segment")
    assert not (await site.status(camera_id))["recording"]
    health = await site.health()
    assert health == {"status": "degraded", "mediamtx": True, "database": True, "disk": False}
    assert reason in await site.notices()
    assert (await site.system())["breaker"]["reason"] == reason


def _everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
