"""What is older than the plan promises goes, with a reason; what somebody asked to keep stays until they let it go."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.processes import until
from tests.support.site import Site
from tests.support.video import backdate

KEEP_OLDEST = """INSERT INTO kept_period (city_id, id, public_id, camera_id, start_ms, end_ms, reason, created_ms)
    SELECT city_id, 1, 'kept', camera_id, min(start_us) / 1000, min(start_us) / 1000 + 1, 'a test', 0 FROM segment"""


async def whole_file(site: Site, camera_id: str) -> Path:
    async def closed() -> bool:
        return len(site.files(camera_id)) >= 2

    await until(closed, 30, "there is a whole segment")
    return site.files(camera_id)[0]


async def test_the_plan_deletes_what_is_too_old_with_a_reason_and_nothing_that_is_preserved(tmp_path: Path) -> None:
    async with Site(tmp_path, mediamtx={"segment_s": 2}) as site:
        camera = await site.camera("Portaria")
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url)
        whole = await whole_file(site, camera_id)
        await site.stop_vmsd()
        now_s = time.time()
        preserved, *due = [backdate(whole, days, now_s) for days in (20, 19, 18, 15.1)]
        kept = [backdate(whole, days, now_s) for days in (14.9, 10, 1)]
        await site.command("rebuild-index")
        site.sql(KEEP_OLDEST)

        await site.start_vmsd()

        async def gone() -> bool:
            return not any(path.exists() for path in due)

        await until(gone, 15, "what is older than 15 days is deleted")
        assert all(path.exists() for path in (whole, preserved, *kept))

        async def told() -> bool:
            return len(site.sql("SELECT 1 FROM purge")) == len(due)

        await until(told, 5, "every deletion is written down")
        rows = site.sql("SELECT reason, bytes, length(sha256) FROM purge")
        assert {(reason, size) for reason, size, _ in rows} == {("retention_plan", whole.stat().st_size)}
        shown = await site.indexed(camera_id)
        assert len(site.files(camera_id)) - 1 <= len(shown) <= len(site.files(camera_id))


async def test_a_preserved_file_outlasts_its_retention_and_goes_when_it_is_let_go(tmp_path: Path) -> None:
    async with Site(tmp_path, mediamtx={"segment_s": 2}, disk={"sweep_every_s": 1}) as site:
        camera = await site.camera("Portaria")
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url)
        whole = await whole_file(site, camera_id)
        await site.stop_vmsd()
        now_s = time.time()
        preserved, other, held, young = [backdate(whole, days, now_s) for days in (12, 11, 10, 1)]
        await site.command("rebuild-index")
        await site.start_vmsd()
        oldest, _, third, *_ = await site.indexed(camera_id)
        path = f"/api/v1/recordings/{oldest['id']}/preserve"
        status, shown = await site.ask("PUT", path, {"reason": "furto"})
        assert (status, shown["kept"]) == (200, ["preserved"])
        period = {"camera_id": camera_id, "start": third["start"], "end": third["end"]}
        status, incident = await site.ask("POST", "/api/v1/incidents", {"name": "Furto", "periods": [period]})
        assert (status, incident["bytes"]) == (201, held.stat().st_size)

        status, _ = await site.ask("PATCH", f"/api/v1/cameras/{camera_id}", {"retention_days": 5})
        assert status == 200
        await until_gone(site, camera_id, other)
        assert all(path.exists() for path in (preserved, held, young))
        soon = await site.get("/api/v1/recordings/expiring?within_hours=744")
        assert not {oldest["id"], third["id"]} & {one["id"] for one in soon["items"]}

        assert (await site.ask("DELETE", path))[0] == 204
        await until_gone(site, camera_id, preserved)
        assert held.exists()
        assert (await site.ask("DELETE", f"/api/v1/incidents/{incident['id']}"))[0] == 204
        await until_gone(site, camera_id, held)
        assert young.exists()

        async def told() -> bool:
            return site.sql("SELECT count(*) FROM purge WHERE reason <> 'space'") == [(3,)]

        await until(told, 5, "every deletion is written down")
        actions = [action for (action,) in site.sql("SELECT action FROM audit ORDER BY seq")]
        kept = [one for one in actions if one.startswith(("recording.pres", "recording.rel", "incident."))]
        assert kept == ["recording.preserved", "incident.added", "recording.released", "incident.closed"]


async def until_gone(site: Site, camera_id: str, path: Path) -> None:
    """Started anew, the daemon looks at once for what is too old; else it may be at rest for a while."""
    await site.stop_vmsd()
    await site.start_vmsd()

    async def gone() -> bool:
        return path not in site.files(camera_id)

    await until(gone, 20, f"{path.name} is deleted")
