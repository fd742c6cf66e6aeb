"""What is older than the plan promises goes, with a reason; what somebody asked to keep stays."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.processes import until
from tests.support.site import Site
from tests.support.video import backdate

PRESERVED = 4


async def test_the_plan_deletes_what_is_too_old_with_a_reason_and_nothing_that_is_preserved(tmp_path: Path) -> None:
    async with Site(tmp_path, mediamtx={"segment_s": 2}) as site:
        camera = await site.camera("Portaria")
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url)

        async def whole_segment() -> bool:
            return len(site.files(camera_id)) >= 2

        await until(whole_segment, 30, "there is a whole segment")
        await site.stop_vmsd()
        now_s, whole = time.time(), site.files(camera_id)[0]
        preserved, *due = [backdate(whole, days, now_s) for days in (20, 19, 18, 15.1)]
        kept = [backdate(whole, days, now_s) for days in (14.9, 10, 1)]
        await site.command("rebuild-index")
        flagged_us = site.sql("SELECT min(start_us) FROM segment")[0][0]
        site.sql("UPDATE segment SET flags = flags | :flag WHERE start_us = :us", flag=PRESERVED, us=flagged_us)

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
