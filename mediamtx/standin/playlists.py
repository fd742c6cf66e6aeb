"""The playlists, as text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from boxes import hevc_profile
from quantities import NS_PER_S
from rendition import Part, Rendition, Segment
from tracks import H264, H265, Track

_RECENT_SEGMENTS = 2  # have a date, and their parts
_HOLD_BACK_PARTS = 2.5
_SKIP_TARGETS = 6


@dataclass(frozen=True)
class Targets:
    """What a media playlist promises of every segment and part."""

    segment_s: int
    part_ns: int


def media(rendition: Rendition, targets: Targets, suffix: str, *, is_delta: bool = False) -> str:
    """Write the playlist of one track; `suffix` stands behind every address."""
    segments, low_latency = list(rendition.segments), rendition.low_latency
    lines = ["#EXTM3U", "#EXT-X-VERSION:10", f"#EXT-X-TARGETDURATION:{targets.segment_s}"]
    if low_latency:
        lines += _promises(targets)
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{rendition.dropped}")
    skipped = _skipped(segments, targets) if is_delta else 0
    if is_delta:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")
    else:
        lines.append(f'#EXT-X-MAP:URI="{rendition.prefix}_{rendition.name}_init.mp4{suffix}"')
    for index, segment in enumerate(segments[skipped:], start=skipped):
        is_recent = len(segments) - index <= _RECENT_SEGMENTS
        lines += _segment(segment, suffix, is_recent=is_recent, with_parts=is_recent and low_latency)
    if low_latency:
        lines += [_part(part, suffix) for part in rendition.parts]
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{rendition.hint}{suffix}"')
    return "\n".join(lines) + "\n"


def _promises(targets: Targets) -> list[str]:
    part_s = targets.part_ns / NS_PER_S
    control = f"PART-HOLD-BACK={part_s * _HOLD_BACK_PARTS:.5f},CAN-SKIP-UNTIL={targets.segment_s * _SKIP_TARGETS:.5f}"
    return [f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,{control}", f"#EXT-X-PART-INF:PART-TARGET={part_s:.5f}"]


def _skipped(segments: Sequence[Segment], targets: Targets) -> int:
    """Count as the real one does, from the oldest on: those behind the boundary are the ones left out."""
    length_ns, shown = 0, 0
    for segment in segments:
        length_ns += segment.duration_ns
        if length_ns >= targets.segment_s * _SKIP_TARGETS * NS_PER_S:
            break
        shown += 1
    return len(segments) - shown


def _segment(segment: Segment, suffix: str, *, is_recent: bool, with_parts: bool) -> Iterator[str]:
    if segment.is_gap:
        yield "#EXT-X-GAP"
    elif is_recent:
        yield f"#EXT-X-PROGRAM-DATE-TIME:{_date_time(segment.start_ntp_ns)}"
    if with_parts:
        yield from (_part(part, suffix) for part in segment.parts)
    yield f"#EXTINF:{segment.duration_ns / NS_PER_S:.5f},"
    yield segment.name + ("" if segment.is_gap else suffix)


def _part(part: Part, suffix: str) -> str:
    independent = ",INDEPENDENT=YES" if part.independent else ""
    return f'#EXT-X-PART:DURATION={part.duration_ns / NS_PER_S:.5f},URI="{part.name}{suffix}"{independent}'


def _date_time(ntp_ns: int) -> str:
    stamp = datetime.fromtimestamp(ntp_ns // 1_000_000 / 1000, UTC).astimezone()
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def multivariant(renditions: Sequence[Rendition], leading: Rendition, suffix: str) -> str:
    sounds = [rendition for rendition in renditions if rendition is not leading]
    lines = ["#EXTM3U", "#EXT-X-VERSION:10", "#EXT-X-INDEPENDENT-SEGMENTS", ""]
    for sound in sounds:
        default = "YES" if sound is sounds[0] else "NO"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="{sound.name}",AUTOSELECT=YES,'
            f'DEFAULT={default},URI="{sound.name}_stream.m3u8{suffix}"'
        )
    if sounds:
        lines.append("")
    codecs = ",".join(dict.fromkeys(_codec(rendition.track) for rendition in renditions))
    variant = f'{_bandwidth(leading)},CODECS="{codecs}"' + _picture(leading) + (',AUDIO="audio"' if sounds else "")
    lines += [f"#EXT-X-STREAM-INF:{variant}", f"{leading.name}_stream.m3u8{suffix}"]
    return "\n".join(lines) + "\n"


def _bandwidth(leading: Rendition) -> str:
    held = [(len(s.data), s.duration_ns) for s in leading.segments if not s.is_gap]
    most = max(8 * size * NS_PER_S // max(duration_ns, 1) for size, duration_ns in held)
    total_ns = max(sum(duration_ns for _, duration_ns in held), 1)
    average = 8 * sum(size for size, _ in held) * NS_PER_S // total_ns
    return f"BANDWIDTH={most},AVERAGE-BANDWIDTH={average}"


def _picture(rendition: Rendition) -> str:
    picture = rendition.track.picture() if rendition.track.is_video else None
    if picture is None:
        return ""
    ticks = rendition.frame_ticks
    rate = f",FRAME-RATE={rendition.track.clock / ticks:.3f}" if ticks else ""
    return f",RESOLUTION={picture.width}x{picture.height}{rate}"


def _codec(track: Track) -> str:
    if track.codec == H264:
        return f"avc1.{track.sps[1:4].hex()}"
    if track.codec == H265:
        profile = hevc_profile(track.sps)
        compatibility = int(f"{int.from_bytes(profile[1:5], 'big'):032b}"[::-1], 2)
        tier = "H" if profile[0] & 0x20 else "L"
        constraints = profile[5:11].rstrip(b"\x00")
        tail = "".join(f".{byte:x}" for byte in constraints)
        return f"hvc1.{profile[0] & 0x1F}.{compatibility:x}.{tier}{profile[11]}{tail}"
    return f"mp4a.40.{track.audio_config[0] >> 3 if track.audio_config else 2}"
