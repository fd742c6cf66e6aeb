"""Whether what was decided would outlive the box's disks: as the tasks that care for it last saw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vmsd.services.archive import ArchiveState

LATE_S = 6 * 3600.0
"""Snapshots are hourly."""


@dataclass
class Safekeeping:
    """Written by the backup task; `archive` is None where nothing is archived."""

    since_s: float
    """By the monotonic clock: when the daemon started."""
    may_share_disk: bool = False
    shares_disk: bool = False
    """Snapshots lie on the file system of the database they are of."""
    last_s: float | None = None
    last_ms: int | None = None
    archive: Callable[[], ArchiveState] | None = None

    def late(self, now_s: float) -> bool:
        """No snapshot was made for hours."""
        return now_s - (self.since_s if self.last_s is None else self.last_s) > LATE_S

    @property
    def exposed(self) -> bool:
        """One broken disk takes the database and its snapshots, and nobody has said that this is meant to be so."""
        return self.shares_disk and not self.may_share_disk
