"""How libav may open a source: what it is allowed to read, and that it is led nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import av

from vmsd.errors import SourceFailed
from vmsd.video.failures import failure_of
from vmsd.video.http_camera import HttpCamera
from vmsd.video.rtsp_guard import RtspGuard

if TYPE_CHECKING:
    from av.container import InputContainer

    from vmsd.clock import Clock

_RTSP = {"rtsp_transport": "tcp", "protocol_whitelist": "rtsp,rtp,tcp", "format_whitelist": "rtsp"}
_RTMP = {"protocol_whitelist": "rtmp,rtmps,rtmpt,tcp,tls", "format_whitelist": "flv,live_flv"}
_HTTP = {
    "protocol_whitelist": "http,https",
    "format_whitelist": "hls,mpegts,mov,mp4,flv,mjpeg,mpjpeg,jpeg_pipe,image2,aac",
    "http_persistent": "0",  # of HLS: libav can only use connections again that it has made itself
    "http_multiple": "0",
}
_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https")


def is_known(url: str) -> bool:
    return urlsplit(url).scheme.lower() in _SCHEMES


@contextmanager
def open_source(
    url: str, clock: Clock, open_s: float, silence_s: float, options: dict[str, str]
) -> Iterator[InputContainer]:
    """The source at `url`, open as long as the block lasts; SourceFailed names what is wrong, also in the block.

    Nothing but the host in `url` is called, whatever the source answers. Its name, where it matters, is the
    fragment of the address.
    """
    kind = urlsplit(url).scheme.lower() if is_known(url) else ""
    opened = {"rtsp": _open_rtsp, "http": _open_http, "rtmp": _open_rtmp}.get(kind.rstrip("s"))
    if opened is None:
        raise SourceFailed("unsupported_codec", "the source is of no kind that can be opened")
    try:
        with opened(url, clock, open_s, silence_s, options) as container:
            yield container
    except av.FFmpegError as error:
        raise failure_of(error) from None


@contextmanager
def _open_rtmp(
    url: str, _clock: Clock, open_s: float, silence_s: float, options: dict[str, str]
) -> Iterator[InputContainer]:
    """RTMP knows no redirects."""
    with av.open(url, options=_RTMP | options, timeout=(open_s, silence_s)) as container:
        yield container


@contextmanager
def _open_rtsp(
    url: str, _clock: Clock, open_s: float, silence_s: float, options: dict[str, str]
) -> Iterator[InputContainer]:
    with RtspGuard(url, open_s) as guard:
        try:
            with av.open(guard.url, options=_RTSP | options, timeout=(open_s, silence_s)) as container:
                yield container
        except av.FFmpegError as error:
            raise guard.failure or failure_of(error) from None


@contextmanager
def _open_http(
    url: str, clock: Clock, open_s: float, silence_s: float, options: dict[str, str]
) -> Iterator[InputContainer]:
    with closing(HttpCamera(url, open_s, silence_s, clock)) as camera:
        kind = camera.open_first()
        try:
            with av.open(camera.url, format=kind, options=_HTTP | options, io_open=camera.open) as container:
                camera.began()
                yield container
        except av.FFmpegError as error:
            raise camera.failure or failure_of(error) from None
