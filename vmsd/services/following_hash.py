"""The SHA-256 of a file while it is being written from its start to its end, taken by a thread that reads behind."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from types import TracebackType
from typing import Self

READ_BYTES = 1 << 20


class FollowingHash:
    """What it reads was written a moment ago, so it costs no disk. The handle stays the caller's."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._hash = hashlib.sha256()
        self._changed = threading.Condition()
        self._written = 0
        self._ended = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._follow, name="following-hash")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Left by an error, it reads no further."""
        self._end(self._written if kind is None else 0)

    def add(self, count: int) -> None:
        """So many bytes more will not change any more."""
        with self._changed:
            self._written += count
            self._changed.notify()

    def finish(self) -> str:
        """In hexadecimal, of everything; raises the OSError its reading met."""
        self._end(self._written)
        if self._error is not None:
            raise self._error
        return self._hash.hexdigest()

    def _end(self, written: int) -> None:
        with self._changed:
            self._written, self._ended = written, True
            self._changed.notify()
        self._thread.join()

    def _follow(self) -> None:
        offset = 0
        while True:
            with self._changed:
                while not self._ended and self._written <= offset:
                    self._changed.wait()
                if self._written <= offset:
                    return
                count = min(READ_BYTES, self._written - offset)
            try:
                data = self._read(count, offset)
            except OSError as error:
                self._error = error
                return
            self._hash.update(data)
            offset += len(data)

    def _read(self, count: int, offset: int) -> bytes:
        """At least one byte."""
        data = os.pread(self._handle, count, offset)
        if not data:
            raise OSError(errno.EIO, "a file is shorter than what was written to it")
        return data
