"""`vmsd doctor` on a site that runs, on one that does not, beside things that hang: it tells, and touches nothing."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import Process, until
from tests.support.site import VMSD, Site

LONGEST_S = 30
"""The longest deadline of a check is 20 s."""
NOBODY = 65534


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(tmp_path) as site:
        yield site


async def examine(site: Site, *before: object) -> tuple[int, dict[str, dict[str, Any]]]:
    """Its exit code, and what each check said."""
    log = site.folder.parent / f"doctor-{secrets.token_hex(4)}.log"
    command = (*before, *VMSD, "doctor", "--json", "--config", site.config)
    process = await Process.start(*command, log=log)
    code = await process.wait(LONGEST_S)
    told = json.loads(process.output())
    assert told["result"] == max((one["result"] for one in told["checks"]), key=["pass", "warn", "fail"].index)
    for one in told["checks"]:
        assert one["found"], one
        assert one["do"] or one["result"] == "pass", one
    return code, {one["name"]: one for one in told["checks"]}


def tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(file): (file.lstat().st_mtime_ns, file.lstat().st_size, file.lstat().st_mode) for file in folder.rglob("*")
    }


def failing(found: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, one in found.items() if one["result"] == "fail"}


async def test_a_site_that_records_has_nothing_that_fails_but_what_is_broken(site: Site):
    await site.start()
    camera = await site.camera("Praça")
    (camera_id,) = await site.add_cameras(camera)

    async def recording() -> bool:
        return bool((await site.get(f"/api/v1/cameras/{camera_id}/status"))["recording"])

    await until(recording, 40, "the camera records")
    code, found = await examine(site)
    usual = set() if site.server.kind == "real" else {"mediamtx answers"}
    assert (failing(found), code) == (usual, 1 if usual else 0)
    assert "all 1 cameras" in found["recording"]["found"]
    assert site.mediamtx is not None
    os.kill(site.mediamtx.pid, signal.SIGSTOP)
    try:
        await camera.kill()
        code, found = await examine(site)
    finally:
        os.kill(site.mediamtx.pid, signal.SIGCONT)
    assert code == 1
    assert {"mediamtx answers", "cameras"} <= failing(found)
    assert "Praça" in found["cameras"]["found"]


async def test_without_a_daemon_it_says_so_and_changes_nothing(site: Site):
    before = tree(site.folder)
    code, found = await examine(site)
    assert tree(site.folder) == before
    assert code == 1
    assert {"vmsd", "mediamtx answers"} <= failing(found)
    assert found["database"]["result"] == found["keys"]["result"] == "pass"


async def test_what_a_killed_daemon_left_is_not_touched(site: Site):
    await site.start()
    await site.stop_vmsd(signal.SIGKILL)
    assert site.database.with_name("vmsd.db-wal").stat().st_size > 0
    before = tree(site.folder / "data")
    _, found = await examine(site)
    assert tree(site.folder / "data") == before
    assert "start vmsd" in found["database"]["do"]


async def test_settings_that_make_no_sense_are_one_of_the_findings(site: Site):
    site.config.write_text("nonsense = [", "utf-8")
    code, found = await examine(site)
    assert (code, found["settings"]["result"]) == (1, "fail")
    assert found["kernel"]["result"] in ("pass", "warn")
    assert "settings" in found["database"]["found"]


async def test_a_damaged_database_is_named_and_no_check_breaks_off(site: Site):
    site.database.write_bytes(secrets.token_bytes(20_000))
    _, found = await examine(site)
    for name in ("database", "cameras", "recording", "volume"):
        assert (found[name]["result"], "damaged" in found[name]["found"]) == ("fail", True), found[name]
    log = site.folder / "table.log"
    table = ("env", "PYTHONIOENCODING=latin-1", *VMSD, "doctor", "--config", site.config)
    process = await Process.start(*table, log=log)
    assert await process.wait(LONGEST_S) == 1
    assert "is damaged" in process.output()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_somebody_who_may_see_little_is_told_so(site: Site):
    for folder in (site.folder, *site.folder.parents):
        if not folder.stat().st_mode & 0o005:
            folder.chmod(0o755)
    _, found = await examine(site, "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    assert found["settings"]["result"] == "pass"
    for name in ("keys", "database", "mediamtx answers"):
        assert (found[name]["result"], "root" in found[name]["do"]) == ("warn", True), found[name]
    site.config.chmod(0o600)
    _, found = await examine(site, "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    assert (found["settings"]["result"], "root" in found["settings"]["do"]) == ("warn", True)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to hang a system call")
async def test_a_disk_that_hangs_does_not_hang_it(site: Site):
    """What hangs is left behind: strace itself stays with it until its time is over, and is not waited for."""
    hang = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=statfs", "-e", "inject=statfs:delay_enter=300s")
    command = (*hang, *VMSD, "doctor", "--json", "--config", site.config)
    process = await Process.start(*command, log=site.folder / "doctor.log")

    async def told() -> list[dict[str, Any]] | None:
        _, brace, text = process.output().partition('{\n "result"')  # strace may have complained before and after
        whole, end, _ = text.partition("\n}\n")
        return json.loads(f"{brace}{whole}{end}")["checks"] if end else None

    try:
        checks = await until(told, LONGEST_S, "the doctor has said everything")
    finally:
        await process.end(signal.SIGKILL)
    found = {one["name"]: one for one in checks}
    assert "no answer within" in found["space"]["found"]
    assert found["keys"]["result"] == "pass"
