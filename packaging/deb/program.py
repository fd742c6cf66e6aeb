"""The build as a whole: MediaMTX, the tree of files, what dpkg is told of it, and the package."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from executable import archive
from executable.command import BuildError, run, say
from executable.inside import go_inside, is_inside
from executable.place import Place
from executable.sbom import NAME as SBOM

from deb import tree
from deb.media_server import UNPINNED, MediaServer, find_media_server
from deb.units import filled_in

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("postinst", "prerm", "postrm")
KIB = 1024
THREADS = "--threads-max=2"
"""xz writes other bytes with one thread than with several, and the same with all of these."""


def main(argv: list[str]) -> int:
    options = parse(argv)
    place = Place(ROOT, options.work.resolve(), options.out.resolve())
    try:
        if is_inside():
            build(place)
            return 0
        require_executable(place)
        return go_inside(place, "deb", argv)
    except BuildError as error:
        say(f"the package cannot be built: {error}")
        return 1


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deb", description=__doc__)
    add = parser.add_argument
    add("--work", type=Path, default=ROOT / "build/executable", help="where the executable was built")
    add("--out", type=Path, default=ROOT / "dist", help="where it is, and where the package goes")
    return parser.parse_args(argv)


def require_executable(place: Place) -> None:
    if not (place.folder / "vmsd").is_file():
        raise BuildError(f"{place.folder} is missing: run `make executable` first")


def build(place: Place) -> None:
    server = find_media_server(place)
    version = place.version + ("" if server.pinned else UNPINNED)
    staged = place.work / "deb"
    tree.lay_out(staged, place, server.program, version)
    write_bill(staged, place, server)
    control(staged, place, version, server)
    tree.settle(staged)
    file = place.out / f"vmsd_{version}_{place.architecture}.deb"
    run(["dpkg-deb", "--root-owner-group", "-Zxz", THREADS, "--build", staged, file])
    say(f"{archive.sha256(file)}  {file}")


def write_bill(staged: Path, place: Place, server: MediaServer) -> None:
    """With the very MediaMTX that goes along, and what it was built of."""
    from executable import sbom
    from executable.contents import find_contents

    file = staged / "usr/share/doc/vmsd" / SBOM
    sbom.write(file, place, find_contents(place), server.program)
    file.chmod(tree.PLAIN)


def control(staged: Path, place: Place, version: str, server: MediaServer) -> None:
    files, folder = place.root / tree.FILES, staged / "DEBIAN"
    size_kib = sum(one.lstat().st_size for one in archive.files_of(staged)) // KIB
    sums = "".join(md5_line(one, staged) for one in archive.files_of(staged) if not one.is_symlink())
    folder.mkdir(mode=tree.FOLDER)
    facts = {"version": version, "architecture": place.architecture, "size_kib": size_kib, "mediamtx": server.version}
    write(folder / "control", (files / "control.in").read_text("utf-8").format(**facts))
    write(folder / "md5sums", sums)
    write(folder / "conffiles", "/etc/vmsd/vmsd.toml\n")
    shutil.copyfile(files / "templates", folder / "templates")
    for name in SCRIPTS:
        write(folder / name, filled_in((files / name).read_text("utf-8")), tree.PROGRAM)


def write(file: Path, text: str, mode: int = tree.PLAIN) -> None:
    file.write_text(text, "utf-8")
    file.chmod(mode)


def md5_line(file: Path, root: Path) -> str:
    """Dpkg's own check against bad disks and accidents; what was built is told by its SHA-256."""
    name = str(file.relative_to(root))
    digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    return "" if name.startswith("etc/") else f"{digest}  {name}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
