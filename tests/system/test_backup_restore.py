"""A snapshot is taken beside the running daemon and brought back while it is stopped; no recording is lost by it."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import until
from tests.support.site import Site


async def test_a_site_goes_back_to_its_snapshot_and_keeps_every_recording(tmp_path: Path) -> None:
    async with Site(tmp_path, mediamtx={"segment_s": 3}) as site:
        camera = await site.camera("Portaria")
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url)
        await site.until_recording(camera_id)
        snapshot = str(tmp_path / "copy.db")
        await site.command("backup", snapshot)
        before = await site.indexed(camera_id)
        status, _ = await site.ask("PATCH", f"/api/v1/cameras/{camera_id}", {"name": "Depois"})
        assert status == 200
        assert "running" in await site.command("restore", snapshot, expect=1)
        assert "running" in await site.command("rebuild-index", expect=1)

        async def more_files() -> bool:
            return len(site.files(camera_id)) >= len(before) + 2

        await until(more_files, 30, "it has recorded on")
        await site.stop_vmsd()
        files = set(site.files(camera_id))
        assert "restored" in await site.command("restore", snapshot)
        assert site.database.with_name("vmsd.db.before-restore").exists()

        await site.start_vmsd()
        (shown,) = (await site.get("/api/v1/cameras"))["items"]
        assert (shown["id"], shown["name"]) == (camera_id, "Portaria")
        await until(lambda: _all_indexed(site, camera_id), 20, "what was recorded since is in the index")
        assert files <= set(site.files(camera_id))
        assert site.sql("SELECT count(*) FROM purge WHERE reason <> 'empty'") == [(0,)]
        actions = [action for (action,) in site.sql("SELECT action FROM audit ORDER BY seq")]
        assert actions.count("database.restored") == 1
        (started,) = site.sql("SELECT facts FROM audit WHERE action = 'daemon.started' ORDER BY seq DESC LIMIT 1")
        assert '"last_stop":"clean"' in started[0]


async def _all_indexed(site: Site, camera_id: str) -> bool:
    return len(await site.indexed(camera_id)) == len([path for path in site.files(camera_id) if path.stat().st_size])
