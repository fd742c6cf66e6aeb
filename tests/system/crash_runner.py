"""Breaks off a scenario of `crash_scenarios.py` at every system call that changes something, or by a power cut.

`crash_runner.py strace NAME FOLDER`: kill -9 before each call of the thread that works on files and of the one that
writes the database, one after another; where more threads come, before the Nth call of whichever is there first.
`crash_runner.py power NAME FOLDER CUTS [careless]`: in a private mount namespace; the power goes while it works, and
once right after; `careless` leaves out every sync of files and folders, to show that the checks would notice.

Each trial is a fork of this process, which starts no thread of its own: nothing has to be imported twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import json
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from tests.system.crash_scenarios import SCENARIOS, Scenario, opened
from vmsd.services.disk_thread import DiskThread

CALLS = (
    "openat", "write", "pwrite64", "fsync", "fdatasync", "syncfs", "ftruncate", "fallocate", "fchmodat,chmod",
    "rename,renameat,renameat2", "unlink,unlinkat", "link,linkat", "mkdir,mkdirat",
)  # fmt: skip
"""What changes the disk, and what opens files to do so."""
MOST = 400
"""Calls of one kind; more than that is a scenario gone wild."""
TRIAL_S = 30
FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
MIB = 1 << 20


def inline(self: DiskThread, work: Callable[..., Any], *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
    """In the thread that asks: then each call has one place in one order."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    try:
        future.set_result(work(*args, **kwargs))
    except Exception as error:  # noqa: BLE001 - as an executor does
        future.set_exception(error)
    return future


async def to_thread_inline(work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    return work(*args, **kwargs)


@dataclass
class Trial:
    """A fork that works: it says which threads it has, waits, and tells what it has promised."""

    scenario: Scenario
    folder: Path
    careless: bool = False
    pid: int = 0
    threads: list[int] = field(default_factory=list)
    acks: list[Any] = field(default_factory=list)
    _said: int = -1
    _go: int = -1
    _rest: bytes = b""

    def start(self) -> Trial:
        self._said, told = os.pipe()
        waits, self._go = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._said)
            os.close(self._go)
            end_as(lambda: asyncio.run(self._work(told, waits)))
        os.close(told)
        os.close(waits)
        self.threads = self._line()
        return self

    async def _work(self, told: int, waits: int) -> None:
        stack = AsyncExitStack()
        box = None if self.scenario.alone else await opened(self.folder, stack)
        say(told, [os.getpid(), *([box.database._writer._thread.native_id] if box else [])])
        os.read(waits, 1)
        if self.careless:
            os.fsync = os.fdatasync = lambda _handle: None
        await self.scenario.work(box or self.folder, functools.partial(say, told))
        os._exit(0)

    def go(self) -> None:
        os.write(self._go, b"x")

    def wait(self) -> bool:
        """Until it has ended; whether it came to its end."""
        _, status = os.waitpid(self.pid, 0)
        while (line := self._line()) is not None:
            self.acks.append(line)
        os.close(self._said)
        os.close(self._go)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, os.WTERMSIG(status)
            return False
        assert os.WEXITSTATUS(status) == 0, f"the work itself failed in {self.folder}"
        return True

    def _line(self) -> Any:
        deadline_s = time.monotonic() + TRIAL_S
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._said], [], [], max(0, deadline_s - time.monotonic()))
            data = os.read(self._said, 65536) if ready else b""
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)


def say(told: int, what: Any) -> None:
    os.write(told, json.dumps(what).encode() + b"\n")


def end_as(work: Callable[[], Any]) -> None:
    """In a fork: its end is the end of the process, whatever comes of it."""
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not come back
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def forked(work: Callable[[], Any], log: Path) -> str | None:
    """None when it went well, else the end of what it said."""
    pid = os.fork()
    if pid == 0:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 2)
        end_as(work)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
        return None
    return log.read_text()[-1500:]


def checked(scenario: Scenario, folder: Path, acks: list[Any], log: Path) -> str | None:
    return forked(lambda: asyncio.run(scenario.check(folder, acks)), log)


class Tracer:
    """strace on one thread, or on all and those to come, ready to kill before the Nth call of a kind."""

    def __init__(self, thread: int, calls: str, nth: int, *, new_threads: bool) -> None:
        inject = f"inject={calls}:signal=SIGKILL:when={nth}"
        follow = ["-f"] if new_threads else []
        self._process = subprocess.Popen(
            ["strace", *follow, "-qq", "-p", str(thread), "-e", f"trace={calls}", "-e", inject, "-o", "/dev/null"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        deadline_s = time.monotonic() + TRIAL_S
        while "TracerPid:\t0\n" in Path(f"/proc/{thread}/status").read_text():
            assert self._process.poll() is None, self._process.stderr.read()
            assert time.monotonic() < deadline_s
            time.sleep(0.002)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        self._process.wait(TRIAL_S)
        self._process.stderr.close()


def points(scenario: Scenario) -> Iterator[tuple[str, int, bool]]:
    """Kinds of calls and threads: the one that works on files, and the one that writes the database."""
    for calls in CALLS:
        for number in (0,) if scenario.alone else (0, 1):
            yield calls, number, scenario.new_threads and number == 0


def strace(name: str, folder: Path) -> dict[str, Any]:
    scenario, base, trial_folder = SCENARIOS[name], folder / "base", folder / "trial"
    base.mkdir()
    assert forked(lambda: asyncio.run(scenario.prepare(base)), folder / "prepare.log") is None
    found: dict[str, Any] = {"kills": 0, "failures": []}
    for calls, number, new_threads in points(scenario):
        for nth in range(1, MOST):
            shutil.rmtree(trial_folder, ignore_errors=True)
            shutil.copytree(base, trial_folder)
            trial = Trial(scenario, trial_folder).start()
            tracer = Tracer(trial.threads[number], calls, nth, new_threads=new_threads)
            trial.go()
            ended = trial.wait()
            tracer.end()
            fault = checked(scenario, trial_folder, trial.acks, folder / "check.log")
            if fault:
                found["failures"].append({"before": calls, "nth": nth, "thread": number, "fault": fault})
            if ended:
                break
            found["kills"] += 1
    return found


@dataclass(frozen=True)
class Disks:
    """The database on one file system, the recordings on another: one's syncs must not help the other."""

    folder: Path

    @property
    def box(self) -> Path:
        return self.folder / "disk" / "box"

    def _pairs(self) -> list[tuple[Path, Path]]:
        return [(self.folder / "data.image", self.folder / "disk"), (self.folder / "video.image", self.box / "video")]

    def make(self) -> None:
        for image, place in self._pairs():
            with image.open("wb") as file:
                file.truncate(48 * MIB)
            tool("mkfs.ext4", "-q", "-F", str(image))
            place.mkdir(parents=True, exist_ok=True)
            tool("mount", "-o", "loop", str(image), str(place))

    def lose_power(self) -> None:
        for _, place in reversed(self._pairs()):
            handle = os.open(place, os.O_RDONLY)
            fcntl.ioctl(handle, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
            os.close(handle)

    def mount_again(self) -> None:
        self.unmount()
        for image, place in self._pairs():
            tool("mount", "-o", "loop", str(image), str(place))

    def unmount(self) -> None:
        for _, place in reversed(self._pairs()):
            tool("umount", str(place))


def power(name: str, folder: Path, cuts: int, careless: bool) -> dict[str, Any]:
    """The page cache is lost with the power: what was not synced is not there afterwards."""
    scenario, disks = SCENARIOS[name], Disks(folder)
    found: dict[str, Any] = {"cuts": 0, "failures": []}
    for number in range(cuts):
        disks.make()
        assert forked(lambda: asyncio.run(scenario.prepare(disks.box)), folder / "prepare.log") is None
        os.sync()
        trial = Trial(scenario, disks.box, careless).start()
        trial.go()
        if number:
            time.sleep(random.Random(number).uniform(0, 0.06))
        else:
            os.waitid(os.P_PID, trial.pid, os.WEXITED | os.WNOWAIT)
        disks.lose_power()
        with suppress(ProcessLookupError):
            os.kill(trial.pid, signal.SIGKILL)
        acks = acks_of(trial)
        disks.mount_again()
        fault = checked(scenario, disks.box, acks, folder / "check.log")
        disks.unmount()
        found["cuts"] += 1
        if fault:
            found["failures"].append({"cut": number, "fault": fault})
    return found


def acks_of(trial: Trial) -> list[Any]:
    """However it ended: a disk without power may have made it fail."""
    with suppress(AssertionError):
        trial.wait()
    return trial.acks


def tool(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(50),
    )
    DiskThread.start = inline  # type: ignore[method-assign]
    asyncio.to_thread = to_thread_inline
    if sys.argv[1] == "strace":
        print(json.dumps(strace(sys.argv[2], Path(sys.argv[3]))))
    else:
        print(json.dumps(power(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), "careless" in sys.argv)))
