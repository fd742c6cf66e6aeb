"""Turns a stream into HLS: one rendition per track, segments cut at key frames, playlists of what is held."""

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from boxes import hevc_profile, write_header, write_part
from quantities import NS_PER_S
from tracks import AAC, H264, H265, Sample, Track

_START_S = 10  # keeps the first decoding times of a reordered stream above zero
_CONTENT_SEGMENTS = 2
_DATED_SEGMENTS = 2


class SegmentTooLargeError(Exception):
    def __init__(self) -> None:
        super().__init__("reached maximum segment size")


@dataclass(frozen=True)
class Window:
    """The hls keys of the configuration."""

    segment_ns: int
    count: int
    max_bytes: int


@dataclass(frozen=True)
class _Segment:
    name: str
    start_ntp_ns: int
    duration_ns: int
    data: bytes


@dataclass
class _Rendition:
    """One track and the segments of it; `samples` are those of the open segment."""

    number: int
    track: Track
    prefix: str
    waiting: Sample | None = None
    started: bool = False
    samples: list[Sample] = field(default_factory=list)
    size_bytes: int = 0
    frame_ticks: int = 0
    next_id: int = 0
    dropped: int = 0
    header: bytes = b""
    segments: deque[_Segment] = field(default_factory=deque)

    @property
    def name(self) -> str:
        return f"{'video' if self.track.is_video else 'audio'}{self.number}"

    @property
    def content_type(self) -> str:
        return "video/mp4" if self.track.is_video else "audio/mp4"

    def ns(self, dts: int) -> int:
        return dts * NS_PER_S // self.track.clock

    def rotate(self, count: int, start_ntp_ns: int, duration_ns: int) -> None:
        parts = [(1, self.samples[0].dts, self.samples)] if self.samples else []
        data = write_part(self.next_id, parts)
        name = f"{self.prefix}_{self.name}_seg{self.next_id}.mp4"
        self.segments.append(_Segment(name, start_ntp_ns, duration_ns, data))
        durations = sorted(sample.duration for sample in self.samples)
        self.frame_ticks = durations[len(durations) // 2] if durations else 0
        self.samples, self.size_bytes, self.next_id = [], 0, self.next_id + 1
        if len(self.segments) > count:
            self.segments.popleft()
            self.dropped += 1
        if not self.header:
            self.header = write_header([(1, self.track)])


def has_hls(tracks: Sequence[Track]) -> bool:
    return any(track.codec in (H264, H265, AAC) for track in tracks)


class Muxer:
    """Written by the source's thread, read by the server's loop."""

    def __init__(self, tracks: Sequence[Track], window: Window, loop: asyncio.AbstractEventLoop) -> None:
        self.prefix = secrets.token_hex(6)
        self.failed: Callable[[str], None] | None = None
        self.has_content = asyncio.Event()  # also set when the muxer closes
        self.closed = False
        self._window = window
        self._loop = loop
        self._lock = threading.Lock()
        self._renditions = {
            index: _Rendition(number, tracks[index], self.prefix)
            for number, index in enumerate(_chosen(tracks), start=1)
        }
        self._leading = next(iter(self._renditions.values()))
        self._start: tuple[int, int] | None = None  # dts_ns and ntp_ns of the open segment
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
        self._loop.call_soon_threadsafe(self.has_content.set)

    def files(self, name: str) -> tuple[str, bytes] | None:
        """Content type and bytes of an init or segment file."""
        with self._lock:
            for rendition in self._renditions.values():
                if name == f"{self.prefix}_{rendition.name}_init.mp4" and rendition.header:
                    return rendition.content_type, rendition.header
                for segment in rendition.segments:
                    if segment.name == name:
                        return rendition.content_type, segment.data
        return None

    def playlist(self, name: str, query: str) -> tuple[str, int] | None:
        """Return a media playlist and its age limit in seconds; None when there is none of that name."""
        suffix = f"?{query}" if query else ""
        with self._lock:
            for rendition in self._renditions.values():
                if name == f"{rendition.name}_stream.m3u8":
                    return self._media_playlist(rendition, suffix)
        return None

    def has_playlist(self, name: str) -> bool:
        return any(name == f"{rendition.name}_stream.m3u8" for rendition in self._renditions.values())

    def multivariant(self, query: str) -> str:
        suffix = f"?{query}" if query else ""
        with self._lock:
            return _multivariant(list(self._renditions.values()), self._leading, suffix)

    def _write(self, rendition: _Rendition, incoming: Sample) -> None:
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
            self._start = (rendition.ns(sample.dts), sample.ntp_ns)
        self._append(rendition, sample)
        next_ns = rendition.ns(incoming.dts)
        if leads and incoming.key and next_ns - self._start[0] >= self._window.segment_ns:
            self._rotate(self._start, next_ns)
            self._start = (next_ns, incoming.ntp_ns)

    def _append(self, rendition: _Rendition, sample: Sample) -> None:
        rendition.size_bytes += len(sample.payload)
        if rendition.size_bytes > self._window.max_bytes:
            raise SegmentTooLargeError
        rendition.samples.append(sample)

    def _rotate(self, start: tuple[int, int], end_ns: int) -> None:
        duration_ns = end_ns - start[0]
        for rendition in self._renditions.values():
            rendition.rotate(self._window.count, start[1], duration_ns)
        self._target_s = max(self._target_s, int(duration_ns / NS_PER_S + 0.5))
        if len(self._leading.segments) >= _CONTENT_SEGMENTS:
            self._loop.call_soon_threadsafe(self.has_content.set)

    def _media_playlist(self, rendition: _Rendition, suffix: str) -> tuple[str, int]:
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:10",
            f"#EXT-X-TARGETDURATION:{self._target_s}",
            f"#EXT-X-MEDIA-SEQUENCE:{rendition.dropped}",
            f'#EXT-X-MAP:URI="{self.prefix}_{rendition.name}_init.mp4{suffix}"',
        ]
        undated = len(rendition.segments) - _DATED_SEGMENTS
        for index, segment in enumerate(rendition.segments):
            if index >= undated:
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date_time(segment.start_ntp_ns)}")
            lines += [f"#EXTINF:{segment.duration_ns / NS_PER_S:.5f},", segment.name + suffix]
        return "\n".join(lines) + "\n", rendition.segments[-1].duration_ns // NS_PER_S


def _chosen(tracks: Sequence[Track]) -> list[int]:
    for codec in (H265, H264):
        video = [index for index, track in enumerate(tracks) if track.codec == codec][:1]
        if video:
            break
    return video + [index for index, track in enumerate(tracks) if track.codec == AAC]


def _date_time(ntp_ns: int) -> str:
    stamp = datetime.fromtimestamp(ntp_ns // 1_000_000 / 1000, UTC).astimezone()
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _multivariant(renditions: list[_Rendition], leading: _Rendition, suffix: str) -> str:
    sounds = [rendition for rendition in renditions if rendition is not leading]
    lines = ["#EXTM3U", "#EXT-X-VERSION:10", "#EXT-X-INDEPENDENT-SEGMENTS", ""]
    for sound in sounds:
        default = "YES" if sound is sounds[0] else "NO"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="{sound.name}",AUTOSELECT=YES,'
            f'DEFAULT={default},URI="{sound.name}_stream.m3u8{suffix}"'
        )
    if sounds:
        lines.append("")
    sizes = [(8 * len(s.data) * NS_PER_S // max(s.duration_ns, 1), s) for s in leading.segments]
    total_ns = max(sum(s.duration_ns for s in leading.segments), 1)
    average = 8 * sum(len(s.data) for s in leading.segments) * NS_PER_S // total_ns
    codecs = ",".join(dict.fromkeys(_codec(rendition.track) for rendition in renditions))
    variant = f"BANDWIDTH={max(bits for bits, _ in sizes)},AVERAGE-BANDWIDTH={average}"
    variant += f',CODECS="{codecs}"' + _picture(leading) + (',AUDIO="audio"' if sounds else "")
    lines += [f"#EXT-X-STREAM-INF:{variant}", f"{leading.name}_stream.m3u8{suffix}"]
    return "\n".join(lines) + "\n"


def _picture(rendition: _Rendition) -> str:
    picture = rendition.track.picture() if rendition.track.is_video else None
    if picture is None:
        return ""
    ticks = rendition.frame_ticks
    rate = f",FRAME-RATE={rendition.track.clock / ticks:.3f}" if ticks else ""
    return f",RESOLUTION={picture.width}x{picture.height}{rate}"


def _codec(track: Track) -> str:
    if track.codec == H264:
        return f"avc1.{track.sps[1:4].hex()}"
    if track.codec == H265:
        profile = hevc_profile(track.sps)
        compatibility = int(f"{int.from_bytes(profile[1:5], 'big'):032b}"[::-1], 2)
        tier = "H" if profile[0] & 0x20 else "L"
        constraints = profile[5:11].rstrip(b"\x00")
        tail = "".join(f".{byte:x}" for byte in constraints)
        return f"hvc1.{profile[0] & 0x1F}.{compatibility:x}.{tier}{profile[11]}{tail}"
    return f"mp4a.40.{track.audio_config[0] >> 3 if track.audio_config else 2}"
