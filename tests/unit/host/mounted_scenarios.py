"""What happens on real small file systems; run as `mounted_scenarios.py NAME FOLDER` in a private mount namespace."""

from __future__ import annotations

import asyncio
import errno
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box
from vmsd.errors import StorageFull
from vmsd.host.disk import usage
from vmsd.services.storage import OpenReason
from vmsd.store.cities import Cities
from vmsd.store.database import open_database
from vmsd.tasks.breaker import Breaker

MIB = 1 << 20


def mount(folder: Path, options: str) -> None:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, timeout=10)


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True, timeout=10)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True, timeout=10)


def use_up_inodes(folder: Path) -> None:
    for number in range(100):
        try:
            (folder / f"{number}").write_bytes(b"")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                return
            raise
    raise AssertionError("the inodes did not run out")


def breaker_of(box: Box, told: list[bool]) -> Breaker:
    async def apply(stop: bool) -> None:
        told.append(stop)

    return Breaker(
        watch=box.watch, index=box.index, database=box.database, rules=box.settings.disk, clock=box.clock, apply=apply
    )


async def full(folder: Path) -> None:
    """The breaker opens before the disk is full, and closes when there is room again."""
    mount(folder / "video", "size=32m")
    async with open_box(folder, must_be_mount=True) as box:
        camera, told = await box.camera(), []
        breaker, path = breaker_of(box, told), camera.begin(NOW_MS)
        await breaker.once()
        while not (told and told[-1]):
            with path.open("ab") as file:
                file.write(bytes(MIB // 4))
            await breaker.once()
        left = usage(folder / "video")
        assert left.free_bytes > MIB, left
        assert box.watch.breaker.reason == OpenReason.USED
        path.unlink()
        await breaker.once()
        assert told == [False, True, False]


async def brimful(folder: Path) -> None:
    """Filled by somebody else to the last byte: everything still works, room is made by deleting."""
    mount(folder / "video", "size=32m")
    async with open_box(folder, must_be_mount=True, sweep_used=0.5) as box:
        camera, told = await box.camera(), []
        for index in range(40):
            camera.record(NOW_MS - 500_000 + 10_000 * index, 9)
        filler = folder / "video" / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(MIB)):
                pass
        assert usage(folder / "video").free_bytes == 0
        breaker = breaker_of(box, told)
        await breaker.once()
        assert told == [True]
        assert box.watch.volume.ok
        await box.scan()
        assert len(await box.rows(camera)) == 40
        await box.sweeper(sweep_used=0.995).once()
        rows = await box.rows(camera)
        assert 0 < len(rows) < 40
        assert min(rows) == NOW_MS - 500_000 + 10_000 * (40 - len(rows))
        filler.unlink()
        await breaker.once()
        assert told == [True, False]


async def inodes(folder: Path) -> None:
    """Files without bytes fill a disk as well."""
    mount(folder / "video", "size=32m,nr_inodes=60")
    async with open_box(folder) as box:
        camera, told = await box.camera(), []
        breaker, index = breaker_of(box, told), 0
        while not (told and told[-1]):
            camera.begin(NOW_MS + index)
            index += 1
            await breaker.once()
        assert box.watch.breaker.reason == OpenReason.INODES
        camera.begin(NOW_MS + index)
        await box.scan()
        await box.sweeper().once()
        assert usage(folder / "video").inodes_used_ratio <= 0.9
        await breaker.once()
        assert told[-1] is False


async def read_only(folder: Path) -> None:
    """A remount that takes away writing is noticed by the next look, and reading goes on."""
    mount(folder / "video", "size=32m")
    async with open_box(folder) as box:
        camera, told = await box.camera(), []
        camera.record(NOW_MS)
        breaker = breaker_of(box, told)
        await breaker.once()
        remount(folder / "video", "ro")
        await breaker.once()
        assert (told, box.watch.breaker.reason) == ([False, True], OpenReason.READ_ONLY)
        await box.sweeper().once()
        assert camera.path(NOW_MS).stat().st_size > 0
        remount(folder / "video", "rw")
        await breaker.once()
        assert told == [False, True, False]


async def unmounted(folder: Path) -> None:
    """Not a byte reaches the bare mount point of a volume that went away, whatever runs."""
    mount(folder / "video", "size=32m")
    async with open_box(folder, must_be_mount=True) as box:
        camera, told = await box.camera(), []
        camera.record(NOW_MS - 9 * 86_400_000)
        await box.scan()
        breaker, indexer, scanner, sweeper = breaker_of(box, told), box.indexer(), box.scanner(), box.sweeper()
        await breaker.once()
        unmount(folder / "video")
        for _ in range(3):
            for task in (breaker, indexer, scanner, sweeper):
                await task.once()
            box.clock.pass_s(700)
        assert box.watch.breaker.reason == OpenReason.VOLUME_MISSING
        assert list((folder / "video").iterdir()) == []
        assert len(await box.rows(camera)) == 1


async def database_full(folder: Path) -> None:
    """A full database volume: reads go on, the ballast makes the deletes possible, and is taken again after."""
    mount(folder / "data", "size=8m")
    async with open_database(folder / "data" / "vmsd.db", ballast_bytes=MIB) as database:
        assert (folder / "data" / "ballast").stat().st_size == MIB
        filler = folder / "data" / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        refused, names = 0, 0
        while refused == 0:
            try:
                async with database.write() as transaction:
                    for _ in range(50):
                        names += 1
                        params = {"name": f"{names}" * 50, "status": "active", "plan": "pro", "now_ms": 1}
                        await Cities(database).add(transaction, **params)
            except StorageFull:
                refused += 1
        stored = len(await Cities(database).list())
        assert stored % 50 == 0
        assert not (folder / "data" / "ballast").exists()
        async with database.write() as transaction:
            await transaction.execute("DELETE FROM city WHERE id % 2 = 0")
        assert len(await Cities(database).list()) == stored - stored // 2
        await database.refill_ballast()
        assert not (folder / "data" / "ballast").exists()
        filler.unlink()
        await database.refill_ballast()
        assert (folder / "data" / "ballast").stat().st_size == MIB


async def create_fails(folder: Path) -> None:
    """Without a single free inode nothing can be created, and that is a full disk, not a broken one."""
    mount(folder / "video", "size=32m,nr_inodes=12")
    async with open_box(folder) as box:
        use_up_inodes(folder / "video")
        assert (await box.watch.look()).volume.ok
        await breaker_of(box, []).once()
        assert box.watch.breaker.reason == OpenReason.INODES


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]](Path(sys.argv[2])))
