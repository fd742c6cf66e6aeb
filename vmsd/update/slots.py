"""The two root partitions of an appliance: the one that runs, and the one the next version goes to.

GRUB's environment block says what to boot: the slots of `ORDER`, first to last; a slot with `<slot>_OK=1` always, one
without it while `<slot>_TRY` is above 0, which GRUB counts down before it tries.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vmsd.errors import BadSetting, Invalid
from vmsd.update.bundle import Bundle, unpack
from vmsd.update.grubenv import change_grubenv, read_grubenv
from vmsd.update.manifest import Payload
from vmsd.update.places import Places

TRIES = 2
"""Boots a new version gets before GRUB goes back by itself: one may be lost to a power cut."""
SYNC_BYTES = 32 << 20
"""Written at once at most, so that recordings never wait long for their own bytes."""
CHUNK_BYTES = 1 << 20
PARAMETER = "vmsd.slot="


@dataclass(frozen=True)
class Appliance:
    """`devices` by the names of the slots; `booted` is the one that runs, of `version` where the image says one."""

    grubenv: Path
    devices: dict[str, Path]
    booted: str
    version: str = ""

    @property
    def other(self) -> str:
        return next(name for name in self.devices if name != self.booted)

    def close(self, slot: str) -> None:
        """Not to be booted: it is about to change, or has failed."""
        order = [name for name in self.devices if name != slot]
        change_grubenv(self.grubenv, {f"{slot}_OK": "0", f"{slot}_TRY": "0", "ORDER": " ".join([*order, slot])})

    def offer(self, slot: str) -> None:
        """To be booted next, `TRIES` times, then the other one again: good or not, it is what runs now."""
        order = [name for name in self.devices if name != slot]
        changes = {f"{slot}_OK": "0", f"{slot}_TRY": str(TRIES), "ORDER": " ".join([slot, *order])}
        change_grubenv(self.grubenv, changes | {f"{name}_OK": "1" for name in order})

    def confirm(self, slot: str) -> None:
        """To be booted from now on."""
        order = [name for name in self.devices if name != slot]
        change_grubenv(self.grubenv, {f"{slot}_OK": "1", f"{slot}_TRY": "0", "ORDER": " ".join([slot, *order])})

    def is_good(self, slot: str) -> bool:
        return read_grubenv(self.grubenv).get(f"{slot}_OK") == "1"


def find_appliance(places: Places) -> Appliance | None:
    """None on a Debian box of somebody's own; `BadSetting` when it was not booted from one of its slots."""
    try:
        told = tomllib.loads(places.appliance.read_text("utf-8"))
    except FileNotFoundError:
        return None
    devices = {str(name): Path(device) for name, device in told["slots"].items()}
    words = places.command_line.read_text("utf-8").split()
    booted = next((word.removeprefix(PARAMETER) for word in words if word.startswith(PARAMETER)), "")
    if booted not in devices or len(devices) != 2:  # noqa: PLR2004 - one runs, the other waits
        raise BadSetting(f"{places.appliance}: booted from slot {booted!r}, which is none of {', '.join(devices)}")
    return Appliance(Path(told["grubenv"]), devices, booted, str(told.get("version", "")))


def refuse_small(device: Path, payload: Payload) -> None:
    with _opened(device, os.O_RDONLY) as handle:
        size = os.lseek(handle, 0, os.SEEK_END)
    if size < payload.unpacked_size:
        raise Invalid(f"the system partition has {size} bytes, the update needs {payload.unpacked_size}")


def write_slot(device: Path, bundle: Bundle, payload: Payload) -> None:
    """Durable, and read again from the disk; `Invalid` when the disk has not kept what was written.

    The slot must have been closed before.
    """
    with _opened(device, os.O_WRONLY | os.O_EXCL) as handle:
        writer = _Writer(handle)
        unpack(bundle, payload, writer.write)
        writer.flush()
    if _digest(device, payload.unpacked_size) != payload.unpacked_sha256:
        raise Invalid("the system partition does not hold what was written to it: the disk is failing")


class _Writer:
    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._unsynced = 0

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._handle, left) :]
        self._unsynced += len(data)
        if self._unsynced >= SYNC_BYTES:
            self.flush()

    def flush(self) -> None:
        os.fsync(self._handle)
        self._unsynced = 0


def _digest(device: Path, size: int) -> str:
    """Of the disk, not of what the kernel remembers of it."""
    hashed = hashlib.sha256()
    with _opened(device, os.O_RDONLY) as handle:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        while size:
            data = os.read(handle, min(size, CHUNK_BYTES))
            if not data:
                break
            hashed.update(data)
            size -= len(data)
    return hashed.hexdigest()


@contextmanager
def _opened(device: Path, flags: int) -> Iterator[int]:
    handle = os.open(device, flags | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
