"""A box without a daemon: a real database, real folders and files, and a clock that is moved by hand."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.video.mp4_fixture import TIMESCALE, Sample, fragment, header, mtxi, video_trak
from vmsd.config import Settings
from vmsd.host.clocksync import KernelClock
from vmsd.host.signing import BoxKey
from vmsd.host.tree import Folder, Tree
from vmsd.model.segment import Segment, segment_file_name
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.index import RecordingIndex
from vmsd.services.segment_files import SegmentFiles
from vmsd.services.storage import BreakerState, DiskWatch
from vmsd.store.cities import Cities
from vmsd.store.database import Database, open_database
from vmsd.store.deletable import free_stretches
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import Scope
from vmsd.store.system import CameraFolder, System
from vmsd.tasks.hasher import Hasher
from vmsd.tasks.indexer import Indexer
from vmsd.tasks.scanner import Scanner
from vmsd.tasks.sweeper import Sweeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW_MS = 1_795_258_800_000
"""2026-11-21T11:00:00Z."""
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
KEY = b"0123456789abcdef"
BOX_KEY = BoxKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@dataclass
class HandClock:
    """Both clocks, moved together by `pass_s` and apart by setting one."""

    wall: int = NOW_MS
    monotonic_s: float = 1000.0

    def wall_ms(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.monotonic_s

    def pass_s(self, seconds: float) -> None:
        self.wall += round(seconds * 1000)
        self.monotonic_s += seconds


@lru_cache(maxsize=4096)
def parts_of(first_s: int, seconds: int) -> bytes:
    """Parts of 1 s, each a keyframe and nine other pictures of made-up bytes."""
    frames = [Sample(bytes([index + 1]) * (200 if index else 800), TIMESCALE // 10, index == 0) for index in range(10)]
    return b"".join(
        fragment(second, {1: second * TIMESCALE}, {1: frames}) for second in range(first_s, first_s + seconds)
    )


def head_of(start_ms: int, duration_ms: int = 0, number: int = 0) -> bytes:
    track = video_trak(320, 240, b"\x01config")
    return header(track, duration_ms=duration_ms, udta=mtxi(number, 0, start_ms * 1_000_000))


@dataclass
class Camera:
    """A camera of the box and what a recorder would do with it."""

    folder: Folder
    key: tuple[int, int]
    root: Path

    def path(self, start_ms: int) -> Path:
        return self.root / self.folder.city / self.folder.camera / segment_file_name(start_ms * 1000)

    def begin(self, start_ms: int, seconds: int = 1) -> Path:
        path = self.path(start_ms)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(head_of(start_ms) + parts_of(0, seconds))
        return path

    def grow(self, start_ms: int, first_s: int, seconds: int) -> None:
        with self.path(start_ms).open("ab") as file:
            file.write(parts_of(first_s, seconds))

    def close(self, start_ms: int, duration_ms: int) -> None:
        with self.path(start_ms).open("r+b") as file:
            file.write(head_of(start_ms, duration_ms))

    def record(self, start_ms: int, seconds: int = 2) -> Path:
        """A whole segment, closed as it should be."""
        path = self.begin(start_ms, seconds)
        self.close(start_ms, seconds * 1000)
        return path


@dataclass
class Box:
    settings: Settings
    database: Database
    clock: HandClock
    kernel: KernelClock = field(default_factory=lambda: KernelClock(synchronised=False))
    watch: DiskWatch = field(init=False)
    keeper: Timekeeper = field(init=False)
    audit: AuditLog = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = Timekeeper(self.clock, lambda: self.kernel)
        self.audit = AuditLog(self.database, BOX_KEY, self.clock, lambda: self.keeper.trusted)
        self.system = System(self.database, self.audit.append)
        self.tree = Tree(self.settings.recordings_dir)
        self.files = SegmentFiles(self.tree)
        self.index = RecordingIndex(self.files, self.clock)
        self.watch = DiskWatch(self.settings, self.clock)
        self.keeper.begin(None)

    async def start(self) -> None:
        await self.watch.settle(self.database)
        await self.watch.look()
        self.watch.breaker = BreakerState(open=False, reason=None, since_ms=0)
        self.keeper.look()

    @property
    def parts(self) -> dict[str, object]:
        return {
            "system": self.system,
            "files": self.files,
            "index": self.index,
            "watch": self.watch,
            "keeper": self.keeper,
            "clock": self.clock,
        }

    def indexer(self) -> Indexer:
        return Indexer(**self.parts)

    def scanner(self) -> Scanner:
        return Scanner(**self.parts)

    def hasher(self) -> Hasher:
        return Hasher(self.system, self.tree, self.watch)

    def sweeper(self, **rules: object) -> Sweeper:
        parts = {name: part for name, part in self.parts.items() if name != "files"}
        disk = self.settings.disk.model_copy(update=rules)
        return Sweeper(**parts, tree=self.tree, rules=disk)

    async def scan(self) -> None:
        """One whole comparison of disk and database, and every hash."""
        scanner = self.scanner()
        self.index.complete = False
        while not self.index.complete:
            await scanner.once()
        hasher = self.hasher()
        while await self.system.unhashed(1):
            await hasher.once()

    async def camera(self, number: int = 1, *, plan: str = "basic", city: int = 1, days: int | None = None) -> Camera:
        city_id, camera_id = str(UUID(int=city << 64)), str(UUID(int=(city << 64) + number))
        await self.system.recover(city_id, camera_id, plan, self.clock.wall)
        async with self.database.write() as transaction:
            await transaction.execute(
                "UPDATE camera SET retention_days = :days WHERE public_id = :id", {"days": days, "id": camera_id}
            )
        found = await self.find(camera_id)
        return Camera(Folder(city_id, camera_id), found.key, self.settings.recordings_dir)

    async def find(self, camera_id: str) -> CameraFolder:
        return next(one for one in await self.system.folders() if one.camera == camera_id)

    async def rows(self, camera: Camera) -> dict[int, object]:
        """Every row of a camera by its start in ms, garbage too."""
        rows = await self.database.read(
            "SELECT * FROM segment WHERE city_id = :city AND camera_id = :camera ORDER BY start_us",
            {"city": camera.key[0], "camera": camera.key[1]},
        )
        return {row["start_us"] // 1000: row for row in rows}

    async def purges(self, camera: Camera) -> dict[int, str]:
        rows = await self.database.read(
            "SELECT start_us, reason FROM purge WHERE city_id = :city AND camera_id = :camera",
            {"city": camera.key[0], "camera": camera.key[1]},
        )
        return {row["start_us"] // 1000: row["reason"] for row in rows}

    async def keep(self, camera: Camera, start_ms: int, end_ms: int | None = None) -> None:
        """As somebody does who preserves the period, or what was recorded at the moment."""
        scope = Scope(self.database, camera.key[0])
        who = {"reason": "a test", "person": None, "person_name": None, "now_ms": self.clock.wall}
        async with scope.write() as transaction:
            await KeptPeriods(scope).add(transaction, camera.key[1], start_ms, end_ms or start_ms + 1, **who)

    async def free(self, camera: Camera, limit: int) -> list[Segment]:
        """The oldest that may be deleted, whatever their age."""
        stretches = free_stretches(await self.system.kept(), {camera.key: None})
        found = [one for stretch in stretches for one in await self.system.free(stretch, limit)]
        return found[:limit]

    async def cities(self) -> list[str]:
        return [city.name for city in await Cities(self.database).list()]


def settings_in(folder: Path, **disk: object) -> Settings:
    for name in ("data", "video", "run"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rules = {"headroom_bytes": 0, "headroom_hours": 0, "ballast_bytes": 0} | disk
    return Settings(data_dir=folder / "data", recordings_dir=folder / "video", runtime_dir=folder / "run", disk=rules)


@asynccontextmanager
async def open_box(folder: Path, *, clock: HandClock | None = None, **disk: object) -> AsyncIterator[Box]:
    settings = settings_in(folder, **disk)
    async with open_database(settings.database) as database:
        box = Box(settings, database, clock or HandClock())
        await box.start()
        yield box


def files_in(folder: Path) -> set[str]:
    """Every segment under a folder."""
    return {name for _, _, names in os.walk(folder) for name in names if name.endswith(".mp4")}
