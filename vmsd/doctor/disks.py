"""The recordings volume, the disk of the database, and what has been written lately."""

from __future__ import annotations

import os
from pathlib import Path

from vmsd.config import Settings
from vmsd.doctor.check import Box, Check, Finding, failed, passed, warned
from vmsd.doctor.database import cameras, find_meta
from vmsd.host.disk import usage
from vmsd.host.volume import read_marker
from vmsd.host.wear import read_wear
from vmsd.services.storage import VOLUME_KEY

MIB, GB = 1 << 20, 10**9
LOW_BYTES, LOWEST_BYTES = 512 * MIB, 128 * MIB
QUIET_S = 60
"""A camera's part lasts a second, and reaches the disk within some more."""
SHOWN = 5
WORN = 0.8
DISK_HUNG = "the disk does not answer: look at dmesg, at its cable and power, and be ready to replace it"


def volume(box: Box) -> Finding:
    """There, ours, writable."""
    return _absent(box.set_up) or _foreign(box.set_up) or _shared(box.set_up)


def _absent(told: Settings) -> Finding | None:
    folder = told.recordings_dir
    if not folder.is_dir():
        return failed(f"{folder} is not there", "plug the recordings disk in, or set recordings_dir right")
    if told.disk.must_be_mount and not folder.is_mount():
        return failed(f"nothing is mounted at {folder}", "plug the recordings disk in: its label must be VMSD-DATA")
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return failed(f"{folder} is mounted read-only", "look at dmesg: the kernel does that when a disk has failed")
    return None


def _foreign(told: Settings) -> Finding | None:
    try:
        marker = read_marker(told.recordings_dir)
    except ValueError:
        return failed("the volume's marker makes no sense", "adopt the volume on the page Health, if it is this box's")
    expected = find_meta(told, VOLUME_KEY)
    if marker is None or expected is None:
        return failed("the volume carries no marker yet", "start vmsd: it marks a volume that belongs to nobody")
    if marker.uuid != expected:
        return failed(
            "the volume belongs to another box", "plug the right disk in, or adopt this one on the page Health"
        )
    return None


def _shared(told: Settings) -> Finding:
    """The last question: it is there and ours."""
    folder = told.recordings_dir
    if not told.disk.must_be_mount and folder.stat().st_dev == told.data_dir.stat().st_dev:
        advice = "give recordings a disk of their own, and set [disk] must_be_mount"
        return warned("recordings and database share one file system", advice)
    return passed(f"{folder} is there and this box's own")


def space(box: Box) -> Finding:
    rules, found = box.set_up.disk, usage(box.set_up.recordings_dir)
    said = f"{found.used_ratio:.1%} of {found.total_bytes / GB:.0f} GB used, {found.free_bytes / GB:.1f} GB free"
    if found.used_ratio > rules.breaker_used or found.free_bytes < rules.headroom_bytes:
        advice = "free what is not recordings, let preserved periods go, or fit a larger disk: recording has stopped"
        return failed(f"the recordings volume is full: {said}", advice)
    if found.inodes_used_ratio > rules.breaker_used:
        return failed("the recordings volume has no room for more files", "look for what fills it with small files")
    return passed(said)


def data_space(box: Box) -> Finding:
    """Room for the database to grow and to be copied before an update."""
    free = usage(box.set_up.data_dir).free_bytes
    said = f"{free / MIB:.0f} MiB free where the database lies"
    advice = "free the system's disk: journalctl --vacuum-size=100M, old packages, copies"
    if free < LOWEST_BYTES:
        return failed(said, advice)
    return warned(said, advice) if free < LOW_BYTES else passed(said)


def wear(box: Box) -> Finding:
    found = read_wear(box.set_up.recordings_dir)
    if found is None or (found.used_ratio is None and found.failing is None):
        said = "the disk does not say how worn it is"
        return passed(said) if os.geteuid() else passed(f"{said} (smartmontools may be missing)")
    used = "" if found.used_ratio is None else f", {found.used_ratio:.0%} of its life used"
    if found.failing:
        return failed(f"the disk says of itself that it is failing{used}", "copy what must be kept, and replace it now")
    if (found.used_ratio or 0) >= WORN:
        return warned(f"the disk is worn ({found.kind}{used})", "order another one")
    return passed(f"{found.kind}{used}")


def recording(box: Box) -> Finding:
    """Whether every camera that is to be recorded has written within the last minute: by the files themselves."""
    wanted = [camera for camera in cameras(box.set_up) if camera["recording_enabled"]]
    if not wanted:
        return warned("no camera is to be recorded", "add cameras on the page Cameras, and switch recording on")
    root, now_ms = box.set_up.recordings_dir, box.clock.wall_ms()
    silent = [one["name"] for one in wanted if _age_s(root / one["city"] / one["public_id"], now_ms) > QUIET_S]
    if not silent:
        return passed(f"all {len(wanted)} cameras to be recorded have written within the last minute")
    names = ", ".join(silent[:SHOWN]) + (f" and {len(silent) - SHOWN} more" if len(silent) > SHOWN else "")
    advice = "see what the page Health says of them; if it is all of them, see to mediamtx, volume and space here"
    return failed(f"{len(silent)} of {len(wanted)} cameras have written nothing for a minute: {names}", advice)


def _age_s(folder: Path, now_ms: int) -> float:
    """Of the newest file; names begin with the time, so that one file is looked at."""
    try:
        newest = max((entry.name for entry in os.scandir(folder) if entry.name.endswith(".mp4")), default=None)
    except FileNotFoundError:
        newest = None
    return float("inf") if newest is None else now_ms / 1000 - (folder / newest).stat().st_mtime


CHECKS = (
    Check("volume", volume, 8.0, DISK_HUNG),
    Check("space", space, 8.0, DISK_HUNG),
    Check("recording", recording, 15.0, DISK_HUNG),
    Check("disk wear", wear, 15.0, DISK_HUNG),
    Check("system disk", data_space),
)
