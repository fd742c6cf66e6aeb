"""The pictures on their way through a relay: H.264 and H.265 as they are, everything else as new H.264."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from vmsd.clock import Clock
from vmsd.errors import MediaServerAway, SourceFailed
from vmsd.video.failures import failure_of
from vmsd.video.opening import open_source
from vmsd.video.relay_sound import Sound
from vmsd.video.still import MOST_PIXELS

OPEN_S = 10.0
"""A source that has not begun by then is tried again; cameras on slow links take up to five seconds."""
SILENCE_S = 10.0
"""As MediaMTX's `readTimeout`: a source that sends nothing for so long is given up."""
STILL_EVERY_S = 1.0
"""A camera that only serves single pictures is asked for one this often."""
MOST_MISSED = 5
"""Pictures in a row that may fail, broken or refused, before the source counts as gone."""
MOST_FPS = 15
"""What is encoded costs processor time; more pictures than a guard needs are left out."""
MOST_WIDTH, MOST_HEIGHT = 1920, 1080
"""Larger pictures are made smaller: encoding 4K takes more than one core."""
KEYFRAME_S = 2.0
"""Live begins at keyframes, and its segments end there."""
RATE = {"crf": "26", "maxrate": "4M", "bufsize": "8M"}
"""As good as MJPEG deserves, and never more than an ordinary camera puts on the disk."""
SPEED = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
TICKS_PER_S = 90_000
COPIED = frozenset({"h264", "hevc"})
PUBLISHING = {"rtsp_transport": "tcp", "pkt_size": "1400"}
"""MediaMTX would cut packets over 1440 bytes anew."""
PLAYLIST = "hls"
MOST_EARLY_S = 30.0
"""Playlists offer three files at once, of ten seconds at most."""
MOST_HELD = 32
"""Packets at the beginning that may lack times; libav waits for no more reordered pictures than 16."""


def carry(url: str, publish: str, clock: Clock, on_sent: Callable[[], None], *, audio: bool = False) -> None:
    """Relay until one end gives up: SourceFailed when it is the camera's, MediaServerAway when it is ours."""
    try:
        with _open(url, clock) as source:
            if not source.streams.video:
                raise SourceFailed("unsupported_codec", "the source sends no video that can be read")
            with Publisher(publish, on_sent) as target:
                if source.streams.video[0].codec_context.name in COPIED:
                    pace = Pace(clock) if source.format.name == PLAYLIST else None
                    _copy(source, target, pace, audio=audio)
                else:
                    _encode(_pictures(url, source, clock), target, clock)
    except av.FFmpegError as error:
        raise failure_of(error) from None
    raise SourceFailed("no_data", "the source has ended")


@contextmanager
def _open(url: str, clock: Clock) -> Iterator[InputContainer]:
    """Without measuring the frame rate first, which would take seconds."""
    with open_source(url, clock, OPEN_S, SILENCE_S, {"fpsprobesize": "0"}) as source:
        for stream in source.streams.video:
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        yield source


class Publisher:
    """The relay's end at MediaMTX; every failure here is MediaServerAway."""

    def __init__(self, url: str, on_sent: Callable[[], None]) -> None:
        self._container = av.open(url, "w", format="rtsp", options=PUBLISHING)
        self._on_sent = on_sent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(av.FFmpegError):
            self._container.close()

    def add_copy(self, template: VideoStream) -> VideoStream:
        return self._container.add_stream_from_template(template)

    def add_sound(self, source: InputContainer, *, wanted: bool) -> Sound:
        return Sound(source, self._container, wanted=wanted)

    def add_encoder(self, width: int, height: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=MOST_FPS, options=SPEED | RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.codec_context.thread_count = 1
        return stream

    def send(self, packet: Packet[Any]) -> None:
        try:
            self._container.mux(packet)
        except av.FFmpegError:
            raise MediaServerAway("the media server takes no more pictures") from None
        self._on_sent()


def _copy(source: InputContainer, target: Publisher, pace: Pace | None, *, audio: bool) -> None:
    incoming = source.streams.video[0]
    outgoing, sound = target.add_copy(incoming), target.add_sound(source, wanted=audio)
    packets = source.demux(incoming, *sound.streams)
    for packet in timed(sound.taken_out(packets, target.send)):
        if pace and packet.dts is not None and packet.time_base:
            time.sleep(pace.early_s(float(packet.dts * packet.time_base)))
        packet.stream = outgoing
        target.send(packet)


class Pace:
    """Of the pictures of a playlist, which come by the file: MediaMTX is to have them as they were filmed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zero_s: float | None = None

    def early_s(self, shown_s: float) -> float:
        """How long the picture has to wait; what is late or stems from another time does not, and sets the pace."""
        now_s = self._clock.monotonic()
        if self._zero_s is None or not 0 <= shown_s + self._zero_s - now_s <= MOST_EARLY_S:
            self._zero_s = now_s - shown_s
        return shown_s + self._zero_s - now_s


def timed(packets: Iterator[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
    """The same packets, each with its times: RTSP knows those of the first only once later ones have come."""
    held: list[Packet[VideoStream]] = []
    for packet in packets:
        if not packet.size:
            continue
        if packet.dts is not None:
            yield from _restored(held, packet)
            held.clear()
            yield packet
        elif len(held) < MOST_HELD:
            held.append(packet)


def _restored(held: list[Packet[VideoStream]], following: Packet[VideoStream]) -> list[Packet[VideoStream]]:
    """`held` counted back from the packet that followed them."""
    step = following.duration or TICKS_PER_S // MOST_FPS
    shown = [packet.pts for packet in (*held, following) if packet.pts is not None]
    for back, packet in enumerate(reversed(held), 1):
        packet.dts = (following.dts or 0) - back * step
        if packet.pts is None:
            packet.pts = max(packet.dts, min(shown) - step)
    return held


def _pictures(url: str, source: InputContainer, clock: Clock) -> Iterator[VideoFrame]:
    """Every picture of a stream; of a source that ends after one, one a second."""
    count = 0
    for count, picture in enumerate(_decoded(source), 1):  # noqa: B007 - asked for after the loop
        yield picture
    if count == 0:
        raise SourceFailed("not_a_camera", "what the source sends is no picture")
    if count == 1:
        yield from _stills(url, clock)


def _decoded(source: InputContainer) -> Iterator[VideoFrame]:
    """What can be decoded; a few broken pictures are left out."""
    missed = 0
    for packet in source.demux(video=0):
        try:
            pictures = packet.decode()
        except av.InvalidDataError:
            missed += 1
            if missed > MOST_MISSED:
                raise
            continue
        missed = 0 if pictures else missed
        yield from (picture for picture in pictures if isinstance(picture, VideoFrame))


def _stills(url: str, clock: Clock) -> Iterator[VideoFrame]:
    missed = 0
    while missed <= MOST_MISSED:
        time.sleep(STILL_EVERY_S)
        missed += 1
        with suppress(SourceFailed), _open(url, clock) as source:
            for picture in _decoded(source):
                yield picture
                missed = 0


def _encode(pictures: Iterator[VideoFrame], target: Publisher, clock: Clock) -> None:
    """Until the pictures end or change their size, which takes a new stream."""
    encoder: Encoder | None = None
    for picture in pictures:
        if encoder is None:
            encoder = Encoder(target, picture, clock)
        elif not encoder.fits(picture):
            return
        encoder.add(picture)


class Encoder:
    """Pictures of one size in, H.264 out; the time of a picture is that of its arrival."""

    def __init__(self, target: Publisher, first: VideoFrame, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._source_size = first.width, first.height
        self._size = fitted(first.width, first.height)
        self._stream = target.add_encoder(*self._size)
        self._began_s = clock.monotonic()
        self._due_s = self._key_due_s = 0.0

    def fits(self, picture: VideoFrame) -> bool:
        return (picture.width, picture.height) == self._source_size

    def add(self, picture: VideoFrame) -> None:
        now_s = self._clock.monotonic() - self._began_s
        if now_s < self._due_s:
            return
        self._due_s = max(self._due_s, now_s - 1 / MOST_FPS) + 1 / MOST_FPS
        resized = picture.reformat(*self._size, format="yuv420p")
        resized.pts, resized.time_base = round(now_s * TICKS_PER_S), Fraction(1, TICKS_PER_S)
        resized.pict_type = self._kind(now_s)
        for packet in self._stream.encode(resized):
            self._target.send(packet)

    def _kind(self, now_s: float) -> PictureType:
        if now_s < self._key_due_s:
            return PictureType.NONE
        self._key_due_s = now_s + KEYFRAME_S
        return PictureType.I


def fitted(width: int, height: int) -> tuple[int, int]:
    """Even, in the same proportions, and no larger than what is encoded at most."""
    scale = min(1.0, MOST_WIDTH / width, MOST_HEIGHT / height)
    return max(2, int(width * scale) & ~1), max(2, int(height * scale) & ~1)
