"""The disk is the truth: a database that is gone comes back from its snapshot, or from the files alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.processes import until
from tests.support.site import Site


async def _recorded(site: Site) -> str:
    """A camera with some whole segments and a running one; then the daemon is stopped."""
    camera = await site.camera("Portaria")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)
    await site.until_recording(camera_id)

    async def three_files() -> bool:
        return len(site.files(camera_id)) >= 3

    await until(three_files, 40, "there are whole segments")
    await site.stop_vmsd()
    return camera_id


def _lose_database(site: Site) -> None:
    for path in site.database.parent.glob("vmsd.db*"):
        path.unlink()


def _files(site: Site) -> set[Path]:
    return {path for path in site.recordings.rglob("*.mp4") if path.stat().st_size}


async def test_a_lost_database_comes_back_from_its_snapshot_with_every_recording(tmp_path: Path) -> None:
    async with Site(tmp_path, mediamtx={"segment_s": 4}) as site:
        camera_id = await _recorded(site)
        await site.start_vmsd()  # a snapshot is taken at every start

        async def snapshot() -> list[Path]:
            return list((site.recordings / ".vmsd" / "snapshots").glob("vmsd-*.db"))

        await until(lambda: _two(snapshot), 20, "a snapshot that knows the camera")
        await site.stop_vmsd()
        _lose_database(site)
        before = _files(site)

        await site.start_vmsd()
        (shown,) = (await site.get("/api/v1/cameras"))["items"]
        assert (shown["id"], shown["name"]) == (camera_id, "Portaria")
        await site.until_state(camera_id, "online", 20)
        await until(lambda: _all_indexed(site, camera_id), 20, "the index is complete")
        assert before <= _files(site)
        assert '"event": "database.restored"' in _log(site)


async def _two(snapshots) -> bool:
    return len(await snapshots()) >= 2


async def test_a_database_lost_with_its_snapshots_is_made_again_from_the_folders(tmp_path: Path) -> None:
    async with Site(tmp_path, mediamtx={"segment_s": 4}) as site:
        camera_id = await _recorded(site)
        await site.kill_mediamtx()
        before = _files(site)

        _lose_database(site)
        shutil.rmtree(site.recordings / ".vmsd" / "snapshots")
        counted = await site.command("rebuild-index")
        assert counted == f"{len(before)} recordings in the index"
        assert _files(site) == before

        _lose_database(site)
        await site.start_mediamtx()
        await site.start_vmsd()
        await site.command("user", "add", "operador", "--password", "uma senha de teste")
        site.token = await site.command("token", "add", "operador")
        await until(lambda: _all_indexed(site, camera_id), 20, "the index is complete")
        (city,) = (await site.get("/api/v1/cities"))["items"]
        assert (city["id"], city["plan"]) == (site.city_id, "premium"), "kept as long as any plan does"
        await site.until_state(camera_id, "disabled", 10)
        assert before <= _files(site)


async def _all_indexed(site: Site, camera_id: str) -> bool:
    """Every file but an empty one; a folder that is not recovered yet is not found."""
    status, _ = await site.ask("GET", f"/api/v1/cameras/{camera_id}")
    files = [path for path in site.files(camera_id) if path.stat().st_size]
    return status == 200 and len(await site.indexed(camera_id)) == len(files)


def _log(site: Site) -> str:
    assert site.vmsd is not None
    return site.vmsd.output()
