"""A file that is given up when the database's volume is full, so that deletes can still be written."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ballast:
    """`size_bytes` of disk kept aside beside the database; 0 keeps none."""

    path: Path
    size_bytes: int

    def fill(self) -> None:
        """Take the room, when there is room to take; a full disk leaves no ballast and raises nothing."""
        if self.size_bytes == 0 or (self.path.exists() and self.path.stat().st_size == self.size_bytes):
            return
        with suppress(OSError), self.path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.size_bytes)

    def release(self) -> None:
        """Give the room back."""
        self.path.unlink(missing_ok=True)
