"""Which stretches of wall-clock time a clip really shows, and where in it they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

TOLERANCE_MS = 1_500
"""Less is no gap: pictures come late, and a camera that reconnects at once has lost next to nothing."""
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
TOLERANCE_NS = TOLERANCE_MS * NS_PER_MS
_JOINED_NS = 2 * NS_PER_MS
"""Ticks of different clocks are rounded: so much is no break."""


@dataclass(frozen=True)
class Span:
    """Video without a break: wall time, and where in the clip it begins."""

    start_ms: int
    end_ms: int
    at_ms: int


class Spans:
    """Cut to the period that was asked for; nanoseconds, as they come."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self.start_ns, self.end_ns = start_ms * NS_PER_MS, end_ms * NS_PER_MS
        self._found: list[tuple[int, int, int]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def reached_ns(self) -> int:
        """In the time of the clip."""
        return max(at + end - start for start, end, at in self._found)

    def add_slow(self, moments_ns: Sequence[int], at_ns: int, *, joined: bool) -> None:
        """Pictures at these moments, up to the last of them; one that stands for very long is no video."""
        begun = moments_ns[0]
        for at, after in pairwise(moments_ns):
            if after - at > TOLERANCE_NS:
                self.add(begun, at, at_ns + begun - moments_ns[0], joined=joined)
                begun, joined = after, False
        self.add(begun, moments_ns[-1], at_ns + begun - moments_ns[0], joined=joined)

    def add(self, start_ns: int, end_ns: int, at_ns: int, *, joined: bool) -> None:
        """`joined` ones follow those before by the recorder's own clock, whatever the wall clock says."""
        end_ns = min(end_ns, self.end_ns)
        if start_ns < self.start_ns:
            at_ns, start_ns = at_ns + self.start_ns - start_ns, self.start_ns
        if end_ns <= start_ns:
            return
        if self._found and (joined or abs(start_ns - self._found[-1][1]) <= _JOINED_NS):
            begun, reached, at = self._found[-1]
            self._found[-1] = (begun, max(reached, end_ns), at)
        else:
            self._found.append((start_ns, end_ns, at_ns))

    def listed(self, shown_ns: int) -> Sequence[Span]:
        """In the order of playing, of a clip that shows from this moment of its time on."""
        return [
            Span(start // NS_PER_MS, end // NS_PER_MS, max(0, at - shown_ns) // NS_PER_MS)
            for start, end, at in self._found
        ]


def covered_ms(spans: Iterable[Span]) -> int:
    """Of the wall clock: what was recorded twice, because the clock was put back, counts once."""
    total, reached = 0, 0
    for span in sorted(spans, key=lambda span: span.start_ms):
        total += max(0, span.end_ms - max(reached, span.start_ms))
        reached = max(reached, span.end_ms)
    return total


def missing_in(spans: Iterable[Span], start_ms: int, end_ms: int) -> Sequence[tuple[int, int]]:
    """The gaps of `[start_ms, end_ms)` that are longer than the tolerance, by their start."""
    found, reached = [], start_ms
    for span in sorted(spans, key=lambda span: span.start_ms):
        if span.start_ms - reached > TOLERANCE_MS:
            found.append((reached, span.start_ms))
        reached = max(reached, span.end_ms)
    return [*found, (reached, end_ms)] if end_ms - reached > TOLERANCE_MS else found
