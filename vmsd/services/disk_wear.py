"""How worn the disk of the recordings is: asked now and then, kept in memory."""

from __future__ import annotations

from pathlib import Path

from vmsd.host.wear import Wear, read_wear
from vmsd.services.disk_thread import DiskThread


class DiskWear:
    """`last` is None before the first look, and where no disk says anything."""

    def __init__(self, recordings_dir: Path) -> None:
        self._folder = recordings_dir
        self._thread = DiskThread("disk-wear")
        self.last: Wear | None = None

    async def look(self) -> None:
        self.last = await self._thread.run(read_wear, self._folder)
