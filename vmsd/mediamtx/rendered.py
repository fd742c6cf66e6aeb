"""Reads back what was rendered before, for a camera of which nothing else is known any more."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from vmsd.mediamtx.config import ConfigFile, DesiredPath


def pulled_paths(file: Path, names: Collection[str], *, record: bool) -> list[DesiredPath]:
    """Those of the paths in the file that MediaMTX pulls by itself; nothing from a file that is missing or spoilt.

    A path that is published to needs a key, of which the file holds only the hash.
    """
    try:
        loaded: Any = yaml.safe_load(ConfigFile(file).read() or "")
        sources = {name: str(path["source"]) for name, path in loaded["paths"].items() if name in names}
    except (yaml.YAMLError, OSError, TypeError, KeyError, AttributeError):
        return []
    return [DesiredPath(name, source, record) for name, source in sources.items() if "://" in source]
