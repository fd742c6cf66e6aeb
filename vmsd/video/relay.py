"""Brings MediaMTX what it cannot pull itself: tunnelled cameras as they are, MJPEG and JPEG as H.264.

MediaMTX starts one relay per such camera and starts it again when it ends, so a camera behind a relay goes on
being recorded while vmsd is away. Addresses and passwords come in a file, never on the command line.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import av
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vmsd.errors import SourceFailed

TUNNEL_S = 15.0
"""How long a tunnel may take to print its address."""
OPEN_S = 10.0
READ_S = 10.0
STILL_EVERY_S = 1.0
"""A camera that only serves single pictures is asked for one this often."""
COPIED = frozenset({"h264", "hevc"})
TIME_BASE = Fraction(1, 90_000)
GOP_FRAMES = 30
PROTOCOLS = "rtsp,rtsps,rtp,udp,tcp,http,https,tls,crypto,rtmp,hls"


@dataclass(frozen=True)
class Order:
    """The file's content: `source` or a tunnel `command`, and where to publish."""

    source: str | None
    command: list[str] | None
    username: str
    password: str | None
    publish: str


def run_relay(file: Path) -> NoReturn:
    """Relay until something ends it; the exit code is always 1, the status file says why."""
    order = Order(**json.loads(file.read_text("utf-8")))
    status = file.with_suffix(".status")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        with _source(order) as url:
            _relay(url, order.publish, status)
    except SourceFailed as error:
        _note(status, error.cause)
    except (av.FFmpegError, OSError):
        _note(status, "unknown")
    raise SystemExit(1)


def _note(status: Path, cause: str) -> None:
    temporary = status.with_suffix(".new")
    temporary.write_text(json.dumps({"cause": cause}), "utf-8")
    temporary.rename(status)


@contextlib.contextmanager
def _source(order: Order) -> Iterator[str]:
    """The address to open; a tunnel lives exactly as long as the block."""
    if order.command is None:
        yield order.source or ""
        return
    try:
        tunnel = subprocess.Popen(  # noqa: S603 - the operator's own configured command, no shell
            order.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise SourceFailed("tunnel_down", "the tunnel command cannot be started") from error
    try:
        yield _with_login(_first_line(tunnel), order)
    finally:
        tunnel.terminate()


def _first_line(tunnel: subprocess.Popen[str]) -> str:
    assert tunnel.stdout is not None  # noqa: S101 - it is a pipe
    ready, _, _ = select.select([tunnel.stdout], [], [], TUNNEL_S)
    line = tunnel.stdout.readline().strip() if ready else ""
    if not line.startswith(("rtsp://", "rtsps://", "rtmp://", "http://", "https://")):
        raise SourceFailed("tunnel_down", "the tunnel printed no address")
    return line


def _with_login(url: str, order: Order) -> str:
    if not order.username:
        return url
    parts = urlsplit(url)
    login = f"{quote(order.username, safe='')}:{quote(order.password or '', safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))


def _open(url: str) -> InputContainer:
    options = {"protocol_whitelist": PROTOCOLS}
    if url.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    return av.open(url, options=options, timeout=(OPEN_S, READ_S))


def _relay(url: str, publish: str, status: Path) -> None:
    with _open(url) as source:
        if not source.streams.video:
            raise SourceFailed("unsupported_codec", "the source has no video")
        copied = source.streams.video[0].codec_context.name in COPIED
        with av.open(publish, "w", format="rtsp", options={"rtsp_transport": "tcp"}) as target:
            status.unlink(missing_ok=True)
            if copied:
                _copy(source, target)
            else:
                _encode(_frames(url, source), target)


def _copy(source: InputContainer, target: OutputContainer) -> None:
    incoming = source.streams.video[0]
    outgoing = target.add_stream_from_template(incoming)
    for packet in source.demux(incoming):
        if packet.dts is not None:
            packet.stream = outgoing
            target.mux(packet)


def _frames(url: str, first: InputContainer) -> Iterator[VideoFrame]:
    """Every frame of a stream; of a source that ends after one picture, one picture a second."""
    source: InputContainer = first
    while True:
        count = 0
        for frame in source.decode(video=0):
            count += 1
            yield frame
        if count != 1:
            return
        time.sleep(STILL_EVERY_S)
        source = _open(url)


def _encode(frames: Iterator[VideoFrame], target: OutputContainer) -> None:
    stream: VideoStream | None = None
    began = time.monotonic()
    for frame in frames:
        if stream is None:
            stream = _video_stream(target, frame)
        picture = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
        picture.pts = round((time.monotonic() - began) / TIME_BASE)
        picture.time_base = TIME_BASE
        for packet in stream.encode(picture):
            target.mux(packet)


def _video_stream(target: OutputContainer, frame: VideoFrame) -> VideoStream:
    options: dict[str, Any] = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
    stream = target.add_stream("libx264", rate=15, options=options)
    stream.width, stream.height = frame.width // 2 * 2, frame.height // 2 * 2
    stream.pix_fmt = "yuv420p"
    stream.codec_context.gop_size = GOP_FRAMES
    stream.codec_context.time_base = TIME_BASE
    return stream
