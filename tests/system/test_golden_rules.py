"""vmsd never makes, changes or removes a path in MediaMTX: it writes a file, and reads."""

from __future__ import annotations

import re
from pathlib import Path

import vmsd
from tests.support.api_recorder import ApiRecorder
from tests.support.mounts import needs_root, tmpfs
from tests.support.ports import free_port
from tests.support.processes import until
from tests.support.site import Site

READS = {"/v3/info", "/v3/paths/list", "/v3/config/paths/list", "/v3/webrtcsessions/list"}
SWITCH = ("PATCH", "/v3/config/pathdefaults/patch")


def test_no_line_of_vmsd_names_a_call_that_makes_or_removes_a_path() -> None:
    forbidden = re.compile(r"config/paths/(add|replace|delete|patch|remove|edit)|recordings/deletesegment")
    sources = list(Path(vmsd.__path__[0]).rglob("*.py"))
    assert len(sources) > 50
    assert [path for path in sources if forbidden.search(path.read_text("utf-8"))] == []


@needs_root
async def test_a_whole_life_asks_mediamtx_for_nothing_but_reads_and_the_switch_of_recording(tmp_path: Path) -> None:
    """Cameras added, changed and removed; MediaMTX killed; the breaker opened and closed."""
    with tmpfs(tmp_path / "recordings", "32m") as volume:
        async with Site(tmp_path, disk={"breaker_used": 0.8, "breaker_closes_used": 0.7}) as site:
            camera, other = await site.camera("Portaria"), await site.camera("Praça")
            recorder, mirror = ApiRecorder(free_port()), tmp_path / "mirror" / "mediamtx.yml"
            mirror.parent.mkdir()
            await site.command("render-mediamtx", "--out", str(site.mediamtx_file))
            async with recorder.listening_at(site.ports.api), recorder.mirrored(site.mediamtx_file, mirror):
                await site.start_mediamtx(mirror)
                await site.start_vmsd()
                await _live_a_life(site, camera.url, other.url, mirror, volume)
                await site.stop_vmsd()
    asked = set(recorder.calls)
    assert SWITCH in asked
    assert asked - {SWITCH} == {("GET", path) for path in READS}


async def _live_a_life(site: Site, url: str, other_url: str, mirror: Path, volume: Path) -> None:
    camera_id = await site.add_camera("Portaria", url)
    await site.until_recording(camera_id)
    status, _ = await site.ask("PATCH", f"/api/v1/cameras/{camera_id}", {"source_url": other_url})
    assert status == 200
    assert (await site.ask("DELETE", f"/api/v1/cameras/{camera_id}/recording"))[0] == 200
    await site.kill_mediamtx()
    await site.start_mediamtx(mirror)
    await site.until_state(camera_id, "online", 20)
    filler = volume / "alheio"
    filler.write_bytes(bytes(28 * 1024 * 1024))
    await site.until_notice("breaker_open", 8)
    filler.unlink()
    await until(site.is_healthy, 10, "the breaker is closed again")
    assert (await site.ask("DELETE", f"/api/v1/cameras/{camera_id}"))[0] == 204
