"""A wall clock that jumps 56 years deletes nothing, at the start or on the way; everybody is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

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


def _started(tasks: list[dict], name: str) -> object:
    return next(task["last_started"] for task in tasks if task["name"] == name)


async def _sweeper_has_passed(site: Site, since: object) -> None:
    async def passed() -> bool:
        return _started((await site.system())["tasks"], "sweeper") not in (None, since)

    await until(passed, 30, "the sweeper has made a pass")


async def test_a_clock_56_years_ahead_at_the_start_deletes_nothing(tmp_path: Path) -> None:
    await _on_both(tmp_path, _start_ahead)


async def test_a_clock_that_jumps_56_years_while_running_deletes_nothing(tmp_path: Path) -> None:
    await _on_both(tmp_path, _jump_while_running)


async def _on_both(folder: Path, scenario: Callable[[Site], Awaitable[None]]) -> None:
    """A site whose daemon alone jumps, beside one whose MediaMTX jumps too.

    A static program cannot be given another clock: the latter is the stand-in.
    """
    async with asyncio.TaskGroup() as both:
        for name, server in (("vmsd", None), ("both", standin())):
            (folder / name).mkdir()
            site = Site(folder / name, server=server, mediamtx={"segment_s": 3})
            both.create_task(_within(site, scenario))


async def _within(site: Site, scenario: Callable[[Site], Awaitable[None]]) -> None:
    async with site:
        await scenario(site)


def _give(site: Site, clock: FakeClock) -> None:
    site.env = clock.env
    if site.folder.name == "both":
        site.mediamtx_env |= clock.env


async def _start_ahead(site: Site) -> None:
    camera_id = await _aged_site(site)
    before = set(site.files(camera_id))
    clock = FakeClock(site.folder / "faketime")
    clock.jump(JUMP)
    _give(site, clock)
    await site.kill_mediamtx()
    await site.start_mediamtx()
    await site.start_vmsd()
    await _log_in_again(site)
    await _sweeper_has_passed(site, None)
    assert "clock_untrusted" in await site.notices()
    assert (await site.system())["clock"]["reason"] == "implausible"
    await site.until_recording(camera_id)
    _nothing_deleted(site, before)
    future = [path for path in site.files(camera_id) if path.name.startswith("208")]
    assert bool(future) == (site.folder.name == "both")


async def _jump_while_running(site: Site) -> None:
    clock = FakeClock(site.folder / "faketime")
    clock.jump("+0")
    _give(site, clock)
    camera_id = await _aged_site(site)
    await site.start_vmsd()
    assert await site.notices() <= {"standin"}
    before = set(site.files(camera_id))
    clock.jump(JUMP)
    await until(lambda: _last_trust(site, '"reason": "stepped"'), 10, "the clock is doubted")
    await _log_in_again(site)
    await site.until_notice("clock_untrusted", 5)
    await _sweeper_has_passed(site, _started((await site.system())["tasks"], "sweeper"))
    await site.until_recording(camera_id)
    _nothing_deleted(site, before)
    clock.jump("+0")
    await until(lambda: _last_trust(site, '"trusted": true'), 10, "the clock is trusted again")
    await _log_in_again(site)
    assert "clock_untrusted" not in await site.notices()
    _nothing_deleted(site, before)


async def _last_trust(site: Site, says: str) -> bool:
    assert site.vmsd is not None
    lines = [line for line in site.vmsd.output().splitlines() if '"event": "clock.trust"' in line]
    return says in lines[-1]


def _nothing_deleted(site: Site, before: set[Path]) -> None:
    assert all(path.exists() for path in before)
    assert site.sql("SELECT * FROM purge") == []
