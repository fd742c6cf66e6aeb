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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmsd.video.cuts import Cuts

LEAST_ENTRY_MS = 6_000
MOST_FILES = 10_000
MOST_ENTRIES = 20_000
_URI = "\0"
"""Stands in a rendered text for what differs from viewer to viewer."""


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
    total_ms, least_ms = sum(file.cuts.facts.duration_ms for file in files), LEAST_ENTRY_MS
    while total_ms > least_ms * (MOST_ENTRIES - len(files)):
        least_ms *= 2
    return least_ms


def playlist(files: Sequence[VodFile], start_ms: int, end_ms: int, query: Mapping[str, str]) -> bytes:
    """Of at least one file, in order of time, each with something of the period; `query` goes behind each URI.

    It begins with the last keyframe at or before `start_ms`, and says how far behind that the period begins.
    """
    suffix, least_ms = f"?{urlencode(query)}" if query else "", entry_ms(files)
    rendered = [_rendered(file, start_ms, end_ms, least_ms) for file in files]
    lines, longest_ms = [], 0
    for place, (file, block) in enumerate(zip(files, rendered, strict=True)):
        following = files[place + 1] if place + 1 < len(files) else None
        last = block.last._replace(stop_ms=_stop_ms(file, block.last, following))
        longest_ms = max(longest_ms, block.longest_ms, last.stop_ms - last.start_ms)
        uri = file.uri + suffix
        lines.append(_file_head(file, block.first, uri, discontinuous=place > 0))
        lines.append((block.text + _lines([last])).replace(_URI, uri))
    offset_ms = start_ms - files[0].start_ms - rendered[0].first.start_ms
    return "".join((_head(longest_ms, offset_ms), *lines, "#EXT-X-ENDLIST\n")).encode()


def entries(cuts: Cuts, least_ms: int, from_ms: int = 0, until_ms: int | None = None) -> Sequence[Entry]:
    """Of a whole file, or of what is played from `from_ms` on and before `until_ms`."""
    marks = _marks(cuts, least_ms)
    if from_ms > 0:
        keyframe = cuts.keyframe_at(from_ms)
        time_ms, fragment = cuts.key_times_ms[keyframe], cuts.key_fragments[keyframe]
        if time_ms <= from_ms:
            marks = [(time_ms, fragment), *(mark for mark in marks if mark[0] > time_ms and mark[1] > fragment)]
    stop_ms, stop_byte = cuts.facts.duration_ms, cuts.facts.end_bytes
    if until_ms is not None and until_ms < stop_ms:
        marks = [marks[0], *(mark for mark in marks[1:] if mark[0] < until_ms)]
        fragment = max(marks[-1][1], bisect_left(cuts.starts_ms, until_ms) - 1)
        stop_ms, stop_byte = max(cuts.end_ms_of(fragment), marks[-1][0]), cuts.stop_of(fragment)
    times = [*(time for time, _ in marks), stop_ms]
    places = [*(_first_byte(cuts, fragment) for _, fragment in marks), stop_byte]
    return list(map(Entry._make, zip(times, times[1:], places, places[1:], strict=False)))


def _first_byte(cuts: Cuts, fragment: int) -> int:
    return cuts.offsets[fragment] if fragment else cuts.facts.header_bytes


def _marks(cuts: Cuts, least_ms: int) -> list[tuple[int, int]]:
    """(time, fragment) of the keyframes where entries begin: each in a later fragment than the one before."""
    times, fragments, duration_ms = cuts.key_times_ms.tolist(), cuts.key_fragments, cuts.facts.duration_ms
    time, fragment, keyframe = 0, 0, 0
    marks = [(time, fragment)]
    while (keyframe := bisect_left(times, time + least_ms, keyframe)) < len(times):
        while keyframe < len(times) and fragments[keyframe] <= fragment:
            keyframe += 1
        if keyframe == len(times) or times[keyframe] >= duration_ms:
            break
        time, fragment = times[keyframe], fragments[keyframe]
        marks.append((time, fragment))
    return marks


def _rendered(file: VodFile, start_ms: int, end_ms: int, least_ms: int) -> Rendered:
    cuts = file.cuts
    if file.start_ms < start_ms or file.end_ms > end_ms:
        return _render(entries(cuts, least_ms, start_ms - file.start_ms, end_ms - file.start_ms))
    known = cuts.rendered.get(least_ms)
    if not isinstance(known, Rendered):
        known = cuts.rendered[least_ms] = _render(entries(cuts, least_ms))
    return known


def _render(found: Sequence[Entry]) -> Rendered:
    longest_ms = max((entry.stop_ms - entry.start_ms for entry in found[:-1]), default=0)
    return Rendered(_lines(found[:-1]), found[0], found[-1], longest_ms)


def _lines(found: Sequence[Entry]) -> str:
    """There are thousands of them."""
    return "".join([
        f"#EXTINF:{(stop_ms - start_ms) / 1000:.3f},\n#EXT-X-BYTERANGE:{stop_byte - first_byte}@{first_byte}\n{_URI}\n"
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
    return abs(following.start_ms - file.start_ms - own_ms) <= LEAST_ENTRY_MS


def _file_head(file: VodFile, first: Entry, uri: str, *, discontinuous: bool) -> str:
    return (
        ("#EXT-X-DISCONTINUITY\n" if discontinuous else "")
        + f'#EXT-X-MAP:URI="{uri}",BYTERANGE="{file.cuts.facts.header_bytes}@0"\n'
        + f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(file.start_ms + first.start_ms)}\n"
    )


def _head(longest_ms: int, offset_ms: int) -> str:
    return (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXT-X-TARGETDURATION:{max(1, -(-longest_ms // 1000))}\n"
        + (f"#EXT-X-START:TIME-OFFSET={offset_ms / 1000:.3f},PRECISE=YES\n" if offset_ms > 0 else "")
    )
