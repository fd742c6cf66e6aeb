"""Samples of one track as they are cut and counted on their way from recorded files into a film."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, pairwise

from vmsd.video.fragments import TrackRun, is_sync
from vmsd.video.header import Mtxi


def beginning(fragments: Iterable[list[TrackRun]], main: int, wanted: int) -> tuple[int, int] | None:
    """The keyframe at or before the tick `wanted`, or else the first one: when it is decoded, and when shown.

    None when the file ends before that tick.
    """
    found: tuple[int, int] | None = None
    end = 0
    for runs in fragments:
        for run in (run for run in runs if run.track_id == main):
            starts = accumulate(run.durations, initial=run.start)
            for start, flags, shift in zip(starts, run.flags, run.shifts, strict=False):
                if is_sync(flags) and (found is None or start + shift <= wanted):
                    found = (start, start + shift)
            end = max(end, run.start + sum(run.durations))
        if end > wanted and found is not None:
            break
    return found if end > wanted else None


def further_ns(before: Mtxi | None, mtxi: Mtxi | None) -> int | None:
    """How far the next file of one recorder's run begins after the one before, by the recorder's clock."""
    if before is None or mtxi is None or (before.stream_id, before.number + 1) != (mtxi.stream_id, mtxi.number):
        return None
    return mtxi.dts_ns - before.dts_ns


def slice_of(run: TrackRun, first: int, last: int) -> TrackRun:
    return TrackRun(
        run.track_id,
        run.start + sum(run.durations[:first]),
        run.offset + sum(run.sizes[:first]),
        run.durations[first:last],
        run.sizes[first:last],
        run.flags[first:last],
        run.shifts[first:last],
    )


def scaled(run: TrackRun, own: int, wanted: int) -> TrackRun:
    """In the ticks of the clip's track, should this file's differ from those of the first."""
    if own == wanted:
        return run
    ticks = [rounded(at * wanted, own) for at in accumulate(run.durations, initial=run.start)]
    durations = tuple(after - at for at, after in pairwise(ticks))
    shifts = tuple(rounded(shift * wanted, own) for shift in run.shifts)
    return run._replace(start=ticks[0], durations=durations, shifts=shifts)


def rounded(value: int, divisor: int) -> int:
    return (2 * value + divisor) // (2 * divisor)
