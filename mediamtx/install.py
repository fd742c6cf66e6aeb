#!/usr/bin/env python3
"""Finds the MediaMTX this release wants, or downloads the official one; prints where the program is.

Standard library only: it runs before anything is installed.
Exit codes: 0 the path is on standard output, 1 refused, 2 wrong arguments, 3 it cannot be had here.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
PLATFORMS = {"x86_64": "linux_amd64", "aarch64": "linux_arm64"}
MEMBER = "mediamtx"
SCHEMES = ("https://", "http://", "file:")
CONNECT_S = 15
VERSION_S = 10
ATTEMPTS = 3
CHUNK_BYTES = 1 << 20
ARCHIVE_BYTES = 300 << 20
BINARY_BYTES = 600 << 20

REFUSED = 1
UNAVAILABLE = 3


class Refused(Exception):
    """What was given or fetched is not what the pin file names."""


class Unavailable(Exception):
    """The release cannot be had on this machine now."""


class BrokenOff(Exception):
    """The transfer ended before the whole archive had arrived."""


@dataclass(frozen=True)
class Pin:
    """What version.toml says, for this machine; `sha256` is empty when nobody has filled it in."""

    version: str
    url: str
    sha256: str
    file: Path


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    try:
        pin = read_pin(options.pin, options.url)
        binary = find_or_install(pin, options)
    except Refused as refusal:
        say(f"MediaMTX refused: {refusal}")
        return REFUSED
    except Unavailable as trouble:
        say(f"MediaMTX cannot be had: {trouble}")
        return UNAVAILABLE
    sys.stdout.write(f"{binary}\n")
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="install.py", description=__doc__)
    add = parser.add_argument
    add("--binary", type=Path, help="use this program (or MEDIAMTX_BINARY)")
    add("--archive", type=Path, help="install from this release archive")
    add("--url", default=os.environ.get("MEDIAMTX_URL", ""), help="a mirror (or MEDIAMTX_URL)")
    add("--into", type=Path, default=HERE / "bin", help="folder to install to")
    add("--pin", type=Path, default=HERE / "version.toml", help="the file that names the release")
    return parser.parse_args(argv)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def read_pin(file: Path, mirror: str = "") -> Pin:
    try:
        table = tomllib.loads(file.read_text("utf-8"))
        version, template, sums = table["version"], table["url"], table["sha256"]
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise Refused(f"{file} cannot be read: {error!r}") from error
    machine = machine_platform()
    url = (mirror or template).replace("{version}", version).replace("{platform}", machine)
    return Pin(version, url, str(sums.get(machine, "")).strip().lower(), file)


def machine_platform() -> str:
    machine = platform.machine().lower()
    if sys.platform != "linux" or machine not in PLATFORMS:
        raise Unavailable(f"there is no release for {sys.platform} on {machine}")
    return PLATFORMS[machine]


def find_or_install(pin: Pin, options: argparse.Namespace) -> Path:
    """Return the path of a program of exactly the pinned version.

    One that is named must be right; those that merely lie about (bin/, PATH) are passed over when wrong.
    """
    target = options.into / MEMBER
    if options.archive:
        return install(options.archive, pin, target)
    named = options.binary or os.environ.get("MEDIAMTX_BINARY", "")
    if named:
        return accept(Path(named), pin)
    for found in (target, shutil.which(MEMBER)):
        if found and version_of(Path(found)) == pin.version:
            return Path(found).absolute()
    return download_and_install(pin, target)


def accept(binary: Path, pin: Pin) -> Path:
    binary = binary.absolute()
    if not binary.is_file():
        raise Refused(f"there is no program at {binary}")
    version = version_of(binary)
    if version != pin.version:
        raise Refused(f"{binary} is {described(version)}, and {pin.version} is wanted")
    return binary


def described(version: str) -> str:
    return f"version {version}" if version else "no program that tells its version"


def version_of(binary: Path) -> str:
    """Empty for whatever cannot be run or does not answer."""
    try:
        answer = subprocess.run(  # noqa: S603 - the path is the operator's or ours, and no shell is involved
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_S, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    first = answer.stdout.strip().partition("\n")[0][:40]
    return first.removeprefix("v") if answer.returncode == 0 else ""


def download_and_install(pin: Pin, target: Path) -> Path:
    require_checksum(pin)
    prepare_folder(target.parent)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".archive-", suffix=".tar.gz") as file:
        say(f"downloading {pin.url}")
        download(pin.url, file)
        return install(Path(file.name), pin, target)


def require_checksum(pin: Pin) -> None:
    if not pin.sha256:
        raise Refused(
            f"its checksum is unknown; put the SHA-256 that the release page of version {pin.version} states"
            f" for {machine_platform()} into {pin.file}"
        )


def prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"the folder {folder} cannot be made: {error.strerror}") from error


def download(url: str, file: IO[bytes]) -> None:
    """Fill `file`; a transfer that breaks off is tried again, a server that does not answer is not."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            fetch(url, file)
        except BrokenOff as error:
            say(f"the download broke off ({error}), attempt {attempt} of {ATTEMPTS}")
        else:
            return
    raise Unavailable(f"the download from {url} broke off {ATTEMPTS} times")


def fetch(url: str, file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()
    with open_url(url) as answer:
        expected = int(answer.headers.get("Content-Length") or -1)
        try:
            received = copy_capped(answer, file, ARCHIVE_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise BrokenOff(repr(error)) from error
    if expected not in (-1, received):
        raise BrokenOff(f"{received} of {expected} bytes")
    file.flush()


def open_url(url: str) -> http.client.HTTPResponse:
    if not url.startswith(SCHEMES):
        raise Refused(f"{url} is no address to download from")
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=CONNECT_S)  # noqa: S310 - checked above
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(f"{url} does not answer ({reason})") from error
    return answer


def copy_capped(source: IO[bytes] | http.client.HTTPResponse, target: IO[bytes], limit_bytes: int) -> int:
    total = 0
    while chunk := source.read(CHUNK_BYTES):
        total += len(chunk)
        if total > limit_bytes:
            raise Refused(f"more than {limit_bytes >> 20} MiB: that is not the release")
        target.write(chunk)
    return total


def install(archive: Path, pin: Pin, target: Path) -> Path:
    """Unpack only what has the right checksum; the program appears under its name whole or not at all."""
    require_checksum(pin)
    verify(archive, pin)
    prepare_folder(target.parent)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".mediamtx-")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            unpack(archive, file)
            os.fchmod(file.fileno(), 0o755)
            file.flush()
            os.fsync(file.fileno())
        accept(fresh, pin)
        fresh.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
    say(f"MediaMTX {pin.version} is installed in {target}")
    return target.absolute()


def verify(archive: Path, pin: Pin) -> None:
    try:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"{archive} cannot be read: {error.strerror}") from error
    if found != pin.sha256:
        raise Refused(f"the archive's SHA-256 is {found}, and {pin.file} names {pin.sha256}")


def unpack(archive: Path, file: IO[bytes]) -> None:
    """Only the bytes of the member called `mediamtx` are taken: no path of the archive is ever written to."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            member = tar.getmember(MEMBER)
            source = tar.extractfile(member) if member.isreg() else None
            if source is None:
                raise Refused("`mediamtx` in the archive is not a plain file")
            copy_capped(source, file, BINARY_BYTES)
    except KeyError as error:
        raise Refused("the archive holds no file called `mediamtx`") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Refused(f"the archive cannot be unpacked: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
