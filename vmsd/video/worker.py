"""Decoding in a process of its own: hostile bytes can end that process, never the daemon."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmsd.errors import BadMedia, DecoderLost, SourceFailed, TooMany
from vmsd.video import frames
from vmsd.video.facts import SourceFacts
from vmsd.video.frames import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmsd.video.fmp4 import Keyframe

JPEG_DEADLINE_S = 5.0
PROBE_DEADLINE_S = 5.0
_GRACE_S = 2.0  # for the process to notice its own deadline first
_MOST_REQUESTS = 20_000  # then a fresh process, so that no leak of a library lasts
_WITHHELD = (
    "NOTIFY_SOCKET",
    "CREDENTIALS_DIRECTORY",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
)


@dataclass(frozen=True, slots=True)
class Picture:
    jpeg: bytes
    width: int
    height: int
    luma_mean: float  # 0 black to 255 white
    grid: bytes  # brightness per cell, as `video.still` says


@dataclass(frozen=True, slots=True)
class Tile:
    """A small picture as bare pixels, to be put on a sheet with others of its size."""

    pixels: bytes
    width: int
    height: int


class Worker:
    """One decoding process, started by the first request and again after it died; one request at a time.

    With a `niceness` above 0 every other process of the box goes first.
    """

    def __init__(self, argv: Sequence[str] | None = None, *, most_waiting: int = 64, niceness: int = 0) -> None:
        self._argv = tuple(argv or (sys.executable, "-m", "vmsd.video.worker_main"))
        self._niceness = niceness
        self._most_waiting = most_waiting
        self._process: asyncio.subprocess.Process | None = None
        self._ended: list[asyncio.subprocess.Process] = []
        self._lock = asyncio.Lock()
        self._closed = False
        self._waiting = self._requests = 0

    @property
    def pid(self) -> int | None:
        """Of the running process, for those who measure it."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def jpeg(self, keyframe: Keyframe, width: int | None = None, deadline_s: float = JPEG_DEADLINE_S) -> Picture:
        """Of its own size, or `width` wide and as high as that makes it; BadMedia, TooMany."""
        request = Message({"op": "jpeg", "codec": keyframe.codec, "width": width}, (keyframe.extradata, keyframe.data))
        answer = await self._picture(request, deadline_s)
        return Picture(answer.blobs[0], grid=answer.blobs[1], **answer.head)

    async def tile(self, keyframe: Keyframe, like: Tile | None = None) -> Tile:
        """As big as `like`, else as `video.sheets` says; BadMedia, TooMany."""
        width, height = (like.width, like.height) if like else (None, None)
        head = {"op": "tile", "codec": keyframe.codec, "width": width, "height": height}
        answer = await self._picture(Message(head, (keyframe.extradata, keyframe.data)))
        return Tile(answer.blobs[0], **answer.head)

    async def sheet(self, tiles: Sequence[Tile]) -> bytes:
        """JPEG of tiles of one size; BadMedia, TooMany."""
        head = {"op": "sheet", "width": tiles[0].width, "height": tiles[0].height}
        return (await self._picture(Message(head, (b"".join(tile.pixels for tile in tiles),)))).blobs[0]

    async def _picture(self, request: Message, deadline_s: float = JPEG_DEADLINE_S) -> Message:
        try:
            return await self._ask(request, deadline_s)
        except TimeoutError:
            raise DecoderLost("the picture takes too long to decode") from None

    async def probe(self, url: str, deadline_s: float = PROBE_DEADLINE_S) -> SourceFacts:
        """Open and watch a source; SourceFailed names the cause. Keeps the process busy all the while."""
        try:
            answer = await self._ask(
                Message({"op": "probe", "url": url, "deadline_s": deadline_s}), deadline_s + _GRACE_S
            )
        except TimeoutError:
            raise SourceFailed("timeout", "the source did not answer in time") from None
        except BadMedia:
            raise SourceFailed("not_a_camera", "what the source sends cannot be read") from None
        return SourceFacts(**answer.head)

    async def close(self) -> None:
        """End the process for good; whoever waits for it, or asks later, gets DecoderLost."""
        self._closed = True
        self._discard()
        async with self._lock:
            await self._collect()

    async def _ask(self, request: Message, deadline_s: float) -> Message:
        if self._waiting >= self._most_waiting:
            raise TooMany("too many pictures are waiting to be decoded")
        self._waiting += 1
        try:
            async with self._lock:
                answer = await self._exchange(request, deadline_s)
        finally:
            self._waiting -= 1
        if "cause" in answer.head:
            raise SourceFailed(answer.head["cause"], answer.head["detail"])
        if "error" in answer.head:
            raise BadMedia(answer.head["error"])
        return answer

    async def _exchange(self, request: Message, deadline_s: float) -> Message:
        """One request; after anything but a whole answer the pipe is out of step and the process goes."""
        whole = False
        try:
            async with asyncio.timeout(deadline_s):
                reader, writer = await self._pipes()
                writer.write(request.encode())
                await writer.drain()
                answer = await frames.receive(reader)
            whole = True
        except TimeoutError:
            raise
        except (EOFError, OSError):
            raise DecoderLost("the process that decodes ended") from None
        finally:
            self._requests += 1
            if not whole or self._requests >= _MOST_REQUESTS:
                self._discard()
        return answer

    async def _pipes(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._closed:
            raise DecoderLost("nothing is decoded any more")
        if self._process is None or self._process.returncode is not None:
            self._discard()
            await self._collect()
            self._requests = 0
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if name not in _WITHHELD},
                start_new_session=True,
            )
            self._step_back(self._process.pid)
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise BadMedia("the process that decodes has no pipes")
        return process.stdout, process.stdin

    def _step_back(self, pid: int) -> None:
        if self._niceness:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, pid, self._niceness)

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        self._ended.append(process)

    async def _collect(self) -> None:
        """Wait for killed processes, and read their pipes empty, or the loop would keep both."""
        while self._ended:
            await self._ended[-1].communicate()
            self._ended.pop()
