"""Collects the licences of all that is in the executable into one folder of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from executable.component import Component
    from executable.place import Place

FOLDER = "licences"
LIST = "THIRD-PARTY.txt"
HEAD = """What vmsd {version} is made of. vmsd itself is GPL-3.0-or-later (LICENSE); with the decoding libraries in it
the whole is under the same licence, version 3. Texts lie in the folders here where their makers ship them.

"""


def collect(place: Place, contents: Sequence[Component]) -> None:
    target = place.folder / FOLDER
    target.mkdir()
    shutil.copyfile(place.root / "LICENSE", target / "LICENSE")
    lines = [HEAD.format(version=place.version)]
    for one in contents:
        copied = copy_papers(one, target)
        lines.append(f"{one.name} {one.version} ({one.kind}): {one.licence or 'not stated'}{copied}\n")
    (target / LIST).write_text("".join(lines), "utf-8")


def copy_papers(one: Component, target: Path) -> str:
    papers = [paper for paper in one.papers if paper.is_file()]
    if not papers:
        return ""
    folder = target / f"{one.kind}-{one.name.replace('/', '-')}"
    folder.mkdir(exist_ok=True)
    for paper in papers:
        shutil.copyfile(paper, folder / paper.name)
    return f", {folder.name}/"
