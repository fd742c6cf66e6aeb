"""How much an export may take of the recordings volume without stopping the recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vmsd.config import Disk
from vmsd.errors import StorageFull
from vmsd.services.storage import DiskWatch

FOLDER = ".exports"
"""On the recordings volume; the leading dot hides it from whoever looks for cities."""
HOUR_S = 3600
FULL = "there is no room for this on the recordings volume"


def folder_of(recordings_dir: Path, export_public_id: str) -> Path:
    return recordings_dir / FOLDER / export_public_id


class ExportRoom:
    """`bytes_per_s` is what all cameras together write now."""

    def __init__(self, watch: DiskWatch, rules: Disk, bytes_per_s: Callable[[], float]) -> None:
        self._watch = watch
        self._rules = rules
        self._bytes_per_s = bytes_per_s

    @property
    def open(self) -> bool:
        """Whether anything may be written now."""
        return self._watch.volume.ok and not self._watch.breaker.open

    def free_bytes(self) -> int:
        """Until the breaker would open."""
        usage = self._watch.usage
        if usage is None:
            return 0
        rules = self._rules
        headroom = max(rules.headroom_bytes, rules.headroom_hours * HOUR_S * self._bytes_per_s())
        used_bytes = usage.total_bytes - usage.free_bytes
        return int(min(usage.free_bytes - headroom, rules.breaker_used * usage.total_bytes - used_bytes))

    def check(self, wanted_bytes: int) -> None:
        """Raises `StorageFull` when so much does not fit, or nothing is written at all just now."""
        if not self.open:
            raise StorageFull("the box is not writing to its recordings volume now")
        if wanted_bytes > self.free_bytes():
            raise StorageFull(FULL)
