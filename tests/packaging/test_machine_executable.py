"""The executable folder alone, on machines without a Python, and the builds themselves, twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.packaging.box import Box
from tests.packaging.conftest import DIST, ROOT

pytestmark = [pytest.mark.timeout(900)]

COPIED = (
    "vmsd",
    "web",
    "mediamtx",
    "packaging",
    "systemd",
    "LICENSE",
    "CHANGELOG.md",
    "pyproject.toml",
    "requirements.lock",
)
EPOCH = "1800000000"
HELP_S, HEALTH_S = 1.0, 5.0
"""The most a start may take, on a machine that does other things besides."""
SETTINGS = """
data_dir = "/root/data"
recordings_dir = "/root/recordings"
runtime_dir = "/root/run"
[http]
port = 18080
[https]
enabled = false
"""


@pytest.fixture(scope="module")
def installed(box: Box) -> Box:
    """The folder and nothing else: no package, no user, no unit."""
    (folder,) = [one for one in DIST.glob("vmsd-*-linux-*") if one.is_dir()]
    subprocess.run(["cp", "--archive", folder, box.root / "opt/vmsd"], check=True)
    (box.root / "root/vmsd.toml").write_text(SETTINGS)
    box.sh("mkdir /root/recordings")
    return box


def test_it_needs_no_python_and_starts_at_once(installed: Box) -> None:
    assert "python" not in installed.sh("ls /usr/bin /usr/lib")
    installed.run("/opt/vmsd/vmsd", "--version")  # from the disk, this time
    begun = time.monotonic()
    assert "Usage: vmsd" in installed.run("/opt/vmsd/vmsd", "--help")
    assert time.monotonic() - begun < HELP_S


def test_the_whole_daemon_answers_soon(installed: Box) -> None:
    script = "/opt/vmsd/vmsd run --config /root/vmsd.toml >/root/log 2>&1 & echo $!"
    pid = installed.sh(script).strip()
    begun = time.monotonic()
    while "status" not in installed.sh("curl -s http://127.0.0.1:18080/health", check=False):
        assert time.monotonic() - begun < HEALTH_S, installed.sh("cat /root/log")
        time.sleep(0.02)
    for path in ("/login", "/static/x/none", "/api/v1/openapi.json"):
        assert installed.sh(f"curl -s -o /dev/null -w '%{{http_code}}' http://127.0.0.1:18080{path}") in (
            "200",
            "404",
            "401",
        )
    assert "Entrar" in installed.sh("curl -s -H 'Accept-Language: pt-BR' http://127.0.0.1:18080/login")
    installed.run("kill", pid)


def test_nothing_of_it_is_unnamed() -> None:
    (folder,) = [one for one in DIST.glob("vmsd-*-linux-*") if one.is_dir()]
    bill = json.loads((folder / "sbom.cdx.json").read_text("utf-8"))
    named = {one["name"] for one in bill["components"]}
    assert {"mediamtx", "libavcodec", "libx264", "aiohttp", "hls.js"} <= named
    facts = {fact["name"]: fact["value"] for one in bill["components"] for fact in one.get("properties", ())}
    assert {"vmsd:SQLite", "vmsd:OpenSSL", "vmsd:CPython", "vmsd:ffmpeg"} <= facts.keys()
    assert [one["name"] for one in bill["components"] if not one.get("licenses")] == []
    files = {
        fact["value"] for one in bill["components"] for fact in one.get("properties", ()) if fact["name"] == "vmsd:file"
    }
    inside = [one for one in folder.glob("_internal/**/lib*.so*") if one.is_file() and not one.is_symlink()]
    assert [one.name for one in inside if one.name not in files] == []


def built(place: Path) -> list[str]:
    """The sums of what two builds leave, in a checkout of its own."""
    for name in COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", "bin")
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=ignored, symlinks=True)
        else:
            shutil.copy(source, place / name)
    env = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "ALLOW_UNPINNED_MEDIAMTX": "1"}
    for build in ("executable", "deb"):
        subprocess.run(["/usr/bin/python3", "-m", build], cwd=place / "packaging", env=env, check=True)
    made = sorted(one for one in (place / "dist").iterdir() if one.is_file())
    return [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}" for one in made]


def test_built_twice_in_different_places_it_is_the_same(tmp_path: Path) -> None:
    places = tmp_path / "here", tmp_path / "some-where-else"
    for place in places:
        place.mkdir()
    first, second = (built(place) for place in places)
    assert len(first) == 2
    assert first == second
