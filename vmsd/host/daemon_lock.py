"""One daemon per data folder: a second one, and commands that need the database for themselves, are refused."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vmsd.errors import Conflict

LOCK = "daemon.lock"


@contextmanager
def daemon_lock(data_dir: Path) -> Iterator[None]:
    """Held for as long as the block runs; the kernel lets it go with the process, however that ends.

    Raises `Conflict` when somebody holds it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("vmsd is running: it has to be stopped first") from error
        yield
    finally:
        os.close(handle)
