"""The same bytes for the same source: one time for all files, one order, no owner; and their sums."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import tarfile
from pathlib import Path

SUMS = "SHA256SUMS"
EARLIEST = 1_767_225_600
"""2026-01-01, where nobody says when the source was made."""
PROGRAM, PLAIN = 0o755, 0o644


def epoch(root: Path) -> int:
    """SOURCE_DATE_EPOCH, else the time of the newest commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    try:
        words = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
        said = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
        return int(said.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return EARLIEST


def files_of(folder: Path) -> list[Path]:
    """Files and links, in one order everywhere."""
    found = [one for one in folder.rglob("*") if one.is_symlink() or not one.is_dir()]
    return sorted(found, key=lambda one: str(one.relative_to(folder)))


def settle(folder: Path) -> None:
    """Give everything its mode and its time, and write down the sums."""
    (folder / SUMS).unlink(missing_ok=True)
    sums = [f"{sha256(one)}  {one.relative_to(folder)}\n" for one in files_of(folder) if not one.is_symlink()]
    (folder / SUMS).write_text("".join(sums), "utf-8")
    at = int(os.environ["SOURCE_DATE_EPOCH"])
    for one in [*folder.rglob("*"), folder]:
        if not one.is_symlink():
            one.chmod(PROGRAM if one.is_dir() or is_program(one) else PLAIN)
        os.utime(one, (at, at), follow_symlinks=False)


def is_program(file: Path) -> bool:
    """What is started; libraries need no such mode."""
    return file.name == "vmsd" and file.read_bytes()[:4] == b"\x7fELF"


def pack(folder: Path) -> Path:
    """A tar.gz beside the folder."""
    file = folder.with_name(f"{folder.name}.tar.gz")
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for one in files_of(folder):
            tar.add(one, f"{folder.name}/{one.relative_to(folder)}", recursive=False, filter=nobodys)
    return file


def nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
