"""Lays the package out: every file where Debian wants it, with its mode."""

from __future__ import annotations

import gzip
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from executable.command import run
from executable.licences import FOLDER as LICENCES
from executable.sbom import NAME as SBOM

from deb.units import UNITS

if TYPE_CHECKING:
    from executable.place import Place

PROGRAM, PLAIN, FOLDER = 0o755, 0o644, 0o755
FILES = "packaging/deb/files"
UPDATE_KEYS = "packaging/update/keys"
"""Public halves alone: whose updates a box takes."""
PLAIN_FILES = {
    **{f"systemd/{unit}": f"usr/lib/systemd/system/{unit}" for unit in UNITS},
    "systemd/sysusers.conf": "usr/lib/sysusers.d/vmsd.conf",
    "systemd/tmpfiles.conf": "usr/lib/tmpfiles.d/vmsd.conf",
    "systemd/sysctl.conf": "usr/lib/sysctl.d/50-vmsd.conf",
    "systemd/90-vmsd.rules": "usr/lib/udev/rules.d/90-vmsd.rules",
    "systemd/91-vmsd-update.rules": "usr/lib/udev/rules.d/91-vmsd-update.rules",
    f"{FILES}/vmsd.toml": "etc/vmsd/vmsd.toml",
    f"{FILES}/vmsd.bash": "usr/share/bash-completion/completions/vmsd",
    f"{FILES}/nftables.conf": "usr/share/doc/vmsd/examples/nftables.conf",
    f"{FILES}/site.toml.example": "usr/share/doc/vmsd/examples/site.toml.example",
    f"{FILES}/copyright": "usr/share/doc/vmsd/copyright",
    f"{FILES}/lintian-overrides": "usr/share/lintian/overrides/vmsd",
}
PROGRAMS = {
    f"{FILES}/vmsd.sh": "usr/bin/vmsd",
    "systemd/vmsd-update-steps.sh": "usr/lib/vmsd/update-steps",
}
CHANGELOG = """vmsd ({version}) unstable; urgency=medium

  * What changed, for operators, is in CHANGELOG.md.gz.

 -- vmsd maintainers <maintainers@vmsd.invalid>  {date}
"""


def lay_out(target: Path, place: Place, media_server: Path, version: str) -> None:
    shutil.rmtree(target, ignore_errors=True)
    program = target / "usr/lib/vmsd"
    program.parent.mkdir(parents=True)
    shutil.copytree(place.folder, program, symlinks=True, ignore=shutil.ignore_patterns(LICENCES, SBOM, "SHA256SUMS"))
    put(media_server, program / "mediamtx", PROGRAM)
    for key in sorted((place.root / UPDATE_KEYS).glob("*.pub")):
        put(key, program / "update-keys" / key.name, PLAIN)
    for table, mode in ((PLAIN_FILES, PLAIN), (PROGRAMS, PROGRAM)):
        for source, name in table.items():
            put(place.root / source, target / name, mode)
    papers(target, place, version)


def papers(target: Path, place: Place, version: str) -> None:
    """What is to be read: the manual, what changed, licences and the bill of materials."""
    doc, at = target / "usr/share/doc/vmsd", moment()
    shutil.copytree(place.folder / LICENCES, doc / LICENCES, ignore=shutil.ignore_patterns("LICENSE"))
    changelog = CHANGELOG.format(version=version, date=at.strftime("%a, %d %b %Y %H:%M:%S +0000"))
    pack(doc / "changelog.gz", changelog.encode())
    pack(doc / "CHANGELOG.md.gz", (place.root / "CHANGELOG.md").read_bytes())
    manual = run(
        [place.python, "-m", "deb.manual", f"{at:%Y-%m-%d}"], cwd=place.root / "packaging", env=own_code(place)
    )
    pack(target / "usr/share/man/man8/vmsd.8.gz", manual.encode())


def own_code(place: Place) -> dict[str, str]:
    return {"PYTHONPATH": str(place.root), "PYTHONDONTWRITEBYTECODE": "1"}


def moment() -> datetime:
    return datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)


def put(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def pack(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=0))


def settle(target: Path) -> None:
    """No mode and no time of the machine that builds is left; dpkg-deb sees to the owner."""
    at = moment().timestamp()
    for one in [target, *target.rglob("*")]:
        if not one.is_symlink():
            one.chmod(FOLDER if one.is_dir() else PROGRAM if one.stat().st_mode & 0o111 else PLAIN)
        os.utime(one, (at, at), follow_symlinks=False)
