"""Number plates as they are read: one spelling, the two Brazilian formats, and what a reader takes for what.

The old format is LLLNNNN, Mercosul's LLLNLNN. A car that changes keeps its plate but for the fifth sign, where the
digits 0 to 9 become the letters A to J: both are folded to the same text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from vmsd.errors import FieldProblem, Invalid

LEAST_SIGNS, MOST_SIGNS = 2, 12
_SIGN = re.compile(r"[A-Z0-9]")
_OLD = re.compile(r"[A-Z]{3}[0-9]{4}")
_MERCOSUL = re.compile(r"[A-Z]{3}[0-9][A-Z][0-9]{2}")
_BRAZILIAN = re.compile(r"[A-Z]{3}[0-9][A-Z0-9][0-9]{2}")
_SIGNS = 7
"""Of a Brazilian plate: a letter, letter, letter, digit, either, digit, digit."""
_EITHER = 4
_TO_LETTER = str.maketrans("0182564", "OIBZSGA")
_TO_DIGIT = str.maketrans("OQDILBSZGA", "0001185264")
_CHANGED = str.maketrans("0123456789", "ABCDEFGHIJ")
_ALIKE = str.maketrans("QOILBSZG", "00118526")
"""For a plate of no known format: any of these signs may stand for the other."""
_LOOK_ALIKE = {sign: group for group in ("0OQD", "1IL", "8B", "5S", "2Z", "6G") for sign in group}
WILDCARDS = "*?"


class Format(StrEnum):
    OLD = "old"
    MERCOSUL = "mercosul"


class Likeness(StrEnum):
    """How much two readings are the same plate."""

    EXACT = "exact"
    ALIKE = "alike"
    """But for signs a reader takes for each other, or the change to Mercosul's format."""
    ONE_OFF = "one_off"
    """As `ALIKE`, but for one sign more."""


SCORES = {Likeness.EXACT: 1.0, Likeness.ALIKE: 0.9, Likeness.ONE_OFF: 0.6}
LOOK_ALIKE_SCORE = 0.75
"""Of one that is off by one sign, and that one looks like the other."""


@dataclass(frozen=True)
class Resemblance:
    likeness: Likeness
    score: float


def normalise(text: str) -> str:
    """Capitals and digits alone; `Invalid` for what cannot be a plate."""
    plate = _signs(text)
    if not LEAST_SIGNS <= len(plate) <= MOST_SIGNS:
        problem = FieldProblem("/plate", f"a plate has {LEAST_SIGNS} to {MOST_SIGNS} letters and digits")
        raise Invalid("this is no plate", problem)
    return plate


def _signs(text: str, kept: str = "") -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("º", "").replace("ª", "")).upper()
    return "".join(sign for sign in decomposed if _SIGN.fullmatch(sign) or sign in kept)


def format_of(plate: str) -> Format | None:
    """None for a plate of another country, or no plate at all."""
    if _OLD.fullmatch(plate):
        return Format.OLD
    return Format.MERCOSUL if _MERCOSUL.fullmatch(plate) else None


def fold(plate: str) -> str:
    """The same for every reading of one plate that differs by look-alikes or by the format alone.

    Where the format tells what stands in a place, that decides; the fifth sign may be either, and is only carried
    over from the old format.
    """
    if len(plate) == _SIGNS:
        letters, digits = plate[:3].translate(_TO_LETTER), plate[3].translate(_TO_DIGIT)
        placed = letters + digits + plate[_EITHER] + plate[_EITHER + 1 :].translate(_TO_DIGIT)
        if _BRAZILIAN.fullmatch(placed):
            return placed[:_EITHER] + placed[_EITHER].translate(_CHANGED) + placed[_EITHER + 1 :]
    return plate.translate(_ALIKE)


def gaps(folded: str) -> Iterator[str]:
    """The text with each of its signs in turn left open, as `?`; what shares one of them is off by one sign at most."""
    for place in range(len(folded)):
        yield f"{folded[:place]}?{folded[place + 1 :]}"


def resemblance(one: str, other: str) -> Resemblance | None:
    """None for two different plates; both normalised."""
    if one == other:
        return Resemblance(Likeness.EXACT, SCORES[Likeness.EXACT])
    first, second = fold(one), fold(other)
    if first == second:
        return Resemblance(Likeness.ALIKE, SCORES[Likeness.ALIKE])
    if len(first) != len(second):
        return None
    places = [place for place in range(len(first)) if first[place] != second[place]]
    if len(places) > 1:
        return None
    looks_alike = _look_alike(one[places[0]], other[places[0]])
    return Resemblance(Likeness.ONE_OFF, LOOK_ALIKE_SCORE if looks_alike else SCORES[Likeness.ONE_OFF])


def _look_alike(one: str, other: str) -> bool:
    return other in _LOOK_ALIKE.get(one, "")


@dataclass(frozen=True)
class PlateSearch:
    """What to look for: one `plate`, or its `folded` form, or one of `patterns`, as SQLite's GLOB reads them."""

    plate: str | None = None
    folded: str | None = None
    patterns: tuple[str, ...] = ()
    folded_patterns: tuple[str, ...] = ()


def search_of(text: str, *, fuzzy: bool) -> PlateSearch:
    """A whole plate, a part of one, or with `*` for any signs and `?` for one; `Invalid` when nothing is left of it."""
    wanted = _signs(text, WILDCARDS)
    bare = wanted.strip(WILDCARDS)
    if not bare or len(wanted) > 2 * MOST_SIGNS:
        problem = FieldProblem("/plate", "must have a letter or digit, and not more than a plate has")
        raise Invalid("this is no part of a plate", problem)
    if format_of(fold(wanted)) or (len(wanted) == _SIGNS and wanted == bare and _BRAZILIAN.fullmatch(fold(wanted))):
        if not fuzzy:
            return PlateSearch(plate=wanted)
        return PlateSearch(folded=fold(wanted), folded_patterns=tuple(gaps(fold(wanted))))
    signs = "".join(_either(sign) for sign in wanted) if fuzzy else wanted
    is_part = not any(wildcard in wanted for wildcard in WILDCARDS)
    return PlateSearch(patterns=(f"*{signs}*" if is_part else signs,))


def _either(sign: str) -> str:
    group = _LOOK_ALIKE.get(sign)
    return f"[{group}]" if group else sign
