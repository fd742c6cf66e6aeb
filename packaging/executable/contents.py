"""What the executable is made of: Python and its packages, the libraries in their wheels, Debian's, the front end's.

Runs in the build's own environment.
"""

from __future__ import annotations

import json
import platform
import re
import sqlite3
import ssl
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from executable.command import run
from executable.component import Component
from executable.wheel_licences import licence_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from executable.place import Place

TOOLS = frozenset({"pip", "setuptools", "altgraph", "packaging", "pyinstaller", "pyinstaller-hooks-contrib"})
"""In the build's environment, and not in what is built."""
WHEEL_LIBRARY = re.compile(r"(?P<name>[A-Za-z0-9+_.-]+?)-[0-9a-f]{8}\.so\.?(?P<version>[0-9.]*)")
PAPER = re.compile(r"(?i)(licen[cs]e|copying|notice|copyright|authors)")
FROM_C_LIBRARY = frozenset({"libc6"})


def find_contents(place: Place) -> list[Component]:
    found = [bootloader(), *distributions(), *wheel_libraries(place.folder), *debian_libraries(place.folder)]
    return sorted([*found, *front_end(place.root / "web")], key=lambda one: (one.kind, one.name.lower(), one.version))


def bootloader() -> Component:
    known = metadata.distribution("pyinstaller")
    licence = "GPL-2.0-or-later WITH Bootloader-exception"
    return Component(
        "pypi", "pyinstaller", known.version, f"pkg:pypi/pyinstaller@{known.version}", licence, papers(known)
    )


def distributions() -> Iterable[Component]:
    for one in metadata.distributions():
        name = normal(one.name)
        if name not in TOOLS:
            purl = f"pkg:pypi/{name}@{one.version}"
            yield Component("pypi", name, one.version, purl, licence(one), papers(one), parts=parts(one))


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(one: metadata.Distribution) -> str:
    said = one.metadata
    if expression := said.get("License-Expression"):
        return str(expression)
    classifiers = [
        text.rpartition(":: ")[2] for text in said.get_all("Classifier") or () if text.startswith("License ::")
    ]
    first_line = (said.get("License") or "").strip().partition("\n")[0]
    return " AND ".join(classifiers) or first_line


def papers(one: metadata.Distribution) -> list[Path]:
    files = [
        Path(str(file.locate())) for file in one.files or () if ".dist-info" in str(file) and PAPER.search(file.name)
    ]
    return sorted(file for file in files if file.is_file() and file.suffix not in (".py", ".pyc"))


def parts(one: metadata.Distribution) -> list[dict[str, Any]]:
    """What its own bills of material name, besides itself: Rust's crates, libraries of the machine that built it."""
    files = [Path(str(file.locate())) for file in one.files or () if "/sboms/" in str(file)]
    named: dict[str, dict[str, Any]] = {}
    for file in sorted(files):
        for part in json.loads(file.read_text("utf-8")).get("components", ()):
            if normal(part["name"]) != normal(one.name) and part.get("purl", "").startswith(("pkg:cargo/", "pkg:rpm/")):
                named[part["purl"].partition("?")[0]] = part
    return [slim(part) for _, part in sorted(named.items())]


def slim(part: dict[str, Any]) -> dict[str, Any]:
    kept = {name: part[name] for name in ("type", "name", "version", "licenses") if part.get(name)}
    return kept | {"purl": part["purl"].partition("?")[0]}


def wheel_libraries(folder: Path) -> Iterable[Component]:
    """FFmpeg and what goes with it, and the picture formats: files of folders called `*.libs`."""
    ffmpeg = ffmpeg_version()
    for file in sorted(folder.glob("_internal/*.libs/*.so*")):
        if match := WHEEL_LIBRARY.match(file.name):
            name, wheel = match["name"], file.parent.name.removesuffix(".libs")
            is_ffmpeg = name.startswith(("libav", "libsw")) and name != "libavif"
            facts = {"wheel": wheel, "soversion": match["version"]} | ({"ffmpeg": ffmpeg} if is_ffmpeg else {})
            version = ffmpeg if is_ffmpeg else match["version"]
            purl = f"pkg:generic/{'ffmpeg' if is_ffmpeg else name}@{version}?library={name}&wheel={wheel}"
            yield Component("library", name, version, purl, licence_of(name), files=(file,), facts=facts)


def ffmpeg_version() -> str:
    from av import ffmpeg_version_info  # here, where the program's own packages are

    return str(ffmpeg_version_info)


def debian_libraries(folder: Path) -> Iterable[Component]:
    """Libraries of the machine that builds, and Python itself, by the packages they come from."""
    by_package: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("_internal/lib*.so*")):
        if not file.is_symlink() and (package := package_of(file.name)):
            by_package.setdefault(package, []).append(file)
    for package, files in sorted(by_package.items()):
        version = run(["dpkg-query", "-W", "-f", "${Version}", package]).strip()
        name = package.partition(":")[0]
        purl = f"pkg:deb/debian/{name}@{version}?arch={package.partition(':')[2]}"
        paper = Path("/usr/share/doc") / name / "copyright"
        facts = upstream(name)
        yield Component("deb", name, version, purl, "see its copyright file", (paper,), files, facts=facts)


def package_of(library: str) -> str:
    """The one Debian package that brings a library of this name; empty for none."""
    try:
        said = run(["dpkg", "-S", f"*/{library}"], quiet=True)
    except Exception:  # noqa: BLE001 - another library, or no Debian
        return ""
    packages = {line.rpartition(": ")[0] for line in said.splitlines() if line.endswith(f"/{library}")}
    return min((one for one in packages if "," not in one and not one.endswith("-dev")), default="")


def upstream(package: str) -> dict[str, str]:
    """Versions as their makers count them."""
    known = {
        "libsqlite3-0": ("SQLite", sqlite3.sqlite_version),
        "libssl3": ("OpenSSL", ssl.OPENSSL_VERSION),
        f"libpython{'.'.join(platform.python_version_tuple()[:2])}": ("CPython", platform.python_version()),
    }
    return dict([known[package]]) if package in known else {}


def front_end(web: Path) -> Iterable[Component]:
    """As locked; what the development alone needs is not in it."""
    locked = json.loads((web / "package-lock.json").read_text("utf-8"))["packages"]
    for place, facts in sorted(locked.items()):
        if place.startswith("node_modules/") and not facts.get("dev"):
            name = place.rpartition("node_modules/")[2]
            purl = f"pkg:npm/{name.replace('@', '%40')}@{facts['version']}"
            yield Component(
                "npm", name, facts["version"], purl, str(facts.get("license", "")), node_papers(web / place)
            )


def node_papers(package: Path) -> Sequence[Path]:
    return sorted(file for file in package.glob("*") if file.is_file() and PAPER.search(file.name))
