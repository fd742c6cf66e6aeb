"""The build as a whole: its environment, the folder, the papers that go with it, and one archive of them."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from executable import archive, environment, folder, licences, sbom
from executable.command import BuildError, run, say
from executable.contents import find_contents
from executable.inside import go_inside, is_inside
from executable.place import Place

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "from sysconfig import get_config_var as v; print(v('LIBDIR'), v('INSTSONAME'))"


def main(argv: list[str]) -> int:
    options = parse(argv)
    place = Place(ROOT, options.work.resolve(), options.out.resolve())
    try:
        if is_inside():
            build(place)
            return 0
        require_tools(options.python)
        require_assets(place)
        environment.prepare(place, options.python)
        return go_inside(place, "executable", argv)
    except BuildError as error:
        say(f"the executable cannot be built: {error}")
        return 1


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="executable", description=__doc__)
    add = parser.add_argument
    add("--python", default="/usr/bin/python3", help="the Python that goes into it; needs its shared library")
    add("--work", type=Path, default=ROOT / "build/executable", help="for what is only needed on the way")
    add("--out", type=Path, default=ROOT / "dist", help="where the folder and the archive go")
    return parser.parse_args(argv)


def require_tools(python: str) -> None:
    """What PyInstaller needs of the machine: to look into libraries, and Python as one of them."""
    if shutil.which("objdump") is None:
        raise BuildError("objdump is missing. What to do, as root: apt-get install binutils")
    folder, name = run([python, "-c", LIBRARY]).split()
    if not Path(folder, name).exists():
        raise BuildError(f"{python} has no {name}. What to do, as root: apt-get install {name.partition('.so')[0]}")


def require_assets(place: Place) -> None:
    """What the set-up makes, and the executable only takes."""
    for name in ("web/static/vendor/hls.light.min.js", "web/locale/pt_BR/LC_MESSAGES/vmsd.mo"):
        if not (place.root / name).is_file():
            raise BuildError(f"{name} is missing: run `make setup` first")


def build(place: Place) -> None:
    say(f"building {place.name}")
    folder.freeze(place)
    contents = find_contents(place)
    licences.collect(place, contents)
    sbom.write(place.folder / sbom.NAME, place, contents)
    archive.settle(place.folder)
    file = archive.pack(place.folder)
    size_mb = sum(one.stat().st_size for one in place.folder.rglob("*") if one.is_file() and not one.is_symlink()) / 1e6
    say(f"{place.folder}: {size_mb:.0f} MB")
    say(f"{archive.sha256(file)}  {file}")
