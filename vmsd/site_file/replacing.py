"""Takes secrets away for good: the file gets new content, and what was on the disk is written over.

Safe on FAT, which keeps nothing in order by itself. Steps, each made durable before the next:
1. the new content, as `NEXT`; from here on `finish` can do the rest, however often it is broken off;
2. a list of cameras beside it is written over and removed;
3. the file itself is renamed to `FORMER`, and `NEXT` takes its name;
4. `FORMER` is written over and removed.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from pathlib import Path

from vmsd.host.durable import sync, write_durably
from vmsd.site_file.reading import MOST_BYTES
from vmsd.site_file.texts import decoded

NEXT, FORMER = "site-next.tmp", "site-former.tmp"
CHUNK_BYTES = 65_536


def replace_for_good(file: Path, content: bytes) -> None:
    """Blocks on the disk; OSError."""
    write_durably(file.with_name(NEXT), content)
    finish(file)


def finish(file: Path) -> None:
    """What an earlier `replace_for_good` was kept from; nothing when none was."""
    following, former = file.with_name(NEXT), file.with_name(FORMER)
    if following.exists():
        if file.exists():
            for beside in _lists_beside(file):
                wipe(beside)
            file.rename(former)
            sync(file.parent)
        following.rename(file)
        sync(file.parent)
    wipe(former)


def wipe(file: Path) -> None:
    """Written over, then removed; nothing when it is not there."""
    with suppress(FileNotFoundError):
        handle = os.open(file, os.O_WRONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "wb") as opened:
            left = os.fstat(handle).st_size
            while left > 0:
                left -= opened.write(bytes(min(left, CHUNK_BYTES)))
            opened.flush()
            os.fsync(handle)
        file.unlink()
        sync(file.parent)


def _lists_beside(file: Path) -> list[Path]:
    try:
        with file.open("rb") as opened:
            text = decoded(opened.read(MOST_BYTES))
        name = tomllib.loads(text or "").get("cameras", {}).get("file")
    except (tomllib.TOMLDecodeError, AttributeError):
        return []
    beside = file.with_name(name) if isinstance(name, str) and name and "/" not in name else None
    return [beside] if beside and beside.is_file() else []
