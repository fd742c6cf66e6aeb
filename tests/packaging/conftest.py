"""Machines to install the package on; only where `VMSD_TEST_PACKAGES=1` asks: it takes minutes, and root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.box import Box

ROOT = Path(__file__).resolve().parents[2]
WORK = Path(os.environ.get("VMSD_TEST_WORK", ROOT / "build" / "test-machines"))
DIST = Path(os.environ.get("VMSD_TEST_DIST", ROOT / "dist"))
PACKAGES = (
    "systemd,systemd-sysv,dbus,udev,nftables,iproute2,procps,kmod,e2fsprogs,man-db,debconf,tzdata,curl,ca-certificates"
)
PREPARE = """
set -e
mount --make-rprivate /
mount --bind "$1" /media
cd /
mount -t tmpfs tmpfs /tmp
shift
exec "$@"
"""
SUITES = ("bookworm", "trixie")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("VMSD_TEST_PACKAGES") == "1":
        return
    for item in items:
        if item.path.name.startswith("test_machine"):
            item.add_marker(pytest.mark.skip(reason="takes minutes and root: VMSD_TEST_PACKAGES=1 asks for it"))


@pytest.fixture(scope="session")
def package() -> Path:
    found = sorted(DIST.glob("vmsd_*.deb"), key=lambda one: one.stat().st_mtime)
    assert found, "make deb comes first"
    return found[-1]


def machine(suite: str, name: str) -> Path:
    """A fresh copy of a clean Debian, without Python."""
    clean, copy = WORK / suite / "clean", WORK / suite / name
    if not (clean / "etc/debian_version").exists():
        clean.parent.mkdir(parents=True, exist_ok=True)
        words = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", suite, "/media/clean"]
        subprocess.run(["unshare", "--mount", "sh", "-c", PREPARE, "make", clean.parent, *words], check=True)
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", clean, copy], check=True)
    return copy


@pytest.fixture(scope="module", params=SUITES)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Booted, nothing installed yet; the tests of a module use it one after the other."""
    name = request.module.__name__.rpartition(".")[2]
    root = machine(request.param, name)
    box = Box(root, tmp_path_factory.mktemp("box") / "console.log")
    try:
        yield box.boot()
    finally:
        box.stop()
        subprocess.run(["chattr", "-i", root / "srv/vmsd"], check=False, capture_output=True)
        shutil.rmtree(root, ignore_errors=True)
