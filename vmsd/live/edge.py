"""How far behind live HLS is: the age of the newest frame its playlist offers."""

from __future__ import annotations

import re

from vmsd.clock import parse_rfc3339
from vmsd.errors import NotFound
from vmsd.live.hls import HlsProxy
from vmsd.live.playlist import INDEX

_LINE = re.compile(rb"^#(?:EXT-X-PROGRAM-DATE-TIME:(\S+)|EXTINF:([0-9]{1,6}(?:\.[0-9]{1,9})?))", re.MULTILINE)


async def find_newest_end(hls: HlsProxy, path: str) -> int | None:
    """Wall time at which the newest whole segment ends, in the playlist a viewer would be given now.

    None where the playlist gives no dates. Raises what the proxy raises, `NotFound` for a stream without picture.
    """
    index = (await hls.fetch(path, INDEX)).playlist
    if index is None:
        raise NotFound("the stream has no playlist")
    return newest_end_ms((await hls.fetch(path, index.video)).body.read())


def newest_end_ms(playlist: bytes) -> int | None:
    """From the last date, and the length of the segments from there on; parts are no whole segments."""
    end_ms: float | None = None
    for date, duration in _LINE.findall(playlist):
        if date:
            end_ms = _read_date(date)
        elif end_ms is not None:
            end_ms += float(duration) * 1000
    return None if end_ms is None else round(end_ms)


def _read_date(text: bytes) -> float | None:
    try:
        return parse_rfc3339(text.decode("ascii"))
    except ValueError:
        return None
