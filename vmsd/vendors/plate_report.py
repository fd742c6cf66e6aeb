"""What a camera that reads plates itself reports, whoever made it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

MOST_CHARS = 60
_NONE = frozenset(
    {"", "unknown", "noplate", "no plate", "unlicensed", "none", "null", "-", "0", "desconhecido", "semplaca"}
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True)
class PlateReport:
    """`at` is None without a usable time, and naive where the camera does not say its zone.

    `pictures` are in the order of their use: the plate itself first.
    """

    plate: str
    at: datetime | None
    confidence: float | None
    facts: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[bytes] = ()


def is_plate(text: str) -> bool:
    """False for the words cameras have for a vehicle whose plate they could not read."""
    return text.strip().lower() not in _NONE


def time_of(text: str) -> datetime | None:
    if not _TIME.fullmatch(text.strip()):
        return None
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def percent_of(text: str) -> float | None:
    """0 to 100, as a ratio; None for anything else."""
    try:
        percent = float(text)
    except ValueError:
        return None
    return percent / 100 if 0 <= percent <= 100 else None  # noqa: PLR2004 - per cent


def told(facts: Mapping[str, str]) -> Mapping[str, str]:
    """Those that say something, in letters that can be shown."""
    clean = {
        name: "".join(sign for sign in text.strip() if sign.isprintable())[:MOST_CHARS] for name, text in facts.items()
    }
    return {name: text for name, text in clean.items() if is_plate(text)}
