"""A wall clock that jumps 56 years deletes nothing, at the start or on the way; everybody is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.clocks import FakeClock, needs_faketime
from tests.support.processes import until
from tests.support.site import Site, standin
from tests.support.video import backdate

pytestmark = needs_faketime
JUMP = "+56y"
DAYS = (14.5, 10, 3, 1)


async def _aged_site(site: Site) -> str:
    """A camera with recordings of many days that are all still promised, every one in the index."""
    camera = await site.camera("Portaria")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)

    async def whole_segments() -> bool:
        return len(site.files(camera_id)) >= 3

    await until(whole_segments, 30, "there are whole segments")
    await site.stop_vmsd()
    for days in DAYS:
        backdate(site.files(camera_id)[0], days, time.time())
    await site.command("rebuild-index")
    return camera_id


async def _log_in_again(site: Site) -> None:
    """Sessions and tokens may have ended with the jump; people can always log in."""
    site.token = await site.command("token", "add", "admin")


def _passes(tasks: list[dict], name: str) -> object:
    return next(task["last_started"] for task in tasks if task["name"] == name)


async def _sweeper_has_passed(site: Site, since: object) -> None:
    async def passed() -> bool:
        return _passes((await site.system())["tasks"], "sweeper") not in (None, since)

    await until(passed, 75, "the sweeper has made a pass")


@pytest.mark.parametrize("who", ["vmsd", "vmsd and mediamtx"])
async def test_a_clock_56_years_ahead_at_the_start_deletes_nothing(tmp_path: Path, who: str) -> None:
    """A static program cannot be given another clock: where MediaMTX jumps too, it is the stand-in."""
    server = standin() if who == "vmsd and mediamtx" else None
    async with Site(tmp_path, server=server, mediamtx={"segment_s": 3}) as site:
        camera_id = await _aged_site(site)
        before = set(site.files(camera_id))
        clock = FakeClock(tmp_path / "faketime")
        clock.jump(JUMP)
        site.env = clock.env
        if server:
            await site.kill_mediamtx()
            await site.start_mediamtx()
        await site.start_vmsd()
        await _log_in_again(site)
        await _sweeper_has_passed(site, None)
        assert "clock_untrusted" in await site.notices()
        assert (await site.system())["clock"]["reason"] == "implausible"
        await site.until_recording(camera_id)
        await _nothing_deleted(site, before)
        if server:
            assert any(path.name.startswith("208") for path in site.files(camera_id))


@pytest.mark.timeout(150)
@pytest.mark.parametrize("who", ["vmsd", "vmsd and mediamtx"])
async def test_a_clock_that_jumps_56_years_while_running_deletes_nothing(tmp_path: Path, who: str) -> None:
    server = standin() if who == "vmsd and mediamtx" else None
    async with Site(tmp_path, server=server, mediamtx={"segment_s": 3}) as site:
        clock = FakeClock(tmp_path / "faketime")
        clock.jump("+0")
        site.env = clock.env
        camera_id = await _aged_site(site)
        await site.start_vmsd()
        assert await site.notices() <= {"standin"}
        before = set(site.files(camera_id))
        clock.jump(JUMP)

        async def doubted() -> bool:
            return '"reason": "stepped"' in _last_trust(site)

        await until(doubted, 10, "the clock is doubted")
        await _log_in_again(site)
        await site.until_notice("clock_untrusted", 5)
        assert (await site.system())["clock"]["reason"] == "stepped"
        await _sweeper_has_passed(site, _passes((await site.system())["tasks"], "sweeper"))
        await site.until_recording(camera_id)
        await _nothing_deleted(site, before)
        clock.jump("+0")

        async def trusted() -> bool:
            return '"trusted": true' in _last_trust(site)

        await until(trusted, 10, "the clock is trusted again")
        await _log_in_again(site)
        assert "clock_untrusted" not in await site.notices()
        await _nothing_deleted(site, before)


def _last_trust(site: Site) -> str:
    assert site.vmsd is not None
    return [line for line in site.vmsd.output().splitlines() if '"event": "clock.trust"' in line][-1]


async def _nothing_deleted(site: Site, before: set[Path]) -> None:
    assert all(path.exists() for path in before)
    assert site.sql("SELECT * FROM purge") == []
