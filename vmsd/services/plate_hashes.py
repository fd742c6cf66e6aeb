"""What stands in the place of a plate once it is anonymous: a hash under the key of its month.

While the key is there, two readings of one plate in one month can be told to be of the same; after it is destroyed
nobody can try plates against the hashes, not even the box.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from vmsd.host.durable import make_folder, sync, write_durably

KEY_BYTES = 32
DAY_MS = 86_400_000
_NAME = re.compile(r"(\d{4})-(\d{2})\.key")
MONTHS = 12


class MonthKeys:
    """Beside the database, never in it. Every method blocks."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "keys" / "plates"

    def hash(self, folded: str, at_ms: int) -> bytes:
        return hmac.digest(self._key(at_ms), folded.encode(), "sha256")

    def _key(self, at_ms: int) -> bytes:
        file = self._folder / f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m}.key"
        if not file.exists():
            make_folder(self._folder)
            write_durably(file, secrets.token_bytes(KEY_BYTES))
        return file.read_bytes()

    def destroy(self, now_ms: int, linked_days: int) -> int:
        """The keys of months that ended so long ago: how many."""
        overdue = [file for file, end_ms in self._months() if end_ms + linked_days * DAY_MS < now_ms]
        for file in overdue:
            _overwrite(file)
            file.unlink(missing_ok=True)
        if overdue:
            sync(self._folder)
        return len(overdue)

    def _months(self) -> Iterator[tuple[Path, int]]:
        """Each key with the end of its month."""
        if not self._folder.is_dir():
            return
        for file in self._folder.iterdir():
            name = _NAME.fullmatch(file.name)
            if name is not None:
                year, month = int(name[1]), int(name[2])
                following = datetime(year + month // MONTHS, month % MONTHS + 1, 1, tzinfo=UTC)
                yield file, round(following.timestamp() * 1000)


def _overwrite(file: Path) -> None:
    """As well as a disk allows."""
    with suppress(OSError), file.open("r+b") as opened:
        opened.write(bytes(KEY_BYTES))
        opened.flush()
        os.fsync(opened.fileno())
