"""Numbers by the million: in memory while they are few, in a file without a name once they are many."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO, Literal

HELD = 1 << 16
"""So many numbers at most are held in memory."""


class Spool:
    """Unsigned numbers of 32 (`I`) or 64 bits (`Q`) in the order they came; read when all of them are there."""

    def __init__(self, kind: Literal["I", "Q"], folder: Path) -> None:
        self._kind = kind
        self._folder = folder
        self._recent = array(kind)
        self._file: IO[bytes] | None = None
        self._filed = 0

    def __len__(self) -> int:
        return self._filed + len(self._recent)

    def extend(self, numbers: Iterable[int]) -> None:
        self._recent.extend(numbers)
        if len(self._recent) > HELD:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - lives as long as the spool
        self._recent.tofile(self._file)
        self._filed += len(self._recent)
        del self._recent[:]

    def blocks(self) -> Iterator[array[int]]:
        """All of them, in arrays that are the caller's own."""
        if self._file is not None:
            self._file.flush()
            self._file.seek(0)
            for first in range(0, self._filed, HELD):
                block = array(self._kind)
                block.fromfile(self._file, min(HELD, self._filed - first))
                yield block
        if self._recent:
            yield self._recent[:]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class RunLengths:
    """Numbers of which many in a row are the same, as pairs (how many, which) in `pairs`."""

    def __init__(self, folder: Path) -> None:
        self.pairs = Spool("I", folder)
        self._count = 0
        self._value = 0

    def extend(self, values: Sequence[int]) -> None:
        if values and values.count(values[0]) == len(values):
            self.add(values[0], len(values))
            return
        for value, run in groupby(values):
            self.add(value, sum(1 for _ in run))

    def add(self, value: int, count: int = 1) -> None:
        if value == self._value:
            self._count += count
            return
        self.finish()
        self._value, self._count = value, count

    def finish(self) -> None:
        """Call it once, at the end."""
        if self._count:
            self.pairs.extend((self._count, self._value & 0xFFFFFFFF))
        self._count = 0
