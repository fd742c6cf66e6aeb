"""The Debian packages a purpose needs: found by what they bring, installed when root, named when not."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from setup.errors import SetupError
from setup.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from setup.shell import Shell

SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
APT = ("apt-get", "--yes", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
NETWORK = "check that this machine reaches its Debian mirror (/etc/apt), then run the same command again."


@dataclass(frozen=True)
class Need:
    package: str
    use: str
    is_met: Callable[[], bool]


def command(name: str, package: str, use: str) -> Need:
    return Need(package, use, lambda: shutil.which(name, path=SYSTEM_PATH) is not None)


TEST_NEEDS = (
    Need("chromium", "the browser tests", Path("/usr/bin/chromium").exists),
    command("ffmpeg", "ffmpeg", "the tests of recorded files"),
    command("nginx", "nginx-light", "the tests of a camera behind HTTP and the benchmarks"),
    command("rabbitmq-server", "rabbitmq-server", "the tests of what goes to a RabbitMQ"),
    command("promtool", "prometheus", "the tests of /metrics"),
    command("faketime", "faketime", "the tests of a clock that jumps"),
    command("strace", "strace", "the tests of what reaches the disk"),
)
BENCH_NEEDS = (command("wrk", "wrk", "the load of the benchmarks"),)


def step(needs: Sequence[Need], shell: Shell) -> Step:
    return Step("Debian packages", lambda: not missing(needs), lambda: install(needs, shell))


def missing(needs: Sequence[Need]) -> list[Need]:
    return [need for need in needs if not need.is_met()]


def install(needs: Sequence[Need], shell: Shell) -> str:
    wanted = missing(needs)
    packages = list(dict.fromkeys(need.package for need in wanted))
    if shutil.which("apt-get", path=SYSTEM_PATH) is None:
        raise SetupError("this is no Debian machine (apt-get is missing)", listing(wanted, "install by its own means"))
    if os.geteuid() != 0:
        raise SetupError("Debian packages are missing, and only root may install them", by_hand(wanted, packages))
    code, _ = shell.answer([*APT, "update"], env=QUIET)
    advice = NETWORK if code else by_hand(wanted, packages)
    shell.run([*APT, "install", "--no-install-recommends", *packages], advice, env=QUIET)
    if still := missing(needs):
        names = ", ".join(need.package for need in still)
        raise SetupError(f"apt-get installed {names}, and they still do not work", by_hand(still, packages))
    return ", ".join(packages)


def by_hand(wanted: Sequence[Need], packages: Sequence[str]) -> str:
    typed = f"apt-get update && apt-get install --no-install-recommends {' '.join(packages)}"
    how = f"as root (sudo -s) type\n\n    {typed}\n\nand then, as yourself, the same command again"
    return listing(wanted, f"{how}. It is for")


def listing(wanted: Sequence[Need], how: str) -> str:
    width = max(len(need.package) for need in wanted)
    lines = [f"    {need.package.ljust(width)}  {need.use}" for need in wanted]
    return "\n".join((f"{how}:", *lines))
