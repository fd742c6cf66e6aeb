"""Turns a stream into HLS: one rendition per track, segments cut at key frames, parts in between."""

import asyncio
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import playlists
from quantities import NS_PER_S
from rendition import Rendition
from tracks import AAC, H264, H265, Sample, Track

_START_S = 10  # keeps the first decoding times of a reordered stream above zero
_MS = NS_PER_S // 1000
_PART_STEP_NS = 5 * _MS
_LONGEST_PART_NS = 5 * NS_PER_S


class SegmentTooLargeError(Exception):
    def __init__(self) -> None:
        super().__init__("reached maximum segment size")


class NoSuchPartError(Exception):
    """The part asked for is too far ahead, or has gone by."""


@dataclass(frozen=True)
class Window:
    """The hls keys of the configuration."""

    segment_ns: int
    count: int
    max_bytes: int
    low_latency: bool = False
    part_ns: int = 0


def has_hls(tracks: Sequence[Track]) -> bool:
    return any(track.codec in (H264, H265, AAC) for track in tracks)


class Muxer:
    """Written by the source's thread, read by the server's loop."""

    def __init__(self, tracks: Sequence[Track], window: Window, loop: asyncio.AbstractEventLoop) -> None:
        self.prefix = secrets.token_hex(6)
        self.failed: Callable[[str], None] | None = None
        self.closed = False
        self.low_latency = window.low_latency
        self._window = window
        self._loop = loop
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._renditions = {
            index: Rendition(number, tracks[index], self.prefix, window.low_latency)
            for number, index in enumerate(_chosen(tracks), start=1)
        }
        self._leading = next(iter(self._renditions.values()))
        self._start: tuple[int, int] | None = None  # dts_ns and ntp_ns of the open segment
        self._part_start_ns = 0
        self._part_ns = window.part_ns
        self._frames_ns: set[int] = set()
        self._target_s = 0

    @property
    def tracks(self) -> list[Track]:
        return [rendition.track for rendition in self._renditions.values()]

    def write(self, index: int, incoming: Sample) -> None:
        rendition = self._renditions.get(index)
        if rendition is None or self.closed:
            return
        with self._lock:
            try:
                self._write(rendition, incoming)
            except SegmentTooLargeError as error:
                self.close()
                if self.failed:
                    self._loop.call_soon_threadsafe(self.failed, str(error))

    def close(self) -> None:
        self.closed = True
        self._loop.call_soon_threadsafe(self._tell)

    # For the loop

    async def content(self) -> None:
        """Wait until there is something to show, or the end."""
        await self._until(self._has_content)

    async def part(self, name: str, segment_id: int, part: int) -> None:
        """Wait until this part of a playlist's track is there, or the end; NoSuchPartError at once."""
        rendition = self._named(name)

        def there() -> bool:
            oldest = rendition.next_id - (len(rendition.segments) - 1)
            if segment_id > rendition.next_id + 1 or segment_id < oldest:
                raise NoSuchPartError
            return self._has_content() and rendition.has_part(segment_id, part)

        await self._until(there)

    async def file(self, name: str) -> tuple[str, bytes] | None:
        """Content type and bytes of an init, segment or part; waits for the part that is announced."""
        for rendition in self._renditions.values():
            with self._lock:
                coming = rendition.next_part
                is_hint = self.low_latency and coming > 0 and name == rendition.hint
            if is_hint:
                await self._until(lambda rendition=rendition, coming=coming: rendition.next_part > coming)
            with self._lock:
                found = rendition.find(name)
            if found is not None:
                return rendition.content_type, found
        return None

    def playlist(self, name: str, query: str, *, is_delta: bool) -> str:
        targets = playlists.Targets(self._target_s, self._part_target_ns())
        with self._lock:
            return playlists.media(self._named(name), targets, f"?{query}" if query else "", is_delta=is_delta)

    def max_age_s(self, name: str) -> int:
        with self._lock:
            return self._named(name).segments[-1].duration_ns // NS_PER_S

    def has_playlist(self, name: str) -> bool:
        return any(name == f"{rendition.name}_stream.m3u8" for rendition in self._renditions.values())

    def multivariant(self, query: str) -> str:
        suffix = f"?{query}" if query else ""
        with self._lock:
            return playlists.multivariant(list(self._renditions.values()), self._leading, suffix)

    def _named(self, name: str) -> Rendition:
        return next(one for one in self._renditions.values() if name == f"{one.name}_stream.m3u8")

    def _has_content(self) -> bool:
        return len(self._leading.segments) >= (1 if self.low_latency else 2)

    async def _until(self, ready: Callable[[], bool]) -> None:
        while True:
            with self._lock:
                if self.closed or ready():
                    return
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _part_target_ns(self) -> int:
        """The longest part that is held, in whole milliseconds."""
        with self._lock:
            parts = [part for segment in self._leading.segments for part in segment.parts] + self._leading.parts
        longest_ns = max((part.duration_ns for part in parts), default=0)
        return -(-longest_ns // _MS) * _MS

    # For the source's thread

    def _write(self, rendition: Rendition, incoming: Sample) -> None:
        if not rendition.started and not incoming.key:
            return
        rendition.started = True
        incoming = Sample(
            incoming.dts + _START_S * rendition.track.clock,
            incoming.offset,
            incoming.ntp_ns,
            incoming.key,
            incoming.payload,
        )
        sample, rendition.waiting = rendition.waiting, incoming
        if sample is None:
            return
        incoming.dts = max(incoming.dts, sample.dts)
        sample.duration = incoming.dts - sample.dts
        leads = rendition is self._leading
        if self._start is None:
            if not leads:
                return
            self._part_start_ns = rendition.ns(sample.dts)
            self._start = (self._part_start_ns, sample.ntp_ns)
        if leads:
            self._fit_parts(rendition.ns(sample.duration))
        self._append(rendition, sample)
        if leads:
            self._cut(self._start, incoming, rendition.ns(incoming.dts))

    def _append(self, rendition: Rendition, sample: Sample) -> None:
        rendition.size_bytes += len(sample.payload)
        if rendition.size_bytes > self._window.max_bytes:
            raise SegmentTooLargeError
        rendition.samples.append(sample)

    def _fit_parts(self, frame_ns: int) -> None:
        """Until the first segment is whole: a part as long as needed for whole frames to fill it."""
        if self.low_latency and not self._leading.segments and frame_ns:
            self._frames_ns.add(frame_ns)
            lengths = range(self._window.part_ns, _LONGEST_PART_NS, _PART_STEP_NS)
            fitting = (length for length in lengths if all(_fits(length, frame) for frame in self._frames_ns))
            self._part_ns = next(fitting, _LONGEST_PART_NS)

    def _cut(self, start: tuple[int, int], incoming: Sample, now_ns: int) -> None:
        if incoming.key and now_ns - start[0] >= self._window.segment_ns:
            self._cut_part(now_ns)
            for rendition in self._renditions.values():
                rendition.rotate(self._window.count, start[1], now_ns - start[0])
            self._target_s = max(self._target_s, int((now_ns - start[0]) / NS_PER_S + 0.5))
            self._start = (now_ns, incoming.ntp_ns)
        elif self.low_latency and now_ns - self._part_start_ns >= self._part_ns:
            self._cut_part(now_ns)
        else:
            return
        self._loop.call_soon_threadsafe(self._tell)

    def _cut_part(self, now_ns: int) -> None:
        for rendition in self._renditions.values():
            rendition.cut_part(now_ns - self._part_start_ns)
        self._part_start_ns = now_ns


def _fits(part_ns: int, frame_ns: int) -> bool:
    """Whether parts of at least this length, made of whole frames, differ by less than the 15 % that are allowed."""
    return frame_ns <= part_ns and part_ns > -(-part_ns // frame_ns) * frame_ns * 85 // 100


def _chosen(tracks: Sequence[Track]) -> list[int]:
    for codec in (H265, H264):
        video = [index for index, track in enumerate(tracks) if track.codec == codec][:1]
        if video:
            break
    return video + [index for index, track in enumerate(tracks) if track.codec == AAC]
