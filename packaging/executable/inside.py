"""Runs a build again in the environment of the executable, with everything fixed that its bytes could depend on."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from executable import archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from executable.place import Place

INSIDE = "VMSD_BUILD_INSIDE"
"""Set once the build runs there."""


def is_inside() -> bool:
    return bool(os.environ.get(INSIDE))


def go_inside(place: Place, module: str, argv: Sequence[str]) -> int:
    """That environment knows what the program is made of, and its commands; the exit code of `module` there.

    Reproducible: the order in which PyInstaller meets things depends on hashes, times on the clock.
    """
    fixed = {
        INSIDE: "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(archive.epoch(place.root)),
        "LC_ALL": "C.UTF-8",
    }
    words = [place.python, "-m", module, *argv]
    return subprocess.run(words, env={**os.environ, **fixed}, check=False).returncode  # noqa: S603 - ourselves
