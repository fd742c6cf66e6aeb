"""The way of a Debian box: the new package is made ready, and the former one again from what is installed.

Nothing here changes what is installed: `vmsd-update-steps.sh` does, which does not depend on the program it replaces.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from vmsd.errors import Conflict, Invalid
from vmsd.host.durable import sync
from vmsd.update.bundle import Bundle, unpack
from vmsd.update.manifest import Payload

PACKAGE = "vmsd"
NEW, FORMER = "new.deb", "former.deb"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
KIB = 1024
DEADLINE_S = 300
SCRIPTS = {"preinst": 0o755, "postinst": 0o755, "prerm": 0o755, "postrm": 0o755}
LEFT_OUT = frozenset({"Status", "Conffiles", "Config-Version"})
"""What dpkg notes of an installed package, and a package does not have."""


def architecture() -> str:
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


def ask(*words: str) -> str:
    """What a tool of dpkg says; `Conflict` with its last line when it fails."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False)  # noqa: S603 - ours
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Conflict(f"{words[0]} failed: {said[-1] if said else done.returncode}")
    return done.stdout


def installed_version() -> str:
    """As dpkg knows it; `Conflict` when the package is not installed whole."""
    status, _, version = ask("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", PACKAGE).partition(
        " "
    )
    if status != "installed":
        raise Conflict(f"the package is {status} only: `dpkg --configure -a` comes first")
    return version.strip()


def installed_bytes() -> int:
    return int(ask("dpkg-query", "--show", "--showformat=${Installed-Size}", PACKAGE)) * KIB


def stage_new(room: Path, bundle: Bundle, payload: Payload) -> Path:
    """The new package as a file, durable; `Invalid` when it is no package of ours, or of another version than said."""
    file = room / NEW
    with file.open("xb") as opened:
        unpack(bundle, payload, opened.write)
        opened.flush()
        os.fsync(opened.fileno())
    name, version, arch = (_field(file, field) for field in ("Package", "Version", "Architecture"))
    if (name, version, arch) != (PACKAGE, bundle.manifest.version, bundle.manifest.arch):
        raise Invalid(f"the update holds the package {name} {version} {arch}, which is not what it says")
    return file


def unpacked_bytes(file: Path) -> int:
    size = _field(file, "Installed-Size")
    return int(size) * KIB if size.isdecimal() else file.stat().st_size


def stage_former(room: Path) -> Path:
    """The package that is installed, made again of its files, without its settings: they stay where they are.

    A package that is put back without a settings file leaves the file alone; with it, dpkg would take what the operator
    has written for what was shipped, and the next update would lose it.
    """
    tree, file = room / "former", room / FORMER
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(mode=0o755)
    settings = set(_conffiles())
    for path in ask("dpkg-query", "--listfiles", PACKAGE).splitlines():
        if path not in settings:
            _take(Path(path), tree / path.lstrip("/"))
    _write_control(tree / "DEBIAN")
    ask("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(file))
    shutil.rmtree(tree)
    sync(file)
    sync(room)
    return file


def _conffiles() -> Iterable[str]:
    text = ask("dpkg-query", "--show", "--showformat=${Conffiles}", PACKAGE)
    return (line.split()[0] for line in text.splitlines() if line.strip())


def _take(source: Path, target: Path) -> None:
    """A second name for the file where that can be had, else a copy: dpkg never writes into a file, it replaces it."""
    if source.is_dir() and not source.is_symlink():
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    if not source.is_symlink() and not source.exists():
        return
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not source.is_symlink():
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target, follow_symlinks=False)


def _write_control(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    fields = ask("dpkg-query", "--status", PACKAGE).splitlines(keepends=True)
    (folder / "control").write_text("".join(_without(fields, LEFT_OUT)), "utf-8")
    for name in ask("dpkg-query", "--control-list", PACKAGE).split():
        if re.fullmatch(r"[a-z0-9]+", name) and name not in ("conffiles", "control"):
            file = folder / name
            file.write_text(ask("dpkg-query", "--control-show", PACKAGE, name), "utf-8")
            file.chmod(SCRIPTS.get(name, 0o644))


def _without(lines: Sequence[str], fields: frozenset[str]) -> Iterable[str]:
    """Each field may go on over lines that begin with a space."""
    skipping = False
    for line in lines:
        if not line.startswith((" ", "\t")):
            skipping = line.partition(":")[0] in fields
        if not skipping and line.strip():
            yield line


def _field(file: Path, name: str) -> str:
    return ask("dpkg-deb", "--field", str(file), name).strip()
