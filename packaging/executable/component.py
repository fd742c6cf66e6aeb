"""One thing that others made and that is in the executable, or beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Component:
    """`licence` is an SPDX expression where its makers say one, else their words; `papers` are its licence files.

    `files` are what of it lies in the folder, as libraries; `parts` what its makers say is inside it.
    """

    kind: str
    name: str
    version: str
    purl: str
    licence: str = ""
    papers: Sequence[Path] = ()
    files: Sequence[Path] = ()
    parts: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ref(self) -> str:
        return self.purl or f"{self.kind}:{self.name}@{self.version}"
