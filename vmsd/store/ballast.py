"""A file that is given up when the database's volume is full, so that deletes can still be written."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PLENTY = 2
"""So many times its size must be free before it is taken: the database itself needs room to work."""


@dataclass(frozen=True)
class Ballast:
    """`size_bytes` of disk kept aside beside the database; 0 keeps none."""

    path: Path
    size_bytes: int

    def fill(self) -> None:
        """Take the room when there is plenty; a disk that is nearly full leaves none and raises nothing."""
        try:
            if self._taken() or not self._plenty():
                return
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size_bytes)
        except OSError:
            with suppress(OSError):
                self.release()

    def _taken(self) -> bool:
        return self.path.exists() and self.path.stat().st_size == self.size_bytes

    def _plenty(self) -> bool:
        facts = os.statvfs(self.path.parent)
        return self.size_bytes > 0 and facts.f_bavail * facts.f_frsize > PLENTY * self.size_bytes

    def release(self) -> None:
        """Give the room back."""
        self.path.unlink(missing_ok=True)
