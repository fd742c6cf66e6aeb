"""How many days of recordings the volume holds at the measured rate, whatever each camera's plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """What one camera writes a day, and how many days of it are kept at most."""

    bytes_per_day: float
    kept_days: int


def held_days(demands: Iterable[Demand], room_bytes: float) -> float | None:
    """The age up to which everything fits: the oldest goes first, whosever it is. None if nothing is written.

    Cameras with a short plan stop growing at their own age, which leaves the rest to the others. When all
    fit, it is the longest plan.
    """
    todo = sorted((one for one in demands if one.bytes_per_day > 0), key=lambda one: one.kept_days)
    rate = sum(one.bytes_per_day for one in todo)
    days, left = 0.0, room_bytes
    for one in todo:
        step_days = one.kept_days - days
        if rate * step_days > left:
            return days + left / rate
        left -= rate * step_days
        days, rate = one.kept_days, rate - one.bytes_per_day
    return days if todo else None
