"""Has PyInstaller make the folder."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from executable.command import BuildError, run

if TYPE_CHECKING:
    from executable.place import Place

SPEC = "packaging/executable/vmsd.spec"


def freeze(place: Place) -> None:
    frozen, scratch = place.work / "frozen", place.work / "scratch"
    for old in (frozen, scratch, place.folder):
        shutil.rmtree(old, ignore_errors=True)
    words = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "ERROR"]
    run([*words, "--distpath", frozen, "--workpath", scratch, place.root / SPEC], cwd=place.work)
    place.out.mkdir(parents=True, exist_ok=True)
    shutil.move(frozen / "vmsd", place.folder)
    said = run([place.folder / "vmsd", "--version"], env={"PATH": "/nonexistent"})
    if place.version not in said:
        raise BuildError(f"the program that was built says {said.strip()!r}")
