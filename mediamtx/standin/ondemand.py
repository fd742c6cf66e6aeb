"""Sources that are dialled only while somebody watches."""

import asyncio
import time
from collections.abc import Callable

from paths import Path, Paths, Source
from quantities import parse_duration

_POLL_S = 0.05
_SWEEP_S = 0.5


class TimedOutError(Exception):
    """Nothing came from the source in the time it has to start."""


class OnDemand:
    """Starts a path's source for a reader, and puts a fresh idle one in its place when nobody is left."""

    def __init__(self, paths: Paths, make_source: Callable[[Path], Source | None]) -> None:
        self._paths = paths
        self._make_source = make_source
        self._idle_since_s: dict[Path, float] = {}

    async def ready(self, path: Path) -> None:
        """Return when the path has a stream, at once when it is not on demand."""
        if not path.conf["sourceOnDemand"] or path.stream or path.source is None:
            return
        source = path.source
        source.start()
        deadline_s = time.monotonic() + parse_duration(path.conf["sourceOnDemandStartTimeout"])
        while not path.stream and path.source is source and time.monotonic() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)  # the stream comes from another thread
        if not path.stream:
            self._stop(path, source)
            raise TimedOutError(f"source of path '{path.name}' has timed out")

    async def sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            for path in self._paths.list():
                self._check(path)

    def _check(self, path: Path) -> None:
        if not path.conf["sourceOnDemand"] or not path.stream or path.readers or path.muxer:
            self._idle_since_s.pop(path, None)
            return
        since_s = self._idle_since_s.setdefault(path, time.monotonic())
        if time.monotonic() - since_s >= parse_duration(path.conf["sourceOnDemandCloseAfter"]):
            del self._idle_since_s[path]
            if path.source:
                self._stop(path, path.source)

    def _stop(self, path: Path, source: Source) -> None:
        if path.source is source:
            path.adopt(self._make_source(path))
        source.close()
