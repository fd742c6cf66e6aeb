"""A whole Debian machine for a test: systemd as its first process, its own mounts, /tmp, network and control groups.

Needs root, systemd-nspawn and a root file system. Nothing of it outlives the test: it is ended by its process id.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self, TextIO

BOOTED = ("running", "degraded")
PREPARE = """
set -e
mount --make-rprivate /
mount --bind "$1" /media
cd /
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
umount -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
shift
exec "$@"
"""
LOCK = Path("/run/lock/vmsd-test-box")
"""One machine at a time, on the whole host: two would share their control groups, and end each other's services."""
TURN_S = 1500


class Box:
    """`root` is used up: give a copy."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._disks: list[str] = []
        self._leader = 0
        self._turn: TextIO | None = None

    def boot(self, within_s: float = 120) -> Self:
        self._turn = LOCK.open("w")
        self._until(self._is_free, TURN_S)
        nspawn = ["systemd-nspawn", "--quiet", "--keep-unit", "--register=no", "--private-network", "--console=pipe"]
        nspawn += [
            "--directory=/media",
            "--machine=box",
            "--boot",
            "systemd.journald.forward_to_console=1",
            "systemd.log_color=0",
        ]
        command = ["unshare", "--mount", "--cgroup", "sh", "-c", PREPARE, "box", str(self.root), *nspawn]
        with self.log.open("wb") as log:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._until(self._find_leader, within_s)
        self._until(self._is_up, within_s)
        return self

    def run(self, *words: str, check: bool = True, timeout_s: float = 600) -> str:
        """In the machine, as root; what it said."""
        inside = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TERM=dumb"]
        enter = ["nsenter", "--target", str(self._leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        done = subprocess.run(
            [*enter, *inside, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def sh(self, script: str, *, check: bool = True, timeout_s: float = 600) -> str:
        return self.run("sh", "-c", script, check=check, timeout_s=timeout_s)

    def put(self, file: Path, inside: str) -> None:
        shutil.copyfile(file, self.root / inside.lstrip("/"))

    def disk(self, image: Path, size_mib: int) -> str:
        """A new ext4 disk; what it is called in the machine."""
        with image.open("wb") as file:
            file.truncate(size_mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-L", "VMSD-DATA", image], check=True)
        loop = self.attach(image)
        self.sh(f"mkdir -p /dev/disk/by-label; ln -s {loop} /dev/disk/by-label/VMSD-DATA")  # as udev would
        return loop

    def attach(self, image: Path) -> str:
        """A disk with what is in the image."""
        loop = subprocess.run(
            ["losetup", "--find", "--show", image], check=True, capture_output=True, text=True
        ).stdout.strip()
        self._disks.append(loop)
        number = os.minor(Path(loop).stat().st_rdev)
        self.run("mknod", loop, "b", "7", str(number))
        return loop

    def stop(self) -> None:
        """Its first process goes, and the kernel takes all the rest along."""
        if self._nspawn is not None and self._nspawn.poll() is None:
            for pid in (self._leader, *_children(self._nspawn.pid), self._nspawn.pid):
                if pid:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            self._nspawn.wait(30)
        self._nspawn = None
        if self._turn is not None:
            self._turn.close()
        for loop in self._disks:
            subprocess.run(["losetup", "--detach", loop], check=False)
        self._disks.clear()

    def _is_free(self) -> bool:
        assert self._turn is not None
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _find_leader(self) -> bool:
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, self.log.read_text(errors="replace")
        below = [one for child in _children(self._nspawn.pid) for one in (child, *_children(child))]
        self._leader = next((pid for pid in below if _name(pid) == "systemd"), 0)
        return self._leader != 0

    def _is_up(self) -> bool:
        return self.run("systemctl", "is-system-running", check=False).strip() in BOOTED

    def _until(self, fact: Callable[[], bool], within_s: float) -> None:
        end = time.monotonic() + within_s
        while not fact():
            assert time.monotonic() < end, self.log.exists() and self.log.read_text(errors="replace")[-4000:]
            time.sleep(0.2)


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
