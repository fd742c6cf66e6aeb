"""One track as HLS files: parts where there is low latency, segments of them, and the window that is held."""

from collections import deque
from dataclasses import dataclass, field

from boxes import write_header, write_part
from quantities import NS_PER_S
from tracks import Sample, Track

FIRST_SEGMENTS = 7  # gaps before the first segment of a low-latency stream


@dataclass(frozen=True)
class Part:
    name: str
    duration_ns: int
    independent: bool
    data: bytes


@dataclass(frozen=True)
class Segment:
    """A gap has no parts and no bytes."""

    id: int
    name: str
    start_ntp_ns: int
    duration_ns: int
    parts: tuple[Part, ...] = ()

    @property
    def is_gap(self) -> bool:
        return not self.parts

    @property
    def data(self) -> bytes:
        return b"".join(part.data for part in self.parts)


@dataclass
class Rendition:
    """`samples` are those of the open part, `parts` those of the open segment."""

    number: int
    track: Track
    prefix: str
    low_latency: bool
    waiting: Sample | None = None
    started: bool = False
    samples: list[Sample] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    size_bytes: int = 0
    frame_ticks: int = 0
    next_id: int = 0
    next_part: int = 0
    dropped: int = 0
    header: bytes = b""
    segments: deque[Segment] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.next_id = FIRST_SEGMENTS if self.low_latency else 0

    @property
    def name(self) -> str:
        return f"{'video' if self.track.is_video else 'audio'}{self.number}"

    @property
    def content_type(self) -> str:
        return "video/mp4" if self.track.is_video else "audio/mp4"

    @property
    def hint(self) -> str:
        """The name the open part will have."""
        return f"{self.prefix}_{self.name}_part{self.next_part}.mp4"

    def ns(self, dts: int) -> int:
        return dts * NS_PER_S // self.track.clock

    def cut_part(self, duration_ns: int) -> None:
        durations = sorted(sample.duration for sample in self.samples)
        self.frame_ticks = durations[len(durations) // 2] if durations else self.frame_ticks
        content = [(1, self.samples[0].dts, self.samples)] if self.samples else []
        independent = any(sample.key for sample in self.samples)
        self.parts.append(Part(self.hint, duration_ns, independent, write_part(self.next_part, content)))
        self.samples, self.next_part = [], self.next_part + 1

    def rotate(self, count: int, start_ntp_ns: int, duration_ns: int) -> None:
        """Close the segment, whose last part has been cut."""
        if self.low_latency and not self.segments:
            self.segments.extend(Segment(id_, "gap.mp4", 0, duration_ns) for id_ in range(FIRST_SEGMENTS))
        name = f"{self.prefix}_{self.name}_seg{self.next_id}.mp4"
        self.segments.append(Segment(self.next_id, name, start_ntp_ns, duration_ns, tuple(self.parts)))
        self.parts, self.size_bytes, self.next_id = [], 0, self.next_id + 1
        if len(self.segments) > count:
            self.segments.popleft()
            self.dropped += 1
        if not self.header:
            self.header = write_header([(1, self.track)])

    def find(self, name: str) -> bytes | None:
        """Return the bytes of an init, segment or part that is held."""
        if name == f"{self.prefix}_{self.name}_init.mp4":
            return self.header or None
        parts = list(self.parts)
        for segment in self.segments:
            if segment.name == name and not segment.is_gap:
                return segment.data
            parts += segment.parts
        return next((part.data for part in parts if part.name == name), None) if self.low_latency else None

    def has_part(self, segment_id: int, part: int) -> bool:
        """Whether this part is there.

        One behind a segment's last is the first of the next; of a whole one only, as the real server has it.
        """
        if segment_id == self.next_id:
            return part < len(self.parts)
        for segment in self.segments:
            if segment.id == segment_id and not segment.is_gap:
                if part < len(segment.parts):
                    return True
                segment_id, part = segment_id + 1, 0
        return False
