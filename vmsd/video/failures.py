"""What it means for a source that libav failed, in words without the address."""

from __future__ import annotations

import errno

import av

from vmsd.errors import SourceFailed

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


def failure_of(error: av.FFmpegError) -> SourceFailed:
    """In words without the address, which libav's own words hold with its password."""
    for kind, cause, detail in _CAUSES:
        if isinstance(error, kind):
            return SourceFailed(cause, detail)
    if error.errno in _UNREACHABLE:
        return SourceFailed("host_unreachable", "the host cannot be reached")
    return SourceFailed("not_a_camera", "the source cannot be read")
