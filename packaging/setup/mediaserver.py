"""MediaMTX through mediamtx/install.py, and saying it aloud when the stand-in takes its place."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from setup.errors import SetupError
from setup.step import Step

if TYPE_CHECKING:
    from setup.shell import Shell
    from setup.tree import Tree

INPUTS = ("mediamtx/version.toml", "mediamtx/install.py")
UNAVAILABLE = 3
STAND_IN = "stand-in"
NAMED = "let MEDIAMTX_BINARY name a MediaMTX {version}, or unset it to have the official release downloaded."
FETCHED = (
    "use nothing that came from there. mediamtx/README.md says where the right checksum stands, and how to"
    " name a MediaMTX {version} of your own with MEDIAMTX_BINARY=path."
)


def step(tree: Tree, shell: Shell, *, try_again: bool) -> Step:
    """`try_again`: a download that was impossible last time is tried once more."""
    return Step("MediaMTX", lambda: is_done(tree, try_again=try_again), lambda: install(tree, shell))


def is_done(tree: Tree, *, try_again: bool) -> bool:
    asked, _, found = tree.stamp("mediamtx").partition("\n")
    if asked != asking(tree):
        return False
    return not try_again if found == STAND_IN else found == described(found.partition("\n")[0])


def described(path: str) -> str:
    """Return the path and what changes with the file behind it; empty when there is none."""
    try:
        facts = Path(path).stat()
    except OSError:
        return ""
    return f"{path}\n{facts.st_size} {facts.st_mtime_ns}"


def asking(tree: Tree) -> str:
    names = ("MEDIAMTX_BINARY", "MEDIAMTX_URL")
    return tree.fingerprint(*INPUTS, extra="\0".join(os.environ.get(name, "") for name in names))


def install(tree: Tree, shell: Shell) -> str:
    code, said = shell.answer([sys.executable, str(tree.root / "mediamtx" / "install.py")])
    if code not in (0, UNAVAILABLE):
        advice = NAMED if os.environ.get("MEDIAMTX_BINARY") else FETCHED
        raise SetupError("MediaMTX was refused", advice.format(version=version(tree)), said.strip())
    path = said.splitlines()[-1] if code == 0 else ""
    tree.set_stamp("mediamtx", f"{asking(tree)}\n{described(path) if path else STAND_IN}")
    return f"version {version(tree)} at {short(tree, path)}" if path else said.strip().splitlines()[-1]


def short(tree: Tree, path: str) -> str:
    return str(Path(path).relative_to(tree.root)) if Path(path).is_relative_to(tree.root) else path


def version(tree: Tree) -> str:
    return str(tomllib.loads((tree.root / INPUTS[0]).read_text("utf-8"))["version"])


def notice(tree: Tree) -> list[str]:
    """Lines for the person at the terminal; none when the real MediaMTX is used."""
    if tree.stamp("mediamtx").partition("\n")[2] != STAND_IN:
        return []
    return [
        f"MediaMTX {version(tree)} is NOT installed: it could not be downloaded.",
        "The STAND-IN of this project takes its place. It is good for a look and",
        "for the tests, and not for recording what matters.",
        "Once the network is there: `make setup` tries again.",
        "Have the program already? MEDIAMTX_BINARY=/path/to/mediamtx make setup",
    ]
