"""Opens a source and measures what it sends; runs only in the decoding process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import av

from vmsd.errors import SourceFailed
from vmsd.video.facts import SourceFacts
from vmsd.video.opening import open_source
from vmsd.video.still import MOST_PIXELS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.codeccontext import VideoCodecContext

    from vmsd.clock import Clock

_ENOUGH_KEYFRAMES = 3
_ENOUGH_S = 2.0
_SILENCE_S = 2.0
_MOST_REORDERED = 4
_MOST_PACKETS = 20_000
_CODECS = {"hevc": "h265", "pcm_alaw": "pcma", "pcm_mulaw": "pcmu", "mpeg2video": "mpeg2"}
_TIMELESS = {"mpjpeg", "jpeg_pipe"}  # libav makes up the times of their pictures: 25 a second
_COMMON = {"analyzeduration": "1500000", "probesize": "1500000"}


def probe(url: str, deadline_s: float, clock: Clock) -> SourceFacts:
    """SourceFailed names the cause, in words without the address."""
    end = clock.monotonic() + deadline_s
    try:
        with open_source(url, clock, deadline_s, _SILENCE_S, _COMMON) as container:
            return _watch(container, end, clock)
    except SourceFailed:
        if clock.monotonic() >= end:
            raise SourceFailed("timeout", "the source did not answer in time") from None
        raise


@dataclass(slots=True)
class _Watch:
    """What has been seen so far of the video track; the first packets of RTSP may come without a time."""

    pictures: int = 0
    keyframes: list[int] = field(default_factory=list)  # numbers of pictures
    shown_s: list[float] = field(default_factory=list)
    octets: int = 0
    has_picture: bool = False  # a keyframe was decoded: no noise looks like that
    reordered: bool = False

    def add(self, packet: Packet[Stream], shown_s: float | None) -> None:
        """`shown_s` replaces the packet's own time."""
        if packet.is_keyframe:
            self.keyframes.append(self.pictures)
            self.has_picture = self.has_picture or _can_decode(packet)
        self.pictures += 1
        if shown_s is None and packet.pts is not None:
            shown_s = float(packet.pts * packet.time_base)
        if shown_s is not None:
            self.reordered |= bool(self.shown_s) and shown_s < self.shown_s[-1]
            self.shown_s.append(shown_s)

    @property
    def span_s(self) -> float:
        return max(self.shown_s) - min(self.shown_s) if self.shown_s else 0.0

    @property
    def fps(self) -> float | None:
        """Without the newest few where pictures come out of order: some before them are still missing."""
        times = sorted(self.shown_s)[: -_MOST_REORDERED if self.reordered else None]
        return (len(times) - 1) / (times[-1] - times[0]) if times and times[-1] > times[0] else None

    @property
    def gop_s(self) -> float | None:
        """Longest distance of two keyframes, for that is what a viewer waits."""
        pairs = zip(self.keyframes, self.keyframes[1:], strict=False)
        longest = max((after - before for before, after in pairs), default=0)
        return longest / self.fps if longest and self.fps else None

    @property
    def watched_s(self) -> float:
        return (self.pictures - self.keyframes[0]) / self.fps if self.keyframes and self.fps else 0.0

    def is_enough(self) -> bool:
        return len(self.keyframes) >= _ENOUGH_KEYFRAMES and self.span_s >= _ENOUGH_S


def _can_decode(packet: Packet[Stream]) -> bool:
    stream = packet.stream.codec_context
    context = cast("VideoCodecContext", av.CodecContext.create(stream.name, "r"))
    context.extradata = stream.extradata
    context.thread_count = 1
    context.options = {"err_detect": "explode", "max_pixels": str(MOST_PIXELS)}
    try:
        return bool(context.decode(packet) or context.decode(None))
    except (av.FFmpegError, ValueError):
        return False


def _watch(container: InputContainer, end: float, clock: Clock) -> SourceFacts:
    if not container.streams.video:
        raise SourceFailed("unsupported_codec", "the source sends no video that can be read")
    seen = _Watch()
    is_timeless = container.format.name in _TIMELESS
    try:
        for packets, packet in enumerate(container.demux()):
            seen.octets += packet.size
            if packet.size and packet.stream.type == "video":  # an empty one says that the stream has ended
                seen.add(packet, clock.monotonic() if is_timeless else None)
            if seen.is_enough() or packets > _MOST_PACKETS or clock.monotonic() >= end:
                break
    except (av.FFmpegError, SourceFailed):
        if not seen.pictures:
            raise
    size = container.streams.video[0].codec_context.width
    is_noise = not seen.has_picture if seen.keyframes else seen.fps is None
    if not size or is_noise:
        raise SourceFailed("not_a_camera", "what the source sends is not video")
    return _facts(container, seen)


def _facts(container: InputContainer, seen: _Watch) -> SourceFacts:
    video = container.streams.video[0].codec_context
    sound = next((stream.codec_context.name for stream in container.streams.audio), None)
    return SourceFacts(
        codec=_CODECS.get(video.name, video.name),
        width=video.width,
        height=video.height,
        fps=_rounded(seen.fps, 2),
        gop_s=_rounded(seen.gop_s, 2),
        b_frames=seen.reordered,
        audio=_CODECS.get(sound, sound) if sound else None,
        bitrate=int(seen.octets * 8 / seen.span_s) if seen.span_s > 0 else None,
        keyframes=len(seen.keyframes),
        watched_s=round(seen.watched_s, 2),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
