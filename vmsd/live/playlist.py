"""HLS as MediaMTX writes it: which file names exist, and what a playlist says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode

from vmsd.clock import parse_rfc3339
from vmsd.errors import Malformed, MediaServerAway, NotFound

INDEX = "index.m3u8"


class Kind(Enum):
    INDEX = "index"
    MEDIA = "media"
    INIT = "init"
    SEGMENT = "segment"

    @property
    def is_playlist(self) -> bool:
        return self in (Kind.INDEX, Kind.MEDIA)


# The names of all three variants of MediaMTX: a prefix that is new per muxer instance, a track, a number.
_NAME = re.compile(
    r"(?P<index>index\.m3u8)"
    r"|(?P<media>[a-z]{1,12}[0-9]{0,3}_stream\.m3u8)"
    r"|(?P<init>[0-9A-Za-z]{1,32}_[a-z]{1,12}[0-9]{0,3}_init\.mp4)"
    r"|(?P<segment>[0-9A-Za-z]{1,32}_[a-z]{1,12}[0-9]{0,3}_(?:seg|part)[0-9]{1,12}\.(?:mp4|ts))"
)
# A line that is no tag, or the URI of EXT-X-MAP, EXT-X-MEDIA and their like.
_URI = re.compile(rb'^[^#\s][^\r\n]*|(?<=URI=")[^"\r\n]+', re.MULTILINE)
_DATE = re.compile(rb"^#EXT-X-PROGRAM-DATE-TIME:(\S+)", re.MULTILINE)
_MAP = re.compile(rb'^#EXT-X-MAP:[^\r\n]*?URI="([^"\r\n?]+)', re.MULTILINE)
_EXTINF = re.compile(rb"^#EXTINF:([0-9]{1,6}(?:\.[0-9]{1,9})?)", re.MULTILINE)
_PART_TARGET = re.compile(rb"^#EXT-X-PART-INF:PART-TARGET=([0-9]{1,3}(?:\.[0-9]{1,9})?)", re.MULTILINE)
# What a playlist has for low-latency players alone, and the entries before its first segment, which are no files.
_QUICK = re.compile(rb"^#EXT-X-(?:SERVER-CONTROL|PART-INF|PART|PRELOAD-HINT|RENDITION-REPORT):[^\n]*\n", re.MULTILINE)
_GAP = re.compile(rb"^#EXT-X-GAP\r?\n(?:#[^\n]*\n)*[^#\n][^\n]*\n", re.MULTILINE)
_SEQUENCE = re.compile(rb"(?<=^#EXT-X-MEDIA-SEQUENCE:)[0-9]{1,12}", re.MULTILINE)
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


def kind_of(file: str) -> Kind:
    """Say what a file of this name is; NotFound for every name MediaMTX would not give."""
    match = _NAME.fullmatch(file)
    if match is None or match.lastgroup is None:
        raise NotFound("There is no such file.")
    return Kind(match.lastgroup)


def is_part(file: str) -> bool:
    """Whether this is a piece of a segment; one that is announced exists a moment later."""
    return "_part" in file


@dataclass(frozen=True, slots=True)
class Reload:
    """How a low-latency player asks for a media playlist: `query` is the same for all who ask the same.

    One that `waits` wants the answer when the playlist has the part it names.
    """

    query: str = ""
    waits: bool = False


def read_reload(query: Mapping[str, str]) -> Reload:
    """Reads `_HLS_msn`, `_HLS_part` and `_HLS_skip` and nothing else; `Malformed` for what a server has to refuse."""
    numbers = {name: query[name] for name in ("_HLS_msn", "_HLS_part") if name in query}
    if not all(_NUMBER.fullmatch(text) for text in numbers.values()):
        raise Malformed("_HLS_msn and _HLS_part are numbers")
    if "_HLS_part" in numbers and "_HLS_msn" not in numbers:
        raise Malformed("_HLS_part says which part of the segment _HLS_msn")
    asked = [f"{name}={int(text)}" for name, text in numbers.items()]
    if query.get("_HLS_skip") in ("YES", "v2"):
        asked.append("_HLS_skip=YES")
    return Reload("&".join(asked), waits=bool(numbers))


def headers_of(file: str) -> Mapping[str, str]:
    """Say what every answer with a file of this name says of it."""
    if file.endswith(".m3u8"):
        return {"Content-Type": "application/vnd.apple.mpegurl", "Cache-Control": "no-store"}
    mp4 = "audio/mp4" if "_audio" in file else "video/mp4"
    return {
        "Content-Type": "video/mp2t" if file.endswith(".ts") else mp4,
        # The name of a segment never comes back with other bytes, even after a restart of MediaMTX.
        "Cache-Control": "private, max-age=3600, immutable",
        "Accept-Ranges": "bytes",
    }


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist cut behind each of its own URIs, so that adding a query is one join."""

    pieces: tuple[bytes, ...]
    files: tuple[str, ...]
    init: str | None
    last_segment_s: float | None
    newest_ms: int | None
    """Wall time at which the newest segment begins, where the playlist says so."""
    part_s: float | None = None
    """How long a part is at most; None in a playlist without parts."""

    def render(self, query: Mapping[str, str]) -> bytes:
        """Put `query` behind each URI."""
        return (b"?" + urlencode(query).encode() if query else b"").join(self.pieces)

    @property
    def video(self) -> str:
        """The media playlist of the picture, in an index; NotFound when there is only sound."""
        for file in self.files:
            if file.startswith(("video", "main")):
                return file
        raise NotFound("The stream has no picture.")

    @property
    def newest(self) -> tuple[str, str]:
        """The names of the init and of the newest whole segment; NotFound while there is none."""
        segment = next((file for file in reversed(self.files) if "_seg" in file), None)
        if self.init is None or segment is None:
            raise NotFound("The stream has no segment yet.")
        return self.init, segment


def parse(body: bytes, *, keeps_parts: bool = False) -> Playlist:
    """Read a playlist, or raise MediaServerAway; a query the origin put behind a URI is cut off.

    It is one of whole segments unless it `keeps_parts`.
    """
    if not body.startswith(b"#EXTM3U"):
        raise MediaServerAway("MediaMTX answered something that is no playlist.")
    if not keeps_parts:
        body = _of_whole_segments(body)
    pieces: list[bytes] = []
    files: list[str] = []
    done = 0
    for match in _URI.finditer(body):
        name = match[0].partition(b"?")[0].strip().decode("ascii", "replace")
        if not _NAME.fullmatch(name):
            continue
        pieces.append(body[done : match.start()] + name.encode())
        done = match.end()
        if body[match.start() - 1 : match.start()] != b'"':
            files.append(name)
    pieces.append(body[done:])
    return Playlist(
        tuple(pieces),
        tuple(files),
        _init_of(body),
        _last_duration_s(body),
        _newest_ms(body),
        _part_target_s(body) if keeps_parts else None,
    )


def _of_whole_segments(body: bytes) -> bytes:
    """The playlist as it is without low latency; each segment keeps its number.

    MediaMTX puts seven gaps before the first segment of a stream, and nowhere else.
    """
    if b"#EXT-X-PART-INF:" not in body:
        return body
    body, gaps = _GAP.subn(b"", _QUICK.sub(b"", body))
    return _SEQUENCE.sub(lambda match: b"%d" % (int(match[0]) + gaps), body, 1) if gaps else body


def _part_target_s(body: bytes) -> float | None:
    match = _PART_TARGET.search(body)
    return float(match[1]) if match else None


def _init_of(body: bytes) -> str | None:
    match = _MAP.search(body)
    return match[1].decode("ascii", "replace") if match else None


def _newest_ms(body: bytes) -> int | None:
    """MediaMTX dates its last segments; the last date is the newest segment's."""
    dates = _DATE.findall(body)
    try:
        return parse_rfc3339(dates[-1].decode("ascii")) if dates else None
    except ValueError:
        return None


def _last_duration_s(body: bytes) -> float | None:
    durations = _EXTINF.findall(body)
    return float(durations[-1]) if durations else None
