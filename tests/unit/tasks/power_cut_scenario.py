"""Cuts the power of a file system while the indexer works on it; run in a private mount namespace.

`power_cut_scenario.py FOLDER CYCLES [careless]` prints what was lost as JSON; `careless` leaves out the syncs of files
and folders, to show that the test would notice. `power_cut_scenario.py child FOLDER` is what works until the cut.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import structlog

from tests.unit.tasks.recording_box import NOW_MS, Camera, open_box
from vmsd.host.tree import Folder, Tree
from vmsd.services.segment_files import Followed, SegmentFiles
from vmsd.store.database import open_database

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
ACKS = 6
MIB = 1 << 20


async def work(folder: Path, careless: bool) -> None:
    """Two cameras record, the indexer follows; every row it has written is told once it is written."""
    if careless:
        os.fdatasync = os.fsync = lambda _handle: None
    async with open_box(folder) as box:
        cameras = [await box.camera(number) for number in (1, 2)]
        indexer, second = box.indexer(), 0
        start = NOW_MS + 1000 * len(await box.rows(cameras[0]))
        while True:
            for camera in cameras:
                if second % 5 == 0:
                    camera.begin(start + 1000 * second, 1)
                else:
                    camera.grow(start + 1000 * (second - second % 5), second % 5, 1)
            await indexer.once()
            for camera in cameras:
                rows = await box.rows(camera)
                told = {ms: (row["valid_bytes"], row["duration_ms"]) for ms, row in rows.items()}
                print(json.dumps([camera.folder.city, camera.folder.camera, camera.key, told]), flush=True)
            box.clock.pass_s(4)
            second += 1


def cut(folder: Path, careless: bool) -> dict[str, dict[int, tuple[int, int]]]:
    """One run that ends in a power cut; what had been told by then, per camera."""
    command = [sys.executable, __file__, "child", str(folder), *(["careless"] if careless else [])]
    told: dict[str, dict[int, tuple[int, int]]] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for _ in range(2 * ACKS):
            city, camera, key, rows = json.loads(child.stdout.readline())
            told[json.dumps([city, camera, key])] = {int(ms): tuple(row) for ms, row in rows.items()}
        handle = os.open(folder, os.O_RDONLY)
        fcntl.ioctl(handle, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(handle)
        child.kill()
    return told


async def check(folder: Path, told: dict[str, dict[int, tuple[int, int]]]) -> dict[str, int]:
    """After the power is back: rows that were told and are gone, rows that promise more than their file has."""
    lost = dangling = 0
    async with open_database(folder / "data" / "vmsd.db") as database:
        for name, rows in told.items():
            city, public_id, key = json.loads(name)
            camera = Camera(Folder(city, public_id), tuple(key), folder / "video")
            stored = await database.read(
                "SELECT start_us, valid_bytes, duration_ms FROM segment WHERE city_id = :city AND camera_id = :id",
                {"city": key[0], "id": key[1]},
            )
            known = {row["start_us"] // 1000: row for row in stored}
            lost += sum(known.get(ms) is None or known[ms]["valid_bytes"] < row[0] for ms, row in rows.items())
            dangling += sum([not await is_kept(folder, camera, ms, row["valid_bytes"]) for ms, row in known.items()])
    return {"lost": lost, "dangling": dangling}


async def is_kept(folder: Path, camera: Camera, start_ms: int, valid_bytes: int) -> bool:
    """The file is there and whole as far as its row says."""
    files = SegmentFiles(Tree(folder / "video"))
    (found,) = await files.glance([Followed(camera.key, camera.folder, start_ms * 1000)])
    return not found.gone and found.header is not None and found.valid_bytes >= valid_bytes


def run(folder: Path, cycles: int, careless: bool) -> dict[str, int]:
    image, disk = folder / "image", folder / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    tool("mkfs.ext4", "-q", "-F", str(image))
    total = {"told": 0, "lost": 0, "dangling": 0}
    for _ in range(cycles):
        tool("mount", "-o", "loop", str(image), str(disk))
        told = cut(disk, careless)
        tool("umount", str(disk))
        tool("mount", "-o", "loop", str(image), str(disk))
        found = asyncio.run(check(disk, told))
        tool("umount", str(disk))
        total["told"] += sum(len(rows) for rows in told.values())
        total = {name: total[name] + found.get(name, 0) for name in total}
    return total


def tool(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    if sys.argv[1] == "child":
        asyncio.run(work(Path(sys.argv[2]), "careless" in sys.argv))
    else:
        print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), "careless" in sys.argv)))
