"""The pictures of plates, as files below `plates` in the data folder: `<city>/<day>/<detection>.jpg`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from vmsd.host.durable import make_folder, write_all_durably
from vmsd.services.disk_thread import DiskThread

log = structlog.get_logger()

LEAST_FREE_BYTES = 128 * 1024**2
"""The database lies on the same volume: a picture is worth less than it."""
KINDS = {"jpg": "image/jpeg", "png": "image/png"}


@dataclass(frozen=True)
class CropPlace:
    """Of one picture; `image` is what the database keeps of it."""

    city: str
    image: str


class Crops:
    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "plates"
        self._disk = DiskThread("crops", 2)

    def path(self, place: CropPlace) -> Path:
        return self._root / place.city / place.image

    async def write(self, pictures: Mapping[CropPlace, bytes]) -> bool:
        """All of them, durably; False, and none counts, when there is no room for them."""
        try:
            await self._disk.run(self._write, pictures)
        except OSError as error:
            log.warning("crops.not_written", pictures=len(pictures), error=error.strerror)
            return False
        return True

    def _write(self, pictures: Mapping[CropPlace, bytes]) -> None:
        self._root.mkdir(mode=0o700, exist_ok=True)
        if shutil.disk_usage(self._root).free < LEAST_FREE_BYTES:
            raise OSError(28, "no room is left for pictures")
        files = {self.path(place): content for place, content in pictures.items()}
        for folder in sorted({file.parent for file in files}):
            make_folder(folder.parent)
            make_folder(folder)
        write_all_durably(files)

    async def remove(self, places: Iterable[CropPlace]) -> None:
        """Those that are there."""
        await self._disk.run(self._remove, tuple(places))

    def _remove(self, places: Sequence[CropPlace]) -> None:
        for place in places:
            with suppress(OSError):
                self.path(place).unlink()

    async def trim(self, most_bytes: int) -> Mapping[str, Sequence[str]]:
        """Remove the oldest days until the rest is no more than this: by city, the detections that lost theirs."""
        return await self._disk.run(self._trim, most_bytes)

    def _trim(self, most_bytes: int) -> Mapping[str, Sequence[str]]:
        days = sorted(self._days(), key=lambda folder: folder.name)
        sizes = {folder: sum(_sizes(folder)) for folder in days}
        lost: dict[str, list[str]] = {}
        total = sum(sizes.values())
        for folder in days:
            if total <= most_bytes:
                break
            for file in _oldest_first(folder):
                if total <= most_bytes:
                    break
                with suppress(FileNotFoundError):  # it has become anonymous meanwhile
                    total -= file.stat().st_size
                    file.unlink()
                    lost.setdefault(folder.parent.name, []).append(file.stem)
        self._drop_empty(days)
        return lost

    async def remove_before(self, day: str) -> None:
        """Whole days from before this one, with what nobody knows of."""
        await self._disk.run(self._remove_before, day)

    def _remove_before(self, day: str) -> None:
        for folder in self._days():
            if folder.name < day:
                shutil.rmtree(folder, ignore_errors=True)

    def _days(self) -> Iterator[Path]:
        if self._root.is_dir():
            for city in self._root.iterdir():
                yield from (day for day in city.iterdir() if day.is_dir())

    def _drop_empty(self, days: Sequence[Path]) -> None:
        for folder in days[:-1]:
            with suppress(OSError):
                folder.rmdir()


def _sizes(folder: Path) -> Iterator[int]:
    for file in folder.iterdir():
        with suppress(OSError):
            yield file.stat().st_size


def _oldest_first(folder: Path) -> Sequence[Path]:
    """Of those that are there: others may be taken away meanwhile."""
    ages: dict[Path, int] = {}
    for file in folder.iterdir():
        with suppress(OSError):
            ages[file] = file.stat().st_mtime_ns
    return sorted(ages, key=lambda file: ages[file])


def day_of(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d}"


def place_of(city: str, public_id: str, received_ms: int, kind: str) -> CropPlace:
    return CropPlace(city, f"{day_of(received_ms)}/{public_id}.{kind}")


def content_type_of(image: str) -> str:
    return KINDS[image.rpartition(".")[2]]
