"""What it means for a source that a connection failed; apart from libav, which the daemon itself never loads."""

from __future__ import annotations

import socket
import ssl

from vmsd.errors import SourceFailed

_CAUSES: tuple[tuple[type[OSError], str, str], ...] = (
    (ConnectionRefusedError, "port_closed", "nothing listens on that port"),
    (ConnectionError, "not_a_camera", "the source hangs up"),
    (TimeoutError, "timeout", "the source did not answer in time"),
    (socket.gaierror, "host_unreachable", "the name of the host is not known here"),
    (ssl.SSLError, "not_a_camera", "the source does not speak TLS, or cannot show whose it is"),
)


def failure_of_socket(error: OSError) -> SourceFailed:
    for kind, cause, detail in _CAUSES:
        if isinstance(error, kind):
            return SourceFailed(cause, detail)
    return SourceFailed("host_unreachable", "the host cannot be reached")
