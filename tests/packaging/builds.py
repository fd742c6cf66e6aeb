"""Packages built of copies of the checkout: the same one again, and the next release of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.packaging.conftest import ROOT

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
NEXT = "0.9.0"


def check_out(place: Path) -> None:
    """What a build needs of the checkout, without what others have built in it."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", "bin"), symlinks=True)
        else:
            shutil.copy(source, place / name)


def build(place: Path, work: Path | None = None, **environment: str) -> Path:
    """Both builds, in that checkout; where the results lie. `work` is kept from one time to the next."""
    env = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "ALLOW_UNPINNED_MEDIAMTX": "1", **environment}
    words = ["--work", str(work or place / "build/executable"), "--out", str(place / "dist")]
    for module in ("executable", "deb"):
        command = ["nice", "-n", "5", "/usr/bin/python3", "-m", module, *words]
        subprocess.run(command, cwd=place / "packaging", env=env, check=True)
    return place / "dist"


def next_release(place: Path, work: Path) -> Path:
    """The package of a later version, which knows one more migration."""
    check_out(place)
    version = place / "vmsd/__init__.py"
    text, count = re.subn(r'(?m)^__version__ = ".*"$', f'__version__ = "{NEXT}"', version.read_text("utf-8"))
    assert count == 1
    version.write_text(text, "utf-8")
    migrations = place / "vmsd/store/migrations"
    number = len(list(migrations.glob("[0-9]*_*.sql"))) + 1
    (migrations / f"{number:04d}_next.sql").write_text("CREATE TABLE brought (id INTEGER) STRICT;\n", "utf-8")
    (found,) = build(place, work).glob("vmsd_*.deb")
    return found
