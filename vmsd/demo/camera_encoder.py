"""Encodes a generated camera's pictures and sound, one access unit at a time."""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, cast

import av
from av.video.frame import PictureType

from vmsd.demo.camera_picture import Painter, tint

if TYPE_CHECKING:
    from datetime import tzinfo

    from av.video.codeccontext import VideoCodecContext

Codec = Literal["h264", "h265"]
Audio = Literal["none", "aac", "pcma"]

AAC_RATE = 16_000
AAC_FRAME = 1024  # samples
PCMA_RATE = 8_000
PCMA_FRAME = 160  # samples: 20 ms
_START_CODE = re.compile(rb"\x00{2,3}\x01")
_H264_IDR = 5
_H265_IRAP = range(16, 22)


@dataclass(frozen=True)
class VideoSpec:
    width: int = 320
    height: int = 240
    fps: float = 10
    gop_s: float = 1
    codec: Codec = "h264"
    b_frames: int = 0
    bitrate_k: int | None = None  # None: whatever the pictures need


@dataclass(frozen=True)
class AccessUnit:
    index: int  # of the picture shown, not of the order sent
    nals: tuple[bytes, ...]
    keyframe: bool


def split_nals(data: bytes) -> tuple[bytes, ...]:
    return tuple(nal for nal in _START_CODE.split(data) if nal)


def nal_type(codec: Codec, nal: bytes) -> int:
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def _is_key(codec: Codec, nal: bytes) -> bool:
    kind = nal_type(codec, nal)
    return kind == _H264_IDR if codec == "h264" else kind in _H265_IRAP


def _options(spec: VideoSpec) -> dict[str, str]:
    gop = max(1, round(spec.gop_s * spec.fps))
    tuning = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={spec.b_frames}:b-adapt=0:rc-lookahead=0"
    options = {"preset": "ultrafast", "crf": "28", "forced-idr": "1"}
    if spec.b_frames:
        tuning += ":sync-lookahead=0" if spec.codec == "h264" else ""
    else:
        options["tune"] = "zerolatency"
    if spec.codec == "h264":
        return options | {"x264-params": tuning + _rate(spec)}
    return options | {"x265-params": tuning + ":pools=none:frame-threads=1:log-level=none:repeat-headers=0"}


def _rate(spec: VideoSpec) -> str:
    """Fill up to the bit rate, so that disks and links carry what a camera of that setting sends."""
    if spec.bitrate_k is None:
        return ""
    rate = f"{spec.bitrate_k}"
    return f":bitrate={rate}:vbv-maxrate={rate}:vbv-bufsize={rate}:nal-hrd=cbr"


class VideoEncoder:
    """Not thread-safe; the parameter sets are ready before the first picture."""

    def __init__(self, spec: VideoSpec, name: str, zone: tzinfo) -> None:
        self.spec = spec
        self._context = self._open(spec)
        self._frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
        self._painter = Painter(name, spec.width, spec.height, self._frame.planes[0].line_size, zone)
        for plane, value in zip(self._frame.planes[1:], tint(name), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        self.parameter_sets = split_nals(self._context.extradata or b"")

    @staticmethod
    def _open(spec: VideoSpec) -> VideoCodecContext:
        library = {"h264": "libx264", "h265": "libx265"}[spec.codec]
        context = cast("VideoCodecContext", av.CodecContext.create(library, "w"))
        context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
        context.framerate = Fraction(spec.fps).limit_denominator(1000)
        context.time_base = 1 / context.framerate
        context.options = _options(spec)
        context.thread_count = 1
        context.flags |= av.codec.context.Flags.global_header
        context.open()
        return context

    def encode(self, index: int, epoch_ms: int, *, force_key: bool = False) -> list[AccessUnit]:
        """Access units ready once picture `index` is known (B-frames hold some back)."""
        luma = self._painter.paint(index, epoch_ms)
        plane = self._frame.planes[0]
        plane.update(luma)
        self._frame.pts = index
        self._frame.pict_type = PictureType.I if force_key else PictureType.NONE
        return [self._unit(packet) for packet in self._context.encode(self._frame)]

    def _unit(self, packet: Any) -> AccessUnit:
        nals = split_nals(bytes(packet))
        keyframe = any(_is_key(self.spec.codec, nal) for nal in nals)
        return AccessUnit(packet.pts, (self.parameter_sets if keyframe else ()) + nals, keyframe)


class AacEncoder:
    """A soft tone that repeats every frame without a seam."""

    rate, frame_samples = AAC_RATE, AAC_FRAME

    def __init__(self) -> None:
        context = av.CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = AAC_RATE, "mono", "fltp"
        context.bit_rate = 32_000
        context.open()
        self._context = context
        wave = (0.1 * math.sin(2 * math.pi * 28 * sample / AAC_FRAME) for sample in range(AAC_FRAME))
        self._frame = av.AudioFrame("fltp", "mono", AAC_FRAME)
        self._frame.planes[0].update(array("f", wave).tobytes())
        self._frame.sample_rate = AAC_RATE
        self._frames = 0
        self.config = bytes(context.extradata or b"")

    def encode(self) -> list[bytes]:
        self._frame.pts = self._frames * AAC_FRAME
        self._frames += 1
        return [bytes(packet) for packet in self._context.encode(self._frame)]


def _a_law(sample: float) -> int:
    """G.711 of a sample between -1 and 1: sign, segment, mantissa, every other bit flipped."""
    size = int(min(abs(sample), 1) * 4095)
    segment = max(0, size.bit_length() - 5)
    mantissa = size >> max(1, segment) & 0x0F
    return ((0x80 if sample >= 0 else 0) | segment << 4 | mantissa) ^ 0x55


class PcmaEncoder:
    """The same soft tone in G.711 A-law."""

    rate, frame_samples = PCMA_RATE, PCMA_FRAME
    config = b""

    def __init__(self) -> None:
        wave = (0.1 * math.sin(2 * math.pi * 8 * sample / PCMA_FRAME) for sample in range(PCMA_FRAME))
        self._tone = bytes(_a_law(sample) for sample in wave)

    def encode(self) -> list[bytes]:
        return [self._tone]
