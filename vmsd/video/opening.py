"""How libav may open a source: what it is allowed to follow and to read, and what its failures mean."""

from __future__ import annotations

import errno
from urllib.parse import urlsplit

import av

from vmsd.errors import SourceFailed

_RTSP = {"rtsp_transport": "tcp", "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls", "format_whitelist": "rtsp"}
_RTMP = {"protocol_whitelist": "rtmp,rtmps,rtmpt,tcp,tls", "format_whitelist": "flv,live_flv"}
_HTTP = {
    "protocol_whitelist": "http,https,tcp,tls,crypto",
    "format_whitelist": "hls,mpegts,mov,mp4,flv,mjpeg,mpjpeg,jpeg_pipe,image2,aac",
}
_SCHEMES = {"rtsp": _RTSP, "rtsps": _RTSP, "rtmp": _RTMP, "rtmps": _RTMP, "http": _HTTP, "https": _HTTP}

_CAUSES: tuple[tuple[type[Exception], str, str], ...] = (
    (av.HTTPUnauthorizedError, "wrong_password", "the source refuses the user or the password"),
    (av.HTTPForbiddenError, "wrong_password", "the source refuses the user or the password"),
    (av.HTTPNotFoundError, "no_such_stream", "the source answers, but has no such stream"),
    (av.HTTPClientError, "no_such_stream", "the source answers, but refuses this stream"),
    (av.ConnectionRefusedError, "port_closed", "nothing listens on that port"),
    (av.TimeoutError, "timeout", "the source did not answer in time"),
    (av.ExitError, "timeout", "the source did not answer in time"),
    (av.InvalidDataError, "not_a_camera", "what the source sends is not video"),
    (av.EOFError, "not_a_camera", "the source ended before it sent video"),
)
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EIO, errno.EADDRNOTAVAIL}


def is_known(url: str) -> bool:
    return urlsplit(url).scheme.lower() in _SCHEMES


def options_for(url: str) -> dict[str, str]:
    """SourceFailed when the address is of no kind that can be opened."""
    options = _SCHEMES.get(urlsplit(url).scheme.lower())
    if options is None:
        raise SourceFailed("unsupported_codec", "the source is of no kind that can be opened")
    return dict(options)


def failure_of(error: av.FFmpegError) -> SourceFailed:
    """In words without the address, which libav's own words hold with its password."""
    for kind, cause, detail in _CAUSES:
        if isinstance(error, kind):
            return SourceFailed(cause, detail)
    if error.errno in _UNREACHABLE:
        return SourceFailed("host_unreachable", "the host cannot be reached")
    return SourceFailed("not_a_camera", "the source cannot be read")
