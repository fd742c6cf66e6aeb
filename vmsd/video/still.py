"""One keyframe to one JPEG; runs only in the decoding process."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
from av.video.reformatter import Interpolation

from vmsd.errors import BadMedia
from vmsd.video.grid import COLUMNS, ROWS

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

_DECODERS = {
    "h264": "h264", "h265": "hevc", "av1": "av1", "vp9": "vp9", "mjpeg": "mjpeg",
    "mpeg4": "mpeg4", "mpeg2": "mpeg2video", "mpeg1": "mpeg1video",
}  # fmt: skip
MOST_PIXELS = 8192 * 4320
_LEAST_WIDTH, _MOST_WIDTH = 16, 8192
_QUALITY = "5"  # of mjpeg: 2 best, 31 worst
_LUMA_STEP = 11  # rows and columns between the dots that are averaged


def make_jpeg(codec: str, extradata: bytes, data: bytes, width: int | None) -> tuple[bytes, bytes, dict[str, Any]]:
    """JPEG of the picture, its grid (a byte of brightness per cell, row by row), `width`, `height` and `luma_mean`.

    BadMedia, or what libav raises.
    """
    frame = decode(codec, extradata, data)
    size = _size(frame, width)
    small = frame.reformat(*size, format="yuvj420p", interpolation=Interpolation.AREA)
    facts = {"width": size[0], "height": size[1], "luma_mean": round(_luma_mean(small), 1)}
    return encode(small), _grid(frame), facts


def decode(codec: str, extradata: bytes, data: bytes, **options: str) -> VideoFrame:
    """`options` are libav's for the decoder."""
    if codec not in _DECODERS:
        raise BadMedia("there is no decoder for this codec")
    context = cast("VideoCodecContext", av.CodecContext.create(_DECODERS[codec], "r"))
    context.extradata = extradata or None
    context.thread_count = 1
    context.options = {"max_pixels": str(MOST_PIXELS)} | options
    frames = context.decode(av.Packet(data)) or context.decode(None)
    if not frames:
        raise BadMedia("the keyframe holds no picture")
    return frames[0]


def _size(frame: VideoFrame, width: int | None) -> tuple[int, int]:
    """Even numbers, in the proportions of the picture."""
    wanted = min(max(width or frame.width, _LEAST_WIDTH), _MOST_WIDTH)
    height = frame.height * wanted // frame.width
    return wanted & ~1, max(2, height & ~1)


def _grid(frame: VideoFrame) -> bytes:
    plane = frame.reformat(COLUMNS, ROWS, format="gray", interpolation=Interpolation.AREA).planes[0]
    luma, stride = bytes(plane), plane.line_size
    return b"".join(luma[row * stride : row * stride + COLUMNS] for row in range(ROWS))


def _luma_mean(frame: VideoFrame) -> float:
    plane = frame.planes[0]
    luma, stride = bytes(plane), plane.line_size
    rows = range(0, frame.height, _LUMA_STEP)
    dots = b"".join(luma[row * stride : row * stride + frame.width : _LUMA_STEP] for row in rows)
    return sum(dots) / len(dots)


def encode(frame: VideoFrame, quality: str = _QUALITY) -> bytes:
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.thread_count = 1
    context.options = {"qmin": quality, "qmax": quality}
    frame.pts = None
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
