"""How full a file system is, as its unprivileged users see it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DiskUsage:
    """Sizes without what is reserved for root; a file system that does not count inodes has none in all."""

    total_bytes: int
    free_bytes: int
    inodes_total: int
    inodes_free: int

    @property
    def used_ratio(self) -> float:
        return _used(self.total_bytes, self.free_bytes)

    @property
    def inodes_used_ratio(self) -> float:
        return _used(self.inodes_total, self.inodes_free)


def usage(path: Path) -> DiskUsage:
    """Blocks on a hung disk: call it from a thread. Raises OSError."""
    facts = os.statvfs(path)
    reserved_blocks = facts.f_bfree - facts.f_bavail
    reserved_inodes = facts.f_ffree - facts.f_favail
    return DiskUsage(
        total_bytes=(facts.f_blocks - reserved_blocks) * facts.f_frsize,
        free_bytes=facts.f_bavail * facts.f_frsize,
        inodes_total=max(0, facts.f_files - reserved_inodes),
        inodes_free=facts.f_favail,
    )


def _used(total: int, free: int) -> float:
    return 0.0 if total <= 0 else min(1.0, max(0.0, 1 - free / total))
