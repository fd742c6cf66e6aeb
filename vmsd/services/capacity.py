"""How many days of recordings the volume holds at the measured rate, whatever each camera's plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ROUNDS = 8
"""Each round adds days that have room after all; what little may be missing then is left out."""


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


def held_days_beside(
    demands: Iterable[Demand], room_bytes: float, kept_bytes: Mapping[int, int], today: int
) -> float | None:
    """As `held_days`, where `kept_bytes` of each UTC day may not go, however old it gets.

    What is kept and younger than the answer is there anyway; only what is older takes room from the others.
    """
    todo, left = list(demands), room_bytes - sum(kept_bytes.values())
    days = held_days(todo, max(0.0, left))
    for _ in range(ROUNDS):
        if days is None:
            break
        older = sum(size for day, size in kept_bytes.items() if day < today - days)
        more = held_days(todo, max(0.0, room_bytes - older))
        if more == days:
            break
        days = more
    return days
