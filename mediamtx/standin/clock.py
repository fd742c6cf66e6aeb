"""Times as the control API writes them."""

from datetime import datetime

from quantities import NS_PER_S

NEVER = "0001-01-01T00:00:00Z"


def timestamp(unix_ns: int) -> str:
    """RFC 3339 in the local zone with nanoseconds, less their trailing zeros."""
    seconds, rest = divmod(unix_ns, NS_PER_S)
    moment = datetime.fromtimestamp(seconds).astimezone()
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    zone = moment.strftime("%z")
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"
