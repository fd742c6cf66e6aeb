"""What the central office remembers of each site: its key, its last document's time and audit row.

This is the copy off the box that makes a chained log worth something. The file is written whole or not at all, and
never over one that cannot be read.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked
from typing_extensions import TypedDict

from vmsd.errors import BadSetting, Conflict

FORMAT: Final = "vmsd-fleet/1"
PRIVATE = 0o600
Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@checked(frozen=True)
class Remembered:
    """Of one site: `row` and `hash` are the last of its audit log, `made_ms` when its last document was made."""

    box: Hex32
    row: Annotated[int, Field(ge=0)]
    hash: Hex32
    made_ms: int
    read_ms: int


@dataclass(frozen=True)
class Memory:
    """By the site's name."""

    sites: Mapping[str, Remembered]

    def with_sites(self, new: Mapping[str, Remembered]) -> Memory:
        return replace(self, sites={**self.sites, **new})

    def without(self, name: str) -> Memory:
        return replace(self, sites={known: what for known, what in self.sites.items() if known != name})


class _File(TypedDict):
    format: Literal["vmsd-fleet/1"]
    sites: dict[str, Remembered]


_FILE = TypeAdapter(_File)


def read_memory(file: Path) -> Memory:
    """Empty when there is no file yet; raises `BadSetting` for one that is not whole: it is never begun anew."""
    try:
        return Memory(_FILE.validate_json(file.read_bytes())["sites"])
    except FileNotFoundError:
        return Memory({})
    except ValidationError as error:
        raise BadSetting(f"{file} is not what vmsd fleet has written: put it right or set it aside") from error


def write_memory(file: Path, memory: Memory) -> None:
    """Whole or not at all, for its owner alone."""
    document = {"format": FORMAT, "sites": {name: asdict(one) for name, one in sorted(memory.sites.items())}}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    write_whole(file, text.encode(), PRIVATE)


def beside(sites_file: Path) -> Path:
    """Where it is remembered unless somebody says."""
    return sites_file.with_name(f"{sites_file.name}.state.json")


def write_whole(file: Path, content: bytes, mode: int = 0o644) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """One round at a time: two would forget what the other has read. Raises `Conflict`."""
    with file.with_name(f"{file.name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(f"another vmsd fleet is at work with {file}") from None
        yield
