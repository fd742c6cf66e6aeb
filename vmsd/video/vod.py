"""Writes the HLS playlist of a period: byte ranges of the recordings as they lie on the disk, nothing cut or copied.

A part of a recording does not begin with a keyframe, so time and bytes are told apart: an entry is declared to begin
with a keyframe, and its bytes are whole parts, from the one that holds that keyframe. Each byte is named once.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from vmsd.clock import rfc3339
from vmsd.video.cuts import MARK_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmsd.video.cuts import Cuts

MOST_FILES = 10_000
MOST_ENTRIES = 20_000

Mark = tuple[int, int, int]
"""Time, fragment and first byte of where an entry may begin."""


@dataclass(frozen=True, slots=True)
class VodFile:
    """`uri` is relative to the playlist; `start_ms` is the wall time of the file's first moment."""

    uri: str
    start_ms: int
    cuts: Cuts

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.cuts.facts.duration_ms


class Entry(NamedTuple):
    """What one line of the playlist plays; times count from the start of its file."""

    start_ms: int
    stop_ms: int
    first_byte: int
    stop_byte: int


class Rendered(NamedTuple):
    """The entries of one file as text, but the last, whose length depends on the file that follows."""

    text: str
    first: Entry
    last: Entry
    longest_ms: int


def entry_ms(files: Sequence[VodFile]) -> int:
    """How long an entry is at least, so that there are never more than `MOST_ENTRIES` of at most `MOST_FILES` files."""
    total_ms, least_ms = sum(file.cuts.facts.duration_ms for file in files), MARK_MS
    while total_ms > least_ms * (MOST_ENTRIES - len(files)):
        least_ms *= 2
    return least_ms


def playlist(files: Sequence[VodFile], start_ms: int, end_ms: int, query: Mapping[str, str]) -> bytes:
    """Of at least one file, in order of time, each with something of the period; `query` goes behind each URI.

    It begins with the last keyframe at or before `start_ms`, and says how far behind that the period begins.
    """
    carried, least_ms = f"?{urlencode(query)}" if query else "", entry_ms(files)
    rendered = [_rendered(file, start_ms, end_ms, least_ms) for file in files]
    lines, longest_ms = [], 0
    for place, (file, block) in enumerate(zip(files, rendered, strict=True)):
        following = files[place + 1] if place + 1 < len(files) else None
        last = block.last._replace(stop_ms=_stop_ms(file, block.last, following))
        longest_ms = max(longest_ms, block.longest_ms, last.stop_ms - last.start_ms)
        text = _file_head(file, block.first, discontinuous=place > 0) + block.text + _lines([last], file.uri)
        lines.append(text.replace(file.uri, file.uri + carried) if carried else text)
    offset_ms = start_ms - files[0].start_ms - rendered[0].first.start_ms
    return "".join((_head(longest_ms, offset_ms), *lines, "#EXT-X-ENDLIST\n")).encode()


def entries(cuts: Cuts, least_ms: int, from_ms: int = 0, until_ms: int | None = None) -> Sequence[Entry]:
    """Of a whole file, or of what is played from `from_ms` on and before `until_ms`."""
    duration_ms = cuts.facts.duration_ms
    marks, end = _marks(cuts, least_ms), (duration_ms, cuts.facts.end_bytes)
    if from_ms > 0 or (until_ms is not None and until_ms < duration_ms):
        marks, end = _clipped(cuts, marks, from_ms, duration_ms if until_ms is None else min(until_ms, duration_ms))
    times, places = [*(mark[0] for mark in marks), end[0]], [*(mark[2] for mark in marks), end[1]]
    return list(map(Entry._make, zip(times, times[1:], places, places[1:], strict=False)))


def _marks(cuts: Cuts, least_ms: int) -> list[Mark]:
    """Those of the recording that are `least_ms` apart."""
    marks = list(zip(*cuts.marks, strict=True))
    if least_ms <= MARK_MS:
        return marks
    times, thinned, place = cuts.marks.times_ms, [marks[0]], 1
    while (place := bisect_left(times, thinned[-1][0] + least_ms, place)) < len(marks):
        thinned.append(marks[place])
    return thinned


def _clipped(cuts: Cuts, marks: list[Mark], from_ms: int, until_ms: int) -> tuple[list[Mark], tuple[int, int]]:
    """Marks from the keyframe at or before `from_ms` on; with them the end of the fragment that `until_ms` is in."""
    columns = cuts.columns
    keyframe = columns.keyframe_at(from_ms)
    time_ms, fragment = columns.key_times_ms[keyframe], columns.key_fragments[keyframe]
    if 0 < time_ms <= from_ms:
        first = (time_ms, fragment, cuts.first_byte_of(columns, fragment))
        marks = [first, *(mark for mark in marks if mark[0] > time_ms and mark[1] > fragment)]
    marks = [marks[0], *(mark for mark in marks[1:] if mark[0] < until_ms)]
    if until_ms >= cuts.facts.duration_ms:
        return marks, (cuts.facts.duration_ms, cuts.facts.end_bytes)
    last = max(marks[-1][1], bisect_left(columns.starts_ms, until_ms) - 1)
    return marks, (max(columns.end_ms_of(last), marks[-1][0]), cuts.stop_of(columns, last))


def _rendered(file: VodFile, start_ms: int, end_ms: int, least_ms: int) -> Rendered:
    cuts = file.cuts
    if file.start_ms < start_ms or file.end_ms > end_ms:
        return _render(entries(cuts, least_ms, start_ms - file.start_ms, end_ms - file.start_ms), file.uri)
    known = cuts.rendered.get((least_ms, file.uri))
    if not isinstance(known, Rendered):
        known = cuts.rendered[least_ms, file.uri] = _render(entries(cuts, least_ms), file.uri)
    return known


def _render(found: Sequence[Entry], uri: str) -> Rendered:
    longest_ms = max((entry.stop_ms - entry.start_ms for entry in found[:-1]), default=0)
    return Rendered(_lines(found[:-1], uri), found[0], found[-1], longest_ms)


def _lines(found: Sequence[Entry], uri: str) -> str:
    """There are thousands of them."""
    return "".join([
        f"#EXTINF:{(stop_ms - start_ms) / 1000:.3f},\n#EXT-X-BYTERANGE:{stop_byte - first_byte}@{first_byte}\n{uri}\n"
        for start_ms, stop_ms, first_byte, stop_byte in found
    ])  # fmt: skip


def _stop_ms(file: VodFile, last: Entry, following: VodFile | None) -> int:
    """Where the last entry of a file ends: with the file, or where one begins that the recorder wrote right behind."""
    if following is None or last.stop_byte < file.cuts.facts.end_bytes or not is_seamless(file, following):
        return last.stop_ms
    return max(last.start_ms + 1, following.start_ms - file.start_ms)


def is_seamless(file: VodFile, following: VodFile) -> bool:
    """Whether not a frame lies between the two; names set right by different clocks are not believed."""
    one, other = file.cuts.facts.origin, following.cuts.facts.origin
    if one is None or other is None or one.stream_id != other.stream_id or one.number + 1 != other.number:
        return False
    own_ms = (other.dts_ns - one.dts_ns) // 1_000_000
    return abs(following.start_ms - file.start_ms - own_ms) <= MARK_MS


def _file_head(file: VodFile, first: Entry, *, discontinuous: bool) -> str:
    return (
        ("#EXT-X-DISCONTINUITY\n" if discontinuous else "")
        + f'#EXT-X-MAP:URI="{file.uri}",BYTERANGE="{file.cuts.facts.header_bytes}@0"\n'
        + f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(file.start_ms + first.start_ms)}\n"
    )


def _head(longest_ms: int, offset_ms: int) -> str:
    return (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXT-X-TARGETDURATION:{max(1, -(-longest_ms // 1000))}\n"
        + (f"#EXT-X-START:TIME-OFFSET={offset_ms / 1000:.3f},PRECISE=YES\n" if offset_ms > 0 else "")
    )
