"""Spans of recordings joined, what is missing between them, and each hole cut by what proves its causes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from vmsd.model.segment import SegmentFlag
from vmsd.model.timeline import Gap, GapCause, TimelineSpan

GAP_TOLERANCE_MS = 1_500
"""Between two files there is always a moment; as much as one picture group at 1 s and its jitter is no gap."""
SLACK_MS = 10_000
"""A silence is noticed some 5 s after it began (`stall_s`) and a look or two; after its cause is over it takes a
camera a few seconds to be called again and to send a keyframe. So much without a proof of its own, right beside a
proven cause, is that cause's."""
NO_SLACK = frozenset({GapCause.PURGE, GapCause.UNKNOWN})
"""A deletion begins and ends with the files: nothing beside it follows from it, but the moment to the next file."""
_UNTRUSTED = int(SegmentFlag.CLOCK_UNTRUSTED)


class Stretch(NamedTuple):
    start_ms: int
    end_ms: int


class Footage(NamedTuple):
    """Video without a hole, all of it under a clock that was trusted, or all under one that was not."""

    start_ms: int
    end_ms: int
    trusted: bool


def merge(spans: Iterable[tuple[int, int, int]], tolerance_ms: int = GAP_TOLERANCE_MS) -> list[Footage]:
    """Of `(start_us, duration_ms, flags)` by start; what overlaps (the clock was put back) counts once."""
    merged: list[Footage] = []
    first_ms, last_ms, trusted = 0, -1, True
    for start_us, duration_ms, flags in spans:
        start_ms = start_us // 1000
        end_ms = start_ms + duration_ms
        apart = last_ms < first_ms or start_ms > last_ms + tolerance_ms
        if not duration_ms or (end_ms <= last_ms and not apart):
            continue
        if apart or trusted == bool(flags & _UNTRUSTED):
            if first_ms < last_ms:
                merged.append(Footage(first_ms, last_ms, trusted))
            first_ms, trusted = start_ms if apart else last_ms, not flags & _UNTRUSTED
        last_ms = end_ms
    if first_ms < last_ms:
        merged.append(Footage(first_ms, last_ms, trusted))
    return merged


def clip(footage: Iterable[Footage], from_ms: int, to_ms: int) -> list[Footage]:
    """What of it lies in `[from_ms, to_ms)`."""
    return [
        Footage(max(one.start_ms, from_ms), min(one.end_ms, to_ms), one.trusted)
        for one in footage
        if one.end_ms > from_ms and one.start_ms < to_ms
    ]


def holes(footage: Iterable[Footage], from_ms: int, to_ms: int, tolerance_ms: int = GAP_TOLERANCE_MS) -> list[Stretch]:
    """What is missing of `[from_ms, to_ms)` between the sorted `footage`, each longer than the tolerance."""
    missing, at_ms = [], from_ms
    for start_ms, end_ms, _ in footage:
        if start_ms - at_ms > tolerance_ms:
            missing.append(Stretch(at_ms, min(start_ms, to_ms)))
        at_ms = max(at_ms, end_ms)
    if to_ms - at_ms > tolerance_ms:
        missing.append(Stretch(at_ms, to_ms))
    return missing


def union(stretches: Iterable[tuple[int, int]]) -> list[Stretch]:
    """The same time, each moment once."""
    joined: list[Stretch] = []
    for start_ms, end_ms in sorted(stretches):
        if joined and start_ms <= joined[-1].end_ms:
            joined[-1] = Stretch(joined[-1].start_ms, max(joined[-1].end_ms, end_ms))
        elif end_ms > start_ms:
            joined.append(Stretch(start_ms, end_ms))
    return joined


def subtract(stretch: Stretch, others: Iterable[Stretch]) -> list[Stretch]:
    """`stretch` without the sorted `others`."""
    left, at_ms = [], stretch.start_ms
    for other in others:
        if other.start_ms > at_ms and at_ms < stretch.end_ms:
            left.append(Stretch(at_ms, min(other.start_ms, stretch.end_ms)))
        at_ms = max(at_ms, other.end_ms)
    if at_ms < stretch.end_ms:
        left.append(Stretch(at_ms, stretch.end_ms))
    return left


def mark_preserved(footage: Sequence[Footage], kept: Iterable[tuple[int, int]]) -> list[TimelineSpan]:
    """Spans, cut where a kept period begins or ends."""
    periods = union(kept)
    spans = []
    for one in footage:
        whole = Stretch(one.start_ms, one.end_ms)
        free = subtract(whole, periods)
        pieces = [(piece, False) for piece in free] + [(piece, True) for piece in subtract(whole, free)]
        spans += [TimelineSpan(*piece, preserved=is_kept, clock_trusted=one.trusted) for piece, is_kept in pieces]
    return sorted(spans, key=lambda span: span.start_ms)


def explain(missing: Iterable[Stretch], proofs: Sequence[Sequence[Gap]]) -> list[Gap]:
    """Every hole with its causes; an earlier list of `proofs` goes before a later one.

    A proof is a `Gap` too: a stretch of time and what would explain that nothing was recorded then.
    """
    ordered = [settled(proof) for proof in proofs]
    ends = [[one.end_ms for one in proof] for proof in ordered]
    return [gap for hole in missing for gap in _explain(hole, list(zip(ordered, ends, strict=True)))]


def settled(proof: Iterable[Gap]) -> list[Gap]:
    """By start, none overlapping another, those that say the same of neighbouring times joined."""
    placed: list[Gap] = []
    for one in sorted(proof, key=lambda gap: gap.start_ms):
        if placed and one.start_ms < placed[-1].end_ms:
            one = replace(one, start_ms=placed[-1].end_ms)  # noqa: PLW2901 - what is left of it
        if one.end_ms > one.start_ms:
            _add(placed, one, GAP_TOLERANCE_MS)
    return placed


def _add(pieces: list[Gap], piece: Gap, tolerance_ms: int = 0) -> None:
    """At the end, or as the end of the last one where it says the same."""
    last = pieces[-1] if pieces else None
    same = last is not None and (last.cause, last.detail) == (piece.cause, piece.detail)
    if last is None or not same or piece.start_ms - last.end_ms > tolerance_ms:
        pieces.append(piece)
        return
    purged = [ms for ms in (last.purged_ms, piece.purged_ms) if ms is not None]
    pieces[-1] = replace(last, end_ms=piece.end_ms, purged_ms=max(purged, default=None))


def _explain(hole: Stretch, proofs: Iterable[tuple[Sequence[Gap], Sequence[int]]]) -> list[Gap]:
    pieces: list[Gap] = []
    rest = [hole]
    for proof, ends in proofs:
        left: list[Stretch] = []
        for stretch in rest:
            taken = _within(stretch, proof, ends)
            pieces += taken
            left += subtract(stretch, [Stretch(*_times(one)) for one in taken])
        rest = left
    pieces += [Gap(*stretch, GapCause.UNKNOWN) for stretch in rest]
    return _with_slack(sorted(pieces, key=_times))


def _times(gap: Gap) -> tuple[int, int]:
    return gap.start_ms, gap.end_ms


def _within(stretch: Stretch, proof: Sequence[Gap], ends: Sequence[int]) -> list[Gap]:
    """The part of the settled `proof` that lies in `stretch`."""
    found = []
    for index in range(bisect_right(ends, stretch.start_ms), len(proof)):
        one = proof[index]
        if one.start_ms >= stretch.end_ms:
            break
        start_ms, end_ms = max(one.start_ms, stretch.start_ms), min(one.end_ms, stretch.end_ms)
        found.append(replace(one, start_ms=start_ms, end_ms=end_ms))
    return found


def _with_slack(pieces: Sequence[Gap]) -> list[Gap]:
    """What is unknown for a moment only goes to the proven cause before it, else to the one after it."""
    named: list[Gap] = []
    for index, piece in enumerate(pieces):
        gap = piece
        long_ms = gap.end_ms - gap.start_ms
        if gap.cause is GapCause.UNKNOWN and long_ms <= SLACK_MS:
            beside = [*named[-1:], *pieces[index + 1 : index + 2]]
            givers = beside if long_ms <= GAP_TOLERANCE_MS else [one for one in beside if one.cause not in NO_SLACK]
            giver = next(iter(givers), gap)
            gap = replace(giver, start_ms=gap.start_ms, end_ms=gap.end_ms)
        _add(named, gap)
    return named
