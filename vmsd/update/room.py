"""Whether there is room for an update, asked before anything is written."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from vmsd.errors import StorageFull

SPARE = 2
"""Times what is needed has to be free: databases and journals grow meanwhile."""
MIB = 1024 * 1024


def refuse_full(needs: Iterable[tuple[Path, int]]) -> None:
    """`StorageFull` names the place. Several needs on one file system are added up; a folder may be yet to make."""
    wanted: dict[int, int] = defaultdict(int)
    places: dict[int, Path] = {}
    for path, size in needs:
        there = next(one for one in (path, *path.parents) if one.exists())
        device = there.stat().st_dev
        wanted[device] += size * SPARE
        places.setdefault(device, there)
    for device, size in wanted.items():
        found = os.statvfs(places[device])
        free = found.f_bavail * found.f_frsize
        if free < size:
            found_mib, wanted_mib = free // MIB, -(-size // MIB)
            raise StorageFull(
                f"there is too little room in {places[device]}: {found_mib} MiB are free, {wanted_mib} are needed"
            )
