"""Reads what stands before the first fragment of an fMP4: tracks, codecs, and MediaMTX's own `mtxi` box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from vmsd.errors import BadMedia
from vmsd.video import boxes
from vmsd.video.boxes import number

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_HEADER_BYTES = 1 << 20
MOST_TRACKS = 16
_MOST_BOXES_BEFORE_MOOV = 8
_VISUAL_ENTRY_BYTES = 78  # ISO/IEC 14496-12, 12.1.3
_AUDIO_ENTRY_BYTES = 28  # ISO/IEC 14496-12, 12.2.3

_KINDS: dict[bytes, Literal["video", "audio"]] = {b"vide": "video", b"soun": "audio"}
_CODECS = {
    b"avc1": "h264", b"avc3": "h264", b"hvc1": "h265", b"hev1": "h265", b"av01": "av1", b"vp09": "vp9",
    b"Opus": "opus", b"ipcm": "lpcm", b"fpcm": "lpcm", b"ac-3": "ac3", b"fLaC": "flac",
}  # fmt: skip
_OBJECT_TYPES = {
    0x20: "mpeg4",
    0x40: "aac",
    0x60: "mpeg1",
    0x61: "mpeg2",
    0x69: "mp3",
    0x6B: "mp3",
    0x6C: "mjpeg",
}
_ELEMENTARY = {b"mp4v", b"mp4a"}
_EXTRADATA = (b"avcC", b"hvcC", b"av1C", b"vpcC")
_DECODER_CONFIG_TAG = 4


@dataclass(frozen=True, slots=True)
class Track:
    id: int
    kind: Literal["video", "audio"]
    codec: str
    timescale: int
    width: int
    height: int
    extradata: bytes  # avcC or hvcC, as a decoder wants it
    default_duration: int = 0
    default_size: int = 0
    default_flags: int = 0


@dataclass(frozen=True, slots=True)
class Mtxi:
    """Which recorder wrote it: number + 1 with the same `stream_id` follows without a gap."""

    stream_id: bytes
    number: int
    dts_ns: int
    ntp_ns: int


@dataclass(frozen=True, slots=True)
class Header:
    tracks: tuple[Track, ...]
    mtxi: Mtxi | None
    duration_ms: int  # 0: still being written, or its writer was killed
    header_bytes: int  # where the first fragment begins

    @property
    def video(self) -> Track | None:
        return next((track for track in self.tracks if track.kind == "video"), None)


def read_header(file: BinaryIO) -> Header:
    """Read from the start of `file`; BadMedia when it is not the whole header of an fMP4."""
    offset = 0
    for _ in range(_MOST_BOXES_BEFORE_MOOV):
        file.seek(offset)
        kind, _, size = boxes.head(file.read(boxes.LARGE_HEAD_BYTES))
        if offset + size > MOST_HEADER_BYTES or kind in (b"moof", b"mdat"):
            break
        if kind == b"moov":
            file.seek(offset)
            return _moov(file.read(size), size, offset + size)
        offset += size
    raise BadMedia("there is no moov box at the start of the file")


def _moov(data: bytes, size: int, header_bytes: int) -> Header:
    if len(data) < size:
        raise BadMedia("the header is cut off")
    inside = boxes.get(data, (0, size), b"moov")
    spans = [(start, end) for kind, start, end in boxes.children(data, *inside) if kind == b"trak"]
    if len(spans) > MOST_TRACKS:
        raise BadMedia("there are too many tracks")
    defaults = dict(_defaults(data, inside))
    tracks = tuple(track for span in spans if (track := _track(data, span, defaults)))
    return Header(tracks, _mtxi(data, inside), _duration_ms(data, inside), header_bytes)


def _defaults(data: bytes, moov: tuple[int, int]) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Duration, size and flags of samples that say nothing themselves, by track (`trex`)."""
    extends = boxes.find(data, moov, b"mvex")
    for kind, start, _ in boxes.children(data, *extends) if extends else ():
        if kind == b"trex":
            duration, size, flags = (number(data, start + at, 4) for at in (12, 16, 20))
            yield number(data, start + 4, 4), (duration, size, flags)


def _duration_ms(data: bytes, moov: tuple[int, int]) -> int:
    start, _ = boxes.get(data, moov, b"mvhd")
    wide = number(data, start, 1) == 1
    timescale = number(data, start + (20 if wide else 12), 4)
    duration = number(data, start + (24 if wide else 16), 8 if wide else 4)
    return duration * 1000 // timescale if timescale else 0


def _mtxi(data: bytes, moov: tuple[int, int]) -> Mtxi | None:
    span = boxes.find(data, moov, b"udta", b"mtxi")
    if span is None:
        return None
    start = span[0] + 4
    count, dts, ntp = (number(data, start + at, 8) for at in (16, 24, 32))
    signed = [value - (1 << 64) if value >> 63 else value for value in (dts, ntp)]
    if count >> 63 or start + 40 > span[1]:
        raise BadMedia("the mtxi box makes no sense")
    return Mtxi(data[start : start + 16], count, signed[0], signed[1])


def _track(data: bytes, trak: tuple[int, int], defaults: dict[int, tuple[int, int, int]]) -> Track | None:
    """None when it is neither video nor sound."""
    header, _ = boxes.get(data, trak, b"tkhd")
    track_id = number(data, header + (20 if number(data, header, 1) == 1 else 12), 4)
    media = boxes.get(data, trak, b"mdia")
    clock, _ = boxes.get(data, media, b"mdhd")
    timescale = number(data, clock + (20 if number(data, clock, 1) == 1 else 12), 4)
    handler, _ = boxes.get(data, media, b"hdlr")
    kind = _KINDS.get(data[handler + 8 : handler + 12])
    if kind is None:
        return None
    if timescale == 0:
        raise BadMedia("a track has no clock")
    table, end = boxes.get(data, media, b"minf", b"stbl", b"stsd")
    entry = next(boxes.children(data, table + 8, end), None)
    if entry is None:
        raise BadMedia("a track says nothing of its codec")
    codec, width, height, extradata = _sample_entry(data, kind, *entry)
    return Track(track_id, kind, codec, timescale, width, height, extradata, *defaults.get(track_id, (0, 0, 0)))


def _sample_entry(data: bytes, kind: str, name: bytes, start: int, end: int) -> tuple[str, int, int, bytes]:
    """(codec, width, height, extradata) of the first sample entry of a track."""
    inside = (start + (_VISUAL_ENTRY_BYTES if kind == "video" else _AUDIO_ENTRY_BYTES), end)
    codec = _CODECS.get(name) or name.decode("ascii", "replace").strip()
    if name in _ELEMENTARY:
        codec = _elementary(data, inside)
    if kind == "audio":
        return codec, 0, 0, b""
    spans = (boxes.find(data, inside, config) for config in _EXTRADATA)
    span = next((span for span in spans if span), (0, 0))
    return codec, number(data, start + 24, 2), number(data, start + 26, 2), bytes(data[slice(*span)])


def _elementary(data: bytes, inside: tuple[int, int]) -> str:
    """Object type of an `esds` box (ISO/IEC 14496-1), which is where MPEG-4 hides the codec."""
    at, end = boxes.get(data, inside, b"esds")
    tags = data[at + 4 : min(end, at + 64)]
    for place in range(len(tags)):
        if tags[place] == _DECODER_CONFIG_TAG:
            rest = tags[place + 1 :].lstrip(b"\x80")
            return _OBJECT_TYPES.get(rest[1], "unknown") if len(rest) > 1 else "unknown"
    return "unknown"
