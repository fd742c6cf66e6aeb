"""The build as a whole: Debian, the root file system, the disk, and the file that is flashed."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from shutil import which

from executable import archive
from executable.command import BuildError, say

from image.base import make_base
from image.disk import make_image, make_root
from image.place import Place
from image.root import discard, make_tree

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "sfdisk": "fdisk",
    "xz": "xz-utils",
}
INSIDE = "VMSD_BUILD_INSIDE"
ALONE = 'set -e; mount --make-rprivate /; mount -t tmpfs -o mode=1777 tmpfs /tmp; cd "$1"; shift; exec "$@"'
"""Its mounts are its own, and end with it."""


def main(argv: list[str]) -> int:
    options = parse(argv)
    try:
        require_tools()
        if os.environ.get(INSIDE):
            build(Place(options.package, options.work, options.out), options)
            return 0
        return go_inside(options, argv)
    except BuildError as error:
        say(f"the image cannot be built: {error}")
        return 1


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="image", description=__doc__)
    add = parser.add_argument
    add("--package", type=absolute, help="the .deb that goes in; else the newest in dist/")
    add("--work", type=absolute, default=ROOT / "build/image", help="where it is built")
    add("--out", type=absolute, default=ROOT / "dist", help="where the packed image goes")
    add("--fresh", action="store_true", help="fetch Debian again")
    add("--unpacked", action="store_true", help="leave the image as it is, for a test")
    return parser.parse_args(argv)


def absolute(text: str) -> Path:
    return Path(text).resolve()


def require_tools() -> None:
    if os.geteuid() != 0:
        raise BuildError("only root can: a file system with other owners is made")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [package for tool, package in NEEDED.items() if which(tool, path=path) is None]
    if missing:
        raise BuildError(f"missing here: apt install {' '.join(missing)}")


def go_inside(options: argparse.Namespace, argv: list[str]) -> int:
    package = options.package or newest(options.out)
    options.work.mkdir(parents=True, exist_ok=True)
    fixed = {
        INSIDE: "1",
        "TMPDIR": str(options.work),
        "SOURCE_DATE_EPOCH": str(archive.epoch(ROOT)),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    here = str(Path(__file__).resolve().parents[1])
    own = [sys.executable, "-m", "image", *argv, "--package", str(package), "--work", str(options.work)]
    words = ["unshare", "--mount", "sh", "-c", ALONE, "image", here, *own, "--out", str(options.out)]
    return subprocess.run(words, env={**os.environ, **fixed}, check=False).returncode  # noqa: S603 - ourselves


def newest(folder: Path) -> Path:
    found = sorted(folder.glob("vmsd_*_amd64.deb"), key=lambda one: one.stat().st_mtime)
    if not found:
        raise BuildError(f"no package in {folder}: run `make deb` first")
    return found[-1].resolve()


def build(place: Place, options: argparse.Namespace) -> None:
    started = time.monotonic()

    def step(text: str) -> None:
        say(f"[{time.monotonic() - started:5.0f} s] {text}")

    place.work.mkdir(parents=True, exist_ok=True)
    place.out.mkdir(parents=True, exist_ok=True)
    step("Debian")
    make_base(place, fresh=options.fresh)
    step(f"root file system, with {place.package.name}")
    make_tree(place)
    make_root(place)
    step("disk")
    make_image(place)
    discard(place.tree)
    say(f"{archive.sha256(place.root)}  {place.root}")
    say(f"{archive.sha256(place.image)}  {place.image}")
    if not options.unpacked:
        step("packing")
        with place.packed.open("wb") as packed:
            words = ["xz", "-T2", "-6", "--stdout", str(place.image)]
            subprocess.run(words, stdout=packed, check=True)  # noqa: S603 - fixed words
        say(f"{archive.sha256(place.packed)}  {place.packed}")
    step("done")
