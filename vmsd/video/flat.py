"""Writes the head of a flat MP4 (ISO/IEC 14496-12): everything that comes before its samples."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vmsd.video.clip_track import ClipTrack
from vmsd.video.spans import NS_PER_S
from vmsd.video.spool import Spool
from vmsd.video.track_runs import rounded

MOVIE_TIMESCALE = 90_000
SECONDS_1904 = 2_082_844_800
"""From the beginning of MP4's time to 1970."""
WIDEST = 0xFFFFFFFF
DATA_HEAD_BYTES = 16
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_HANDLERS = {"video": (b"vide", b"VideoHandler\0"), "audio": (b"soun", b"SoundHandler\0")}


@dataclass(frozen=True)
class Table:
    """A part of a box that is made only when it is written."""

    size: int
    blocks: Callable[[], Iterator[bytes]]

    def __len__(self) -> int:
        return self.size


Pieces = list[bytes | Table]


@dataclass(frozen=True)
class Showing:
    """What is shown of a track, in ticks of the movie: nothing for `empty`, then `length`.

    That begins at the track's own tick `from_tick`.
    """

    empty: int
    length: int
    from_tick: int


def first_ns(track: ClipTrack) -> int:
    """When its first sample is shown, in the time of the clip."""
    return (track.first_at + track.first_shift) * NS_PER_S // track.timescale


def showing_of(track: ClipTrack, from_ns: int, until_ns: int) -> Showing | None:
    """None for a track that has nothing between these moments of the clip."""
    scale = track.timescale
    first = track.first_at + track.first_shift
    from_tick, until_tick = (rounded(at_ns * scale, NS_PER_S) for at_ns in (from_ns, until_ns))
    begin, end = max(first, from_tick), min(until_tick, track.end + track.first_shift)
    if end <= begin:
        return None
    empty, length = (rounded(ticks * MOVIE_TIMESCALE, scale) for ticks in (begin - from_tick, end - begin))
    return Showing(empty, length, begin - track.first_at)


def head(tracks: Sequence[tuple[ClipTrack, Showing]], duration: int, created_ms: int, data_bytes: int) -> Pieces:
    """`ftyp`, `moov` and the head of an `mdat` of `data_bytes`; the samples follow at once."""
    kind = box(b"ftyp", b"isom", u32(0x200), b"isomiso4mp41mp42")
    wide = False
    while True:
        sized = _movie(tracks, duration, created_ms, 0, wide=wide)
        data_at = size_of(kind) + size_of(sized) + DATA_HEAD_BYTES
        if wide or data_at + data_bytes <= WIDEST:
            break
        wide = True
    movie = _movie(tracks, duration, created_ms, data_at, wide=wide)
    return [*kind, *movie, struct.pack(">I4sQ", 1, b"mdat", DATA_HEAD_BYTES + data_bytes)]


def size_of(pieces: Pieces) -> int:
    return sum(map(len, pieces))


def blocks_of(pieces: Pieces) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from piece.blocks()


def _movie(
    tracks: Sequence[tuple[ClipTrack, Showing]], duration: int, created_ms: int, data_at: int, *, wide: bool
) -> Pieces:
    created = created_ms // 1000 + SECONDS_1904
    version, times = _times(created, created, MOVIE_TIMESCALE, duration)
    rest = u32(0x10000) + struct.pack(">H10x", 0x100) + _MATRIX + bytes(24) + u32(len(tracks) + 1)
    inside: Pieces = full(b"mvhd", version, 0, times, rest)
    for number, (track, showing) in enumerate(tracks, 1):
        inside += _track(number, track, showing, created, data_at, wide=wide)
    return box(b"moov", *inside)


def _track(number: int, track: ClipTrack, showing: Showing, created: int, data_at: int, *, wide: bool) -> Pieces:
    shown = showing.empty + showing.length
    version = 1 if max(created, shown) > WIDEST else 0
    times = struct.pack(">QQIIQ" if version else ">IIIII", created, created, number, 0, shown)
    volume = 0x100 if track.kind == "audio" else 0
    group = 1 if track.kind == "audio" else 0
    rest = bytes(8) + struct.pack(">HHHH", 0, group, volume, 0) + _MATRIX + track.picture
    return box(
        b"trak",
        *full(b"tkhd", version, 3, times, rest),
        *box(b"edts", *_edits(showing)),
        *_media(track, created, data_at, wide=wide),
    )


def _edits(showing: Showing) -> Pieces:
    edits = [(showing.empty, -1)] if showing.empty else []
    edits.append((showing.length, showing.from_tick))
    version = 1 if max(length for length, _ in edits) > WIDEST or showing.from_tick > WIDEST >> 1 else 0
    form = ">QqI" if version else ">IiI"
    rows = b"".join(struct.pack(form, length, start, 0x10000) for length, start in edits)
    return full(b"elst", version, 0, u32(len(edits)), rows)


def _media(track: ClipTrack, created: int, data_at: int, *, wide: bool) -> Pieces:
    handler, name = _HANDLERS[track.kind]
    version, times = _times(created, created, track.timescale, track.end - track.first_at)
    own = full(b"vmhd", 0, 1, bytes(8)) if track.kind == "video" else full(b"smhd", 0, 0, bytes(4))
    reference = box(b"dinf", *full(b"dref", 0, 0, u32(1), *full(b"url ", 0, 1)))
    return box(
        b"mdia",
        *full(b"mdhd", version, 0, times, struct.pack(">HH", 0x55C4, 0)),
        *full(b"hdlr", 0, 0, bytes(4), handler, bytes(12), name),
        *box(b"minf", *own, *reference, *_samples(track, data_at, wide=wide)),
    )


def _samples(track: ClipTrack, data_at: int, *, wide: bool) -> Pieces:
    inside = [
        *full(b"stsd", 0, 0, u32(len(track.entries)), *track.entries),
        *_counted(b"stts", 0, track.durations.pairs, 2),
    ]
    if track.has_shifts:
        inside += _counted(b"ctts", 1, track.shifts.pairs, 2)
    if not track.all_sync:
        inside += _counted(b"stss", 0, track.syncs, 1)
    inside += _counted(b"stsc", 0, track.chunk_runs, 3)
    inside += full(b"stsz", 0, 0, u32(0, len(track.sizes)), _numbers(track.sizes))
    places = Table(len(track.chunks) * (8 if wide else 4), lambda: _places(track.chunks, data_at, wide=wide))
    inside += full(b"co64" if wide else b"stco", 0, 0, u32(len(track.chunks)), places)
    return box(b"stbl", *inside)


def _counted(kind: bytes, version: int, spool: Spool, columns: int) -> Pieces:
    return full(kind, version, 0, u32(len(spool) // columns), _numbers(spool))


def _numbers(spool: Spool) -> Table:
    return Table(4 * len(spool), lambda: (_big_endian(block) for block in spool.blocks()))


def _places(chunks: Spool, data_at: int, *, wide: bool) -> Iterator[bytes]:
    for block in chunks.blocks():
        yield _big_endian(array("Q" if wide else "I", (data_at + place for place in block)))


def _big_endian(block: array[int]) -> bytes:
    if sys.byteorder == "little":
        block.byteswap()
    return block.tobytes()


def _times(created: int, changed: int, timescale: int, duration: int) -> tuple[int, bytes]:
    """The version of a box with these times, and the times."""
    if max(created, duration) > WIDEST:
        return 1, struct.pack(">QQIQ", created, changed, timescale, duration)
    return 0, struct.pack(">IIII", created, changed, timescale, duration)


def box(kind: bytes, *inside: bytes | Table) -> Pieces:
    size = 8 + sum(map(len, inside))
    return [struct.pack(">I4s", size, kind), *inside]


def full(kind: bytes, version: int, flags: int, *inside: bytes | Table) -> Pieces:
    return box(kind, u32(version << 24 | flags), *inside)


def u32(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)
